#!/bin/sh
# tests/bench/flight.sh - a flight of 150 jobs and 2,000 steps that do nothing,
# on 36 simulated hosts: what the harness itself costs. At most 60 s on two
# processors. The rival is the same 2,000 programs started by xargs, which
# records nothing.
set -u
sim=$ASSAY_TOP_SRCDIR/tests/bench/sim
# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"

now_ms()
{
    date +%s%3N
}

# A server that keeps its promises: the fixture's does not wait for the disk.
pgfix_start
pgfix_at_end 'assay service stop >/dev/null 2>&1'
assay db psql -- -qX -c 'alter system set fsync = on' \
    -c 'alter system set synchronous_commit = on' \
    -c 'select pg_reload_conf()' >/dev/null
assay db psql -- -qX >/dev/null <<'SQL'
insert into assay.host (host, arch, firmware, class, config, source)
select 'sim-' || n, 'amd64', 'bios', 'sim', '{}', 'sim'
from generate_series(1, 36) as n;
insert into assay.host_flag (host, flag)
select host, 'sim' from assay.host;
SQL
assayd --no-console --no-web >"$ASSAY_HOME/assayd.log" 2>&1 &
began=$(now_ms)
assay flight run "$sim/flight.yaml" >"$ASSAY_HOME/out" 2>"$ASSAY_HOME/err"
status=$?
ended=$(now_ms)
flight=$(sed -n '$s/^flight \([0-9]*\): .*/\1/p' "$ASSAY_HOME/out")
steps=$(assay db psql -- -qAtX -c "select count(*) from assay.step
    where flight = $flight and status = 'pass'")
rival=$(now_ms)
seq 2000 | xargs -n 1 -P 36 /bin/true
rival=$(($(now_ms) - rival))
awk -v ms=$((ended - began)) -v rival="$rival" -v steps="$steps" 'BEGIN {
    printf "flight: 150 jobs, %d steps, 36 hosts: %.1f s (limit 60 s)\n",
        steps, ms / 1000
    printf "flight: %.1f ms of wall clock a step; bare xargs: %.1f ms\n",
        ms / 2000, rival / 2000 }'
tail -n 1 "$ASSAY_HOME/out"
[ "$status" -eq 0 ] && [ "$steps" -eq 2000 ]
