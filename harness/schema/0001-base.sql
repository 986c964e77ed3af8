-- The vocabulary: hosts, tasks, candidates, flights, jobs, steps, evidence.
-- Times are timestamptz of the database's clock; durations are milliseconds.

create schema assay;

-- Kept by harness/db_migrate.c.
create table assay.migration (
    number     int primary key,
    name       text not null,
    sha256     text not null,               -- of the schema file
    harness    text not null,
    applied_at timestamptz not null default clock_timestamp()
);

create domain assay.outcome as text check (value in (
    'queued', 'preparing', 'running',
    'pass', 'fail', 'broken', 'blocked', 'skip', 'starved', 'truncated',
    'aborted', 'missing'));
create domain assay.lane as text check (value in (
    'product', 'test', 'host', 'harness', 'unknown'));
create domain assay.name as text check (
    value ~ '^[A-Za-z0-9][A-Za-z0-9._+-]*$' and length(value) <= 100);

-- Hosts -------------------------------------------------------------------

create table assay.host (
    host        assay.name primary key,
    site        assay.name not null default 'lab',
    arch        text not null check (arch in ('amd64', 'arm64', 'armhf')),
    firmware    text not null check (firmware in ('bios', 'uefi', 'uboot')),
    class       text not null,              -- equivalence class
    state       text not null default 'good' check (state in (
                    'good', 'suspect', 'bad', 'maintenance', 'retired')),
    config      jsonb not null,             -- the YAML file, as loaded
    source      text not null,              -- the file it came from
    updated_at  timestamptz not null default now()
);
create table assay.host_property (
    host  assay.name not null references assay.host on delete cascade,
    name  text not null,
    value text not null,
    primary key (host, name)
);
create table assay.host_flag (
    host  assay.name not null references assay.host on delete cascade,
    flag  text not null,
    primary key (host, flag)
);

-- Ownership ---------------------------------------------------------------

create table assay.task (
    task     bigint generated always as identity primary key,
    kind     text not null check (kind in ('job', 'person', 'controller', 'boot')),
    refkey   text not null,
    comment  text not null default '',
    harness  text not null,
    node     text not null,                 -- machine it runs on, for people
    node_key text not null,                 -- boot id and PID namespace
    pid      int not null,
    pid_start bigint not null,              -- clock ticks since that boot
    backend  int not null,                  -- server process of its session
    begun_at timestamptz not null default clock_timestamp(),
    lost_at  timestamptz,                   -- its lock was first seen missing
    ended_at timestamptz,
    end_reason text
);
create unique index task_one_open on assay.task (kind, refkey)
    where ended_at is null;
-- Who holds which task's advisory lock now (TASK_LOCK_CLASS, task): the whole
-- of liveness. 'backend' is the server process of the session.
create view assay.task_lock as
    select l.objid::bigint as task, l.pid as backend
    from pg_catalog.pg_locks l
    where l.locktype = 'advisory' and l.granted
    and l.classid = 16723 and l.objsubid = 2
    and l.database = (select d.oid from pg_catalog.pg_database d
                      where d.datname = pg_catalog.current_database());

create table assay.allocation (
    allocation bigint generated always as identity primary key,
    host       assay.name not null references assay.host,
    task       bigint not null references assay.task,
    flight     bigint,
    job        text,
    role       text not null,
    begun_at   timestamptz not null default clock_timestamp(),
    ended_at   timestamptz,
    end_reason text
);
create unique index allocation_one_owner on assay.allocation (host)
    where ended_at is null;
create index allocation_by_task on assay.allocation (task);
create index allocation_by_job on assay.allocation (flight, job);

-- Candidates and artefacts --------------------------------------------------

