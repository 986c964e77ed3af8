#!/bin/sh
# tests/recipes/job-test.sh - whole jobs by assay-job and a real server: what
# is recorded, and what is true after something was killed.
set -u
here=$ASSAY_TOP_SRCDIR/tests/recipes/job
# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"
# flight RECIPE ROLE...: a flight with one job "j"; its number.
flight()
{
    flight_recipe=$1
    shift
    flight_n=$(sql "with f as (insert into assay.flight
        (branch, intended, harness, blessing)
        values ('t', 'play', 't', 'running') returning flight)
        insert into assay.job (flight, job, recipe, arch)
        select flight, 'j', '$flight_recipe', 'amd64' from f
        returning flight")
    flight_p=0
    for flight_r in "$@"; do
        flight_p=$((flight_p + 1))
        sql "insert into assay.job_role (flight, job, role, position, arch)
            values ($flight_n, 'j', '$flight_r', $flight_p, 'amd64')"
    done
    echo "$flight_n"
}

job_is()
{
    equal "$(sql "select status || ' ' || coalesce(lane, '-')
        from assay.job where flight = $1")" "$2"
}

step_is()
{
    equal "$(sql "select status || ' ' || coalesce(lane, '-')
        from assay.step where flight = $1 and testid = '$2'")" "$3"
}

hosts_are_free()
{
    equal "$(sql 'select count(*) from assay.allocation
        where ended_at is null')" 0
}

# run FLIGHT [OPTION...]: in the foreground.
run()
{
    run_flight=$1
    shift
    assay-job "$@" "$run_flight" j >"$ASSAY_HOME/out.$run_flight" 2>&1
}

# begin FLIGHT [OPTION...]: in the background, until its first step waits.
begin()
{
    begin_flight=$1
    shift
    assay-job "$@" "$begin_flight" j >"$ASSAY_HOME/out.$begin_flight" 2>&1 &
    runner=$!
    await 20 test -e "$ASSAY_HOME/started.$begin_flight"
}

# No step's process of this test is left; another run of it has its own.
gone()
{
    for pid in $(pgrep -f '^sleep 400[12]'); do
        ! tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null |
            grep -qxF "ASSAY_HOME=$ASSAY_HOME" || return 1
    done
}

postmaster()
{
    head -n 1 "$ASSAY_HOME/pg/data/postmaster.pid"
}

pgfix_start
sql "insert into assay.host (host, arch, firmware, class, config, source)
    select 'sim-' || n, 'amd64', 'bios', 'sim', '{}', 'sim'
    from generate_series(1, 2) as n"

# --- What is recorded ------------------------------------------------------
f=$(flight "$here/pair.yaml" src dst)
sql "insert into assay.runvar (flight, job, name, value)
    values ($f, 'j', 'given', 'by definition')"
run "$f"
ok "a job of two hosts ends"
job_is "$f" "pass -"
ok "it passes"
is "its steps are in order, the skipped one too" \
    "$(sql "select string_agg(step || ':' || testid || ':' || status, ' '
    order by step) from assay.step where flight = $f")" \
    "1:records:pass 2:each/src:pass 3:each/dst:pass 4:other-arch:skip 5:end:pass"
is "a skip has its reason" \
    "$(sql "select reason from assay.step where flight = $f
    and testid = 'other-arch'")" "only on arm64"
is "the steps of two roles ran at once" \
    "$(sql "select max(s.started_at) < min(s.finished_at) from assay.step s
    where flight = $f and testid like 'each/%'")" t
is "cases" \
    "$(sql "select string_agg(id || '=' || status || note, ' ' order by id)
    from assay.step_case where flight = $f")" "a=passfine b=skip"
is "measurements, each repeat of them" \
    "$(sql "select string_agg(name || value || unit || better, ' '
    order by measurement) from assay.measurement where flight = $f")" \
    "t1.5mslower t2.5mslower"
is "a result runvar" "$(sql "select value || '/' || origin from assay.runvar
    where flight = $f and name = 'colour'")" "deep blue/result"
is "an attachment" "$(sql "select a.name || ' ' || a.kind || ' ' || b.bytes
    from assay.attachment a join assay.artefact b using (sha256)
    where flight = $f")" "kept log 5"
sha=$(sql "select sha256 from assay.attachment where flight = $f")
is "kept by its content" \
    "$(sha256sum <"$ASSAY_HOME/artefacts/$(printf '%s' "$sha" |
    sed 's,^..,&/,')")" "$sha  -"
