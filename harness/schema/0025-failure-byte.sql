-- Where the line of a failure begins in its file, beside its number.
alter table assay.failure add column line_byte bigint;
