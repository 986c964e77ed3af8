-- Whose fault: signatures of failures, known issues, counterfactual runs,
-- marks of hosts, quarantine of tests. None of this is evidence: it is derived
-- from it, or said by people, and may come after a flight has ended.

-- Failures that say the same, whatever addresses and times they say it with.
create table assay.signature (
    signature  text primary key check (signature ~ '^[0-9a-f]{16}$'),
    title      text not null,               -- one line, for people
    body       text not null,               -- what the hash is of
    component  text not null,               -- xen, linux, ...; '': unknown
    pattern    text not null,               -- of the library; '': none
    created_at timestamptz not null default clock_timestamp()
);
create table assay.failure (
    flight     bigint not null,
    job        text not null,
    testid     text not null,               -- '': no step of it was run
    signature  text not null references assay.signature,
    lane       assay.lane not null,
    file       text not null default '',    -- below ASSAY_HOME
    line       bigint,
    text       text not null,               -- the line itself
    at         timestamptz not null default clock_timestamp(),
    primary key (flight, job, testid),
    foreign key (flight, job) references assay.job
);
create index failure_by_signature on assay.failure (signature, flight);

create table assay.issue (
    issue      bigint generated always as identity primary key,
    title      text not null,
    reference  text not null default '',    -- URL or number elsewhere
    owner      text not null default '',
    lane       assay.lane not null default 'product',
    opened_at  timestamptz not null default clock_timestamp(),
    closed_at  timestamptz,
    close_reason text,
    check ((closed_at is null) = (close_reason is null))
);
create table assay.issue_signature (
    issue      bigint not null references assay.issue,
    signature  text not null references assay.signature,
    primary key (issue, signature)
);
create index issue_by_signature on assay.issue_signature (signature);
-- The fix is in this branch from this revision on.
create table assay.issue_fix (
    issue      bigint not null references assay.issue,
    branch     text not null,
    revision   text not null,
    author     text not null,
    at         timestamptz not null default clock_timestamp(),
    primary key (issue, branch)
);

-- The counterfactual: {new, last good} x {the same host, a sibling}.
create domain assay.blame_cell as text check (value in (
    'new-same', 'new-sibling', 'good-same', 'good-sibling'));
create table assay.blame (
    flight     bigint not null,
    job        text not null,               -- stands for all of its signature
    testid     text not null,
    signature  text references assay.signature,
    cause      text not null check (cause in (
                   'open', 'product', 'host', 'flake', 'harness', 'unknown')),
    product    double precision not null,   -- the split; the sum is 1
    host       double precision not null,
    flake      double precision not null,
    harness    double precision not null,
    good_flight bigint,                     -- where 'good' was seen to pass
    runs       int not null default 0,      -- retests, not what was known
    host_ms    bigint not null default 0,
    reason     text not null,
    updated_at timestamptz not null default clock_timestamp(),
    primary key (flight, job),
    foreign key (flight, job) references assay.job
);
create table assay.blame_run (
    flight     bigint not null,
    job        text not null,
    number     int not null,
    cell       assay.blame_cell not null,
    source     text not null check (source in ('flight', 'history',
                                               'retest')),
    run_flight bigint not null,
    run_job    text not null,
    host       text not null default '',    -- hosts, ' ' between
    status     assay.outcome not null default 'queued',     -- of the testid
    alike      boolean not null default true,   -- the same signature again
    primary key (flight, job, number),
    foreign key (flight, job) references assay.blame,
    foreign key (run_flight, run_job) references assay.job
);
create index blame_by_run on assay.blame_run (run_flight);

-- A host that did not do its part, for those who choose hosts.
create table assay.host_mark (
    mark       bigint generated always as identity primary key,
    host       assay.name not null references assay.host,
    flight     bigint not null,
    job        text not null,
    reason     text not null,
    at         timestamptz not null default clock_timestamp(),
    unique (host, flight, job),
    foreign key (flight, job) references assay.job
);

-- Tests that are not believed for a while.
create table assay.quarantine (
    quarantine bigint generated always as identity primary key,
    job        text not null,
    testid     text not null,
    owner      text not null check (owner <> ''),
    reason     text not null check (reason <> ''),
    begun_at   timestamptz not null default clock_timestamp(),
    until      timestamptz not null,
    ended_at   timestamptz,                 -- taken back before 'until'
    check (until > begun_at)
);
create index quarantine_by_test on assay.quarantine (job, testid);
