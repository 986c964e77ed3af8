#!/bin/sh
# tests/bench/claim.sh - the private cluster's starts, the first query, and
# claims of hosts a second (task begun, host allocated, task ended), with the
# disk waited for. Beside it the same rows written by pgbench, which finds its
# host by SKIP LOCKED, holds no lock of a task's life and knows nobody who may
# have died.
#
# Then jobs of one flight, run from claim to pass by workers that are killed at
# random moments: how many are lost (never ended), doubled (two that had hosts),
# or unsaid (a worker brought it to its end, the database does not know).
#
# Variables: CLAIMS (500) per process; RUNS (3), of which the median counts;
# JOBS (100000); KILL_MS (200), the mean time between two kills.
set -eu

claims=${CLAIMS:-500}
runs=${RUNS:-3}
jobs=${JOBS:-100000}
kill_ms=${KILL_MS:-200}
top=${ASSAY_TOP_BUILDDIR:-$PWD}
unset ASSAY_DB
ASSAY_HOME=$(mktemp -d "${TMPDIR:-/tmp}/assay-bench.XXXXXX")
ASSAY_LOG=warn
export ASSAY_HOME ASSAY_LOG
chmod 711 "$ASSAY_HOME"
trap 'assay db stop >/dev/null; rm -rf "$ASSAY_HOME"' EXIT
trap 'exit 1' INT TERM HUP

ms() { # COMMAND...
    began=$(date +%s%N)
    "$@" >/dev/null
    echo $((($(date +%s%N) - began) / 1000000))
}
row() { printf '%-44s %8s %s\n' "$1" "$2" "$3"; }

row 'cluster made, started, schema applied' "$(ms assay db migrate)" ms
row 'query by a new process' "$(ms assay db status)" ms
assay db stop >/dev/null
row 'cluster started' "$(ms assay db migrate)" ms

assay db psql -- -qXc "insert into assay.host (host, arch, firmware, class,
    config, source) select 'bench-' || n, 'amd64', 'bios', 'c', '{}', 'bench'
    from generate_series(0, 35) n" -c "create table public.bare as
    select n, false as busy from generate_series(0, 35) n"
bindir=$(dirname "$(readlink "/proc/$(assay db status --json |
    sed -n 's/^  "pid": \([0-9]*\),*$/\1/p')/exe")")
cat >"$ASSAY_HOME/rows.sql" <<'END'
insert into assay.task (kind, refkey, harness, node, node_key, pid, pid_start,
    backend) values ('job', 'rival-' || :client_id, 'h', 'n', 'k', 1, 1, 1)
    returning task \gset
begin;
update public.bare set busy = true where n = (select n from public.bare
    where not busy for update skip locked limit 1) returning n \gset
insert into assay.allocation (host, task, role) values
    ('bench-' || :n, :task, 'host');
commit;
begin;
update public.bare set busy = false where n = :n;
update assay.allocation set ended_at = clock_timestamp() where task = :task
    and ended_at is null;
update assay.task set ended_at = clock_timestamp() where task = :task;
commit;
END
# Nothing is known of a claim but that it is one.
cat >"$ASSAY_HOME/bare.sql" <<'END'
update public.bare set busy = true where n = (select n from public.bare
    where not busy for update skip locked limit 1) returning n \gset