create table assay.artefact (
    sha256     text primary key check (sha256 ~ '^[0-9a-f]{64}$'),
    bytes      bigint not null check (bytes >= 0),
    kind       text not null,               -- xen, kernel, initrd, log, ...
    created_at timestamptz not null default now()
);
create table assay.candidate (
    candidate  bigint generated always as identity primary key,
    name       assay.name not null unique,
    source     text not null,               -- "deb trixie", "dir PATH"
    created_at timestamptz not null default now()
);
create table assay.candidate_part (
    candidate  bigint not null references assay.candidate on delete cascade,
    arch       text not null,
    part       text not null,               -- xen, xen.efi, kernel, initrd, ...
    sha256     text not null references assay.artefact,
    primary key (candidate, arch, part)
);
create table assay.candidate_property (
    candidate  bigint not null references assay.candidate on delete cascade,
    arch       text not null,
    name       text not null,               -- xen_version, xen_buildid, ...
    value      text not null,
    primary key (candidate, arch, name)
);

-- Flights -------------------------------------------------------------------

create table assay.flight (
    flight      bigint generated always as identity primary key,
    branch      text not null,
    blessing    text not null default 'constructing',
    intended    text not null,
    outcome     assay.outcome not null default 'queued',
    harness     text not null,
    definition  text not null default '',   -- the YAML, verbatim
    source      text not null default '',   -- where it came from
    priority    int not null default 0,     -- lower first
    created_at  timestamptz not null default now(),
    started_at  timestamptz,
    finished_at timestamptz,
    abort_reason text,                      -- set: stop it
    check (finished_at is null
           or outcome not in ('queued', 'preparing', 'running'))
);
create index flight_open on assay.flight (flight) where finished_at is null;

create table assay.flight_tree (
    flight   bigint not null references assay.flight,
    tree     text not null,
    revision text not null,
    primary key (flight, tree)
);

create table assay.job (
    flight      bigint not null references assay.flight,
    job         assay.name not null,
    recipe      text not null,
    status      assay.outcome not null default 'queued',
    lane        assay.lane,
    reason      text,                       -- one line, for people
    evidence    jsonb,                      -- {"file":..,"line":..,"text":..}
    arch        text not null,
    candidate   bigint references assay.candidate,
    task        bigint references assay.task,
    waits_for   text,                       -- why it is queued, if known
    harness     text,
    created_at  timestamptz not null default now(),
    started_at  timestamptz,
    finished_at timestamptz,
    primary key (flight, job),
    -- The reaper finds a job by its task: one at work always names it.
    constraint job_at_work_has_task check (
        status not in ('preparing', 'running') or task is not null),
    constraint job_finished check (
        (status in ('queued', 'preparing', 'running'))
        = (finished_at is null)),
    constraint job_pass_started check (
        status <> 'pass' or started_at is not null),
    constraint job_has_lane check (
        status not in ('fail', 'broken', 'truncated') or lane is not null)
);
create index job_open on assay.job (flight, job)
    where status in ('queued', 'preparing', 'running');
create index job_at_work on assay.job (task)
    where status in ('preparing', 'running');

-- A job that another one needs, perhaps of an older flight.
create table assay.job_need (
    flight       bigint not null,
    job          text not null,
    needs_flight bigint not null,
    needs_job    text not null,
    primary key (flight, job, needs_flight, needs_job),
    foreign key (flight, job) references assay.job,
    foreign key (needs_flight, needs_job) references assay.job
);

create table assay.job_role (
    flight     bigint not null,
    job        text not null,
    role       text not null,               -- host, src_host, dst_host
    position   int not null,
    arch       text not null,
    flags      text[] not null default '{}',
    same_class int not null default 0,
    preset     text,                        -- a named host
    host       text,                        -- the host that it got
    primary key (flight, job, role),
    foreign key (flight, job) references assay.job
);

create table assay.runvar (
    flight bigint not null,
    job    text not null,
    name   text not null,
    value  text not null,
    origin text not null default 'definition'
           check (origin in ('definition', 'result')),
    synth  boolean not null default false,  -- not copied by a clone
    primary key (flight, job, name),
    foreign key (flight, job) references assay.job
);