log=$(sql "select log_path from assay.step where flight = $f and step = 1")
is "its log, with the hosts and the runvars on descriptor 4" \
    "$(cat "$ASSAY_HOME/$log")" 'src=sim-1 dst=sim-2
{"given":"by definition"}'
is "and the log's hash" "$(sha256sum <"$ASSAY_HOME/$log" | cut -d' ' -f1)" \
    "$(sql "select log_sha256 from assay.step where flight = $f
        and step = 1")"
is "roles have their hosts" \
    "$(sql "select string_agg(role || '=' || host, ' ' order by role desc)
    from assay.job_role where flight = $f")" "src=sim-1 dst=sim-2"
hosts_are_free
ok "the hosts are free again"
is "steps that passed leave no directory" \
    "$(ls "$ASSAY_HOME/flights/$f/j/work")" ""
run "$f"
is "a job is run once" $? 4

# --- Steps that misbehave ----------------------------------------------------
f=$(flight "$here/nasty.yaml" host)
began=$(date +%s)
(ulimit -f 2000 && run "$f")
ok "a job of nasty steps ends"
took=$(($(date +%s) - began))
for row in 'hang:broken unknown' 'signal:broken test' 'garbage:broken test' \
    'twice:broken test' 'child:broken test' 'daemon:pass -' \
    'missing:broken test' 'disk:broken harness' 'host:broken host' \
    'infra:broken unknown' 'good:pass -' 'bad:fail product' \
    'never:blocked product' 'end:pass -'; do
    step_is "$f" "${row%%:*}" "${row#*:}"
    ok "step ${row%%:*} is ${row#*:}"
done
job_is "$f" "fail product"
ok "the failure is the job's"
is "with its reason" "$(sql "select reason from assay.job where flight = $f")" \
    "bad: FAIL: wrong"
is "and its evidence" \
    "$(sql "select evidence->>'text' from assay.job where flight = $f")" \
    "FAIL: wrong"
is "a case that did not report is missing" \
    "$(sql "select status from assay.step_case where flight = $f
    and id = 'x'")" missing
gone && [ "$took" -lt 20 ]
ok "nothing of them is left, after $took s"

# --- Hosts that are busy, or are none ------------------------------------------
f=$(flight "$here/wait.yaml" host)
begin "$f"
g=$(flight "$here/wait.yaml" host)
sql "update assay.job_role set preset = 'sim-1' where flight = $g"
touch "$ASSAY_HOME/go.$g"
run "$g" --no-wait
is "a busy host, --no-wait: exit 3" $? 3
is "the job is queued again and says what it waits for" \
    "$(sql "select status || ' ' || (waits_for like '%sim-1%')
    from assay.job where flight = $g")" "queued true"
assay-job "$g" j >"$ASSAY_HOME/out.$g" 2>&1 &
waiter=$!
waits()
{
    [ "$(sql "select status from assay.job
        where flight = $1 and waits_for is not null")" = preparing ]
}
await 10 waits "$g"
ok "without it, it waits"
touch "$ASSAY_HOME/go.$f"
wait "$runner" && job_is "$f" "pass -"
ok "the first one ends"
wait "$waiter" && job_is "$g" "pass -"
ok "then the second one gets the host"
h=$(flight "$here/wait.yaml" host)
sql "update assay.job_role set flags = '{flying}' where flight = $h"
run "$h" && job_is "$h" "starved harness"
ok "a job that no host could ever do is starved"

# --- What is not a job to run ----------------------------------------------------
f=$(flight no-such-recipe)
run "$f" && job_is "$f" "broken test"
ok "a job without a recipe is broken"
f=$(flight "$here/wait.yaml")
run "$f" && job_is "$f" "broken test"
ok "so is one that lacks a role of it"
assay-job 4711 j 2>"$ASSAY_HOME/out"
equal $? 2 && grep -q 'flight 4711 has no job j' "$ASSAY_HOME/out"
ok "a job that does not exist is said"

# --- Asked to stop ---------------------------------------------------------------
f=$(flight "$here/wait.yaml" host)
begin "$f" --grace 1s
kill "$runner"
wait "$runner"
job_is "$f" "aborted unknown"
ok "TERM aborts the job"
step_is "$f" after "aborted unknown" && step_is "$f" end "pass -" &&
    [ -e "$ASSAY_HOME/ended.$f" ]
ok "its final steps run"
hosts_are_free && gone
ok "its hosts are free, its processes gone"
f=$(flight "$here/wait.yaml" host)
begin "$f" --grace 1s
sql "update assay.flight set abort_reason = 'enough' where flight = $f"
wait "$runner"
job_is "$f" "aborted unknown" && equal "$(sql "select reason from assay.job
    where flight = $f" | grep -c 'the job was aborted')" 1
