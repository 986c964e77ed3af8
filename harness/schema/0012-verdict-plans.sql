-- The gate's run of a flight, for who judges the flight.
create index gate_run_by_flight on assay.gate_run (flight);
create index gate_run_by_smoke_flight on assay.gate_run (smoke_flight);

-- As it was, but told to look each job up: how many jobs the recursion finds
-- is a guess of the planner, and a bad one makes it read all runvars instead.
create or replace function assay.flight_trees(of_flight bigint)
    returns table (tree text, revision text) language sql stable as $$
    with recursive used (flight, job) as (
        select j.flight, j.job::text from assay.job j
        where j.flight = of_flight
        union
        select n.needs_flight, n.needs_job from used u
        cross join lateral (
            select x.needs_flight, x.needs_job from assay.job_need x
            where x.flight = u.flight and x.job = u.job offset 0) n
    ), named (tree, revision) as (
        select t.tree, t.revision from assay.flight_tree t
        where t.flight = of_flight
        union
        select substr(v.name, length('built_revision_') + 1), v.value
        from used u
        cross join lateral (
            select x.name, x.value from assay.runvar x
            where x.flight = u.flight and x.job = u.job
            and x.name like 'built\_revision\__%' offset 0) v
        where u.job not like 'build-%-prev'
    )
    select n.tree, n.revision from named n
    union all
    select 'candidate', string_agg(distinct c.name::text, ','
                                   order by c.name::text)
    from assay.job j join assay.candidate c on c.candidate = j.candidate
    where j.flight = of_flight and not exists (select from named)
    having count(*) > 0
$$;
