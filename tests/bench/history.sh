#!/bin/sh
# tests/bench/history.sh - a report of a flight of 150 jobs and 2,000 steps
# against a long history: 2,000 flights (1 million steps) and 20,000 (10
# million); --large: 200,000 (100 million; it takes 60 GB and an hour).
#
#   cold: the server was just started, and none of its files is in memory
#   warm: the median of nine
#
# Aims: cold 1 s, warm 0.2 s, ten times the history at most 1.5 times the time;
# a verdict that reads no more rows. The rival is the same question put to the
# tables as one would write it by hand: of each failure here, whether it ever
# passed on the branch, and how the baseline's runs were.
#
# Then creations of such flights while four reports run without end, which take
# turns (harness/turn_db.h): p99 at most 1.2 times. Four processes that only
# burn time are beside it: what is lost to them is lost to the processors, and
# the ratio to that is what the reports do to the database.
set -u
top=${ASSAY_TOP_BUILDDIR:-$PWD}
# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"
sizes='2000 20000'
case ${1:-} in
'') ;;
--large) sizes='2000 20000 200000' ;;
*)
    echo 'usage: history.sh [--large]' >&2
    exit 2
    ;;
esac
judged=10000024

ms() # COMMAND...
{
    ms_began=$(date +%s%N)
    "$@" >out 2>err || [ $? -le 1 ] || {
        cat err >&2
        exit 1
    }
    echo $((($(date +%s%N) - ms_began) / 1000000))
}

median() # COMMAND..., nine times
{
    for _ in 1 2 3 4 5 6 7 8 9; do
        ms "$@"
    done | sort -n | sed -n 5p
}

# Starts the server anew, with nothing of its files in memory.
cool()
{
    assay db stop >/dev/null
    sync
    find "$ASSAY_HOME/pg/data" -type f -size +0 -exec \
        sh -c 'for f; do dd if="$f" iflag=nocache count=0 2>/dev/null; done' \
        sh {} +
    assay db migrate >/dev/null
}

sql()
{
    assay db psql -- -qAtX -v ON_ERROR_STOP=1 "$@"
}

ratio() # A B
{
    awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / (b > 0 ? b : 1) }'
}

cat_rival()
{
    cat <<'SQL'
with here as (
    select job, testid, status from assay.step
    where flight = 10000024 and status <> 'pass')
select h.job, h.testid,
    (select count(*) from assay.step s join assay.flight f using (flight)
     where f.branch = 'branch-0' and s.job = h.job and s.testid = h.testid
     and s.status = 'pass'),
    (select max(s.status) from assay.step s where s.job = h.job
     and s.testid = h.testid and s.flight in (select v.flight
        from assay.runvar v where v.name = 'built_revision_xen'
        and v.value = 'that'))
from here h
SQL
}

# The rows of steps, jobs and runvars that were read so far, and the readings
# of a whole table.
rows_read()
{
    sleep 1                     # the server counts with a delay
    sql -c "select sum(coalesce(seq_tup_read, 0)
            + coalesce(idx_tup_fetch, 0)), sum(seq_scan)
        from pg_stat_user_tables where schemaname = 'assay'
        and relname in ('step', 'job', 'runvar')" | tr '|' ' '
}

pgfix_start
cd "$ASSAY_HOME" || exit 1
assay db psql -- -qX -c "alter system set shared_buffers = '512MB'" \
    -c "alter system set max_wal_size = '8GB'" \
    -c 'alter system set checkpoint_timeout = 3600' >/dev/null
assay db stop >/dev/null
assay db migrate >/dev/null

last=0
first_warm=
for size in $sizes; do
    began=$(date +%s)
    sql -v first=$((last + 1)) -v last="$size" \
        -v specials="$([ "$last" -eq 0 ] && echo true || echo false)" \
        -f "$ASSAY_TOP_SRCDIR/tests/bench/history.sql" >/dev/null || exit 1
    sql -c 'vacuum analyze' -c checkpoint
    steps=$(sql -c "select reltuples::bigint from pg_class
        where oid = 'assay.step'::regclass")
    echo "history: $size flights, $steps steps: made in" \
        "$(($(date +%s) - began)) s"
    cool
    cold=$(ms assay report $judged)
    warm=$(median assay report $judged)
    html=$(median assay report $judged --format html)
    verdict=$(median assay verdict $judged)
    # shellcheck disable=SC2046 # two words each
    set -- $(rows_read) $(assay verdict $judged >/dev/null; rows_read)
    echo "history: $size flights: report cold $cold ms (aim 1000)," \
        "warm $warm ms (aim 200), HTML $html ms; verdict alone $verdict ms"
    echo "history: $size flights: a verdict reads $(($3 - $1)) rows of steps," \
        "jobs and runvars, and $(($4 - $2)) times a whole table"
    if [ -n "$first_warm" ]; then
        echo "history: 10 times the history: report warm" \
            "$(ratio "$warm" "$last_warm") times, cold" \
            "$(ratio "$cold" "$last_cold") times (aim 1.5)"
    fi
    first_warm=${first_warm:-$warm}
    last_warm=$warm
    last_cold=$cold
    last=$size
    if [ "$size" -le 20000 ]; then
        cat_rival >rival.sql
        rival=$(ms assay db psql -- -qAtX -f rival.sql)
        echo "history: $size flights: the rival, by hand: $rival ms," \
            "$(ratio "$rival" "$verdict") times a verdict"
    fi
done

# Creations --------------------------------------------------------------------

create()
{
    "$top/tests/bench/create" "$ASSAY_TOP_SRCDIR/tests/bench/sim/flight.yaml" \
        300
}

# beside WHAT COMMAND: creations while four of the command run.
beside()
{
    beside_what=$1
    shift
    beside_pids=
    for _ in 1 2 3 4; do
        (
            trap 'exit 0' TERM
            while :; do "$@" >/dev/null 2>&1; done
        ) &
        beside_pids="$beside_pids $!"
    done
    # shellcheck disable=SC2046 # two words
    set -- $(create)
    # shellcheck disable=SC2086 # several numbers
    kill $beside_pids
    wait
    [ $# -eq 2 ] || exit 1
    echo "create: $beside_what: median $1 ms, p99 $2 ms:" \
        "$(ratio "$1" "$alone_median") and $(ratio "$2" "$alone_p99") times"
    beside_p99=$2
}

burn()
{
    awk 'BEGIN { for (i = 0; i < 3000000; i++) s += i }'
}

# shellcheck disable=SC2046 # two words
set -- $(create)
[ $# -eq 2 ] || exit 1
alone_median=$1
alone_p99=$2
echo "create: a flight of 150 jobs, alone: median $1 ms, p99 $2 ms"
beside 'beside four that only burn time' burn
burnt_p99=$beside_p99
beside 'beside four reports' assay report $judged
echo "create: reports cost p99 $(ratio "$beside_p99" "$burnt_p99") times what" \
    "four processes without a database cost (aim 1.2)"
echo "machine: $(nproc) processors, load$(uptime | sed 's/.*average//')"
