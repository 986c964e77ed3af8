-- The life of a known issue, from where its signatures were seen: it is fixed
-- when each branch that showed it has the fix, and open again as soon as a
-- flight made after that shows it there.
create view assay.issue_state as
    with shown as (
        select x.issue, f.branch, count(*) as failures,
               count(distinct f.flight) as flights,
               min(f.flight) as first_flight, max(f.flight) as last_flight,
               max(l.at) as last_at, max(f.created_at) as last_made
        from assay.issue_signature x
        join assay.failure l using (signature)
        join assay.flight f using (flight)
        group by x.issue, f.branch
    ), judged as (
        select s.*, exists (
            select from assay.issue_fix k
            where k.issue = s.issue and k.branch = s.branch
            and k.at >= s.last_made) as fixed
        from shown s
    ), summed as (
        select issue, sum(failures)::bigint as failures,
               sum(flights)::bigint as flights,
               min(first_flight) as first_flight,
               max(last_flight) as last_flight, max(last_at) as last_at,
               string_agg(branch, ' ' order by branch collate "C")
                   as branches,
               string_agg(branch, ' ' order by branch collate "C")
                   filter (where not fixed) as unfixed
        from judged group by issue
    )
    select i.issue,
           case when i.closed_at is not null then 'closed'
                when j.issue is not null and j.unfixed is null
                     and exists (select from assay.issue_fix k
                                 where k.issue = i.issue) then 'fixed'
                else 'open' end as state,
           coalesce(j.failures, 0) as failures,
           coalesce(j.flights, 0) as flights,
           j.first_flight, j.last_flight, j.last_at,
           coalesce(j.branches, '') as branches,
           coalesce(j.unfixed, '') as unfixed
    from assay.issue i left join summed j using (issue);
