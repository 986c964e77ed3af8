#!/bin/sh
# tests/flights/gate-test.sh - the gate from end to end, on simulated hosts: real
# repositories, a real server, assayd and assay-jobs, decisions signed by a key
# of the test's own. Each revision is as good as a file says.
set -u
# shellcheck source=tests/flights/sim.sh
. "$ASSAY_TOP_SRCDIR/tests/flights/sim.sh"

output()
{
    git -C "$bare" rev-parse refs/heads/master
}

# gate ARGS...: $out has what it says, its status is the gate's.
gate()
{
    assay gate "$@" >"$ASSAY_HOME/out" 2>"$ASSAY_HOME/err"
    gate_status=$?
    out=$(cat "$ASSAY_HOME/out")
    return "$gate_status"
}

flights()
{
    sql 'select count(*) from assay.flight'
}

# The file of the last decision.
ruling()
{
    sql "select ruling from assay.gate_run where ruling is not null
        order by run desc limit 1"
}

pgfix_start
pgfix_at_end 'assay service stop >/dev/null 2>&1'
work=$ASSAY_HOME/work
bare=$ASSAY_HOME/bare.git
git init -q "$work"
git init -q --bare "$bare"
sql "insert into assay.host (host, arch, firmware, class, config, source)
    select h, 'amd64', 'bios', 'sim', '{}', 'sim' from unnest(
    array['a', 'b', 'c', 'd']) as h"
mkdir "$ASSAY_HOME/branches"

# flight NAME JOB...: a flight of these jobs; build-x is needed by the others.
flight()
{
    file=$ASSAY_HOME/branches/$1.yaml.flight
    shift
    printf 'flight: sim\nintended: real\njobs:\n' >"$file"
    for job; do
        printf '  - {job: %s, recipe: %s, hosts: {host: {arch: amd64}}' \
            "$job" "$sim/by-revision.yaml" >>"$file"
        case $job in
            build-*) ;;
            *) printf ', needs: [build-x]' >>"$file" ;;
        esac
        echo '}' >>"$file"
    done
}
flight smoke build-x quick
flight full build-x boot migrate
mv "$ASSAY_HOME/branches/smoke.yaml.flight" "$ASSAY_HOME/smoke.yaml"
mv "$ASSAY_HOME/branches/full.yaml.flight" "$ASSAY_HOME/full.yaml"
cat >"$ASSAY_HOME/branches/sim.yaml" <<END
branch: sim
trees:
  xen:
    url: $bare
    input: refs/heads/staging
    output: refs/heads/master
smoke: ../smoke.yaml
flight: ../full.yaml
END
export GNUPGHOME="$ASSAY_HOME/gpg"
mkdir -m 700 "$GNUPGHOME"
pgfix_at_end 'gpgconf --kill all'
gpg --batch --quiet --passphrase '' --quick-generate-key 'gate@example.org' \
    ed25519 sign never 2>/dev/null
ASSAY_LOG=info assay service start >/dev/null 2>&1
ok 'assayd serves'

# What cannot begin --------------------------------------------------------
gate run nobody
is 'a branch that is not there: exit 2' $? 2
gate run
is 'no branch: exit 2' $? 2
commit one
gate run sim
equal $? 1 && grep -q 'has no refs/heads/master' "$ASSAY_HOME/err" &&
    grep -q 'hint: begin with' "$ASSAY_HOME/err"
ok 'a branch without an output: exit 1, and what to do'
git -C "$work" push -q "$bare" HEAD:refs/heads/master
base=$rev
is 'no flight was made' "$(flights)" 0

# The baseline -------------------------------------------------------------
commit two
gate run sim
is 'an untested baseline is tested first' $? 0
is 'as itself, and nothing is pushed' \
    "$(output) $(sql 'select purpose, state, revision from assay.gate_run')" \
    "$base baseline|tested|$base"

# A good revision ----------------------------------------------------------
ASSAY_SIGN_KEY=gate@example.org
export ASSAY_SIGN_KEY
gate run sim
is 'a good revision: exit 0' $? 0
is 'is pushed' "$(output)" "$rev"
is 'and told' "$out" "sim: pushed $(echo "$rev" | cut -c 1-12): nothing blocks"
is 'the full flight does not build again' \
    "$(sql "select string_agg(job, ' ' order by job) from assay.job
    where flight = 4")" 'boot migrate'
is 'it needs the build of the smoke flight' \
    "$(sql "select distinct needs_flight || '.' || needs_job
    from assay.job_need where flight = 4")" '3.build-x'
is 'both flights know their revision' \
    "$(sql "select distinct t.revision || ' ' || v.value
    from assay.flight_tree t join assay.runvar v on v.flight = t.flight
    where t.flight in (3, 4) and v.name = 'revision_xen'")" "$rev $rev"
