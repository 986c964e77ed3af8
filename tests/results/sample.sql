-- A finished flight with everything in it that a report must show: passes,
-- a panic, a host that died, skips, missing cases, a blocked job, repeats.
-- Outside bytes are hostile on purpose where a stranger could put them.
insert into assay.artefact (sha256, bytes, kind) values
    (repeat('1', 64), 2500000, 'xen'), (repeat('2', 64), 8000000, 'kernel'),
    (repeat('3', 64), 22100000, 'initrd'), (repeat('4', 64), 2300000, 'xen'),
    (repeat('5', 64), 9000000, 'kernel'), (repeat('6', 64), 18400000, 'initrd'),
    (repeat('a', 64), 48211, 'log'), (repeat('b', 64), 1733, 'log');
insert into assay.candidate (name, source) values
    ('bookworm', 'deb bookworm');
insert into assay.candidate_part (candidate, arch, part, sha256) values
    (1, 'amd64', 'xen', repeat('1', 64)), (1, 'amd64', 'kernel', repeat('2', 64)),
    (1, 'amd64', 'initrd', repeat('3', 64)), (1, 'arm64', 'xen', repeat('4', 64)),
    (1, 'arm64', 'kernel', repeat('5', 64)), (1, 'arm64', 'initrd', repeat('6', 64));
insert into assay.candidate_property (candidate, arch, name, value) values
    (1, 'amd64', 'xen_version', '4.17.5'),
    (1, 'amd64', 'xen_buildid', '9f3c2a1e77b04c55a8d19b3b3b6a0c4d2e1f0a9b'),
    (1, 'amd64', 'kernel_version', '6.1.0-30-amd64'),
    (1, 'amd64', 'packages', '["xen-hypervisor-4.17-amd64=4.17.5-1 5d41402abc", "xen-utils-4.17=4.17.5-1 7d793037a0", "linux-image-6.1.0-30-amd64=6.1.124-1 9e107d9d37"]'),
    (1, 'arm64', 'xen_version', '4.17.5'),
    (1, 'arm64', 'xen_buildid', '1b7d0c4e2f3a4b5c6d7e8f901a2b3c4d5e6f7081'),
    (1, 'arm64', 'kernel_version', '6.1.0-30-arm64');
insert into assay.host (host, site, arch, firmware, class, config, source) values
    ('lab-arm-1', 'lab', 'arm64', 'uefi', 'lab-arm', '{}', 'hosts/lab/lab-arm-1.yaml'),
    ('lab-x86-1', 'lab', 'amd64', 'bios', 'lab-x86', '{}', 'hosts/lab/lab-x86-1.yaml'),
    ('lab-x86-2', 'lab', 'amd64', 'bios', 'lab-x86', '{}', 'hosts/lab/lab-x86-2.yaml');
insert into assay.host_property (host, name, value) values
    ('lab-arm-1', 'cpus', '1'), ('lab-arm-1', 'memory_mb', '1024'),
    ('lab-x86-1', 'cpus', '2'), ('lab-x86-1', 'memory_mb', '2048'),
    ('lab-x86-1', 'mac', '52:54:00:aa:00:11'),
    ('lab-x86-2', 'cpus', '2'), ('lab-x86-2', 'memory_mb', '2048');
insert into assay.host_flag (host, flag) values
    ('lab-x86-1', 'xen'), ('lab-x86-1', 'hap'), ('lab-x86-2', 'xen');
insert into assay.flight (branch, blessing, intended, outcome, harness, source,
                          created_at, started_at) values
    ('xen-lab', 'running', 'real', 'running', 'v0.1.0-12-g4f2a91c',
     'flights/xen-lab.yaml', '2026-11-23 05:00:00Z', '2026-11-23 05:00:02Z');

insert into assay.job (flight, job, recipe, status, lane, reason, evidence, arch,
                       candidate, harness, created_at, started_at, finished_at)
