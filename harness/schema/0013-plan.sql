-- Times when jobs do not get a host: a person has it, or nobody shall.
create table assay.host_window (
    host_window bigint generated always as identity primary key,
    host        assay.name not null references assay.host,
    kind        text not null check (kind in ('lease', 'blockage')),
    from_at     timestamptz not null,
    until_at    timestamptz not null,
    who         text not null,
    why         text not null,
    created_at  timestamptz not null default clock_timestamp(),
    ended_at    timestamptz,                -- given back before its end
    check (until_at > from_at)
);
create index host_window_open on assay.host_window (host, until_at)
    where ended_at is null;
create trigger host_window_wake after insert or update on assay.host_window
    for each statement execute function assay.wake('window');
