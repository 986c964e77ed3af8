#!/bin/sh
# tests/flights/reuse-test.sh - jobs of a flight that share a prepared host: a
# real server, real assay-jobs, a real assayd, simulated hosts; and all that
# must keep a job from sharing.
set -u
# shellcheck source=tests/flights/sim.sh
. "$ASSAY_TOP_SRCDIR/tests/flights/sim.sh"

# make NAMES [OPTION...]: a flight of shared jobs on host a; its number is $f.
make()
{
    make_names=$1
    shift
    {
        printf 'flight: sim\nintended: play\nreuse: true\njobs:\n'
        for make_n in $make_names; do
            job "$make_n" shared a
        done
    } >"$ASSAY_HOME/flight.yaml"
    f=$(assay flight create "$@" "$ASSAY_HOME/flight.yaml")
}

# run JOB...: one after the other, by hand, as assayd would.
run()
{
    for run_job; do
        assay-job --no-wait "$f" "$run_job" >>"$ASSAY_HOME/jobs" 2>&1 || return
    done
}

begin()
{
    rm -f "$ASSAY_HOME/works-$1"
    touch "$ASSAY_HOME/hold-$1"
    assay-job --no-wait "$f" "$1" >>"$ASSAY_HOME/jobs" 2>&1 &
    runner=$!
    await 20 test -e "$ASSAY_HOME/works-$1"
}

# steps JOB: "testid=status" of each, and who stands for it.
steps()
{
    sql "select string_agg(testid || '=' || status
        || coalesce(':' || reused_job || '.' || reused_step, ''), ' '
        order by step) from assay.step where flight = $f and job = '$1'"
}

# ready: what host a has prepared.
ready()
{
    sql "select job || ' ' || wear from assay.prepared_ready where host = 'a'"
}

# gone: why it has not what this flight had.
gone()
{
    sql "select end_reason from assay.prepared where flight = $f
        order by prepared desc limit 1"
}

abort()
{
    sql "update assay.flight set abort_reason = 'test' where flight = $f"
}

other_flight()
{
    other=$(assay flight create --job one "$ASSAY_HOME/flight.yaml")
    assay-job --no-wait "$other" one
}

pgfix_start
pgfix_at_end 'assay service stop >/dev/null 2>&1'
add_hosts sim a b

# Shared ----------------------------------------------------------------------
make 'one two three four five'
run one
equal "$(steps one)/$(ready)" 'boot=pass work=pass/one 1'
ok 'the first job prepares the host, and leaves it'
run two
equal "$(steps two)/$(status_of "$f" two)" 'boot=reused:one.1 work=pass/pass'
ok 'the second goes on from there, and says so'
equal "$(sql "select log_bytes > 0 and log_path like '%.host-reuse.log'
    and exit_code is null from assay.step
    where flight = $f and job = 'two' and status = 'reused'")" t
ok 'with the log of the check'
equal "$(sql "select (select prepare_ms >= 300 from assay.job
    where flight = $f and job = 'one') and (select prepare_ms = 0
    from assay.job where flight = $f and job = 'two')")" t
ok 'what preparation took, and that it took nothing'
assay report "$f" --format text 2>/dev/null |
    grep -q 'boot .*reused .*step 1 of one'
ok 'the report names the step that stands for it'
run three
equal "$(steps three)" 'boot=reused:one.1 work=pass'
ok 'so does the third'
equal "$(ready)/$(gone)" '/not left by the job that used it: the job ended'
ok 'three is the limit: it leaves nothing'
run four five
equal "$(steps four) $(steps five)" \
    'boot=pass work=pass boot=reused:four.1 work=pass'
ok 'the fourth prepares the host anew'
equal "$(ready)" ''
ok 'nobody waits any more: nothing is left'

# What keeps a job from it ------------------------------------------------------
make 'one two three'
run one
touch "$ASSAY_HOME/refuse"
run two
rm "$ASSAY_HOME/refuse"
equal "$(steps two)/$(status_of "$f" two)/$(ready)" \
    'host-reuse=skip boot=pass work=pass/pass/two 1'
ok 'a check that does not agree: prepared anew, in the same job'
equal "$(sql "select reason like 'prepared anew: %another boot%' and lane is null
    from assay.step where flight = $f and testid = 'host-reuse'")" t
ok 'and no fault of anybody'
sql "update assay.prepared set harness = 'older' where ended_at is null"
run three
equal "$(steps three)/$(sql "select end_reason from assay.prepared
    where harness = 'older'")" \
    'boot=pass work=pass/another revision of the harness'
ok 'what another revision of the harness has prepared is not used'

make 'one two three'
touch "$ASSAY_HOME/fail-one" "$ASSAY_HOME/spoil-two"
run one
equal "$(steps one)/$(ready)/$(gone)" \
    'boot=pass work=fail//job one was fail'
ok 'a job that fails leaves nothing'
run two
equal "$(steps two)/$(status_of "$f" two)/$(ready)" 'boot=pass work=pass/pass/'
ok 'a job that spoils its host leaves nothing'
run three
equal "$(steps three)" 'boot=pass work=pass'
ok 'who comes after them starts fresh'
rm "$ASSAY_HOME/fail-one" "$ASSAY_HOME/spoil-two"

make 'one two three four'
run one
begin two
kill -9 "$runner"
wait "$runner" 2>/dev/null
rm "$ASSAY_HOME/hold-two"
run three
equal "$(status_of "$f" two) $(steps three)" 'broken boot=pass work=pass'
ok 'a runner that is killed leaves nothing'
begin four
sql "update assay.prepared set state = 'left' where ended_at is null"
kill -9 "$runner"
wait "$runner" 2>/dev/null
rm "$ASSAY_HOME/hold-four"
other_flight >/dev/null 2>&1
equal "$(ready)/$(gone)" \
    '/not left by the job that used it: its process is gone'
