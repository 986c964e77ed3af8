-- What a host has prepared: a job of the same flight may go on from there in
-- place of doing it again. The rules stand here, where nobody can forget them:
-- what was not left well in so many words is gone.

-- A digest of what the job's preparation is made of, and how many jobs may use
-- one; null: it starts fresh and leaves nothing.
alter table assay.job
    add column setup text,
    add column setup_uses int check (setup_uses > 0),
    add column prepare_ms bigint,       -- what its preparation took; 0: reused
    add constraint job_setup check ((setup is null) = (setup_uses is null));
create index job_by_setup on assay.job (flight, setup)
    where setup is not null and status = 'queued';

-- All that the preparation of this job would work with on that host.
create function assay.setup_inputs(of_flight bigint, of_job text,
                                   on_host text)
    returns jsonb language sql stable as $$
    select jsonb_build_object(
        'setup', j.setup, 'candidate', c.name,
        'parts', (select jsonb_object_agg(p.part, p.sha256)
                  from assay.candidate_part p
                  where p.candidate = j.candidate and p.arch = j.arch),
        'said', (select jsonb_object_agg(p.name, p.value)
                 from assay.candidate_property p
                 where p.candidate = j.candidate and p.arch = j.arch),
        'host', h.config, 'firmware', h.firmware,
        'properties', (select jsonb_object_agg(p.name, p.value)
                       from assay.host_property p where p.host = h.host))
    from assay.job j cross join assay.host h
    left join assay.candidate c on c.candidate = j.candidate
    where j.flight = of_flight and j.job = of_job and h.host = on_host
$$;

-- used: by the job of 'allocation'; left: that job goes without undoing it, and
-- has not ended yet; ready: it ended well.
create table assay.prepared (
    prepared   bigint generated always as identity primary key,
    host       assay.name not null references assay.host on delete cascade,
    flight     bigint not null,
    job        text not null,               -- that did it
    setup      text not null,
    inputs     jsonb not null,              -- assay.setup_inputs() then
    harness    text not null,               -- revision
    boot       text,                        -- nonce of the boot, if it made one
    took_ms    bigint not null,
    wear       int not null default 1,      -- jobs that used it
    off        boolean not null default false,  -- switch it off in the end
    state      text not null default 'used' check (state in (
                   'used', 'left', 'ready')),
    allocation bigint references assay.allocation,  -- the last that had it
    begun_at   timestamptz not null default clock_timestamp(),
    ready_at   timestamptz,
    ended_at   timestamptz,
    end_reason text,
    foreign key (flight, job) references assay.job,
    check ((ended_at is null) = (end_reason is null)),
    check (state <> 'ready' or ready_at is not null)
);
create unique index prepared_one_open on assay.prepared (host)
    where ended_at is null;

-- What a job may go on from now. Who had the host in between, by a lease, may
-- have done anything to it.
create view assay.prepared_ready as
    select p.prepared, p.host, p.flight, p.job, p.setup, p.harness, p.boot,
           p.took_ms, p.wear, p.ready_at
    from assay.prepared p
    join assay.flight f on f.flight = p.flight
    where p.state = 'ready' and p.ended_at is null
    and f.finished_at is null and f.abort_reason is null
    and not exists (select from assay.host_window w
        where w.host = p.host and w.from_at <= clock_timestamp()
        and least(w.until_at, w.ended_at) >= p.ready_at);

create function assay.end_prepared(of_host text, reason text)
    returns void language sql as $$
    update assay.prepared set ended_at = clock_timestamp(),
        end_reason = reason
    where host = of_host and ended_at is null
$$;

-- A host is given: to a job that may go on from there, or it is gone.
create function assay.prepared_given() returns trigger language plpgsql as $$
begin
    update assay.prepared p set state = 'used', wear = p.wear + 1,
        allocation = new.allocation
    from assay.job j
    where p.host = new.host and p.ended_at is null
    and p.prepared in (select r.prepared from assay.prepared_ready r)
    and j.flight = new.flight and j.job = new.job
    and j.flight = p.flight and j.setup = p.setup
    and p.wear < j.setup_uses;
    if not found then
        perform assay.end_prepared(new.host, 'given to ' || coalesce(
            'job ' || new.flight || '.' || new.job, 'task ' || new.task));
    end if;
    return null;
end $$;
create trigger allocation_prepared after insert on assay.allocation
    for each row execute function assay.prepared_given();

create function assay.prepared_freed() returns trigger language plpgsql as $$
begin
    update assay.prepared set ended_at = clock_timestamp(),
        end_reason = 'not left by the job that used it: '
            || coalesce(new.end_reason, '')
    where host = new.host and ended_at is null and state <> 'ready'
    and allocation = new.allocation;
    return null;
end $$;
create trigger allocation_freed after update on assay.allocation
    for each row when (old.ended_at is null and new.ended_at is not null)
    execute function assay.prepared_freed();

-- Only who ended well leaves something.
create function assay.prepared_job() returns trigger language plpgsql as $$
begin
    update assay.prepared p set
        state = case when new.status = 'pass' and p.state = 'left'
                     then 'ready' else p.state end,
        ready_at = case when new.status = 'pass' and p.state = 'left'
                        then clock_timestamp() else p.ready_at end,
        ended_at = case when new.status <> 'pass'
                        then clock_timestamp() end,
        end_reason = case when new.status <> 'pass'
                          then 'job ' || new.job || ' was ' || new.status end
    from assay.allocation a
    where p.ended_at is null and p.flight = new.flight
    and a.allocation = p.allocation and a.task = new.task;
    return null;
end $$;
create trigger job_prepared after update on assay.job
    for each row when (new.setup is not null and old.finished_at is null
                       and new.finished_at is not null)
    execute function assay.prepared_job();

create function assay.prepared_host() returns trigger language plpgsql as $$
begin
    perform assay.end_prepared(new.host, case
        when new.state is distinct from old.state
        then 'the host is ' || new.state else 'the host''s file is new' end);
    return null;
end $$;
create trigger host_prepared after update on assay.host
    for each row when (new.state is distinct from old.state
                       or new.config is distinct from old.config)
    execute function assay.prepared_host();

create function assay.prepared_boot() returns trigger language plpgsql as $$
begin
    perform assay.end_prepared(new.host, 'booted again');
    return null;
end $$;
create trigger boot_prepared after insert on assay.boot
    for each row execute function assay.prepared_boot();
