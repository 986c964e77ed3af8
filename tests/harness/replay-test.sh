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

# Where and when each job runs ---------------------------------------------------

# places RUN OPTION...: the jobs of day $day, "FLIGHT.JOB START-END HOST", by
# minutes, of the RUNth column.
places()
{
    places_run=$1
    shift
    assay sim --replay "2026-11-$day..2026-11-${day}T23:00:00Z" --jobs \
        --json "$@" >places.json || return
    sql "select string_agg((p->>'flight') || '.' || (p->>'job') || ' '
        || ((p->>'start_ms')::bigint - (x->>'from_ms')::bigint) / 60000 || '-'
        || ((p->>'end_ms')::bigint - (x->>'from_ms')::bigint) / 60000 || ' '
        || (p->'hosts'->>0) || case when (p->>'reused')::bool then ' reused'
        else '' end || case (p->>'gave_way')::int when 0 then ''
        else ' gave ' || (p->>'gave_way') end, ', '
        order by p->>'flight', p->>'job')
        from (select '$(cat places.json)'::jsonb as x) j,
        jsonb_array_elements(x->'runs'->$places_run->'places') p"
}

# made FLIGHT BRANCH CREATED [PRIORITY]; ran FLIGHT JOB STATUS HOST FROM TO:
# what happened on day $day.
made()
{
    sql "insert into assay.flight (flight, branch, blessing, intended,
            harness, created_at, priority) overriding system value
        values ($1, '$2', 'real', 'real', 'h', '2026-11-$day $3', ${4:-0})"
}

ran()
{
    sql "insert into assay.job (flight, job, recipe, status, lane, arch,
            harness, started_at, finished_at)
        values ($1, '$2', 'r-$2', '$3', case '$3' when 'fail' then 'product'
            end, 'amd64', 'h', '2026-11-$day $5', '2026-11-$day $6');
        insert into assay.job_role (flight, job, role, position, arch,
            same_class, host)
        values ($1, '$2', 'host', 1, 'amd64', 0, '$4')"
}

# policy NAME LINE...: its file.
policy()
{
    policy_file=$1.yaml
    printf 'policy: %s\nlengths: exact\n' "$1" >"$policy_file"
    shift
    [ $# -eq 0 ] || printf '%s\n' "$@" >>"$policy_file"
}

# Nobody has x2 on that day.
leased()
{
    sql "insert into assay.host_window (host, kind, from_at, until_at, who,
            why)
        values ('x2', 'lease', '2026-11-$day 00:00', '2026-11-$day 23:59',
            'eve', 'bug')"
}
policy now

# A test failed on x1 the day before. x1 is taken for 50 minutes when it comes
# again: it would be over there 49 minutes later than on x2, which is of its
# class, and that is worth 2 hours less 1 hour. It fails again, and comes a
# third time.
day=02
made 20 stick 20:00
ran 20 t fail x1 20:00 20:10
day=03
made 21 busy 00:00
ran 21 busy pass x1 00:00 00:50
sql "update assay.job_role set preset = 'x1' where flight = 21"
made 22 stick 00:01
ran 22 t fail x1 00:50 01:00
made 23 stick 02:00
ran 23 t pass x1 02:00 02:10
is 'a failure goes back to its host, as it did' "$(places 1 --policy now.yaml)" \
    '21.busy 0-50 x1, 22.t 50-60 x1, 23.t 120-130 x1'
is 'all starts are as recorded' "$(places 0)" \
    "$(places 1 --policy now.yaml)"
policy brief 'failed: 30m' 'alike: 0s'
is 'for half an hour: not, and so the next one goes where it failed then' \
    "$(places 1 --policy brief.yaml)" \
    '21.busy 0-50 x1, 22.t 1-11 x2, 23.t 120-130 x2'
policy alike 'alike: 90m'
is 'one of its class will do, if that is worth more' \
    "$(places 1 --policy alike.yaml)" \
    '21.busy 0-50 x1, 22.t 1-11 x2, 23.t 120-130 x2'
policy smoke 'branches: [ { branch: "st*", sticky: false } ]'
has 'smoke takes what is free' "$(places 1 --policy smoke.yaml)" '22.t 1-11 x2'
# It passed, and x2 is the one that is taken. Who passes goes round: x2, where it
# has never been, is worth 1 minute, or 90; x1, where it was 4 hours ago, a
# thirtieth of that.
sql "update assay.job set status = 'pass', lane = null
        where flight in (20, 22) and job = 't';
    update assay.job_role set preset = 'x2', host = 'x2' where flight = 21"
is 'a pass takes what is free' "$(places 1 --policy now.yaml)" \
    '21.busy 0-50 x2, 22.t 1-11 x1, 23.t 120-130 x2'
policy round 'rotate: 90m'
is 'or goes round, if that is worth the wait' \
    "$(places 1 --policy round.yaml)" \
    '21.busy 0-50 x2, 22.t 50-60 x2, 23.t 120-130 x1'

# Three jobs share what takes 20 minutes to prepare; there is one host.
day=04
leased
made 30 share 00:00
ran 30 p1 pass x1 00:00 00:30
ran 30 p2 pass x1 00:30 00:40
ran 30 p3 pass x1 00:40 00:50
sql "update assay.job set setup = 's', setup_uses = 3, prepare_ms =
    case job when 'p1' then 1200000 else 0 end where flight = 30"