update public.bare set busy = false where n = :n;
END
rival() { # CLIENTS SCRIPT [MODE]
    "$bindir/pgbench" -n -M "${3:-simple}" -h "$ASSAY_HOME/pg" -U assay -c "$1" -t "$claims" \
        -f "$ASSAY_HOME/$2.sql" assay 2>"$ASSAY_HOME/pgbench.err" |
        sed -n 's/^tps = \([0-9]*\).*/\1/p'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

for processes in 1 2 8; do
    : >"$ASSAY_HOME/ours"; : >"$ASSAY_HOME/theirs"; : >"$ASSAY_HOME/ratio"
    for _ in $(seq "$runs"); do
        ours=$("$top/tests/bench/claim" "$processes" "$claims")
        theirs=
        [ ! -x "$bindir/pgbench" ] || theirs=$(rival "$processes" rows)
        echo "$ours" >>"$ASSAY_HOME/ours"
        [ -z "$theirs" ] || echo "$theirs" >>"$ASSAY_HOME/theirs"
        [ -z "$theirs" ] || echo "$ours $theirs" |
            awk '{ printf "%.2f\n", $1 / $2 }' >>"$ASSAY_HOME/ratio"
    done
    row "claims, $processes processes" "$(median <"$ASSAY_HOME/ours")" /s
    [ -s "$ASSAY_HOME/theirs" ] || continue
    row "pgbench, $processes clients" "$(median <"$ASSAY_HOME/theirs")" /s
    limit=
    [ "$processes" -ne 8 ] || limit=' (0.8)'
    row "of that, by $processes processes" "$(median <"$ASSAY_HOME/ratio")" \
        "x$limit"
done

[ ! -x "$bindir/pgbench" ] ||
    row 'pgbench with prepared statements, 8 clients' \
    "$(rival 8 rows prepared)" /s
[ ! -x "$bindir/pgbench" ] ||
    row 'pgbench that writes no row of it, 8 clients' \
    "$(rival 8 bare)" /s

sql() { assay db psql -- -qAtX -c "$1"; }
# It is workers that are killed here, not the server.
assay db psql -- -qX -c 'alter system set synchronous_commit = off' \
    -c 'select pg_reload_conf()' >/dev/null
flight=$(sql "insert into assay.flight (branch, blessing, intended, harness)
    values ('bench', 'running', 'play', 'bench') returning flight")
sql "insert into assay.job (flight, job, recipe, arch)
    select $flight, 'job-' || n, 'bench', 'amd64'
    from generate_series(1, $jobs) n"
sql "insert into assay.job_role (flight, job, role, position, arch)
    select flight, job, 'host', 0, arch from assay.job"
queued() {
    sql "select job from assay.job where flight = $flight
        and status = 'queued' order by length(job), job"
}
: >"$ASSAY_HOME/said"
killed=0
began=$(date +%s%N)
for pass in 1 2 3 4 5; do
    queued >"$ASSAY_HOME/queued"
    [ -s "$ASSAY_HOME/queued" ] || break
    killed=$((killed + $("$top/tests/bench/claim-kill" "$flight" 8 \
        "$kill_ms" "$pass" "$ASSAY_HOME/said" <"$ASSAY_HOME/queued")))
done
took=$((($(date +%s%N) - began) / 1000000000 + 1))
row "jobs run by 8 workers, one killed each $kill_ms ms" \
    "$((jobs / took))" /s
row 'workers killed' "$killed" ''
row "of $jobs jobs, passed" "$(sql "select count(*) from assay.job
    where flight = $flight and status = 'pass'")" ''
row 'broken with their worker' "$(sql "select count(*) from assay.job
    where flight = $flight and status = 'broken' and lane = 'harness'")" ''
lost=$(sql "select $jobs - count(*) from assay.job
    where flight = $flight and status in ('pass', 'broken')")
held=$(sql "select (select count(*) from assay.allocation
    where ended_at is null and flight = $flight) + (select count(*)
    from assay.task where ended_at is null and refkey like '$flight/%')")
doubled=$(sql "select count(*) from (select from assay.allocation
    where flight = $flight group by job having count(*) > 1) twice")
without=$(sql "select count(*) from assay.job j where flight = $flight
    and status = 'pass' and not exists (select from assay.allocation a
        where a.flight = j.flight and a.job = j.job)")
over=$(sql "select count(*) from (select begun_at < lag(ended_at)
    over (partition by host order by allocation) as wrong
    from assay.allocation) x where wrong")
unsaid=$({ echo 'create temp table said (job text);'
    echo 'copy said from stdin;'; cat "$ASSAY_HOME/said"; echo '\.'
    echo "select (select count(*) - count(distinct job) from said)
        + (select count(*) from said left join assay.job j
            on j.flight = $flight and j.job = said.job
            where j.status is distinct from 'pass');"; } |
    assay db psql -- -qAtX)
row 'lost: without an end, or still held' "$((lost + held))" '(0)'
row 'doubled: two that had hosts, or a host twice' "$((doubled + over))" '(0)'
row 'a pass without a host, or unsaid, or said twice' \
    "$((without + unsaid))" '(0)'
echo "machine: $(nproc) processors, load$(uptime | sed 's/.*average//')"
[ "$((lost + held + doubled + over + without + unsaid))" -eq 0 ]
