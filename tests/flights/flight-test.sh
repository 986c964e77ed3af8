#!/bin/sh
# tests/flights/flight-test.sh - flights on simulated hosts: a real server, a
# real assayd and real assay-jobs, whose steps do nothing or wait. What is
# killed, and that the flight still ends truly with its hosts free.
set -u
# shellcheck source=tests/flights/sim.sh
. "$ASSAY_TOP_SRCDIR/tests/flights/sim.sh"

# The verdict of the last line, with $f.
verdict()
{
    f=$(sed -n '$s/^flight \([0-9]*\): .*/\1/p' "$ASSAY_HOME/out")
    sed -n '$s/^flight [0-9]*: //p' "$ASSAY_HOME/out"
}

pgfix_start
pgfix_at_end 'assay service stop >/dev/null 2>&1'
add_hosts sim a b c
start_assayd
ok 'assayd serves'

# A flight that passes -----------------------------------------------------
{ job one quick a; job two quick b; job three quick a; job four quick c one
} | flight pass
assay flight run "$ASSAY_HOME/pass.yaml" >"$ASSAY_HOME/out" 2>"$ASSAY_HOME/err"
ok 'a flight passes: exit 0'
verdict >"$ASSAY_HOME/verdict"
is 'its last line is the verdict' "$(cat "$ASSAY_HOME/verdict")" pass
report=$(sed -n 's/^report: //p' "$ASSAY_HOME/out")
[ -s "$report" ]
ok 'and the line before names a report that is there'
grep -q '^one: 1 one: pass' "$ASSAY_HOME/err"
ok 'a step is one line of its progress'
is 'it is blessed as it was intended' "$(outcome_of "$f")" 'pass/play'
is 'its JSON has every step' \
    "$(assay flight show "$f" --json | grep -c '"testid":')" 8
await 20 all_free
ok 'its hosts are free'
is 'a job starts after what it needs' \
    "$(sql "select count(*) from assay.job a, assay.job b where a.flight = $f
    and b.flight = $f and a.job = 'one' and b.job = 'four'
    and b.started_at < a.finished_at")" 0
assay logs "$f" one two --path | grep -q "^$ASSAY_HOME/flights/$f/one/"
ok 'the log of a step has a place'
assay job show "$f" one | grep -q 'host: a'
ok 'a job shows its host'
assay flight list | grep -q 'pass.*play'
ok 'the list has it'

# A need that fails --------------------------------------------------------
{ job bad failing a; job good quick b; job behind quick a bad
  job far quick b behind; } | flight fail
assay flight run "$ASSAY_HOME/fail.yaml" >"$ASSAY_HOME/out" 2>/dev/null
is 'a flight with a failure: exit 1' $? 1
verdict >"$ASSAY_HOME/verdict"
is 'says so' "$(cat "$ASSAY_HOME/verdict")" fail
is 'what needs a failure is blocked, what does not passes' \
    "$(status_of "$f" behind) $(status_of "$f" far) $(status_of "$f" good)" \
    'blocked blocked pass'
sql "select reason from assay.job where flight = $f and job = 'behind'" |
    grep -q 'needs bad, which is fail'
ok 'the reason names it'
is 'nothing of a blocked job was run' \
    "$(sql "select count(*) from assay.step where flight = $f
    and job in ('behind', 'far')")" 0

# A wrong file -------------------------------------------------------------
printf 'flight: x\nintended: play\njobs:\n  - job: a\n    recipe: smoke\n' \
    >"$ASSAY_HOME/wrong.yaml"
assay flight run "$ASSAY_HOME/wrong.yaml" >/dev/null 2>"$ASSAY_HOME/err"
is 'a wrong file: exit 2' $? 2
grep -q "$ASSAY_HOME/wrong.yaml:4: recipe 'smoke' needs a host" \
    "$ASSAY_HOME/err"
