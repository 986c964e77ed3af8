-- How the queue is served, as its file says: the newest row is in force.
create table assay.pool_policy (
    pool_policy bigint generated always as identity primary key,
    policy      text not null,              -- the YAML, verbatim
    who         text not null,
    at          timestamptz not null default clock_timestamp()
);
create trigger pool_policy_frozen before update or delete
    on assay.pool_policy
    for each row execute function assay.refuse_edit();
create trigger pool_policy_wake after insert on assay.pool_policy
    for each statement execute function assay.wake('policy');

-- AS003: a priority above the normal (lower is higher) wants an admin: a role
-- that is a member of the one that owns the database.
create function assay.refuse_priority() returns trigger language plpgsql as $$
begin
    if not pg_catalog.pg_has_role(session_user, (
            select d.datdba from pg_catalog.pg_database d
            where d.datname = pg_catalog.current_database()), 'member') then
        raise exception 'priority % is above the normal one: % is no admin',
            new.priority, session_user using errcode = 'AS003',
            hint = 'an admin is a member of the role that owns the database';
    end if;
    return new;
end $$;
create trigger flight_priority before insert on assay.flight
    for each row when (new.priority < 0)
    execute function assay.refuse_priority();
create trigger flight_priority_raised before update of priority
    on assay.flight
    for each row when (new.priority < 0 and new.priority < old.priority)
    execute function assay.refuse_priority();