values
    (1, 'smoke-amd64', 'smoke', 'pass', null, null, null, 'amd64', 1,
     'v0.1.0-12-g4f2a91c', '2026-11-23 05:00:00Z', '2026-11-23 05:00:02Z',
     '2026-11-23 05:02:31.400Z'),
    (1, 'smoke-arm64', 'smoke', 'pass', null, null, null, 'arm64', 1,
     'v0.1.0-12-g4f2a91c', '2026-11-23 05:00:00Z', '2026-11-23 05:00:02Z',
     '2026-11-23 05:01:12.900Z'),
    (1, 'pair', 'pair', 'fail', 'product',
     'xen-boot: lab-x86-2: Panic on CPU 0: FATAL TRAP: vec 13, #GP[0000]',
     '{"file": "flights/1/pair/1.log", "line": 3, "text": "lab-x86-2: Panic on CPU 0:"}',
     'amd64', 1, 'v0.1.0-12-g4f2a91c', '2026-11-23 05:00:00Z',
     '2026-11-23 05:02:33Z', '2026-11-23 05:03:02.700Z'),
    (1, 'credit2', 'credit2', 'broken', 'host',
     'sched-weights: lab-x86-1 lost its power: domain lab-x86-1 is shut off',
     '{"file": "flights/1/credit2/4.log", "line": 2, "text": "lab-x86-1: connection lost"}',
     'amd64', 1, 'v0.1.0-12-g4f2a91c', '2026-11-23 05:00:00Z',
     '2026-11-23 05:03:04Z', '2026-11-23 05:03:59Z'),
    (1, 'perf', 'perf', 'pass', null, null, null, 'amd64', 1,
     'v0.1.0-12-g4f2a91c', '2026-11-23 05:00:00Z', '2026-11-23 05:04:00Z',
     '2026-11-23 05:06:20Z'),
    (1, 'pair-hvm', 'pair', 'blocked', null, 'it needs pair, which failed',
     null, 'amd64', 1, null, '2026-11-23 05:00:00Z', null,
     '2026-11-23 05:03:02.800Z'),
    (1, 'smoke-armhf', 'smoke', 'starved', null,
     'no host has architecture armhf', null, 'armhf', null, null,
     '2026-11-23 05:00:00Z', null, '2026-11-23 05:00:03Z');
insert into assay.job_need values (1, 'pair-hvm', 1, 'pair');
insert into assay.job_role (flight, job, role, position, arch, host) values
    (1, 'smoke-amd64', 'host', 1, 'amd64', 'lab-x86-1'),
    (1, 'smoke-arm64', 'host', 1, 'arm64', 'lab-arm-1'),
    (1, 'pair', 'src_host', 1, 'amd64', 'lab-x86-1'),
    (1, 'pair', 'dst_host', 2, 'amd64', 'lab-x86-2'),
    (1, 'credit2', 'host', 1, 'amd64', 'lab-x86-1'),
    (1, 'perf', 'host', 1, 'amd64', 'lab-x86-1'),
    (1, 'pair-hvm', 'src_host', 1, 'amd64', null),
    (1, 'pair-hvm', 'dst_host', 2, 'amd64', null),
    (1, 'smoke-armhf', 'host', 1, 'armhf', null);
insert into assay.runvar (flight, job, name, value, origin) values
    (1, 'smoke-amd64', 'guest_memory_mb', '128', 'definition'),
    (1, 'smoke-amd64', 'pv_console', '<b>guest</b> & "co"', 'result'),
    (1, 'perf', 'perf_repeats', '5', 'definition');

-- Steps: each starts 200 ms after the one before it ended.
create function pg_temp.steps(j text, begin_at timestamptz, rows jsonb)
returns void language plpgsql as $$
declare
    r jsonb; at timestamptz := begin_at; n int := 0; ms bigint;
begin
    for r in select * from jsonb_array_elements(rows) loop
        n := n + 1;
        ms := coalesce((r->>2)::bigint, 0);
        insert into assay.step (flight, job, step, program, testid, status,
            lane, reason, evidence, exit_code, exit_signal, progress, started_at,
            finished_at, elapsed_ms, log_path, log_bytes, log_sha256, harness)
        values (1, j, n, 'steps/' || split_part(r->>0, '/', 1), r->>0, r->>1,
            r->>4, r->>3, case when r->>1 in ('fail', 'broken') then
                jsonb_build_object('file', 'flights/1/' || j || '/' || n || '.log',
                    'line', 3, 'text', r->>3) end,
            case when r->>1 = 'pass' then 0 when r->>1 = 'fail' then 1
                 when r->>1 = 'broken' then 75 end, null,
            null, at, at + ms * interval '1 ms', ms,
            case when r->>1 <> 'skip' then 'flights/1/' || j || '/' || n || '.log' end,
            case when r->>1 <> 'skip' then 1000 + n * 37 end,
            case when r->>1 <> 'skip' then md5(j || n) || md5(n || j) end,
            'v0.1.0-12-g4f2a91c');
        at := at + (ms + 200) * interval '1 ms';
    end loop;