create table assay.step (
    flight      bigint not null,
    job         text not null,
    step        int not null,               -- 1, 2, ... in order of start
    program     text not null,
    testid      text not null,
    status      assay.outcome not null,
    lane        assay.lane,
    reason      text,
    evidence    jsonb,
    exit_code   int,                        -- null if it did not exit
    exit_signal int,
    progress    text,                       -- last "N/M text"
    started_at  timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    elapsed_ms  bigint,
    log_path    text,                       -- below ASSAY_HOME
    log_bytes   bigint,
    log_sha256  text,
    harness     text not null,
    boot        text,                       -- nonce of the boot it ran on
    primary key (flight, job, step),
    unique (flight, job, testid),
    foreign key (flight, job) references assay.job,
    constraint step_finished check (
        (status in ('queued', 'preparing', 'running'))
        = (finished_at is null)),
    -- A pass is an exit with 0, whatever the writer believed.
    constraint step_pass_exited check (
        status <> 'pass'
        or (exit_code is not distinct from 0 and exit_signal is null)),
    constraint step_has_lane check (
        status not in ('fail', 'broken', 'truncated') or lane is not null)
);
create table assay.step_case (
    flight bigint not null,
    job    text not null,
    step   int not null,
    id     text not null,                   -- testid is step's + '/' + id
    status text not null check (status in ('pass', 'fail', 'skip', 'missing')),
    note   text not null default '',
    at     timestamptz not null default clock_timestamp(),
    primary key (flight, job, step, id),
    foreign key (flight, job, step) references assay.step
);
create table assay.measurement (
    measurement bigint generated always as identity primary key,
    flight bigint not null,
    job    text not null,
    step   int not null,
    name   text not null,
    value  double precision not null
           check (value > '-infinity' and value < 'infinity'),  -- nor NaN
    unit   text not null,
    better text not null check (better in ('higher', 'lower')),
    at     timestamptz not null default clock_timestamp(),
    foreign key (flight, job, step) references assay.step
);
create index measurement_by_step on assay.measurement (flight, job, step);
create table assay.attachment (
    flight bigint not null,
    job    text not null,
    step   int not null,
    name   text not null,
    kind   text not null default 'file',
    sha256 text not null references assay.artefact,
    primary key (flight, job, step, name),
    foreign key (flight, job, step) references assay.step
);

-- Boots ---------------------------------------------------------------------

create table assay.boot (
    nonce       text primary key check (nonce ~ '^[0-9a-f]{32}$'),
    host        assay.name not null references assay.host,
    flight      bigint,
    job         text,
    candidate   bigint references assay.candidate,
    spec        jsonb not null,             -- all that is served
    status      text not null default 'armed' check (status in (
                    'armed', 'script-served', 'up', 'failed', 'superseded')),
    reason      text,
    hostkey     text,                       -- public key the host reported
    address     text,                       -- address it called from
    armed_at    timestamptz not null default clock_timestamp(),
    power_at    timestamptz,                -- power-on order given
    powered_at  timestamptz,                -- power-on confirmed
    script_at   timestamptz,                -- netboot script fetched
    fetched_at  timestamptz,                -- last image fetched
    up_at       timestamptz                 -- the host called back
);
create unique index boot_one_armed on assay.boot (host)
    where status in ('armed', 'script-served');
create index boot_by_job on assay.boot (flight, job);
create table assay.boot_fetch (
    nonce  text not null references assay.boot,
    at     timestamptz not null default clock_timestamp(),
    peer   text not null,
    path   text not null,
    bytes  bigint not null,
    status int not null
);
create index boot_fetch_by_nonce on assay.boot_fetch (nonce);

-- A finished flight is evidence: it is never edited --------------------------

-- SQLSTATE AS001: an attempt to edit evidence. The share lock makes a writer
-- and the one who finishes the flight wait for each other, so that nothing
-- slips in behind the end. (Who updates the flight and rows below it in one
-- transaction takes the flight first, or meets a deadlock and is retried.)
create function assay.refuse_finished() returns trigger language plpgsql as $$
declare
    f bigint;
    done timestamptz;
