-- Thirty flights of one branch, after sample.sql: the first twenty good but for
-- a host that breaks now and then and a test that is flaky; from the 26th on a
-- real failure with one cause, which the last one was run again for.
insert into assay.host (host, site, arch, firmware, class, config, source) values
    ('bench-1', 'lab', 'amd64', 'bios', 'bench', '{}', 'hosts/bench-1.yaml'),
    ('bench-2', 'lab', 'amd64', 'uefi', 'bench', '{}', 'hosts/bench-2.yaml');
insert into assay.candidate (name, source) values
    ('good', 'deb bookworm'), ('bad', 'deb sid');
insert into assay.candidate_property (candidate, arch, name, value)
select c.candidate, 'amd64', p.name, case c.name when 'good' then p.good
                                                 else p.bad end
from assay.candidate c cross join (values
    ('xen_version', '4.17.5', '4.18.0'),
    ('packages', '["xen-utils=4.17.5-1 aaaa", "qemu=7.2-1 bbbb"]',
     '["xen-utils=4.18.0-1 cccc", "qemu=7.2-1 bbbb"]')) p (name, good, bad)
where c.name in ('good', 'bad');

create function pg_temp.fly(n int) returns void language plpgsql as $$
declare
    f bigint;
    t timestamptz := '2026-10-20 04:00:00Z'::timestamptz + n * interval '1 day';
    bad boolean := n > 25;
    good bigint := (select candidate from assay.candidate where name = 'good');
    j record;
    s record;
    at timestamptz;
    st text;
    ln text;
    why text;
    ended text;
    ended_lane text;
    ended_why text;
begin
    insert into assay.flight (branch, blessing, intended, outcome, harness,
        created_at, started_at)
    values ('xen-unstable', 'running', 'real', 'running',
        case when n < 15 then 'v0.1' else 'v0.2' end, t, t)
    returning flight into f;
    insert into assay.flight_tree values
        (f, 'linux', 'v6.1'), (f, 'xen', case when bad
            then repeat('b', 38) || '28' else lpad(n::text, 40, 'a') end);
    for j in select * from (values ('build-amd64', 'build'), ('guest', 'smoke'),
            ('migrate', 'pair'), ('perf', 'perf')) as v (job, recipe) loop
        insert into assay.task (kind, refkey, harness, node, node_key, pid,
            pid_start, backend)
        values ('job', f || '/' || j.job, 'v0', 'n', 'n', 1, 1, 1);
        insert into assay.job (flight, job, recipe, status, arch, candidate,
            harness, created_at, started_at, task)
        values (f, j.job, j.recipe, 'running', 'amd64',
            good + case when bad then 1 else 0 end, 'v0.2', t, t,
            (select max(task) from assay.task));
        insert into assay.job_role (flight, job, role, position, arch, host)
        values (f, j.job, 'host', 1, 'amd64', 'bench-' || 1 + n % 2);
        insert into assay.runvar values
            (f, j.job, 'memory', case when bad then '256' else '128' end);
        at := t;
        ended := 'pass';
        ended_lane := null;
        ended_why := null;
        for s in select * from (values (1, 'xen-boot'), (2, 'guest-start'),
                (3, 'guest-saverestore'), (4, j.recipe || '-check'))
                as v (step, testid) loop
            st := 'pass';
            ln := null;
            why := null;
            if ended <> 'pass' then
                st := 'blocked';
            elsif s.testid = 'xen-boot' and j.job = 'guest' and n % 8 = 3 then
                st := 'broken';
                ln := 'host';
                why := 'bench-2 did not power on';
            elsif s.testid = 'guest-saverestore' and j.job = 'migrate'
                    and n % 9 = 4 then
                st := 'fail';
                ln := 'test';
                why := 'timed out';
            elsif s.testid = 'guest-saverestore' and bad
                    and j.job in ('guest', 'migrate') then
                st := 'fail';
                ln := 'product';
                why := '(XEN) Assertion ''d->shutdown'' failed at domctl.c:712';
            end if;
            if ended = 'pass' and st <> 'pass' then
                ended := st;
                ended_lane := ln;
                ended_why := s.testid || ': ' || why;
            end if;
            insert into assay.step (flight, job, step, program, testid, status,
                lane, reason, exit_code, started_at, finished_at, elapsed_ms,
                log_path, harness)
            values (f, j.job, s.step, 'steps/' || s.testid, s.testid, st, ln,
                why, case st when 'pass' then 0 when 'fail' then 1
                     when 'broken' then 75 end, at, at + interval '20 s',
                20000 + n * 10, case when st <> 'blocked' then 'flights/' || f
                || '/' || j.job || '/' || s.step || '.log' end, 'v0.2');
            at := at + interval '21 s';
            if s.testid = 'perf-check' and st = 'pass' then
                insert into assay.measurement (flight, job, step, name, value,
                    unit, better)
                select f, j.job, s.step, 'domain_create', 1000 + (n * 37) % 40
                    + case when n > 18 then 180 else 0 end + r, 'ms', 'lower'
                from generate_series(1, 3) r;
            end if;
        end loop;
        update assay.job set status = ended, lane = ended_lane,
            reason = ended_why, finished_at = at
            where flight = f and job = j.job;
    end loop;
    update assay.flight set finished_at = at, blessing = 'real',
        outcome = case when exists (select from assay.job
                where flight = f and status = 'fail') then 'fail'
            when exists (select from assay.job
                where flight = f and status <> 'pass') then 'broken'
            else 'pass' end
        where flight = f;
    insert into assay.boot (nonce, host, flight, job, spec, status, reason,
        armed_at, power_at, up_at)
    values (lpad(n::text, 32, 'f'), 'bench-' || 1 + n % 2, f, 'guest', '{}',
        case when n % 8 = 3 then 'failed' else 'up' end,
        case when n % 8 = 3 then 'did not power on' end, t, t,
        case when n % 8 = 3 then null else t + interval '18 s' end);
