-- A step that was not run because another job of the same flight had done it,
-- on the same boot of the same host: it stands for that one, which passed.

-- Not validated: what was allowed before is a part of this.
alter domain assay.outcome drop constraint outcome_check;
alter domain assay.outcome add constraint outcome_check check (value in (
    'queued', 'preparing', 'running',
    'pass', 'fail', 'broken', 'blocked', 'skip', 'starved', 'truncated',
    'aborted', 'missing', 'reused')) not valid;
alter table assay.job add constraint job_is_run check (status <> 'reused');

alter table assay.step
    add column reused_job text,             -- of the same flight
    add column reused_step int,
    add constraint step_reused check (
        (status = 'reused') = (reused_job is not null)
        and (reused_job is null) = (reused_step is null)),
    add foreign key (flight, reused_job, reused_step) references assay.step;

create function assay.check_reused() returns trigger language plpgsql as $$
begin
    if not exists (select from assay.step s
                   where s.flight = new.flight and s.job = new.reused_job
                   and s.step = new.reused_step and s.testid = new.testid
                   and s.status = 'pass') then
        raise exception 'step % of job % stands for no step that passed',
            new.testid, new.job using errcode = 'check_violation';
    end if;
    return null;
end $$;
create trigger step_reused after insert or update on assay.step
    for each row when (new.status = 'reused')
    execute function assay.check_reused();

-- As before, but for what was reused: it is as good as what it stands for.
create or replace function assay.note_history(of_flight bigint)
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
        where s.flight = of_flight and s.status in ('pass', 'reused')
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
