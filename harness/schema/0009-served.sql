-- What a host was really given to boot by DHCP, as the server's log says.
create table assay.netboot_served (
    served bigint generated always as identity primary key,
    host   assay.name not null references assay.host on delete cascade,
    at     timestamptz not null default clock_timestamp(),
    way    text not null check (way in ('dhcp', 'proxy')),
    vendor text not null,               -- the client's vendor class, or ''
    file   text not null                -- of the loader, or a URL
);
create index netboot_served_by_host on assay.netboot_served (host, served);
