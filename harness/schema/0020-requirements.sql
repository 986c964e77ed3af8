-- What a job asks of its hosts and of the queue.
alter table assay.job_role
    -- "memory_mb>=4096" (as versions are compared), "cpu=epyc"
    add column wants text[] not null default '{}';
alter table assay.job
    -- no two jobs of the flight with one word get one host
    add column diverse text;
alter table assay.flight
    -- to be over by then, a promise to whoever waits for it
    add column deadline_at timestamptz,
    -- its waiting jobs expire when a newer flight of the branch is started
    add column supersede boolean not null default false;
