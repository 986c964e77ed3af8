-- Checks of hosts that Assay makes by itself: each is a flight of one job, and
-- that job gets its host although it is suspect.
create table assay.host_check (
    host_check bigint generated always as identity primary key,
    host       assay.name not null references assay.host on delete cascade,
    flight     bigint not null unique references assay.flight,
    cause      text not null check (cause in (
                   'new', 'suspect', 'again', 'time', 'jobs')),
    why        text not null,               -- for people
    begun_at   timestamptz not null default clock_timestamp(),
    ended_at   timestamptz,
    -- void: it says nothing of the host
    verdict    text check (verdict in ('good', 'bad', 'void')),
    check ((ended_at is null) = (verdict is null))
);
create unique index host_check_one_open on assay.host_check (host)
    where ended_at is null;
create index host_check_by_host on assay.host_check (host, host_check);

-- To whom to write before a lease ends.
alter table assay.host_window add column mail text;
