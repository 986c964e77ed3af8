#!/bin/sh
# tests/hosts/console-many-test.sh - 200 consoles that all talk, killed in the
# middle: no byte of any is missing; and 1,000 that say nothing.
set -u
# shellcheck source=tests/tap.sh
. "${ASSAY_TOP_SRCDIR:?}/tests/tap.sh"

top=${ASSAY_TOP_BUILDDIR:?}
dir=$(mktemp -d /tmp/console-many.XXXXXX)
ASSAY_HOME=$dir/home
export ASSAY_HOME
mkdir -m 0711 "$ASSAY_HOME"
pids=
finish() {
    for pid in $pids; do kill "$pid" 2>/dev/null; done
    for pid in $pids; do wait "$pid" 2>/dev/null; done
    if [ $tap_bad -eq 0 ]; then rm -rf "$dir"; else echo "# left in $dir"; fi
}
trap finish EXIT
wait_for() { # PATTERN FILE
    await 60 grep -q "$1" "$2" || {
        echo "Bail out! no '$1' in $2"
        exit 1
    }
}

{
    echo "consoles:"
    seq 0 199 | sed "s#.*#  c&: { driver: unix, path: $dir/c&.sock }#"
    seq 0 999 | sed "s#.*#  idle&: { driver: unix, mode: listen, path: $dir/idle&.sock }#"
} >"$dir/list"
mkfifo "$dir/in"
"$top/tests/bench/console-feed" say listen "$dir" c 200 10 5 <"$dir/in" >"$dir/feed" &
pids=$!
exec 7>"$dir/in"
wait_for ready "$dir/feed"
"$top/tests/hosts/console-holder" "$top/assay-console" --config "$dir/list" >"$dir/holder" 2>"$dir/log" &
pids="$pids $!"
wait_for connected "$dir/feed"
ok "200 consoles are connected, beside 1000 that wait"
for kill in 1 2 3; do
    sleep 1
    wait_for "^pid" "$dir/holder"
    kill -KILL "$(sed -n 's/^pid //p' "$dir/holder" | tail -n 1)"
    ok "kill $kill"
done
wait_for '^50$' "$dir/feed"
i=0 lines=0
while [ $i -lt 100 ] && [ $lines -ne 10000 ]; do
    sleep 0.2
    i=$((i + 1))
    lines=$(cat "$ASSAY_HOME"/consoles/c*/000001.log | wc -l)
done
lost=0 i=0
while [ $i -lt 200 ]; do
    lost=$((lost + $("$top/tests/bench/console-feed" check "$ASSAY_HOME/consoles/c$i/000001.log" $i 50)))
    i=$((i + 1))
done
[ "$lost" -eq 0 ]
ok "no byte is missing ($lost are)"
[ "$lines" -eq 10000 ]
ok "and none is there twice ($lines lines)"
assay host console-status --json >"$dir/status"
[ "$(grep -c '"state": "up"' "$dir/status")" -eq 200 ]
ok "200 are still connected"
[ "$(grep -c '"state": "listening"' "$dir/status")" -eq 1000 ]
ok "1000 still wait"
rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$(sed -n 's/^pid //p' "$dir/holder" | tail -n 1)/status")
echo "# $rss KiB for 1200 consoles"
exec 7>&-
tap_end
