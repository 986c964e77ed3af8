#!/bin/sh
# tests/flights/tend-test.sh - assay host tend: which hosts are checked, and what
# becomes of them; killed, and two at once; and a site that does it by itself,
# on simulated hosts.
set -u
sim=$ASSAY_TOP_SRCDIR/tests/flights/sim
# shellcheck source=tests/pgfix.sh
. "${ASSAY_TOP_SRCDIR:?}/tests/pgfix.sh"
pgfix_start
state() { sql "select state from assay.host where host = '$1'"; }
tend() { assay host tend 2>"$ASSAY_HOME/err"; }
# The last flight of a host's check.
flight() { sql "select max(flight) from assay.host_check where host = '$1'"; }
# FLIGHT STATUS LANE: as if it had run.
ends() {
    lane=null
    [ "$3" = - ] || lane="'$3'"
    sql "update assay.job set status = '$2', lane = $lane,
             started_at = clock_timestamp(), finished_at = clock_timestamp()
         where flight = $1;
         update assay.job_role set host = preset where flight = $1;
         update assay.flight set finished_at = clock_timestamp(),
             outcome = '$2' where flight = $1"
}
host() {                        # NAME CLASS MAC
    cat >"$ASSAY_HOME/$1.yaml" <<END
host: $1
site: sim
arch: amd64
firmware: bios
class: $2
properties: { mac: "52:54:00:aa:00:$3" }
power: { driver: command, on: ["true"], off: ["true"], status: [echo, "off"] }
console: { driver: unix, path: /nonexistent }
netboot: { driver: ipxe }
provision: { driver: ramboot }
END
    assay host add "$ASSAY_HOME/$1.yaml" >/dev/null
}
site() {
    mkdir -p "$ASSAY_HOME/sites"
    { echo 'site: sim'; cat; } >"$ASSAY_HOME/sites/sim.yaml"
}
sql "insert into assay.artefact values (repeat('1', 64), 1, 'xen');
     insert into assay.candidate (name, source) values ('known', 's');
     insert into assay.candidate_part select candidate, 'amd64', 'xen',
         repeat('1', 64) from assay.candidate"

# A site without a file, and one with a wrong file ------------------------------
host a c 01
is 'without a file a new host is good' "$(state a)" good
is 'and is not checked' "$(tend)" ''
sql "delete from assay.host"
site <<'END'
checks: { every: soon, candidate: x, branch: y }
END
host a c 01 2>"$ASSAY_HOME/err"
is 'a wrong file: exit 2' "$?" 2
is 'with its line' "$(head -n 1 "$ASSAY_HOME/err")" "assay: \
$ASSAY_HOME/sites/sim.yaml:2: 'soon' is no duration (90m, 24h)"
is 'and no host' "$(sql 'select count(*) from assay.host')" 0

# New hosts ---------------------------------------------------------------------
site <<END
checks: { candidate: known, recipe: $sim/blame.yaml, every: 1d, jobs: 3 }
END
host a c 01
host b c 02
host z lonely 03
is 'a new host is suspect' "$(state a)" suspect
is 'and it is said why' "$(assay host health a --json | jq -r '.[0].why')" \
    'no check has passed on it yet'
is 'not by who only ends leases' "$(assay host tend --only leases)" ''
is 'it is checked' "$(tend | sort | sed 's/flight [0-9]*/flight N/' |
    tr '\n' '|')" \
"a: is checked, flight N: no check has passed on it yet|\
b: is checked, flight N: no check has passed on it yet|\
z: is checked, flight N: no check has passed on it yet|"
is 'once' "$(tend)" ''
is 'by a flight of one job on it, before others' "$(sql "select recipe, preset,
    f.priority, f.blessing from assay.job join assay.job_role
    using (flight, job) join assay.flight f using (flight)
    where flight = $(flight a)")" "$sim/blame.yaml|a|-100|running"
is 'planned at once, though the host is suspect' \
    "$(assay plan --json | jq -r '[.jobs[] | .verdict] | join(" ")')" \
    'now now now'
ends "$(flight a)" fail product
is 'of a candidate that passed nowhere it proves nothing' \
    "$(tend)" "a: void: its check was fail, but its candidate has passed \
nowhere (flight $(flight a))"
is 'and is not made again for a while' "$(tend)" ''
ends "$(flight b)" pass -
is 'a check that passes makes it good' "$(tend)" \
    "b: good: its check passed (flight $(flight b))"
sql "update assay.host_check set ended_at = ended_at - interval '2h'"
is 'after a pause it is checked again' "$(tend | sed 's/flight [0-9]*/N/')" \
    'a: is checked, N: no check has passed on it yet'
ends "$(flight a)" fail product
is 'now the candidate is known to be good' "$(tend |
    sed 's/flight [0-9]*/N/')" 'a: suspect: its check was fail (N)
a: is checked, N: its last check was bad'
is 'one bad check is no proof' "$(state a)" suspect
ends "$(flight a)" fail product
is 'two in a row are' "$(tend)" \
    "a: bad: its check was fail (flight $(flight a))"
is 'it is bad' "$(state a)" bad
is 'and not checked' "$(tend)" ''
is 'somebody is to hear of it' "$(sql "select subject from assay.notice
    where about = 'host a' order by notice desc limit 1" 2>&1)" \
    'host a is bad, was suspect'

