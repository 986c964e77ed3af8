-- The plan: when and where each open job is to run. The leading assayd writes
-- it at each event and starts jobs by nothing else.
create table assay.booking (
    flight      bigint not null,
    job         text not null,
    verdict     text not null check (verdict in (
                    'now', 'later', 'stuck', 'never', 'expired', 'runs')),
    hosts       text[] not null default '{}',   -- a host a role, in order
    start_at    timestamptz,
    end_at      timestamptz,
    start_sd_ms bigint not null default 0,      -- standard deviations
    end_sd_ms   bigint not null default 0,
    ordered_at  timestamptz,            -- a runner was told to take them
    made_at     timestamptz not null default clock_timestamp(),
    primary key (flight, job),
    foreign key (flight, job) references assay.job
);