ok 'with its line'
{ job a quick a; echo '    candidate: nobody'; } | flight wrong
assay flight create "$ASSAY_HOME/wrong.yaml" >/dev/null 2>"$ASSAY_HOME/err"
is 'an unknown candidate: exit 2' $? 2
grep -q "wrong.yaml:7: there is no candidate 'nobody'" "$ASSAY_HOME/err"
ok 'with its line'
job a quick nobody | flight wrong
assay flight create "$ASSAY_HOME/wrong.yaml" >/dev/null 2>"$ASSAY_HOME/err"
is 'an unknown host: exit 2' $? 2
is 'nothing was made of them' "$(sql 'select count(*) from assay.flight')" 2

# Abort --------------------------------------------------------------------
{ job held gated a; job waiting quick a; } | flight abort
run_in_background abort
await 20 step_runs "$f" held gate
ok 'a job is at work'
await 20 waits_for "$f" waiting 'a host: a'
ok 'the next one says what it waits for'
assay flight abort "$f" --reason 'enough of it' >/dev/null
wait "$cli"
is 'an aborted flight: exit 1' $? 1
is 'its jobs are aborted, the queued one too' \
    "$(status_of "$f" held) $(status_of "$f" waiting)" 'aborted aborted'
is 'the flight is aborted' "$(outcome_of "$f")" 'aborted/play'
sql "select reason from assay.job where flight = $f and job = 'waiting'" |
    grep -q 'enough of it'
ok 'with the reason'
await 20 all_free
ok 'the host is free'

run_in_background abort
await 20 step_runs "$f" held gate
ok 'another one is at work'
kill -INT "$cli"
wait "$cli"
is 'an interrupt: exit 130' $? 130
is 'the interrupt aborted it' "$(outcome_of "$f")" 'aborted/play'

# One whose step does not want to end, and a person who does not wait.
{ job stubborn stubborn a; } | flight stubborn
run_in_background stubborn
await 20 step_runs "$f" stubborn gate
ok 'a step that ignores TERM is at work'
kill -INT "$cli"
await 20 grep -q "aborting flight $f" "$ASSAY_HOME/stubborn.err"
ok 'an interrupt is told'
kill -INT "$cli"
wait "$cli"
is 'a second one leaves at once: exit 130' $? 130
grep -q '^stubborn is running still' "$ASSAY_HOME/stubborn.err" &&
    grep -q "'assay flight run $f' watches it again" \
        "$ASSAY_HOME/stubborn.err"
ok 'and says what still runs'
touch "$ASSAY_HOME/gate-stubborn"
await 30 ended "$f"
is 'the flight is aborted without us' "$(outcome_of "$f")" 'aborted/play'

f=$(assay flight create "$ASSAY_HOME/abort.yaml")
is 'a flight that is only made is not run' \
    "$(sql "select blessing from assay.flight where flight = $f")" constructing
assay flight abort "$f" >/dev/null
await 20 ended "$f"
is 'it can be aborted' "$(outcome_of "$f")" 'aborted/play'
assay flight run "$f" >"$ASSAY_HOME/out" 2>/dev/null
is 'to run one that has ended shows its end' $? 1
verdict >"$ASSAY_HOME/verdict"
is 'which is no pass' "$(cat "$ASSAY_HOME/verdict")" aborted
assay flight abort "$f" >/dev/null 2>"$ASSAY_HOME/err"
is 'an ended flight cannot be aborted' $? 1

# assayd is killed ---------------------------------------------------------
{ job held gated a; job after quick a; job needs quick b held; } |
    flight killed