good=$(ruling)
gate verify "$good"
ok 'its decision is verified'
echo "$out" | grep -q "^sim: push xen $(echo "$rev" | cut -c 1-12)" &&
    echo "$out" | grep -q '^signed by [0-9A-F]\{40\} gate@example.org'
ok 'says what was decided, and who signed it'
env ASSAY_DB='host=/nowhere' ASSAY_HOME="$ASSAY_HOME/other" \
    assay gate verify "$good" >/dev/null
ok 'without a database, too'
sed 's/nothing blocks/nothing at all/' "$good" >"$ASSAY_HOME/changed"
gate verify "$ASSAY_HOME/changed"
equal $? 1 && grep -q 'was changed' "$ASSAY_HOME/err"
ok 'a changed decision is noticed'
gate verify --signer 0123456789ABCDEF "$good"
equal $? 1 && grep -q 'not by 0123456789ABCDEF' "$ASSAY_HOME/err"
ok 'another signer is asked for in vain'
before=$(flights)
gate run sim
equal $? 0 && equal "$(flights)" "$before" && grep -q 'up to date' "$ASSAY_HOME/err"
ok 'nothing new: nothing is done'

# A bad revision -----------------------------------------------------------
pushed=$rev
commit three
echo migrate/two >"$ASSAY_HOME/bad-$rev"
gate run sim
is 'a regression: exit 1' $? 1
is 'is not pushed' "$(output)" "$pushed"
gate verify "$(ruling)"
echo "$out" | grep -q "  failed   migrate two  fail, REGR. vs. 4, product:\
 migrate/two of $rev (flights/6/migrate/.*:1)"
ok 'its decision names the cell, the flight it passed in, and the line'
gate what-if --policy "$ASSAY_TOP_SRCDIR/results/policies/default.yaml" sim
echo "$out" | grep -q '^0 of 3 decisions would be others'
ok 'the same policy would decide the same'
printf 'policy: lax\nversion: 1\nrules:\n  - {rule: a, on: {failed: note}}\n' \
    >"$ASSAY_HOME/lax.yaml"
gate what-if --policy "$ASSAY_HOME/lax.yaml" sim
echo "$out" | grep -q '^1 of 3 decisions would be others'
ok 'a lax one would have pushed it'

is 'before it was decided, the job was run once more' \
    "$(sql "select f.blessing || ' ' || f.source || ' ' ||
    string_agg(j.job, ' ') from assay.flight f join assay.job j
    on j.flight = f.flight join assay.gate_run r
    on r.retest_flight = f.flight group by f.flight")" \
    'real-retest retest of flight 6 migrate'

gate what-if --json --policy "$ASSAY_HOME/lax.yaml" 4 6 7
is 'also of flights by their numbers' \
    "$(echo "$out" | jq -r '.[] | "\(.flight) \(.was) \(.would.decision)"')" \
    '4 push push
6 hold push
7 hold push'

# Levers -------------------------------------------------------------------
before=$(flights)
gate waive sim migrate two --passes 2
equal $? 2 && grep -q 'without a reason' "$ASSAY_HOME/err"
ok 'a waiver without a reason is refused'
gate waive sim migrate two --reason ' ' --passes 2
is 'blanks are no reason' $? 2
gate waive sim migrate two --reason 'known since 4.16'
equal $? 2 && grep -q 'has to end' "$ASSAY_HOME/err"
ok 'a waiver without an end is refused'
gate waive nobody migrate --reason x --passes 1
is 'so is one for a branch that is not there' $? 2
is 'nothing is in the log' "$(sql 'select count(*) from assay.gate_lever')" 0
gate waive sim 'migr@' two --reason 'known since 4.16' --author ann \
    --until-rc 4.17.0-rc1
ok 'a waiver'
gate run sim
equal $? 0 && equal "$(output)" "$rev"
ok 'has effect at once: what was held is pushed'
is 'without being tested again' "$(flights)" "$before"
gate verify "$(ruling)"
echo "$out" | grep -q 'waived   migrate two .*waived by lever 1'
ok 'the decision names the waiver'
gate status
echo "$out" | grep -q '^waiver debt: 1'
ok 'the status tells the debt'
pushed=$rev
commit four
echo migrate/two >"$ASSAY_HOME/bad-$rev"
# As bad as its baseline: no failure. But pass once, and it is one.
echo boot/one >>"$ASSAY_HOME/bad-$rev"
gate force-rev sim "$(echo "$rev" | cut -c 1-12)" --reason x
is 'a force does not guess a revision' $? 2
gate block sim --reason 'the release is being tagged' --author bob
gate force-rev sim "$rev" --reason 'fixes a security hole' --author bob
gate run sim
equal $? 1 && equal "$(output)" "$pushed"
ok 'a block holds, whoever forces'
grep -q 'blocked by lever 2 of bob' "$ASSAY_HOME/out"
ok 'and says who blocks'
gate unblock sim --reason 'it is tagged'
gate run sim
equal $? 0 && equal "$(output)" "$rev"
ok 'unblocked, the force pushes'
grep -q 'forced by lever 3 of bob' "$ASSAY_HOME/out"
ok 'and says who forced'
gate log sim
is 'the log has all of it' \
    "$(echo "$out" | awk 'NR > 1 {print $5}' | tr '\n' ' ')" \
    'waive block force-rev end end '
