-- How a job, a host and a branch did lately, without reading what others did.
create index flight_by_branch on assay.flight (branch, flight);
create index job_by_name on assay.job (job, flight);
create index job_role_by_host on assay.job_role (host, flight)
    where host is not null;
create index boot_by_host on assay.boot (host, armed_at);
