-- Builds from git: what was made of which inputs, or why it could not be.

create table assay.build (
    build      bigint generated always as identity primary key,
    key        text not null check (key ~ '^[0-9a-f]{64}$'),
    recipe     text not null,
    arch       text not null,
    inputs     jsonb not null,              -- 'key' is their SHA-256
    status     text not null check (status in ('pass', 'fail')),
    step       text,                        -- the one that failed
    reason     text,                        -- the first error
    log        text not null references assay.artefact,
    elapsed_ms bigint not null,
    harness    text not null,
    node       text not null,
    created_at timestamptz not null default clock_timestamp(),
    constraint build_says_why check ((status = 'fail') = (reason is not null))
);
create index build_by_key on assay.build (key, build desc);

create table assay.build_part (
    build  bigint not null references assay.build,
    part   text not null,
    sha256 text not null references assay.artefact,
    primary key (build, part)
);

-- What was built is evidence, as what was tested with it.
create trigger build_frozen before update or delete on assay.build
    for each row execute function assay.refuse_edit();
create trigger build_part_frozen before update or delete on assay.build_part
    for each row execute function assay.refuse_edit();
