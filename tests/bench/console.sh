#!/bin/sh
# tests/bench/console.sh - assay-console beside conserver (Debian's), in the same
# run: 200 consoles at 10 lines a second each, the processor time that each of
# the two takes and the bytes that each loses; then the memory of 2,000 consoles.
#
# Variables: CONSOLES (200), RATE (10 lines a second), SECONDS_RUN (20), MANY
# (2000). Nothing fails here for being slow, but a lost byte of ours does.
set -eu

consoles=${CONSOLES:-200} rate=${RATE:-10} seconds=${SECONDS_RUN:-20}
many=${MANY:-2000}
top=${ASSAY_TOP_BUILDDIR:-$PWD}
feed=$top/tests/bench/console-feed holder=$top/tests/hosts/console-holder
dir=$(mktemp -d "${TMPDIR:-/tmp}/assay-bench.XXXXXX")
pids=
stop() {
    for pid in $pids; do kill "$pid" 2>/dev/null || :; done
    for pid in $pids; do wait "$pid" 2>/dev/null || :; done
    pids=
}
trap 'stop; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP

# Nanoseconds on a processor, of the processes listed.
cpu_ns() { # "PID..."
    for pid in $1; do cat "/proc/$pid/schedstat"; done |
        awk '{ sum += $1 } END { printf "%d\n", sum }'
}
wait_for() { # WHAT FILE
    i=0
    until grep -q "$1" "$2" 2>/dev/null; do
        i=$((i + 1))
        [ $i -lt 600 ] || { echo "console.sh: no '$1' in $2:" >&2; cat "$2" >&2; exit 1; }
        sleep 0.1
    done
}
# A feed of its own for each of the two; held open by the fifo until the end.
start_feed() { # NAME MODE DIR PREFIX COUNT RATE SECONDS
    mkfifo "$dir/$1.in"
    (umask 0; exec "$feed" say "$2" "$3" "$4" "$5" "$6" "$7" <"$dir/$1.in" >"$dir/$1.out") &
    pids="$pids $!"
}
lost_bytes() { # PREFIX SUFFIX, of each console's log
    sum=0 i=0
    while [ $i -lt "$consoles" ]; do
        file=$1$i$2
        if [ -f "$file" ]; then
            n=$("$feed" check "$file" $i $((rate * seconds)))
        else
            n=$((rate * seconds * 80))
        fi
        sum=$((sum + n)) i=$((i + 1))
    done
    echo $sum
}
start_console() { # CONFIG OUT
    ASSAY_HOME=$dir/home "$holder" "$top/assay-console" --config "$1" >"$2" 2>"$2.err" &
    pids="$pids $!"
    wait_for '^pid ' "$2"
    console_pid=$(sed -n 's/^pid //p' "$2")
}

chmod 0711 "$dir"
mkdir -m 0711 "$dir/home"
mkdir "$dir/ours" "$dir/theirs" "$dir/logs"
{
    echo "consoles:"
    seq 0 $((consoles - 1)) |
        sed "s#.*#  c&: { driver: unix, path: $dir/ours/c&.sock }#"
} >"$dir/ours.yaml"

rival=$(command -v conserver || :)
exec 7<>/dev/null 8<>/dev/null
start_feed ours listen "$dir/ours" c "$consoles" "$rate" "$seconds"
exec 7>"$dir/ours.in"
if [ -n "$rival" ]; then
    chmod 0777 "$dir/theirs" "$dir/logs"
    start_feed theirs listen "$dir/theirs" c "$consoles" "$rate" "$seconds"
    exec 8>"$dir/theirs.in"
    port=$((20000 + $$ % 20000))
    {
        echo "config * { passwdfile $dir/passwd; }"
        echo "access * { trusted 127.0.0.1; }"
        echo "default full { rw *; }"
        seq 0 $((consoles - 1)) |
            sed "s#.*#console c& { master localhost; include full; type uds; uds $dir/theirs/c&.sock; logfile $dir/logs/c&.log; }#"
    } >"$dir/conserver.cf"
    : >"$dir/passwd"
    # As root it would ask for more than it needs here.
    unprivileged=
    [ "$(id -u)" != 0 ] || unprivileged='setpriv --reuid=65534 --regid=65534 --clear-groups'
    wait_for ready "$dir/theirs.out"
    $unprivileged "$rival" -C "$dir/conserver.cf" -p $port -b $((port + 1)) \
        -M 127.0.0.1 -n >"$dir/conserver.out" 2>&1 &
    rival_pid=$!
    pids="$pids $rival_pid"
fi
wait_for ready "$dir/ours.out"
start_console "$dir/ours.yaml" "$dir/holder.out"
wait_for connected "$dir/ours.out"
[ -z "$rival" ] || wait_for connected "$dir/theirs.out"

sleep 2
ours="$console_pid"
theirs=
[ -z "$rival" ] || theirs="$rival_pid $(ps -o pid= --ppid "$rival_pid" | tr '\n' ' ')"
ours_before=$(cpu_ns "$ours")
[ -z "$rival" ] || theirs_before=$(cpu_ns "$theirs")
sleep $((seconds - 8))
ours_ns=$(($(cpu_ns "$ours") - ours_before))
[ -z "$rival" ] || theirs_ns=$(($(cpu_ns "$theirs") - theirs_before))
wait_for '^[0-9]' "$dir/ours.out"
[ -z "$rival" ] || wait_for '^[0-9]' "$dir/theirs.out"
sleep 1
ours_lost=$(lost_bytes "$dir/home/consoles/c" /000001.log)
echo "consoles: $consoles at $rate lines a second each, measured for $((seconds - 8)) s"
echo "consoles: assay-console $((ours_ns / 1000000)) ms of processor time, $ours_lost bytes lost"
if [ -n "$rival" ]; then
    theirs_lost=$(lost_bytes "$dir/logs/c" .log)
    echo "consoles: conserver $((theirs_ns / 1000000)) ms of processor time in $(echo "$theirs" | wc -w) processes, $theirs_lost bytes lost"
    awk "BEGIN { printf \"consoles: ratio assay-console/conserver %.2f (wanted: at most 0.50)\n\", $ours_ns / $theirs_ns }"
else
    echo "consoles: conserver is not installed (Debian package conserver-server): no ratio"
fi
exec 7>&- 8>&-
stop

# Memory: idle ones and talking ones cost the same.
mkdir "$dir/many"
rm -rf "${dir:?}/home"
mkdir -m 0711 "$dir/home"
{
    echo "consoles:"
    seq 0 $((many - 1)) |
        sed "s#.*#  c&: { driver: unix, path: $dir/many/c&.sock }#"
} >"$dir/many.yaml"
start_feed many listen "$dir/many" c "$many" 1 5
exec 7>"$dir/many.in"
wait_for ready "$dir/many.out"
start_console "$dir/many.yaml" "$dir/many-holder.out"
wait_for connected "$dir/many.out"
wait_for '^[0-9]' "$dir/many.out"
rss=$(awk '/^VmRSS:/ { print $2 }' "/proc/$console_pid/status")
awk "BEGIN { printf \"consoles: %d in %d KiB resident: %.1f KiB each (wanted: at most 64)\n\", $many, $rss, $rss / $many }"
exec 7>&-
[ "$ours_lost" = 0 ]
