-- Notices: what somebody should hear of, and the mails that say it.

-- Written in the transaction that makes it true, once. It only grows.
create table assay.notice (
    notice     bigint generated always as identity primary key,
    key        text not null unique check (key ~ '^[0-9a-f]{64}$'),
                                            -- of kind, about and cause
    kind       text not null check (kind ~ '^[a-z]+$'),
    about      text not null check (about <> ''),
    cause      text not null,
    branch     text,
    subject    text not null check (subject <> ''),
    body       text not null,
    headers    jsonb not null default '[]', -- [NAME, VALUE] each
    people     jsonb not null default '[]', -- addresses beside the rules'
    confidence double precision check (confidence > 0 and confidence <= 1),
    created_at timestamptz not null default clock_timestamp(),
    -- A culprit is never named without saying how sure that is.
    constraint notice_confidence check (
        (kind = 'culprit') = (confidence is not null))
);
create trigger notice_frozen before update or delete on assay.notice
    for each row execute function assay.refuse_edit();
create trigger notice_wake after insert on assay.notice
    for each statement execute function assay.wake('notice');

-- The rules were applied: whoever shall hear of it has a row of its own below.
create table assay.notice_routed (
    notice     bigint primary key references assay.notice,
    at         timestamptz not null default clock_timestamp()
);

-- A notice to one address. 'sending' is written before the mail is handed
-- over; a sender that finds it there knows that another one died in between,
-- and that nobody can tell whether the mail went: that is 'unsure', and a
-- person's to send again.
create table assay.notice_mail (
    notice     bigint not null references assay.notice,
    address    text not null check (address <> ''),
    state      text not null default 'waiting' check (state in (
                   'waiting', 'sending', 'sent', 'failed', 'unsure')),
    attempts   int not null default 0,
    next_at    timestamptz not null default clock_timestamp(),
    begun_at   timestamptz,                 -- of the last attempt
    ended_at   timestamptz,
    reason     text not null default '',    -- why it was not sent (yet)
    primary key (notice, address),
    constraint notice_mail_begun check (
        (state in ('sending', 'sent', 'unsure')) <= (begun_at is not null)),
    constraint notice_mail_reason check (
        (state in ('failed', 'unsure')) <= (reason <> ''))
);
create index notice_mail_open on assay.notice_mail (next_at)
    where state in ('waiting', 'sending');
