#!/bin/sh
# tests/bench/step.sh - what a step that does nothing costs, recorded and
# logged, by a server that waits for the disk: at most 20 ms. The rival is the
# same program started by a shell, which records nothing. Then what each start
# of assay costs, since steps are made of those; the rival is env(1).
# Then the way of a command to a host, if there is an ssh server to try it on.
set -u
# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"
count=200

pgfix_start
assay db psql -- -qX -c 'alter system set fsync = on' \
    -c 'alter system set synchronous_commit = on' \
    -c 'select pg_reload_conf()' >/dev/null
mkdir -p "$ASSAY_HOME/r/steps"
printf '#!/bin/sh\nexit 0\n' >"$ASSAY_HOME/r/steps/nothing"
chmod +x "$ASSAY_HOME/r/steps/nothing"
{
    echo 'recipe: many'
    echo 'roles: []'
    echo 'steps:'
    for i in $(seq "$count"); do
        echo "  - {testid: s$i, run: nothing}"
    done
} >"$ASSAY_HOME/r/many.yaml"
assay db psql -- -qX -c "insert into assay.flight
    (branch, intended, harness, blessing) values ('b', 'play', 'b', 'running')" \
    -c "insert into assay.job (flight, job, recipe, arch)
    select flight, 'j', '$ASSAY_HOME/r/many.yaml', 'amd64' from assay.flight"
assay-job 1 j
rival=$(date +%s%N)
for i in $(seq "$count"); do
    "$ASSAY_HOME/r/steps/nothing" >"$ASSAY_HOME/rival.log" 2>&1
done
rival=$((($(date +%s%N) - rival) / count))
span=$(assay db psql -- -qAtX -c "select extract(epoch from
    max(finished_at) - min(started_at)) * 1000 / count(*) from assay.step
    where status = 'pass' having count(*) = $count")
awk -v ms="$span" -v rival="$rival" 'BEGIN {
    if (ms == "") { print "step: not all passed"; exit 1 }
    printf "step: %.1f ms an empty step, recorded and logged (limit 20 ms); " \
        "by a bare shell %.1f ms\n", ms, rival / 1e6 }'
status=$?
# Processor time, user and system, in ms a start of program $1.
start_ms() {
    {
        for i in $(seq "$count"); do
            "$1" --version >/dev/null
        done
        times
    } | awk -v n="$count" 'END { split($1, u, /[ms]/); split($2, s, /[ms]/)
        printf "%.1f\n", (u[1] * 60 + u[2] + s[1] * 60 + s[2]) * 1000 / n }'
}
awk -v own="$(start_ms "$ASSAY_TOP_BUILDDIR/assay")" \
    -v rival="$(start_ms "$(command -v env)")" 'BEGIN {
    printf "start: %.1f ms of processor time a start of assay; of env(1) " \
        "%.1f ms (%.1f times)\n", own, rival, own / rival }'
"$ASSAY_TOP_BUILDDIR/tests/harness/ctl-test" 2>/dev/null |
    sed -n 's/^# assay on/ssh: assay on/p'
exit "$status"