echo "$out" | grep -q 'assay, run [0-9]* *used up by a push'
ok 'also that the force is used up'
! sql "update assay.gate_lever set author = 'x'" 2>/dev/null &&
    ! sql 'delete from assay.gate_lever' 2>/dev/null
ok 'and cannot be edited'
git -C "$work" push -q "$bare" HEAD:refs/tags/4.17.0-rc1
gate withdraw 3 --reason x
equal $? 1 && grep -q 'taken back already' "$ASSAY_HOME/err"
ok 'what is used up cannot be taken back'

# Smoke, and the lab's faults ----------------------------------------------
pushed=$rev
commit five
echo quick/one >"$ASSAY_HOME/bad-$rev"
gate run sim
equal $? 1 && equal "$(output)" "$pushed"
ok 'a bad smoke: held'
is 'and the full flight is not made' \
    "$(sql "select flight is null and smoke_flight is not null from
    assay.gate_run order by run desc limit 1")" t
is 'the waiver ended with its release candidate' \
    "$(sql "select reason from assay.gate_lever where ends = 1")" \
    'its release candidate is out'
commit six
echo broken:migrate/one >"$ASSAY_HOME/bad-$rev"
gate run sim
equal $? 1 && grep -q ': 1 errored' "$ASSAY_HOME/out"
ok "the lab's fault holds it as errored, not as failed"
commit luck
echo once:migrate/one >"$ASSAY_HOME/bad-$rev"
gate run sim
equal $? 0 && equal "$(output)" "$rev"
ok 'what fails by chance, and passes when run again, is pushed'
gate verify "$(ruling)"
echo "$out" | grep -q 'excused  migrate one  fail, pass in [0-9]'
ok 'and the decision says so'

# What nobody believes does not hold a push, and is named ----------------------
commit sound
gate run sim
is 'a sound version' $? 0
assay flake quarantine migrate one --owner ann --reason 'races' >/dev/null
commit doubt
echo migrate/one >"$ASSAY_HOME/bad-$rev"
gate run sim
equal $? 0 && equal "$(output)" "$rev"
ok 'what is in quarantine does not hold a push'
gate verify "$(ruling)"
echo "$out" | grep -q \
    'excused  migrate one  fail, REGR. vs. .*allowed by quarantine 1 (ann)'
ok 'the decision says whose quarantine it is'
assay report "$(sql 'select max(flight) from assay.gate_run')" |
    grep -q 'quarantine 1 (ann)'
ok 'so does the report'
assay flake quarantine migrate one --end >/dev/null

# Coverage that is lost does not become the measure ------------------------------
commit less
echo skip:migrate/two >"$ASSAY_HOME/bad-$rev"
gate run sim
equal $? 1 && grep -q ': 1 missing' "$ASSAY_HOME/out"
ok 'what was covered and is skipped holds'
gate force-rev sim "$rev" --reason 'its host is in repair' --author bob
gate run sim
equal $? 0 && equal "$(output)" "$rev"
ok 'forced, it is pushed, and is the baseline'
pushed=$rev
commit lesser
echo skip:migrate/two >"$ASSAY_HOME/bad-$rev"
gate run sim
equal $? 1 && equal "$(output)" "$pushed"
ok 'the next without it is held, though the baseline did not cover it'
gate verify "$(ruling)"
echo "$out" | grep -q "missing  migrate two  flight [0-9]* passed it; here it\
 is skip"
ok 'the decision names a flight that did'
assay verdict "$(sql 'select max(flight) from assay.gate_run')" |
    grep -q 'coverage  .*; 1 lost before it, since flight [0-9]'
ok 'so does the verdict'