run_in_background killed
await 20 step_runs "$f" held gate
ok 'a job is at work'
pid=$(runner_of "$f" held)
killed=$(assayd_pid)
kill -KILL "$killed"
# Who watches the flight starts one too: whichever comes first is another one.
start_assayd &
another_serves()
{
    now=$(assayd_pid)
    [ -n "$now" ] && [ "$now" != "$killed" ]
}
await 30 another_serves
ok 'assayd is killed, another one serves'
status_is "$f" held running && equal "$(runner_of "$f" held)" "$pid"
ok 'the job goes on with the same runner'
await 20 waits_for "$f" needs 'jobs: held'
ok 'one that needs it says so'
touch "$ASSAY_HOME/gate-held"
wait "$cli"
is 'the flight passes' $? 0
is 'with the jobs that were to come' \
    "$(status_of "$f" held) $(status_of "$f" after) $(status_of "$f" needs)" \
    'pass pass pass'
rm "$ASSAY_HOME/gate-held"

run_in_background killed
await 20 step_runs "$f" held gate
ok 'another one is at work'
kill -KILL "$(assayd_pid)"
start_assayd
stop_assayd
ok 'the next assayd stops'
is 'it told the runner it did not start to end' "$(status_of "$f" held)" aborted
start_assayd
wait "$cli"
is 'the flight ends' $? 1
is 'as aborted' "$(outcome_of "$f")" 'aborted/play'

# A runner is killed -------------------------------------------------------
job held gated a | flight runner
run_in_background runner
await 20 step_runs "$f" held gate
ok 'a job is at work'
kill -KILL "$(runner_of "$f" held)"
wait "$cli"
is 'its runner is killed: exit 1' $? 1
is 'the flight is broken' "$(outcome_of "$f")" 'broken/play'
is 'the job is broken, lane harness' \
    "$(sql "select status || '/' || lane from assay.job where flight = $f")" \
    'broken/harness'
is 'the step too' "$(sql "select status from assay.step where flight = $f
    and testid = 'gate'")" broken
await 20 all_free
ok 'the host is free'

# PostgreSQL is killed -----------------------------------------------------
run_in_background runner
await 20 step_runs "$f" held gate
ok 'a job is at work'
kill -KILL "$(head -n 1 "$ASSAY_HOME/pg/data/postmaster.pid")"
await 60 grep -q 'the database is back' "$ASSAY_HOME/assayd.log"
ok 'the server is killed; assayd brings it back'
touch "$ASSAY_HOME/gate-held"
wait "$cli"
is 'the flight passes' $? 0
is 'and says so' "$(outcome_of "$f")" 'pass/play'
rm "$ASSAY_HOME/gate-held"

# Runners that do not take their job ---------------------------------------
stop_assayd
printf '#!/bin/sh\nexit 9\n' >"$ASSAY_HOME/dud"
chmod +x "$ASSAY_HOME/dud"
start_assayd --job-program "$ASSAY_HOME/dud"
job held gated a | flight dud
assay flight run "$ASSAY_HOME/dud.yaml" >"$ASSAY_HOME/out" 2>/dev/null
verdict >"$ASSAY_HOME/verdict"
is 'a runner that always dies: broken' "$(cat "$ASSAY_HOME/verdict")" broken
sql "select reason from assay.job where flight = $f" |
    grep -q 'ended 3 times and left the job queued.*exited with status 9'
ok 'after three, with its end'
stop_assayd

# Two assayds --------------------------------------------------------------
start_assayd
ASSAY_LOG=info assayd --no-console --no-web >"$ASSAY_HOME/second.log" 2>&1
is 'a second assayd of one home: exit 1' $? 1
grep -q "already runs here (pid $(assayd_pid))" "$ASSAY_HOME/second.log"
ok 'names the first'
other=$(mktemp -d "${TMPDIR:-/tmp}/assay-other.XXXXXX")
pgfix_at_end "rm -rf $other"
: >"$ASSAY_HOME/other.log"
env ASSAY_DB="host=$ASSAY_HOME/pg dbname=assay user=$(sql 'select user')" \
    ASSAY_HOME="$other" ASSAY_LOG=info \
    assayd --no-console --no-web --grace 10s >>"$ASSAY_HOME/other.log" 2>&1 &