begin
    if tg_op <> 'DELETE' then
        select flight, finished_at into f, done from assay.flight
            where flight = new.flight for share;
    end if;
    if done is null and tg_op <> 'INSERT' then
        select flight, finished_at into f, done from assay.flight
            where flight = old.flight for share;
    end if;
    if done is not null then
        raise exception 'flight % is finished: evidence is never edited', f
            using errcode = 'AS001';
    end if;
    return case when tg_op = 'DELETE' then old else new end;
end $$;

create trigger flight_tree_frozen before insert or update or delete
    on assay.flight_tree
    for each row execute function assay.refuse_finished();
create trigger job_frozen before insert or update or delete on assay.job
    for each row execute function assay.refuse_finished();
create trigger job_need_frozen before insert or update or delete
    on assay.job_need
    for each row execute function assay.refuse_finished();
create trigger job_role_frozen before insert or update or delete
    on assay.job_role
    for each row execute function assay.refuse_finished();
create trigger runvar_frozen before insert or update or delete on assay.runvar
    for each row execute function assay.refuse_finished();
create trigger step_frozen before insert or update or delete on assay.step
    for each row execute function assay.refuse_finished();
create trigger step_case_frozen before insert or update or delete
    on assay.step_case
    for each row execute function assay.refuse_finished();
create trigger measurement_frozen before insert or update or delete
    on assay.measurement
    for each row execute function assay.refuse_finished();
create trigger attachment_frozen before insert or update or delete
    on assay.attachment
    for each row execute function assay.refuse_finished();
-- A boot that nobody closed may still be superseded by the host's next one.
create trigger boot_frozen before update or delete on assay.boot
    for each row when (old.status not in ('armed', 'script-served'))
    execute function assay.refuse_finished();

-- AS002: the end of a flight some of whose jobs have not ended.
create function assay.refuse_flight() returns trigger language plpgsql as $$
begin
    if old.finished_at is not null then
        raise exception 'flight % is finished: evidence is never edited',
            old.flight using errcode = 'AS001';
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    if new.finished_at is not null and exists (
            select from assay.job
            where job.flight = new.flight and job.finished_at is null) then
        raise exception 'flight % has jobs that have not ended', new.flight
            using errcode = 'AS002';
    end if;
    return new;
end $$;
create trigger flight_frozen before update or delete on assay.flight
    for each row execute function assay.refuse_flight();

-- What only grows, whatever the flight: who had a host, who fetched what.
create function assay.refuse_edit() returns trigger language plpgsql as $$
begin
    raise exception 'a closed row of assay.% is never edited', tg_table_name
        using errcode = 'AS001';
end $$;
create trigger allocation_frozen before update or delete on assay.allocation
    for each row when (old.ended_at is not null)
    execute function assay.refuse_edit();
create trigger task_frozen before update or delete on assay.task
    for each row when (old.ended_at is not null)
    execute function assay.refuse_edit();
create trigger boot_fetch_frozen before update or delete on assay.boot_fetch
    for each row execute function assay.refuse_edit();

-- Wake-ups: the row is the message, this only says that there is one.
create function assay.wake() returns trigger language plpgsql as $$
begin
    perform pg_notify('assay', tg_argv[0]);
    return null;
end $$;
create trigger flight_wake after insert or update on assay.flight
    for each statement execute function assay.wake('flight');
create trigger job_wake after insert or update on assay.job
    for each statement execute function assay.wake('job');
create trigger step_wake after insert or update on assay.step
    for each statement execute function assay.wake('step');
create trigger boot_wake after insert or update on assay.boot
    for each statement execute function assay.wake('boot');
create trigger allocation_wake after insert or update on assay.allocation
    for each statement execute function assay.wake('allocation');