# Hosts in use ------------------------------------------------------------------
ends "$(flight z)" pass -
tend >/dev/null
ran() {                         # HOST STATUS LANE
    lane=null
    [ "$3" = - ] || lane="'$3'"
    new="currval(pg_get_serial_sequence('assay.flight', 'flight'))"
    f=$(sql "begin;
        insert into assay.flight (branch, blessing, intended, outcome,
            harness, source)
        values ('x', 'running', 'real', 'running', 'h', 's');
        insert into assay.job (flight, job, recipe, arch, status, lane,
            started_at, finished_at)
        values ($new, 'j', 'r', 'amd64', '$2', $lane, clock_timestamp(),
            clock_timestamp());
        insert into assay.job_role (flight, job, role, position, arch, host)
        values ($new, 'j', 'host', 0, 'amd64', '$1');
        update assay.flight set finished_at = clock_timestamp(),
            outcome = '$2' where flight = $new;
        select $new; commit")
}
ran b fail product
is "the product's failure is not suspect" "$(tend)" ''
ran b broken unknown
is 'a job that broke is' "$(tend)" "b: is checked, flight $(flight b): job j \
of flight $f was broken"
ends "$(flight b)" broken harness
is "a check that the harness broke says nothing" "$(tend | cut -d' ' -f1,2)" \
    'b: void:'
is 'and the host is used on' "$(state b)" good
sql "update assay.host_check set ended_at = ended_at - interval '2h'"
tend >/dev/null
ends "$(flight b)" pass -
tend >/dev/null
for _ in 1 2 3; do ran b pass -; done
is 'after so many jobs' "$(tend)" \
    "b: is checked, flight $(flight b): 3 jobs since the last check"
ends "$(flight b)" pass -
tend >/dev/null
sql "update assay.host_check set begun_at = begun_at - interval '3d',
         ended_at = ended_at - interval '24h' where host = 'z'"
is 'after so long' "$(tend)" \
    "z: is checked, flight $(flight z): the last check was 26 hours ago"
ends "$(flight z)" fail host
is 'the last of its class is spared, and named' "$(tend | head -n 1)" \
    "z: bad: its check was fail (flight $(sql "select max(flight)
        from assay.host_check where host = 'z' and ended_at is not null")); \
it stays in use, the last good one of its class"
is 'so it is good' "$(state z)" good
assay host quarantine z --as maintenance --why fan 2>/dev/null
is 'a check of a host that a person took away' "$(tend)" \
    "z: check ends: its state is maintenance"
is 'is aborted' "$(sql "select abort_reason from assay.flight
    where flight = $(flight z)")" 'the host is maintenance'

# What cannot be ----------------------------------------------------------------
site <<END
checks: { branch: main, recipe: $sim/blame.yaml, every: 1s }
END
sql "update assay.host_check set ended_at = ended_at - interval '2h'"
tend
is 'a branch whose gate let nothing through: exit 1' "$?" 1
is 'it says so' "$(grep -o 'the gate of.*' "$ASSAY_HOME/err")" \
    'the gate of branch main has let no candidate through yet'
sql "insert into assay.gate_run (branch, purpose, state, source, definition,
         tree, revision, old, baseline, trees, candidate, push, finished_at,
         decided_at, ruling_sha256, flight, author, harness)
     select 'main', 'candidate', 'pushed', 's', 'd', 'xen', r, r, r, '{}',
         candidate, true, now(), now(), 'x', $(flight b), 'a', 'h'
     from assay.candidate, repeat('1', 40) r" || echo '# no run'
is 'what it let through is known to be good' "$(tend | cut -d, -f1)" \
    'b: is checked'

# Killed, and two at once ---------------------------------------------------------
sql "update assay.job set status = 'aborted', lane = 'unknown',
         finished_at = now() where finished_at is null;
     update assay.flight set outcome = 'aborted', finished_at = now()
     where finished_at is null"
tend >/dev/null
i=10
while [ $i -lt 40 ]; do
    sql "insert into assay.host (host, site, arch, firmware, class, config,
         source, state) values ('h$i', 'sim', 'amd64', 'bios', 'many', '{}',
         's', 'suspect')"
    i=$((i + 5))
done
for ms in 005 010 015 020 025 030 040; do
    assay host tend >/dev/null 2>&1 &
    one=$!
    sleep 0.$ms
    kill -9 $one 2>/dev/null
done
wait 2>/dev/null
assay host tend >/dev/null 2>&1 &
one=$!
tend >/dev/null
wait $one
is 'killed and two at once: each host has one check' "$(sql "select
    count(*), count(distinct host) from assay.host_check
    where host ~ '^h'")" '6|6'
is 'and each flight is one' "$(sql "select count(*) from assay.flight f
    where branch = 'host-check' and (select count(*) from assay.host_check c
    where c.flight = f.flight) <> 1")" 0
sql "delete from assay.host_check where host ~ '^h';
     delete from assay.host where host ~ '^h'"

# By itself -----------------------------------------------------------------------
# shellcheck disable=SC2317 # await runs it
state_is() { [ "$(state "$1")" = "$2" ]; }
site <<END
checks: { candidate: known, recipe: $sim/blame.yaml }
END
sql "update assay.host set state = 'retired'"
host s own 09
pgfix_at_end 'assay service stop >/dev/null 2>&1'
assayd --no-console --no-web >"$ASSAY_HOME/assayd.log" 2>&1 &
tend >/dev/null
await 30 state_is s good
is 'a new host becomes good' "$(state s)" good
host t own 10
tend >/dev/null
await 30 state_is t good           # else s would be the last of its class
echo 'host s' >"$ASSAY_HOME/fault"
ran s broken unknown
await 30 state_is s bad
is 'one on which a job broke, and then two checks, bad' "$(state s)" bad
is 'with its history' "$(assay host health s --json |
    jq -r 'reverse | [.[] | .was + ">" + .state] | join(" ")')" \
    'new>suspect suspect>good good>suspect suspect>bad'
rm "$ASSAY_HOME/fault"
assay host release s --why mended >/dev/null
tend >/dev/null
await 30 state_is s good
is 'released, it is good after a check' "$(state s)" good

tap_end