ok 'also between its last word and its end'

# What is done to the host -------------------------------------------------------
# each WHAT REASON COMMAND...: the second job starts fresh after the command.
each()
{
    each_what=$1 each_reason=$2
    shift 2
    make 'one two'
    run one
    equal "$(ready)" 'one 1' && "$@" >/dev/null 2>&1
    case $(gone) in
        *"$each_reason"*) ;;
        *) echo "# $(gone)" ; false ;;
    esac && equal "$(ready)" ''
    ok "gone when $each_what"
}
each 'the host is quarantined' 'the host is bad' \
    assay host quarantine a --why test
assay host release a --unchecked --why test >/dev/null
each 'it is booted by hand' 'booted again' \
    sql "insert into assay.boot (nonce, host, spec)
        values (md5(random()::text), 'a', '{}')"
each 'its file is new' "the host's file is new" \
    sql "update assay.host set config = '{\"x\": 1}' where host = 'a'"
each 'it is leased' '' assay host lease a --for 1h --why test
assay host return a >/dev/null
equal "$(ready)" ''
ok 'and stays so when it is back'
each 'its flight is aborted' '' abort
each 'another flight has it' 'given to job' other_flight
make 'one two'
run one
sql "insert into assay.host_property values ('a', 'xen_append', 'sched=null')"
run two
equal "$(steps two)" 'boot=pass work=pass'
ok 'another option of the host: prepared anew'

# Who asks for it ------------------------------------------------------------------
make 'one two' --fresh
run one two
equal "$(steps two)" 'boot=pass work=pass'
ok 'a flight may be fresh'
make 'one two' --runvar two:option=on
run one two
equal "$(steps two)" 'boot=pass work=pass'
ok 'a runvar that the preparation looks at makes another one'
make 'one two' --runvar two:other=on
run one two
equal "$(steps two)" 'boot=reused:one.1 work=pass'
ok 'one that it does not look at does not'

# Planned ----------------------------------------------------------------------------
# worn: of each job of $f, which use of what was prepared it is to be.
worn()
{
    assay plan --json | jq -r "[.jobs[] | select(.flight == $f)
        | if .worn then \"worn\" else .use end] | join(\" \")"
}
make 'a1 a2 a3 a4 a5 a6'
sql "update assay.flight set blessing = 'running' where flight = $f"
equal "$(worn)" '0 2 3 worn 2 3'
ok 'the plan knows that three is the limit'
assay plan | grep "$f.a5 " | grep -q 'prepared by job a4, saves .*, use 2 of 3'
ok 'and who of those that wait will have prepared it'
run a1 a2
equal "$(worn)" '3 worn 2 3'
ok 'and how many have used it by now'
assay plan why "$f" a4 | head -n 1 | grep -q 'worn out by 3 jobs: prepared anew'
ok 'a job is told why it starts fresh'
begin a3
equal "$(worn)" 'worn 2 3'
ok 'so it is with one at work'
rm "$ASSAY_HOME/hold-a3"
wait "$runner"
run a4
equal "$(worn) $(steps a4)" '2 3 boot=pass work=pass'
ok 'and what was predicted is what happens'
abort

{
    printf 'flight: sim\nintended: play\nreuse: true\njobs:\n'
    for name in one two; do
        job "$name" shared a
    done | sed 's/, host: a//'
} >"$ASSAY_HOME/flight.yaml"
f=$(assay flight create "$ASSAY_HOME/flight.yaml")
sql "update assay.flight set blessing = 'running' where flight = $f"
run one
host=$(sql "select host from assay.prepared_ready")
plan=$(assay plan)
echo "$plan" | grep "$f.two *now *$host " | grep -q 'prepared by job one, saves '
ok 'the plan puts a job where its host is prepared, and says what that saves'
assay plan --json | grep -q '"reuses": true'
ok 'also as JSON'
assay host show "$host" | grep -q 'prepared *ready, by job [0-9]*.one .*used by 1 of 3'
ok 'the host shows what it has prepared'
start_assayd && assay flight run --detach "$f" >/dev/null
await 30 ended "$f"
equal "$(outcome_of "$f")/$(steps two)" 'pass/play/boot=reused:one.1 work=pass'
ok 'assayd does what the plan says'
stop_assayd
all_free
ok 'no host is held'

# Left for nobody ----------------------------------------------------------------
cat >"$ASSAY_HOME/c.yaml" <<END
host: c
site: sim
arch: arm64
firmware: uefi
class: c
properties: { mac: "52:54:00:aa:00:0c" }
power: { driver: command, on: ["true"], status: [echo, "off"],
         off: [touch, "$ASSAY_HOME/off"] }
console: { driver: unix, path: /nonexistent }
netboot: { driver: ipxe }
provision: { driver: ramboot }
END
assay host add "$ASSAY_HOME/c.yaml" >/dev/null
sed 's/amd64/arm64/' "$ASSAY_HOME/flight.yaml" >"$ASSAY_HOME/arm.yaml"
f=$(assay flight create "$ASSAY_HOME/arm.yaml")
run one
sql "update assay.prepared set off = true where ended_at is null"
equal "$(assay host tend)/$(sql "select host from assay.prepared_ready")" /c
ok 'a host that a job waits for is left alone'
abort
equal "$(assay host tend)" 'c: switched off: nobody comes for what it has prepared'
ok 'one that nobody comes for is switched off'
equal "$(ls "$ASSAY_HOME/off")/$(sql "select count(*) from assay.prepared
    where ended_at is null")" "$ASSAY_HOME/off/0"
ok 'really, and it has nothing prepared any more'
all_free
ok 'nobody has it'

tap_end
