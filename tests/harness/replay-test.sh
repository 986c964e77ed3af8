#!/bin/sh
# assay sim --replay: a past of two hosts, worked out by hand. A long job of
# one host came first, then a pair, then a short job; the lab served them in
# this order although the short one would have fitted in before the pair.
set -u
# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"

sim() { assay sim --replay 2026-11-01..2026-11-02 "$@" 2>&1; }
# A figure of each column of an answer in JSON.
figure() { # KEY JSON
    printf '%s\n' "$2" | sed -n "s/^ *\"$1\": \([0-9.]*\),*\$/\1/p" |
        paste -sd' '
}

pgfix_start
cd "$ASSAY_HOME" || exit 1
sql "
insert into assay.host (host, arch, firmware, class, state, config, source)
    values ('x1', 'amd64', 'bios', 'x', 'good', '{}', 't'),
    ('x2', 'amd64', 'bios', 'x', 'good', '{}', 't'),
    ('a1', 'arm64', 'uefi', 'a', 'bad', '{}', 't');
insert into assay.flight (branch, blessing, intended, harness, created_at)
    values ('dev', 'real', 'real', 'h', '2026-11-01 00:00'),
    ('rc', 'real', 'real', 'h', '2026-11-01 00:01'),
    ('rc', 'real', 'real', 'h', '2026-11-02 00:00');
insert into assay.job (flight, job, recipe, status, lane, arch, harness,
    started_at, finished_at)
    values (1, 'long', 'l', 'pass', null, 'amd64', 'h',
        '2026-11-01 00:00', '2026-11-01 01:00'),
    (1, 'pair', 'p', 'pass', null, 'amd64', 'h',
        '2026-11-01 01:00', '2026-11-01 01:30'),
    (2, 'short', 's', 'fail', 'product', 'amd64', 'h',
        '2026-11-01 01:30', '2026-11-01 01:40'),
    (2, 'build', 'b', 'pass', null, 'amd64', 'h',
        '2026-11-01 00:01', '2026-11-01 00:02'),
    (2, 'arm', 's', 'starved', null, 'arm64', 'h', null,
        '2026-11-01 02:00'),
    (2, 'open', 's', 'queued', null, 'amd64', 'h', null, null),
    (3, 'later', 's', 'queued', null, 'amd64', 'h', null, null);
insert into assay.job_role (flight, job, role, position, arch, same_class,
    host)
    values (1, 'long', 'host', 1, 'amd64', 0, 'x1'),
    (1, 'pair', 'src', 1, 'amd64', 1, 'x1'),
    (1, 'pair', 'dst', 2, 'amd64', 1, 'x2'),
    (2, 'short', 'host', 1, 'amd64', 0, 'x2'),
    (2, 'arm', 'host', 1, 'arm64', 0, null),
    (2, 'open', 'host', 1, 'amd64', 0, null);
insert into assay.job_need values (2, 'short', 2, 'build')" ||
    { echo 'Bail out! no lab'; exit 1; }

printf 'policy: known\norder: fcfs\nlengths: exact\n' >known.yaml
{ cat known.yaml; printf 'more: [ { like: x1, count: 1 } ]\n'; } >more.yaml
{ cat known.yaml; printf 'without: [ x2 ]\n'; } >less.yaml
cat >first.yaml <<'END'
policy: rc-first
description: release candidates go first, on at most one host
order: fcfs
lengths: exact
branches:
  - { branch: "r?", priority: -5, share: 2, hosts_max: 1 }
  - { branch: "*", share: 1, percent_max: 100 }
END

# The short job needs the build, which is over after a minute: it waits 60 s.
out=$(sim --policy known.yaml --json)
is 'what happened, and what would have' "$(figure wait_mean "$out")" \
    '2980.0 1220.0'
is 'the longest wait' "$(figure wait_max "$out")" '5340.0 3600.0'
is 'jobs that needed hosts' "$(figure jobs "$out")" '3 3'
is 'makespan' "$(figure makespan "$out")" '6000.0 5400.0'
has 'hosts in use' "$out" '"hosts": 2'
has 'what is not over is counted' "$out" '"jobs_open": 1'
has 'so is what never ran' "$out" '"jobs_never_ran": 1'
has 'whose policy' "$out" '"policy": "known"'
out=$(sim --policy known.yaml --policy more.yaml --policy less.yaml --json)
is 'one host more, one less' "$(figure wait_mean "$out")" \
    '2980.0 1220.0 580.0 1770.0'
