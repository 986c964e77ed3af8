-- For how long a task's lock was seen missing: the sum of the times between two
-- looks, each counted as some seconds at most, so that a clock which is set
-- meanwhile changes nothing.
alter table assay.task add column looked_at timestamptz;
alter table assay.task add column lost_ms bigint not null default 0;
