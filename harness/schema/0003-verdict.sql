-- What a verdict asks of the history, written down when a flight ends, so that
-- its price does not grow with the history. All of it follows from evidence:
-- assay.note_history() makes it again.

-- The version that a flight tested; more than one revision of a tree when its
-- parts were built from different ones.
create table assay.flight_version (
    flight   bigint not null references assay.flight,
    tree     text collate "C" not null,
    revision text collate "C" not null,
    branch   text collate "C" not null,     -- of the flight
    blessing text collate "C" not null,
    primary key (flight, tree, revision)
);
create index flight_version_by_revision on assay.flight_version
    (branch, tree, revision, flight desc);

-- Cells (a step, or STEP/CASE) that ever passed; the first flight in which.
create table assay.cell_passed (
    branch   text collate "C" not null,
    job      text collate "C" not null,
    testid   text collate "C" not null,
    blessing text collate "C" not null,
    flight   bigint not null references assay.flight,
    primary key (branch, job, testid, blessing)
);

-- Of a flight, what went wrong; the last of a branch that went right.
create index step_not_passed on assay.step (flight)
    where status not in ('pass', 'skip');
create index step_case_not_passed on assay.step_case (flight)
    where status not in ('pass', 'skip');
create index job_not_passed on assay.job (flight)
    where status not in ('pass', 'skip');
create index flight_passed on assay.flight (branch, flight)
    where outcome = 'pass';

-- A tree of the flight, or built_revision_TREE of one of its jobs or of a job
-- that these need, in whatever flight; build-*-prev builds what is older on
-- purpose. A flight that names no tree has its candidates.
create function assay.flight_trees(of_flight bigint)
    returns table (tree text, revision text) language sql stable as $$
    with recursive used (flight, job) as (
        select j.flight, j.job::text from assay.job j
        where j.flight = of_flight
        union
        select n.needs_flight, n.needs_job from used u
        join assay.job_need n on n.flight = u.flight and n.job = u.job
    ), named (tree, revision) as (
        select t.tree, t.revision from assay.flight_tree t
        where t.flight = of_flight
        union
        select substr(v.name, length('built_revision_') + 1), v.value
        from used u
        join assay.runvar v on v.flight = u.flight and v.job = u.job
        where v.name like 'built\_revision\__%'
        and u.job not like 'build-%-prev'
    )
    select n.tree, n.revision from named n
    union all
    select 'candidate', string_agg(distinct c.name::text, ','
                                   order by c.name::text)
    from assay.job j join assay.candidate c on c.candidate = j.candidate
    where j.flight = of_flight and not exists (select from named)
    having count(*) > 0
$$;

-- Of a flight that has ended.
create function assay.note_history(of_flight bigint)
    returns void language plpgsql as $$
begin
    insert into assay.flight_version
        (flight, tree, revision, branch, blessing)
    select f.flight, t.tree, t.revision, f.branch, f.blessing
    from assay.flight f cross join assay.flight_trees(f.flight) t
    where f.flight = of_flight
    on conflict do nothing;
    -- In one order, so that two flights that end at once only wait.
    insert into assay.cell_passed (branch, job, testid, blessing, flight)
    select f.branch, c.job, c.testid, f.blessing, f.flight
    from assay.flight f cross join (
        select s.job, s.testid from assay.step s
        where s.flight = of_flight and s.status = 'pass'
        union
        select k.job, s.testid || '/' || k.id from assay.step_case k
        join assay.step s
        on s.flight = k.flight and s.job = k.job and s.step = k.step
        where k.flight = of_flight and k.status = 'pass') c
    where f.flight = of_flight and not exists (
        select from assay.cell_passed p
        where p.branch = f.branch and p.job = c.job and p.testid = c.testid
        and p.blessing = f.blessing and p.flight <= f.flight)
    order by 1, 2, 3
    on conflict (branch, job, testid, blessing) do update
        set flight = least(cell_passed.flight, excluded.flight);
end $$;

create function assay.note_flight() returns trigger language plpgsql as $$
begin
    perform assay.note_history(new.flight);
    return null;
end $$;
create trigger flight_noted after update on assay.flight
    for each row when (old.finished_at is null and new.finished_at is not null)
    execute function assay.note_flight();

select assay.note_history(flight) from assay.flight
where finished_at is not null order by flight;
