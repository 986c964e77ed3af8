-- tests/bench/history.sql - a history by set operations: flights :first to
-- :last on 20 branches, a tenth of them of 150 jobs and 2,000 steps and the
-- others of 25 jobs and 333: 500 steps a flight. Four flights a revision.
-- Then, once (:specials), on branch-0: 20 flights of a baseline, 3 retests of
-- the version under test, and the flight that is judged, 10000024.
-- The triggers are off: what they write is written at the end, for all.
set search_path = pg_catalog;
set session_replication_role = replica;
set synchronous_commit = off;
set work_mem = '256MB';

-- flight, jobs, revision of tree xen, blessing
create temp table made as
    select n::bigint as flight, 'branch-' || n % 20 as branch,
        case when n / 20 % 10 = 0 then 150 else 25 end as jobs,
        'old-' || n % 20 || '-' || n / 80 as revision, 'real' as blessing
    from generate_series(:first, :last) as n
    union all select 10000000 + n, 'branch-0', 150, 'that', 'real'
    from generate_series(1, 20) as n where :specials
    union all select 10000020 + n, 'branch-0', 15, 'this', 'real-retest'
    from generate_series(1, 3) as n where :specials
    union all select 10000024, 'branch-0', 150, 'this', 'real' where :specials;

insert into assay.flight (flight, branch, blessing, intended, outcome, harness,
    definition, created_at, started_at, finished_at) overriding system value
select m.flight, m.branch, m.blessing, m.blessing, 'fail', 'h',
    repeat('jobs: many' || chr(10), 40), t, t, t + interval '14 hours'
from made m cross join lateral (select timestamptz '2020-01-01'
    + least(m.flight, 300000) * interval '10 minutes' as t) x;
insert into assay.flight_tree
select flight, 'xen', revision from made
union all select flight, 'linux', 'ever the same' from made;

-- 1 % fail now and then, some are blocked or break, some never pass.
insert into assay.step (flight, job, step, program, testid, status, lane,
    reason, exit_code, started_at, finished_at, elapsed_ms, log_path,
    log_bytes, harness)
select m.flight, case when j < 10 then 'build-' else 'test-amd64-' end || j, s,
    'program', 'step-' || s, x.status,
    case when x.status <> 'pass' then 'product' end,
    case when x.status <> 'pass' then 'it went wrong' end,
    case when x.status = 'pass' then 0 end, t, t + interval '1 minute', 60000,
    'flights/' || m.flight || '/' || j || '/' || s || '.log', 48211, 'h'
from made m
cross join lateral generate_series(0, m.jobs - 1) as j
cross join lateral generate_series(1, 13 + (j % 3 = 0)::int) as s
cross join lateral (select (m.flight * 7919 + j * 104729 + s * 1299709) % 1000
    as h) y
cross join lateral (select case
    when j >= 10 and (j * 31 + s * 17) % 500 = 0 then 'fail'
    when j < 10 then 'pass' when h < 10 then 'fail' when h < 14 then 'blocked'
    when h < 16 then 'broken' else 'pass' end as status,
    timestamptz '2020-01-01' + least(m.flight, 300000) * interval '10 minutes'
    as t) x;
insert into assay.job (flight, job, recipe, status, lane, arch, harness,
    started_at, finished_at)
select s.flight, s.job, 'recipe',
    case when bool_or(s.status = 'fail') then 'fail'
    when bool_or(s.status = 'broken') then 'broken'
    when bool_or(s.status = 'blocked') then 'broken' else 'pass' end,
    'product', 'amd64', 'h', min(s.started_at),
    min(s.started_at) + count(*) * interval '1 minute'
from assay.step s where s.flight in (select flight from made)
group by s.flight, s.job;
insert into assay.runvar (flight, job, name, value, origin)
select m.flight, j.job, v.name, v.value, 'result'
from made m join assay.job j on j.flight = m.flight
cross join lateral (values ('arch', 'amd64'), ('guest_memory_mb', '128'),
    ('xen_changeset', m.revision), (case j.job when 'build-0'
    then 'built_revision_xen' else 'kernel' end, m.revision)) v(name, value);
insert into assay.job_need (flight, job, needs_flight, needs_job)
select m.flight, j.job, m.flight, 'build-0'
from made m join assay.job j on j.flight = m.flight where j.job <> 'build-0';
insert into assay.step_case (flight, job, step, id, status)
select m.flight, 'test-amd64-' || j, 3, 'case-' || k,
    case when (m.flight + j + k) % 50 = 0 then 'fail' else 'pass' end
from made m cross join generate_series(10, 14) as j
cross join generate_series(1, 4) as k;
insert into assay.job_role (flight, job, role, position, arch, host)
select m.flight, j.job, 'host', 1, 'amd64', 'host-' || m.flight % 36
from made m join assay.job j on j.flight = m.flight;
insert into assay.measurement (flight, job, step, name, value, unit, better)
select m.flight, 'test-amd64-' || j, 2, 'boot_s',
    20 + (m.flight * 31 + j) % 100 / 50.0, 's', 'lower'
from made m cross join generate_series(10, 14) as j;

insert into assay.flight_version (flight, tree, revision, branch, blessing)
select m.flight, t.tree, t.revision, m.branch, m.blessing
from made m join assay.flight_tree t on t.flight = m.flight;
insert into assay.cell_passed (branch, job, testid, blessing, flight)
select m.branch, s.job, s.testid, m.blessing, min(s.flight)
from made m join (select flight, job, testid from assay.step
        where status = 'pass'
    union all select k.flight, k.job, 'step-3/' || k.id
        from assay.step_case k where k.status = 'pass') s
    on s.flight = m.flight
group by 1, 2, 3, 4 on conflict do nothing;
select setval('assay.flight_flight_seq',
    greatest((select max(flight) from assay.flight), 10000024));
analyze;