end $$;
select pg_temp.steps('smoke-amd64', '2026-11-23 05:00:02.200Z', '[
    ["xen-boot", "pass", 21300], ["xen-version", "pass", 900],
    ["console-dialogue", "pass", 6100], ["leak-check/basis", "pass", 1400],
    ["guest-start/pv", "pass", 9300], ["guest-start/pvh", "pass", 7700],
    ["guest-saverestore/pv", "pass", 12100],
    ["guest-saverestore/pvh", "pass", 13900],
    ["guest-localmigrate/pvh", "pass", 17200],
    ["guest-stop/pvh", "pass", 5600], ["guest-start.2/pvh", "pass", 7400],
    ["guest-destroy/pvh", "pass", 2100], ["guest-stop/pv", "pass", 5200],
    ["leak-check/check", "pass", 1500], ["capture-logs", "pass", 14800],
    ["power-off", "pass", 700]]');
select pg_temp.steps('smoke-arm64', '2026-11-23 05:00:02.300Z', '[
    ["xen-boot", "pass", 18700], ["xen-version", "pass", 800],
    ["console-dialogue", "skip", 0, "the arm64 console has no input switch in this lab"],
    ["leak-check/basis", "pass", 1300],
    ["guest-start/pv", "skip", 0, "Xen on arm64 has no PV guests"],
    ["guest-start/pvh", "pass", 9900],
    ["guest-saverestore/pv", "skip", 0, "Xen does not implement save and restore on arm64"],
    ["guest-saverestore/pvh", "skip", 0, "Xen does not implement save and restore on arm64"],
    ["guest-localmigrate/pvh", "skip", 0, "Xen does not implement migration on arm64"],
    ["guest-stop/pvh", "pass", 4600], ["guest-start.2/pvh", "pass", 8800],
    ["guest-destroy/pvh", "pass", 1900],
    ["guest-stop/pv", "skip", 0, "Xen on arm64 has no PV guests"],
    ["leak-check/check", "pass", 1400], ["capture-logs", "pass", 12100],
    ["power-off", "pass", 600]]');
select pg_temp.steps('pair', '2026-11-23 05:02:33.100Z', '[
    ["xen-boot", "fail", 21900, "lab-x86-2: Panic on CPU 0: FATAL TRAP: vec 13, #GP[0000]", "product"],
    ["capture-logs", "pass", 6300], ["power-off", "pass", 500]]');
select pg_temp.steps('credit2', '2026-11-23 05:03:04.100Z', '[
    ["xen-boot", "pass", 22400], ["xen-version", "pass", 900],
    ["leak-check/basis", "pass", 1500],
    ["sched-weights", "broken", 11800, "lab-x86-1 lost its power: domain lab-x86-1 is shut off", "host"],
    ["capture-logs", "broken", 16000, "no logs from host=lab-x86-1", "host"],
    ["power-off", "pass", 500]]');
select pg_temp.steps('perf', '2026-11-23 05:04:00.100Z', '[
    ["xen-boot", "pass", 20900], ["xen-version", "pass", 900],
    ["leak-check/basis", "pass", 1400], ["perf-domain", "pass", 63000],
    ["perf-context-switch", "pass", 31000], ["leak-check/check", "pass", 1500],
    ["capture-logs", "pass", 13900], ["power-off", "pass", 600]]');

insert into assay.step_case (flight, job, step, id, status, note) values
    (1, 'smoke-amd64', 2, 'version', 'pass', '4.17.5'),
    (1, 'smoke-amd64', 2, 'buildid', 'pass', ''),
    (1, 'smoke-amd64', 14, 'domains', 'pass', ''),
    (1, 'smoke-amd64', 14, 'xenstore', 'pass', ''),
    (1, 'smoke-amd64', 14, 'loop', 'skip', 'no losetup in the image'),
    (1, 'credit2', 4, 'ratio', 'missing', ''),
    (1, 'credit2', 4, 'affinity', 'missing', ''),
    (1, 'pair', 1, 'src_host', 'pass', ''),
    (1, 'pair', 1, 'dst_host', 'fail',
     E'<script>alert(1)</script>\x1b[31m red \x07\u202Eevil');
