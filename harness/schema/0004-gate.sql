-- The gate: runs of a branch, and what people said about them.

-- One attempt to replace what a branch's output has by what its input had. All
-- that is decided stands here before it is acted upon, so that whoever finds
-- the run after a crash can finish it, and nothing happens twice.
create table assay.gate_run (
    run         bigint generated always as identity primary key,
    branch      assay.name not null,
    purpose     text not null check (purpose in (
                    'candidate', 'baseline', 'current')),
    -- begun -> smoke -> full -> decided -> pushed; or an end before that
    state       text not null default 'begun' check (state in (
                    'begun', 'smoke', 'full', 'decided',
                    'pushed', 'held', 'tested', 'lost', 'aborted', 'failed')),
    source      text not null,              -- the branch's file: its path
    definition  text not null,              -- and its text
    tree        assay.name not null,        -- the one that varies
    revision    text not null,              -- of it, under test
    old         text not null,              -- what the output had
    baseline    text not null,              -- what is compared with
    trees       jsonb not null,             -- every tree: its revision
    candidate   bigint references assay.candidate,
    smoke_flight bigint references assay.flight,
    flight      bigint references assay.flight,
    again       bigint references assay.gate_run,   -- judged anew: no new
                                            -- flights, those of this run
    result      text,                       -- decide()'s word on the last
    push        boolean,                    -- decided
    summary     text,                       -- of the ruling, or why it ended
    ruling      text,                       -- its file, below ASSAY_HOME
    ruling_sha256 text,
    author      text not null,
    harness     text not null,
    begun_at    timestamptz not null default clock_timestamp(),
    decided_at  timestamptz,
    finished_at timestamptz,
    constraint gate_run_finished check (
        (state in ('begun', 'smoke', 'full', 'decided'))
        = (finished_at is null)),
    constraint gate_run_smoke check (
        state <> 'smoke' or smoke_flight is not null),
    constraint gate_run_full check (state <> 'full' or flight is not null),
    -- Nothing is pushed without a ruling that says so, of a full flight.
    constraint gate_run_ruled check (
        state not in ('decided', 'pushed', 'lost')
        or (push and ruling_sha256 is not null and flight is not null
            and purpose = 'candidate')),
    constraint gate_run_revisions check (
        revision ~ '^[0-9a-f]{40}([0-9a-f]{24})?$'
        and old ~ '^[0-9a-f]{40}([0-9a-f]{24})?$'
        and baseline ~ '^[0-9a-f]{40}([0-9a-f]{24})?$')
);
create unique index gate_run_one_open on assay.gate_run (branch)
    where finished_at is null;
create index gate_run_by_branch on assay.gate_run (branch, run);
create trigger gate_run_frozen before update or delete on assay.gate_run
    for each row when (old.finished_at is not null)
    execute function assay.refuse_edit();

-- The levers of people, and what became of them. It only grows: what takes a
-- lever back, or says that it was used up, is a row too.
create table assay.gate_lever (
    lever       bigint generated always as identity primary key,
    at          timestamptz not null default clock_timestamp(),
    kind        text not null check (kind in (
                    'force', 'force-rev', 'block', 'waive',
                    'end')),                -- takes 'ends' back
    branch      assay.name not null,
    revision    text,
    job         text,                       -- patterns of allow files
    testid      text,
    until_rc    text,                       -- a waiver ends with this tag,
    passes      int check (passes > 0),     -- or after so many passes,
    issue       bigint references assay.issue,      -- or with this issue
    ends        bigint references assay.gate_lever,
    run         bigint references assay.gate_run,   -- that used it up
    author      text not null check (author ~ '[^[:space:]]'),
    reason      text not null check (reason ~ '[^[:space:]]'),
    constraint lever_revision check (
        (kind = 'force-rev') = (revision is not null)),
    constraint lever_scope check ((kind = 'waive') = (job is not null)),
    constraint lever_expires check (
        (kind = 'waive')
        = (num_nonnulls(until_rc, passes, issue) > 0)),
    constraint lever_ends check ((kind = 'end') = (ends is not null))
);
create unique index gate_lever_one_end on assay.gate_lever (ends);
create index gate_lever_by_branch on assay.gate_lever (branch, lever);
create trigger gate_lever_frozen before update or delete on assay.gate_lever
    for each row execute function assay.refuse_edit();
