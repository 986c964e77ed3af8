#!/bin/sh
# tests/flights/retest-run-test.sh - assay flight retest, with a real server, assayd
# and jobs on simulated hosts: a bad version and a bad host are told apart, and
# what is known of a cause carries over.
set -u
# shellcheck source=tests/flights/sim.sh
. "$ASSAY_TOP_SRCDIR/tests/flights/sim.sh"

# fly CANDIDATE FAULT: a flight of it, ended; its number in $f.
fly()
{
    echo "$2" >"$ASSAY_HOME/fault"
    {
        printf 'flight: sim\nbranch: sim\nintended: play\njobs:\n'
        echo "  - {job: one, recipe: $sim/blame.yaml, candidate: $1,"
        echo "     hosts: {host: {arch: amd64, host: a}}}"
    } >"$ASSAY_HOME/flight.yaml"
    assay flight run "$ASSAY_HOME/flight.yaml" >"$ASSAY_HOME/out" 2>/dev/null
    f=$(sed -n '$s/^flight \([0-9]*\): .*/\1/p' "$ASSAY_HOME/out")
}

retest()
{
    timeout 120 assay flight retest "$@" >"$ASSAY_HOME/out" \
        2>"$ASSAY_HOME/err"
}

pgfix_start
pgfix_at_end 'assay service stop >/dev/null 2>&1'
sql "insert into assay.host (host, arch, firmware, class, config, source)
    select h, 'amd64', 'bios', 'sim', '{}', 'sim'
    from unnest('{a,b}'::text[]) h;
    insert into assay.artefact values (repeat('1', 64), 1, 'xen');
    insert into assay.candidate (name, source) values ('old', 's'),
        ('new', 's');
    insert into assay.candidate_part select candidate, 'amd64', 'xen',
        repeat('1', 64) from assay.candidate"
assayd --no-console --no-web >"$ASSAY_HOME/assayd.log" 2>&1 &

for _ in 1 2 3; do fly old none; done
is 'the old version passes' "$(sed -n '$s/.*: //p' "$ASSAY_HOME/out")" pass
good=$f

fly new 'candidate new'
is 'a failure has its signature when its job ends' \
    "$(sql "select component || ' ' || pattern from assay.failure
    join assay.signature using (signature) where flight = $f")" 'xen xen-bug'
retest "$f" --no-wait
is 'a retest begins: exit 3' $? 3
retest "$f"
is 'a bad version: exit 1' $? 1
is 'it is the product, against the last good flight' \
    "$(sql "select cause || ' ' || good_flight from assay.blame
    where flight = $f")" "product $good"
is 'the sibling was asked too' \
    "$(sql "select count(*) > 1 from assay.blame_run r
    join assay.job_role o on o.flight = r.run_flight and o.job = r.run_job
    where r.flight = $f and r.source = 'retest' and o.host = 'b'")" t
runs=$(sql "select count(*) from assay.flight")
retest "$f" --json
is 'again: the same answer, and no further run' \
    "$(grep -c '"product": 1' "$ASSAY_HOME/out") $(sql 'select count(*)
    from assay.flight')" "1 $runs"
assay report "$f" 2>&1 | grep -q product
ok 'a report is made'
assay issue add 'Xen BUG in spinlock.c' "$f/one" >/dev/null
ok 'it becomes a known issue'

fly new 'host a'
assay issue show 1 >"$ASSAY_HOME/out"
grep -q "^seen     *$f/one/boot" "$ASSAY_HOME/out"
ok 'which carries over to the next failure that says the same'
retest "$f"
is 'a bad host: exit 0, it is the host' \
    $?:"$(sql "select cause from assay.blame where flight = $f")" 0:host
is 'the host gets a mark' \
    "$(sql "select host from assay.host_mark where flight = $f")" a
assay flake hosts | grep -q '^a .*new-sibling: 0 of'
ok 'which is listed with its reason'
assay issue close 1 --branch sim --fix abc >"$ASSAY_HOME/out"
is 'fixed on the branch that showed it' "$(cat "$ASSAY_HOME/out")" \
    'issue 1: fixed'
assay flake show one --json >"$ASSAY_HOME/out"
grep -q '"class": "sim"' "$ASSAY_HOME/out"
ok 'its pass rate is known'

tap_end