# Waivers that end by themselves -----------------------------------------------
# waived OPTION...: a regression is held, a waiver lets it through, a good
# version follows; then the next regression is held again.
waived()
{
    commit bad
    echo migrate/one >"$ASSAY_HOME/bad-$rev"
    gate run sim
    is "$*: held" $? 1
    gate waive sim migrate one --reason 'we know' "$@"
    gate run sim
    equal $? 0 && equal "$(output)" "$rev"
    ok "$*: waived"
    gate status
    echo "$out" | grep -q '^waiver debt: 1'
    ok "$*: it is owed"
}
commit good
gate run sim
is 'a good version' $? 0
waived --passes 1
commit good
gate run sim
is 'a waiver for one pass ended with it' \
    "$(sql 'select reason from assay.gate_lever order by lever desc limit 1')" \
    'it has passed often enough'
commit bad
echo migrate/one >"$ASSAY_HOME/bad-$rev"
gate run sim
is 'then it counts again' $? 1
issue=$(assay issue add 'races' "$(sql 'select max(flight) from assay.gate_run
    ')/migrate/one" --json | jq .issue)
commit good
gate run sim
waived --issue "$issue"
assay issue close "$issue" --branch sim --fix "$rev" >/dev/null
commit good
gate run sim
is 'a waiver for an issue ended when each branch had the fix' \
    "$(sql 'select reason from assay.gate_lever order by lever desc limit 1')" \
    'its issue is closed'
gate status
! echo "$out" | grep -q '^waiver debt: [1-9]'
ok 'nothing is owed'

pushed=$rev
git -C "$work" checkout -q "$base"
commit elsewhere
gate run sim
equal $? 1 && grep -q 'does not contain refs/heads/master' "$ASSAY_HOME/err"
ok 'an input that lost commits is refused'
git -C "$work" checkout -q "$pushed"

# Candidates ---------------------------------------------------------------
commit seven
sed 's/^flight: sim/candidate: x\n&/' "$ASSAY_HOME/full.yaml" \
    >"$ASSAY_HOME/full-c.yaml"
{ sed '/^smoke/d; s/full.yaml/full-c.yaml/' "$ASSAY_HOME/branches/sim.yaml"
  echo 'candidate: {name: "c-{short}", make: [./make, "{candidate}"]}'
} >"$ASSAY_HOME/new" && mv "$ASSAY_HOME/new" "$ASSAY_HOME/branches/sim.yaml"
# shellcheck disable=SC2016 # the script's own variables
printf '#!/bin/sh\necho "cannot build $ASSAY_REVISION"\nexit 3\n' \
    >"$ASSAY_HOME/branches/make"
chmod +x "$ASSAY_HOME/branches/make"
gate run sim
equal $? 1 && grep -q 'sim: failed .*exited with status 3' "$ASSAY_HOME/out"
ok 'a candidate that cannot be made: failed'
grep -q "cannot build $rev" "$ASSAY_HOME"/gate/sim/*.make.log
ok 'what its maker said is kept'
sed -i '/make:/s/, make.*]//' "$ASSAY_HOME/branches/sim.yaml"
gate run sim
equal $? 2 && grep -q "there is no candidate 'c-" "$ASSAY_HOME/err"
ok 'a candidate that nobody makes: exit 2'
sql "insert into assay.artefact values (repeat('0', 64), 0, 'x');
    with c as (insert into assay.candidate (name, source)
    values ('c-$(echo "$rev" | cut -c 1-12)', 's') returning candidate)
    insert into assay.candidate_part
    select candidate, 'amd64', 'xen', repeat('0', 64) from c" >/dev/null
gate run --no-wait sim
equal $? 0 && grep -q 'run the gate again' "$ASSAY_HOME/err"
ok 'once it is there the run goes on; --no-wait does not wait'

# All branches, one killed -------------------------------------------------
sed "s/branch: sim/branch: two/; s/^candidate.*//; s/full-c/full/
    s,refs/heads/master,refs/heads/second," "$ASSAY_HOME/branches/sim.yaml" \
    >"$ASSAY_HOME/branches/two.yaml"
git -C "$bare" update-ref refs/heads/second "$base"
assay gate run --all >"$ASSAY_HOME/out" 2>"$ASSAY_HOME/err" &
cli=$!
left=200
until grep -q '^two: full: flight' "$ASSAY_HOME/err" || [ "$left" -eq 0 ]; do
    left=$((left - 1))
    sleep 0.05
done
kill -KILL "$cli"
wait "$cli" 2>/dev/null
gate run --all
is 'all branches, after a kill: exit 0' $? 0
is 'one is pushed' "$(output)" "$rev"
is 'the other went on where it was' \
    "$(sql "select count(*), min(state) from assay.gate_run
    where branch = 'two'")" '1|tested'
gate status --json
echo "$out" | jq -e 'length == 2 and .[0].branch == "sim"
    and .[0].state == "pushed"' >/dev/null
ok 'the status as JSON'

tap_end
