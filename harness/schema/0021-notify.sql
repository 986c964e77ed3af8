-- How a mail addresses its reader; the address alone is the key.
alter table assay.notice_mail add column name text not null default '';

-- What was held against a revision, each cause once: the signature of a
-- failure, or the name of a cell without one. So the gate knows what it told.
create table assay.gate_cause (
    run        bigint not null references assay.gate_run,
    cause      text not null check (cause <> ''),
    primary key (run, cause)
);
create trigger gate_cause_frozen before update or delete on assay.gate_cause
    for each row execute function assay.refuse_edit();