ok "so does the flight's abort"
f=$(flight "$here/wait.yaml" host)
begin "$f" --grace 1s
sql "update assay.flight set abort_reason = 'enough' where flight = $f"
kill "$runner"
wait "$runner"
step_is "$f" end "pass -" && job_is "$f" "aborted unknown"
ok "the flight's abort and a signal are one abort"
f=$(flight "$here/wait.yaml" host)
begin "$f" --grace 1s
kill "$runner"
kill -HUP "$runner"
wait "$runner"
step_is "$f" end "aborted unknown"
ok "two signals are two: no final step runs"

# --- Killed --------------------------------------------------------------------
f=$(flight "$here/wait.yaml" host)
begin "$f"
kill -KILL "$runner"
wait "$runner" 2>/dev/null
await 5 gone
ok "SIGKILL of assay-job: its steps and their daemons die"
g=$(flight "$here/wait.yaml" host)
sql "update assay.job_role set preset = 'sim-1' where flight = $g"
touch "$ASSAY_HOME/go.$g"
timeout 20 assay-job "$g" j >"$ASSAY_HOME/out.$g" 2>&1 && job_is "$g" "pass -"
ok "its host serves another job"
is "it has not passed" "$(sql "select count(*) from assay.job where flight = $f
    and status = 'pass'")" 0

# --- A host dies ----------------------------------------------------------------
echo "consoles: { sim-1: { driver: unix, mode: listen, path: $ASSAY_HOME/sim-1.sock } }" \
    >"$ASSAY_HOME/consoles.yaml"
assay-console --config "$ASSAY_HOME/consoles.yaml" 2>"$ASSAY_HOME/console.log" &
console=$!
await 10 assay host console-status sim-1
"$ASSAY_TOP_BUILDDIR/tests/hosts/console-machine" "$ASSAY_HOME/sim-1.sock" &
machine=$!
say()
{
    printf 'root\recho %s\r' "$1" | timeout 20 assay console sim-1 >/dev/null
}
f=$(flight "$here/wait.yaml" host)
sql "update assay.job_role set preset = 'sim-1' where flight = $f"
begin "$f"
sleep 0.5
say '(XEN) Xen version 4.17.5'
say '(XEN) Xen BUG at spinlock.c:48'
await 15 test -e "$ASSAY_HOME/ended.$f"
ok "a panic on a host's console ends its step at once, and final steps run"
wait "$runner"
job_is "$f" "fail product"
ok "which is the product's failure"
sql "select reason from assay.step where flight = $f and testid = 'wait'" |
    grep -q 'sim-1: .*Xen BUG at spinlock.c:48'
ok "its line is the reason"
is "and its pattern and console the evidence" \
    "$(sql "select evidence->>'pattern' || ' ' || (evidence->>'file')
    from assay.step where flight = $f and testid = 'wait'")" \
    "xen-bug consoles/sim-1/000001.log"
kill "$machine" "$console"
wait "$machine" "$console" 2>/dev/null

# --- The database goes away --------------------------------------------------------
f=$(flight "$here/wait.yaml" host)
begin "$f"
sql "select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'assay-job'" >/dev/null
sleep 0.3
touch "$ASSAY_HOME/go.$f"
wait "$runner"
job_is "$f" "pass -"
ok "a connection that breaks is made anew"

f=$(flight "$here/wait.yaml" host)
begin "$f"
kill -KILL "$(postmaster)"
sleep 1
touch "$ASSAY_HOME/go.$f"
sleep 1
[ ! -e "$ASSAY_HOME/ended.$f" ]
ok "SIGKILL of the server: no step starts without it"
assay db migrate >/dev/null 2>&1
wait "$runner"
job_is "$f" "pass -"
ok "it goes on when the server is back"
is "with all evidence, once" \
    "$(sql "select (select count(*) from assay.step_case where flight = $f)
    || ' ' || (select count(*) from assay.measurement where flight = $f)
    || ' ' || (select count(*) from assay.step where flight = $f
        and status = 'pass')")" "1 2 3"
hosts_are_free
ok "and its hosts free"

f=$(flight "$here/wait.yaml" host)
begin "$f" --lost-limit 2s
kill -KILL "$(postmaster)"
wait "$runner"
is "a server that does not come back: exit 75" $? 75
gone && [ ! -e "$ASSAY_HOME/ended.$f" ]
ok "all steps are killed, no final step runs"
assay db migrate >/dev/null 2>&1
is "the job has not passed: the reaper makes it broken" \
    "$(sql "select status from assay.job where flight = $f")" running

tap_end