is 'the pair has no hosts then' "$(figure jobs_without_hosts "$out")" \
    '0 0 0 1'
is 'a branch that goes first' \
    "$(figure wait_mean "$(sim --policy first.yaml --json)")" '2980.0 1220.0'
out=$(sim)
has 'text' "$out" 'recorded'
has 'the policy in force' "$out" 'in-force'
has 'text: what is left out' "$out" 'without 1 that never had hosts'

# A policy of the pool: one host at a time for a group of two patterns. The pair
# has no hosts then, the long job none after the short one.
cat >pool.yaml <<'END'
pool: lab
groups:
  - { group: all, branches: ["d*", "r*"], hosts_max: 1 }
END
out=$(sim --policy pool.yaml --json)
is 'a policy of the pool: jobs that have no hosts' \
    "$(figure jobs_without_hosts "$out")" '0 1'
has 'and its name' "$out" '"policy": "pool.yaml"'
printf 'pool: lab\ngroups: 1\n' >bad.yaml
has 'a wrong one: its line' "$(sim --policy bad.yaml)" 'bad.yaml:2'
assay plan policy pool.yaml >/dev/null
is 'the policy that is in force' \
    "$(figure jobs_without_hosts "$(sim --json)")" '0 1'

# What a job asks of its host. Else a short job ends before the pair begins.
sql "insert into assay.host_property values ('x1', 'memory_mb', '8192'),
    ('x2', 'memory_mb', '4096')
    ; update assay.job_role set wants = '{memory_mb>=8000}', host = 'x1'
    where job = 'short'"
is 'a job waits for a host with its property' \
    "$(figure wait_mean "$(sim --policy known.yaml --json)")" \
    '2980.0 2980.0'
sql "update assay.job_role set wants = '{}' where job = 'short'"

# A pair that shall have other hosts than the long job: there are none left.
sql "update assay.job set diverse = 'd' where flight = 1"
is 'jobs that are to be diverse' \
    "$(figure jobs_without_hosts "$(sim --policy known.yaml --json)")" '0 1'
sql "update assay.job set diverse = null where flight = 1"

sql "insert into assay.host_window (host, kind, from_at,
    until_at, who, why, ended_at) values ('x2', 'lease',
    '2026-11-01 00:00', '2026-11-01 09:00', 'eve', 'bug',
    '2026-11-01 00:06')"
is 'a lease stays where it was' \
    "$(figure wait_max "$(sim --policy known.yaml --json)")" '5340.0 3600.0'
is 'and the short job waits for its end' \
    "$(figure wait_mean "$(sim --policy known.yaml --json)")" \
    '2980.0 1300.0'

has 'nothing then' "$(assay sim --replay 2025-01-01..2025-01-02 2>&1)" \
    'no job of a flight made then is over'
has 'no range' "$(assay sim --replay 2026-11-01 2>&1)" 'not FROM..TO'
has 'no such day' "$(assay sim --replay 2026-02-31..2026-03-01 2>&1)" \
    'not FROM..TO'
has 'which jobs' "$(assay sim 2>&1)" 'say --trace FILE or --replay'
printf 'policy: a\norder: best\nlengths: exact\nrounds: -1\n' >bad.yaml
has 'a bad policy: the line' "$(sim --policy bad.yaml)" \
    "bad.yaml:2: 'best' is neither assay nor fcfs"
has 'and the others' "$(sim --policy bad.yaml)" 'bad.yaml:4:'
printf 'policy: a\nprioritise: x\n' >bad.yaml
has 'an unknown key' "$(sim --policy bad.yaml)" 'bad.yaml:2'
printf 'policy: a\nwithout: [ a1 ]\n' >bad.yaml
has 'a host that was not in use' "$(sim --policy bad.yaml)" \
    'host a1 was not in use then'
has 'no such file' "$(sim --policy none.yaml)" 'none.yaml'
tap_end