second=$!
pgfix_at_end "kill $second 2>/dev/null"
await 20 grep -q ' serves in ' "$ASSAY_HOME/other.log"
ok 'one of another home on the same database serves'
! grep -q 'leads the queue' "$ASSAY_HOME/other.log"
ok 'but does not lead'
kill -KILL "$(assayd_pid)"
await 20 grep -q 'leads the queue' "$ASSAY_HOME/other.log"
ok 'until the first is killed'
start_assayd
! grep -q 'leads the queue' "$ASSAY_HOME/assayd.log"
ok 'the next one of the first home stands by'
assay flight run "$ASSAY_HOME/pass.yaml" >"$ASSAY_HOME/out" 2>/dev/null
verdict >"$ASSAY_HOME/verdict"
is 'a flight passes' "$(cat "$ASSAY_HOME/verdict")" pass
rm -rf "$other"
wait "$second"
ok 'the leader stops when somebody removes its home'
grep -q 'our home is gone' "$ASSAY_HOME/other.log" && [ ! -e "$other" ]
ok 'says so, and makes no other'

# assayd dies under "flight run" -------------------------------------------
stop_assayd
ASSAY_LOG=info
assay service start >/dev/null
ok 'assay service start'
job held gated a | flight under
run_in_background under
await 20 step_runs "$f" held gate
kill -KILL "$(assayd_pid)"
await 20 grep -q 'assayd was gone: started another' "$ASSAY_HOME/under.err"
ok 'flight run starts another assayd and says so'
touch "$ASSAY_HOME/gate-held"
wait "$cli"
is 'and the flight passes' $? 0

# The daemons --------------------------------------------------------------
pid_of()
{
    cut -d ' ' -f 1 "$ASSAY_HOME/run/pids/$1" 2>/dev/null
}

# A zombie, which only waits to be reaped, runs nothing.
runs()
{
    case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in
        [RSDT]*) ;;
        *) return 1 ;;
    esac
}

another()
{
    [ -n "$(pid_of "$1")" ] && [ "$(pid_of "$1")" != "$2" ]
}

is_up()
{
    [ "$(grep -c "$1 is up" "$ASSAY_HOME/run/assayd.log")" -ge "$2" ]
}

console=$(pid_of assay-console)
web=$(pid_of assay-web)
runs "$console" && runs "$web"
ok 'assay-console and assay-web outlived the assayd that was killed'
await 20 is_up assay-console 1 && await 20 is_up assay-web 1
ok 'they were ready'
kill -KILL "$console"
await 20 another assay-console "$console"
ok 'assay-console is killed and started again'
await 20 is_up assay-console 2
ok 'and is up'
console=$(pid_of assay-console)
kill -KILL "$console"
await 20 another assay-console "$console"
ok 'once more, now as a child'
console=$(pid_of assay-console)
assay service stop >/dev/null
ok 'assay service stop'
! runs "$console" && ! runs "$web"
ok 'ends both'
assay service status >/dev/null
is 'nothing runs after it' $? 1

rm -f "$ASSAY_HOME/gate-held"
assay flight run --detach "$ASSAY_HOME/under.yaml" >"$ASSAY_HOME/out" 2>&1
f=$(tail -n 1 "$ASSAY_HOME/out")
await 20 step_runs "$f" held gate
ok 'a job is at work'
runner=$(runner_of "$f" held)
console=$(pid_of assay-console)
kill -KILL "$(assayd_pid)"
await 20 [ -z "$(assayd_pid)" ]
assay service stop >/dev/null
ok 'assay service stop, after assayd was killed'
! runs "$console" && ! runs "$runner"
ok 'ends what it has left'
is 'the job is aborted' "$(status_of "$f" held)" aborted
is 'no pid file is left' "$(find "$ASSAY_HOME/run/pids" -type f | wc -l)" 0

tap_end
