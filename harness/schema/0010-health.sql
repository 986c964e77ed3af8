-- Why a host may be used, or not, since when, and who said so. Only grows.
create table assay.host_health (
    health        bigint generated always as identity primary key,
    host          assay.name not null references assay.host on delete cascade,
    at            timestamptz not null default clock_timestamp(),
    was           text not null,
    state         text not null,            -- the same when it was spared
    who           text not null,            -- a person, or a rule of ours
    why           text not null,
    last_of_class boolean not null          -- no other good one was left
);
create index host_health_by_host on assay.host_health (host, health);
