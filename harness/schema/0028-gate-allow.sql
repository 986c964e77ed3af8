-- What excused failures when a gate decided: [{"job":..,"testid":..,
-- "source":..}], allow files and quarantines as they were. Null: not known.
alter table assay.gate_run add column allow jsonb;