is 'a prepared host is gone on from, as it was' \
    "$(places 1 --policy now.yaml)" \
    '30.p1 0-30 x1, 30.p2 30-40 x1 reused, 30.p3 40-50 x1 reused'
is 'all are as recorded' "$(places 0)" "$(places 1 --policy now.yaml)"
sql "update assay.job set setup_uses = 2 where flight = 30"
is 'two may use it: the third prepares it anew' \
    "$(places 1 --policy now.yaml)" \
    '30.p1 0-30 x1, 30.p2 30-40 x1 reused, 30.p3 40-70 x1'
sql "update assay.job set setup_uses = 3 where flight = 30"
policy two 'more: [ { like: x1, count: 1 } ]'
out=$(places 1 --policy two.yaml)
is 'with another host two prepare one each, the third finds it' \
    "$(echo "$out" | sed 's/ x1\(+1\)*//g')" \
    '30.p1 0-30, 30.p2 0-30, 30.p3 30-40 reused'
sql "update assay.job set status = 'fail', lane = 'product'
    where flight = 30 and job = 'p1'"
is 'a failure leaves nothing' "$(places 1 --policy now.yaml)" \
    '30.p1 0-30 x1, 30.p2 30-60 x1, 30.p3 60-70 x1 reused'
sql "update assay.job set status = 'pass', lane = null where flight = 30
    ; insert into assay.runvar (flight, job, name, value, origin)
    values (30, 'p2', 'spoiled', 'a disk', 'result')"
is 'nor does who has spoiled it' "$(places 1 --policy now.yaml)" \
    '30.p1 0-30 x1, 30.p2 30-40 x1 reused, 30.p3 40-70 x1'

# A soak of 3 hours has the only host when releases come.
day=05
leased
made 40 soak 00:00
ran 40 soak pass x1 00:00 03:00
sql "update assay.job set preemptable = true where flight = 40"
made 41 top 01:00 -5
ran 41 rel pass x1 03:00 03:10
made 42 top 01:40 -5
ran 42 rel pass x1 03:10 03:20
policy peace 'gives_max: 0'
is 'nobody gave way' "$(places 1 --policy peace.yaml)" \
    '40.soak 0-180 x1, 41.rel 180-190 x1, 42.rel 190-200 x1'
is 'all are as recorded then' "$(places 0)" \
    "$(places 1 --policy peace.yaml)"
is 'with the usual policy it gives way, a minute after it is told, twice' \
    "$(places 1 --policy now.yaml)" \
    '40.soak 111-291 x1 gave 2, 41.rel 61-71 x1, 42.rel 101-111 x1'
has 'which is counted' "$(cat places.json)" '"gave_way": 2'
policy once 'gives_max: 1'
is 'once: then it is left in peace' "$(places 1 --policy once.yaml)" \
    '40.soak 71-251 x1 gave 1, 41.rel 61-71 x1, 42.rel 251-261 x1'
policy gain 'gain: 2h'
is 'only for a start that is so much sooner' \
    "$(places 1 --policy gain.yaml)" \
    '40.soak 0-180 x1, 41.rel 180-190 x1, 42.rel 190-200 x1'
policy group 'branches: [ { branch: top, preempts: false } ]'
has 'and not for a group that does not ask for it' \
    "$(places 1 --policy group.yaml)" '40.soak 0-180 x1'
sql "update assay.job set preemptable = false where flight = 40"
has 'nor who is not preemptable' "$(places 1 --policy now.yaml)" \
    '40.soak 0-180 x1'

# It gave way really: only its last attempt is a run.
day=06
leased
made 50 soak 00:00
ran 50 soak pass x1 01:11 04:11
made 51 top 01:00 -5
ran 51 rel pass x1 01:01 01:11
sql "update assay.job set preemptable = true where flight = 50;
    with t as (insert into assay.task (kind, refkey, harness, node, node_key,
            pid, pid_start, backend, ended_at)
        select 'job', k::text, 'h', 'n', 'k', 1, 1, 1, now()
        from generate_series(1, 2) k returning task, refkey),
    a as (insert into assay.allocation (host, task, flight, job, role,
            begun_at, ended_at)
        select 'x1', task, 50, 'soak', 'host',
            timestamptz '2026-11-06 00:00' + (refkey::int - 1)
                * interval '71 minutes',
            case refkey when '1' then timestamptz '2026-11-06 01:01'
            else '2026-11-06 04:11' end from t),
    g as (insert into assay.give_way (task, flight, job, for_flight, for_job,
            asked_at, gave_at, steps)
        select task, 50, 'soak', 51, 'rel', '2026-11-06 01:00',
            '2026-11-06 01:01', '[]' from t where refkey = '1')
    update assay.job set task = t.task from t
    where flight = 50 and refkey = '2'"
is 'what gave way does so again, at the same time' \
    "$(places 1 --policy now.yaml)" \
    '50.soak 71-251 x1 gave 1, 51.rel 61-71 x1'
is 'all are as recorded' "$(places 0)" "$(places 1 --policy now.yaml)"
has 'in words' "$(assay sim --replay 2026-11-06..2026-11-07 --jobs \
    --policy now.yaml)" '11-06 01:11:00 x1 gave way 1'

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
