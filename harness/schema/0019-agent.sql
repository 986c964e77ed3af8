-- Machines of others as oracles of a bisection: "assay bisect agent".
--
-- Whose token it is may take tests of one bisection and answer them, and
-- nothing else. Only a hash of it is kept.
create table assay.agent_token (
    agent_token bigint generated always as identity primary key,
    bisection   assay.name not null,
    hash        text not null unique check (hash ~ '^[0-9a-f]{64}$'),
    note        text not null,              -- for whom
    made_by     text not null,
    made_at     timestamptz not null default clock_timestamp(),
    until_at    timestamptz not null,
    revoked_at  timestamptz,
    seen_at     timestamptz,
    seen_peer   text
);
create index agent_token_by_bisection on assay.agent_token (bisection);

-- One question: a revision of each tree, with the files that go along. It is
-- asked as long as the session that asks holds its lock.
create table assay.agent_test (
    agent_test  bigint generated always as identity primary key,
    bisection   assay.name not null,
    spec        jsonb not null,
    asked_at    timestamptz not null default clock_timestamp(),
    answered_at timestamptz,
    result      text check (result in ('good', 'bad', 'cannot-tell')),
    answer      jsonb,                      -- as it was sent
    check ((result is null) = (answered_at is null)),
    check ((result is null) = (answer is null))
);
create index agent_test_open on assay.agent_test (bisection)
    where result is null;
create trigger agent_test_wake after update on assay.agent_test
    for each statement execute function assay.wake('agent');
create view assay.agent_asked as
    select l.objid::bigint as agent_test
    from pg_catalog.pg_locks l
    where l.locktype = 'advisory' and l.granted
    and l.classid = 16724 and l.objsubid = 2
    and l.database = (select d.oid from pg_catalog.pg_database d
                      where d.datname = pg_catalog.current_database());

-- Who has, or had, a test. A lease that is not renewed is lost.
create table assay.agent_lease (
    agent_lease text primary key check (agent_lease ~ '^[0-9a-f]{32}$'),
    agent_test  bigint not null references assay.agent_test,
    agent_token bigint not null references assay.agent_token,
    host        text not null,              -- as it calls itself
    peer        text not null,
    taken_at    timestamptz not null default clock_timestamp(),
    until_at    timestamptz not null,
    ended_at    timestamptz,
    how         text check (how in ('answered', 'late', 'given-back', 'lost')),
    reason      text,
    check ((ended_at is null) = (how is null))
);
create unique index agent_lease_one on assay.agent_lease (agent_test)
    where ended_at is null;
create index agent_lease_by_test on assay.agent_lease (agent_test);
create index agent_lease_by_token on assay.agent_lease (agent_token);
create trigger agent_lease_wake after insert or update on assay.agent_lease
    for each statement execute function assay.wake('agent');
