-- Flights that came from another database keep their identity: the name of the
-- database that ran them and the number that they have there.

create table assay.origin (
    only_row boolean primary key default true check (only_row),
    origin   assay.name not null
);
insert into assay.origin (origin)
values ('assay-' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 16));

create table assay.flight_origin (
    flight      bigint primary key references assay.flight,
    origin      assay.name not null,
    number      bigint not null check (number > 0),
    imported_at timestamptz not null default clock_timestamp(),
    unique (origin, number)
);
create trigger flight_origin_frozen before update or delete
    on assay.flight_origin
    for each row execute function assay.refuse_edit();
create trigger origin_frozen before update or delete on assay.origin
    for each row execute function assay.refuse_edit();
