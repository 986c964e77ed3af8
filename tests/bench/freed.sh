#!/bin/sh
# tests/bench/freed.sh - from a host that is free again to the start of the next
# job's runner, with 1,000 jobs waiting for 36 simulated hosts: a real server
# that waits for its disk, a real assayd, real runners whose one step sleeps. At
# most 100 ms for 99 of 100.
#
# "Freed" is the clock when the row said so, before its transaction was over;
# "told" is assayd's log when the runner was started. The rival does nothing but
# hear a notification and start a program (tests/bench/wake.c).
#
# Variables: FREED (400) hosts; WAITING (1000) jobs.
set -u
# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"
freed=${FREED:-400}
waiting=${WAITING:-1000}

row()
{
    printf '%-52s %10s %s\n' "$1" "$2" "$3"
}

pgfix_start
pgfix_at_end 'assay service stop >/dev/null 2>&1'
assay db psql -- -qX -c 'alter system set fsync = on' \
    -c 'alter system set synchronous_commit = on' \
    -c 'select pg_reload_conf()' >/dev/null
sql "insert into assay.host (host, arch, firmware, class, config, source)
    select 'sim-' || n, 'amd64', 'bios', 'sim-' || n % 3, '{}', 'sim'
    from generate_series(1, 36) as n"
sql "insert into assay.host_flag (host, flag)
    select host, flag from assay.host, unnest(array['sim', class]) flag"
cat >"$ASSAY_HOME/sleep.yaml" <<'END'
recipe: sleep
description: one step of 12 to 36 seconds
roles: [host]
power_off: false
steps:
  - testid: work
    run: /bin/sh
    args: [-c, 'exec sleep $(($$ % 24 + 12)).$(($$ % 10))']
END
jobs=$((freed + waiting + 36))
{
    printf 'flight: freed\nintended: play\njobs:\n'
    for n in $(seq "$jobs"); do
        flag=sim
        [ $((n % 2)) -eq 0 ] || flag=sim-$((n % 3))
        printf '  - {job: j-%d, recipe: ./sleep.yaml, ' "$n"
        printf 'hosts: {host: {arch: amd64, flags: [%s]}}}\n' "$flag"
    done
} >"$ASSAY_HOME/freed.yaml"

rival=$("$ASSAY_TOP_BUILDDIR/tests/bench/wake" 200)
ASSAY_LOG=info assayd --no-console --no-web >"$ASSAY_HOME/assayd.log" 2>&1 &
flight=$(assay flight run --detach "$ASSAY_HOME/freed.yaml" 2>/dev/null |
    tail -n 1)
while [ "$(sql "select count(*) from assay.allocation
    where flight = $flight and ended_at is not null")" -lt "$freed" ]; do
    sleep 5
done
load=$(uptime | sed 's/.*average//')
left=$(sql "select count(*) from assay.job
    where flight = $flight and status = 'queued'")
sed -n "s/^\([^ ]*\) .*runner of $flight\.\(j-[0-9]*\) started.*/\1 \2/p" \
    "$ASSAY_HOME/assayd.log" >"$ASSAY_HOME/told"
# shellcheck disable=SC2046 # words
set -- $({
    echo 'create temp table told (at timestamptz, job text);'
    echo "copy told from stdin (delimiter ' ');"
    cat "$ASSAY_HOME/told"
    echo '\.'
    echo "select count(*),
        round(percentile_disc(0.5) within group (order by t)),
        round(percentile_disc(0.99) within group (order by t)), round(max(t)),
        round(percentile_disc(0.99) within group (order by taken))
        from (select extract(epoch from told.at - a.free) * 1000 as t,
                extract(epoch from a.begun_at - a.free) * 1000 as taken
            from (select job, begun_at, lag(ended_at)
                over (partition by host order by allocation) as free
                from assay.allocation) a
            join told on told.job = a.job
            where a.free is not null) x;"
} | assay db psql -- -qAtX -F ' ')
# shellcheck disable=SC2086 # words
row "hosts freed while $left and more jobs wait" "$1" ''
row 'host freed to next runner started, median' "$2" ms
row 'the same, 99 of 100' "$3" 'ms (100)'
row 'the same, longest' "$4" ms
row 'host freed to taken by the next job, 99 of 100' "$5" ms
row 'a bare notification to a program started, 99 of 100' "$rival" ms
row 'of that' "$(echo "$3 $rival" | awk '{ printf "%.1f", $1 / $2 }')" x
echo "machine: $(nproc) processors, load$load"
assay flight abort "$flight" 'the benchmark is over' >/dev/null 2>&1
[ "$1" -ge "$((freed / 2))" ]
