-- Bisections in the lab: which commit, or what else, made a test fail. All that
-- is known of one stands here, so that who goes on after a crash tests nothing
-- twice.

create table assay.bisection (
    bisection   bigint generated always as identity primary key,
    flight      bigint not null references assay.flight,    -- it failed there
    basis       bigint not null references assay.flight,    -- and passed there
    branch      text not null,
    job         text not null,
    testid      text not null,              -- STEP, or STEP/CASE
    signature   text references assay.signature,    -- the failure looked for
    definition  text not null,              -- hash of the job, whatever it
                                            -- tests: who shares it shares runs
    setup       jsonb not null,             -- the first line of a journal:
                                            -- trees, ends, options
    recipe      text,                       -- how it is built, if not shipped
    parallel    int not null check (parallel > 0),
    author      text not null,              -- a person, or 'verdict'
    people      text[] not null default '{}',   -- addresses, beside those of
                                            -- the commit
    state       text not null default 'running' check (state in (
                    'running', 'stopped', 'ended')),
    reason      text not null default '',   -- why it does not go on, or the
                                            -- answer in a sentence
    verdict     text,                       -- as "assay bisect show --json"
                                            -- has it, or 'component', 'fixed'
    component   text,                       -- of the culprit: a tree, 'host',
                                            -- 'image', 'firmware', 'harness'
    culprit     text,                       -- a commit, a host, a version
    chance      double precision check (chance between 0 and 1),
    begun_at    timestamptz not null default clock_timestamp(),
    ended_at    timestamptz,
    constraint bisection_ended check (
        (state = 'ended') = (ended_at is not null)
        and (state = 'ended') = (verdict is not null)),
    -- Nobody is blamed without a number.
    constraint bisection_culprit_has_chance check (
        culprit is null or (component is not null and chance is not null))
);
-- One failure of one test is looked into once at a time.
create unique index bisection_one_open on assay.bisection
    (branch, job, testid, coalesce(signature, '')) where ended_at is null;
create index bisection_by_flight on assay.bisection (flight);
create index bisection_by_definition on assay.bisection (definition);
create trigger bisection_frozen before update or delete on assay.bisection
    for each row when (old.ended_at is not null)
    execute function assay.refuse_edit();

create table assay.bisection_run (
    bisection   bigint not null references assay.bisection,
    number      int not null,
    at          jsonb not null,             -- {"TREE": COMMIT, ...}
    about       text,                       -- null: commits; a component
    oracle      text not null default 'lab',    -- who tests it; 'shared': a
                                            -- run of another bisection
    hosts       text[] not null default '{}',   -- wanted; empty: any
    state       text not null default 'chosen' check (state in (
                    'chosen', 'running', 'ended')),
    definition  text,                       -- hash of the job as flown
    build       bigint references assay.build,
    flight      bigint references assay.flight,
    result      text check (result in (
                    'good', 'bad', 'cannot-tell',
                    'nothing')),            -- broken: it is run again
    reason      text not null default '',
    output      text,                       -- the log that tells, below
                                            -- ASSAY_HOME, or a URL
    host        text not null default '',   -- hosts, ' ' between
    host_ms     bigint not null default 0,
    begun_at    timestamptz not null default clock_timestamp(),
    ended_at    timestamptz,
    primary key (bisection, number),
    constraint bisection_run_ended check (
        (state = 'ended') = (ended_at is not null)
        and (state = 'ended') = (result is not null))
);
create index bisection_run_by_definition on assay.bisection_run (definition);
create index bisection_run_by_flight on assay.bisection_run (flight);
create trigger bisection_run_frozen before update or delete
    on assay.bisection_run
    for each row when (old.ended_at is not null)
    execute function assay.refuse_edit();
create trigger bisection_wake after insert or update on assay.bisection
    for each statement execute function assay.wake('bisection');
create trigger bisection_run_wake after insert or update on assay.bisection_run
    for each statement execute function assay.wake('bisection');

-- Flights whose verdict was read for regressions to be bisected. What ended
-- before there was such a thing is history.
create table assay.bisection_look (
    flight      bigint primary key references assay.flight,
    at          timestamptz not null default clock_timestamp()
);
insert into assay.bisection_look (flight)
    select flight from assay.flight where finished_at is not null;
