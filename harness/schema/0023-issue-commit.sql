-- The fix of a known issue as a commit of a tree, instead of a person's word.
create table assay.issue_commit (
    issue    bigint not null references assay.issue,
    tree     text collate "C" not null,
    revision text collate "C" not null
             check (revision ~ '^([0-9a-f]{40}|[0-9a-f]{64})$'),
    author   text not null,
    at       timestamptz not null default clock_timestamp(),
    primary key (issue, tree, revision)
);
-- Does what a flight tested contain it? git's answer, which never changes.
create table assay.issue_reach (
    issue    bigint not null,
    tree     text collate "C" not null,
    revision text collate "C" not null,
    flight   bigint not null references assay.flight,
    contains boolean not null,
    at       timestamptz not null default clock_timestamp(),
    primary key (issue, tree, revision, flight),
    foreign key (issue, tree, revision) references assay.issue_commit
);

-- The flights of which git's answer matters: on each branch that showed the
-- issue the last one that was to test its version, and those that showed it.
create view assay.issue_asks as
    with shown as (
        select distinct x.issue, f.branch
        from assay.issue_signature x
        join assay.failure l using (signature)
        join assay.flight f using (flight)
    )
    select c.issue, c.tree, c.revision, s.branch, w.flight,
           v.revision as tested, w.showed, r.contains
    from assay.issue_commit c
    join shown s using (issue)
    cross join lateral (
        (select f.flight, false as showed
         from assay.flight f
         where f.branch = s.branch and f.finished_at is not null
         and f.intended !~ '-(bisect|retest)$'
         and exists (select from assay.flight_version n
                     where n.flight = f.flight and n.tree = c.tree)
         order by f.flight desc limit 1)
        union all
        select distinct f.flight, true
        from assay.issue_signature x
        join assay.failure l using (signature)
        join assay.flight f using (flight)
        where x.issue = c.issue and f.branch = s.branch) w
    join assay.flight_version v on v.flight = w.flight and v.tree = c.tree
    left join assay.issue_reach r
        on r.issue = c.issue and r.tree = c.tree and r.revision = c.revision
        and r.flight = w.flight;

-- As it was, and: a branch has the fix, too, when its last tested revision
-- contains one of the issue's commits that no flight contains which showed it
-- there. 'regressed' names the branches that have a fix and show it again.
create or replace view assay.issue_state as
    with shown as (
        select x.issue, f.branch, count(*) as failures,
               count(distinct f.flight) as flights,
               min(f.flight) as first_flight, max(f.flight) as last_flight,
               max(l.at) as last_at, max(f.created_at) as last_made
        from assay.issue_signature x
        join assay.failure l using (signature)
        join assay.flight f using (flight)
        group by x.issue, f.branch
    ), asked as (
        select a.issue, a.branch, a.tree, a.revision,
               bool_or(a.contains) filter (where not a.showed) as last_has,
               bool_or(a.contains) filter (where a.showed) as shown_with,
               bool_or(a.contains is null) filter (where a.showed) as unsure
        from assay.issue_asks a
        group by a.issue, a.branch, a.tree, a.revision
    ), judged as (
        select s.*, exists (
            select from assay.issue_fix k
            where k.issue = s.issue and k.branch = s.branch
            and k.at >= s.last_made)
        or exists (
            select from asked a
            where a.issue = s.issue and a.branch = s.branch and a.last_has
            and not coalesce(a.shown_with, false)
            and not coalesce(a.unsure, false)) as fixed,
        exists (
            select from assay.issue_fix k
            where k.issue = s.issue and k.branch = s.branch)
        or exists (
            select from asked a
            where a.issue = s.issue and a.branch = s.branch
            and a.shown_with) as had_fix
        from shown s
    ), summed as (
        select issue, sum(failures)::bigint as failures,
               sum(flights)::bigint as flights,
               min(first_flight) as first_flight,
               max(last_flight) as last_flight, max(last_at) as last_at,
               string_agg(branch, ' ' order by branch collate "C")
                   as branches,
               string_agg(branch, ' ' order by branch collate "C")
                   filter (where not fixed) as unfixed,
               string_agg(branch, ' ' order by branch collate "C")
                   filter (where not fixed and had_fix) as regressed
        from judged group by issue
    )
    select i.issue,
           case when i.closed_at is not null then 'closed'
                when j.issue is not null and j.unfixed is null then 'fixed'
                else 'open' end as state,
           coalesce(j.failures, 0) as failures,
           coalesce(j.flights, 0) as flights,
           j.first_flight, j.last_flight, j.last_at,
           coalesce(j.branches, '') as branches,
           coalesce(j.unfixed, '') as unfixed,
           coalesce(j.regressed, '') as regressed
    from assay.issue i left join summed j using (issue);
