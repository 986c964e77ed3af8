-- What firmware and boot loaders said of themselves: a row a boot and source,
-- or more when they said more than one line. 'boot' is a nonce, of a flight
-- that came from elsewhere one that is in no table here. Only grows.
create table assay.boot_firmware (
    firmware bigint generated always as identity primary key,
    boot     text not null,
    flight   bigint,
    job      text,
    host     text not null,
    source   text not null check (source in ('console', 'smbios')),
    said     text not null check (said <> '' and length(said) <= 800),
    at       timestamptz not null default clock_timestamp(),
    unique (boot, source, said)
);
create index boot_firmware_by_job on assay.boot_firmware (flight, job);
create trigger boot_firmware_frozen before update or delete
    on assay.boot_firmware
    for each row execute function assay.refuse_edit();