insert into assay.measurement (flight, job, step, name, value, unit, better)
select 1, 'perf', 4, n, v, 'ms', 'lower' from (values
    ('domain_create', 1210), ('domain_up', 3890), ('domain_save', 640),
    ('domain_restore', 910), ('domain_create', 1180), ('domain_up', 3720),
    ('domain_save', 610), ('domain_restore', 880), ('domain_create', 1260),
    ('domain_up', 4480), ('domain_save', 690), ('domain_restore', 905),
    ('domain_create', 1205), ('domain_up', 3810), ('domain_save', 620),
    ('domain_restore', 1340), ('domain_create', 1190), ('domain_up', 3760),
    ('domain_save', 630), ('domain_restore', 890)) as t (n, v);
insert into assay.measurement (flight, job, step, name, value, unit, better)
values (1, 'perf', 5, 'context_switch', 4.213, 'us', 'lower'),
    (1, 'perf', 5, 'context_switch', 4.198, 'us', 'lower'),
    (1, 'perf', 5, 'context_switch', 4.305, 'us', 'lower'),
    (1, 'perf', 5, 'switches', 231877, '1/s', 'higher');
insert into assay.attachment (flight, job, step, name, kind, sha256) values
    (1, 'smoke-amd64', 15, 'logs-lab-x86-1/xl-dmesg', 'log', repeat('a', 64)),
    (1, 'smoke-amd64', 15, 'logs-lab-x86-1/xl-info', 'log', repeat('b', 64));
insert into assay.boot (nonce, host, flight, job, candidate, spec, status, reason,
    hostkey, address, armed_at, power_at, powered_at, script_at, fetched_at, up_at)
values
    (repeat('0', 31) || '1', 'lab-x86-1', 1, 'smoke-amd64', 1, '{}', 'up', null,
     'ssh-ed25519 AAAA', '10.77.0.11', '2026-11-23 05:00:02.400Z',
     '2026-11-23 05:00:02.500Z', '2026-11-23 05:00:02.900Z',
     '2026-11-23 05:00:08.100Z', '2026-11-23 05:00:09.500Z',
     '2026-11-23 05:00:22.300Z'),
    (repeat('0', 31) || '2', 'lab-arm-1', 1, 'smoke-arm64', 1, '{}', 'up', null,
     'ssh-ed25519 AAAA', '10.77.0.13', '2026-11-23 05:00:02.500Z',
     '2026-11-23 05:00:02.600Z', '2026-11-23 05:00:03.000Z',
     '2026-11-23 05:00:08.400Z', '2026-11-23 05:00:10.000Z',
     '2026-11-23 05:00:20.100Z'),
    (repeat('0', 31) || '3', 'lab-x86-1', 1, 'pair', 1, '{}', 'up', null,
     'ssh-ed25519 AAAA', '10.77.0.11', '2026-11-23 05:02:33.300Z',
     '2026-11-23 05:02:33.400Z', '2026-11-23 05:02:33.900Z',
     '2026-11-23 05:02:39.200Z', '2026-11-23 05:02:41.000Z',
     '2026-11-23 05:02:54.300Z'),
    (repeat('0', 31) || '4', 'lab-x86-2', 1, 'pair', 1, '{}', 'failed',
     'Panic on CPU 0', null, null, '2026-11-23 05:02:33.300Z',
     '2026-11-23 05:02:33.500Z', '2026-11-23 05:02:34.000Z',
     '2026-11-23 05:02:39.500Z', '2026-11-23 05:02:41.400Z', null),
    (repeat('0', 31) || '5', 'lab-x86-1', 1, 'credit2', 1, '{}', 'up', null,
     'ssh-ed25519 AAAA', '10.77.0.11', '2026-11-23 05:03:04.300Z',
     '2026-11-23 05:03:04.400Z', '2026-11-23 05:03:04.900Z',
     '2026-11-23 05:03:10.200Z', '2026-11-23 05:03:12.000Z',
     '2026-11-23 05:03:25.900Z'),
    (repeat('0', 31) || '6', 'lab-x86-1', 1, 'perf', 1, '{}', 'up', null,
     'ssh-ed25519 AAAA', '10.77.0.11', '2026-11-23 05:04:00.300Z',
     '2026-11-23 05:04:00.400Z', '2026-11-23 05:04:00.900Z',
     '2026-11-23 05:04:06.200Z', '2026-11-23 05:04:08.000Z',
     '2026-11-23 05:04:20.500Z');
insert into assay.boot_fetch (nonce, at, peer, path, bytes, status)
select nonce, fetched_at, '10.77.0.11', 'initrd', 22100000, 200
  from assay.boot where fetched_at is not null;
update assay.flight set outcome = 'fail', blessing = 'real',
    finished_at = '2026-11-23 05:06:21Z' where flight = 1;
