-- A job may give way: its hosts go to a job that may have them, it is queued
-- again, and what it had done by then is kept here.
alter table assay.job
    -- its flight's file says so; see also assay-pool(5)
    add column preemptable boolean not null default false;

-- A runner that was told. While its task is open and gave_at is null it is to
-- give way; a job that comes to its end instead leaves gave_at null for ever.
create table assay.give_way (
    task       bigint primary key references assay.task,
    flight     bigint not null,
    job        text not null,
    for_flight bigint not null,
    for_job    text not null,
    asked_at   timestamptz not null default clock_timestamp(),
    gave_at    timestamptz,             -- it was queued again
    started_at timestamptz,             -- when that attempt was
    hosts      text[] not null default '{}',
    -- The rows of its steps, each with "cases", "metrics", "attachments"; the
    -- next attempt goes on counting, so log files keep their names.
    steps      jsonb,
    last_step  int not null default 0,
    runvars    jsonb,                   -- that its steps had set
    foreign key (flight, job) references assay.job,
    foreign key (for_flight, for_job) references assay.job,
    check (gave_at is null or steps is not null)
);
create index give_way_by_job on assay.give_way (flight, job);
create trigger give_way_frozen before update or delete on assay.give_way
    for each row when (old.gave_at is not null)
    execute function assay.refuse_edit();
create trigger give_way_wake after insert on assay.give_way
    for each statement execute function assay.wake('give-way');

-- Which controller plans, and what it can run: a resource of the plan.
create table assay.planner (
    task     bigint primary key references assay.task,
    jobs_max int not null check (jobs_max > 0)
);