end $$;
select count(pg_temp.fly(n)) from generate_series(1, 30) n \g /dev/null

insert into assay.signature (signature, title, body, component, pattern) values
    ('00c0ffee00c0ffee', 'Assertion ''d->shutdown'' failed at domctl.c',
     'assertion', 'xen', 'xen-assert'),
    ('0badcab1e0badcab', 'bench-2 did not power on', 'power', '', '');
insert into assay.failure (flight, job, testid, signature, lane, text, at)
select s.flight, s.job, s.testid, case s.lane when 'product'
    then '00c0ffee00c0ffee' else '0badcab1e0badcab' end, s.lane, s.reason,
    s.finished_at
from assay.step s where s.lane in ('product', 'host') and s.flight > 1;
insert into assay.issue (title, reference, owner) values
    ('save asserts that the domain is shut down', 'https://bugs.example/31',
     'maintainer@example.org');
insert into assay.issue_signature values (1, '00c0ffee00c0ffee');
insert into assay.blame (flight, job, testid, signature, cause, product, host,
    flake, harness, good_flight, runs, host_ms, reason)
select max(flight), 'guest', 'guest-saverestore', '00c0ffee00c0ffee',
    'product', 0.973, 0.006, 0.012, 0.009, 26, 3, 312000,
    'this version fails on two hosts, the last good one passes on the same'
from assay.flight;
insert into assay.blame_run (flight, job, number, cell, source, run_flight,
    run_job, host, status, alike)
select f.flight, 'guest', r.number, r.cell, r.source, f.flight - r.back,
    'guest', r.host, r.status, r.alike
from (select max(flight) as flight from assay.flight) f cross join (values
    (1, 'new-same', 'retest', 0, 'bench-1', 'fail', true),
    (2, 'new-sibling', 'history', 1, 'bench-2', 'fail', true),
    (3, 'good-same', 'history', 6, 'bench-1', 'pass', true),
    (4, 'good-sibling', 'history', 7, 'bench-2', 'pass', true))
    as r (number, cell, source, back, host, status, alike);
analyze;
