#!/bin/sh
# tests/hosts/console-dialogue-test.sh - consoles from the command line: an
# Expect dialogue, a person's terminal, pipes, and the exit statuses.
set -u
# shellcheck source=tests/tap.sh
. "${ASSAY_TOP_SRCDIR:?}/tests/tap.sh"

command -v expect >/dev/null || skip_all 'expect is not installed'
built=${ASSAY_TOP_BUILDDIR:?}/tests/hosts
dir=$(mktemp -d /tmp/console-dialogue.XXXXXX)
tap_dir=$dir
ASSAY_HOME=$dir/home
export ASSAY_HOME dir
mkdir -m 0711 "$ASSAY_HOME"
unset ASSAY_HOSTS
pids=
finish() {
    for pid in $pids; do kill "$pid" 2>/dev/null; done
    for pid in $pids; do wait "$pid" 2>/dev/null; done
    if [ $tap_bad -eq 0 ]; then rm -rf "$dir"; else echo "# left in $dir"; fi
}
trap finish EXIT

assay expect h0 x >/dev/null 2>"$dir/err"
is "without an assay-console: a conflict" $? 1
grep -q 'no assay-console serves' "$dir/err"
ok "which is said"

echo "consoles: { h0: { driver: unix, mode: listen, path: $dir/h0.sock } }" >"$dir/list"
assay-console --config "$dir/list" 2>"$dir/log" &
pids=$!
await 20 assay host console-status h0
"$built/console-machine" "$dir/h0.sock" &
pids="$pids $!"

out=$(assay expect h0 --from start --timeout 20s 'panic' 'login: $' 'login: ')
is "expect prints the index and the line" "$?:$out" '0:2 machine login: '
assay expect h0 --timeout 1s 'never' 2>"$dir/err"
is "a time-out is 1" $? 1
assay expect h0 '(' 2>"$dir/err"
is "a bad pattern is 2" $? 2
assay expect elsewhere x 2>"$dir/err"
is "an unknown host is 2" $? 2
is "a role stands for its host; --json" \
    "$(ASSAY_HOSTS='src_host=hx host=h0' assay expect host --from start --json booting |
    tr -d ' \n')" '{"index":0,"line":"booting","matched":true,"offset":7}'

# An Expect script, as in a recipe.
cat >"$dir/dialogue" <<'EXPECT'
set timeout 20
proc want {pattern} {
    expect {
        -re $pattern { return }
        timeout { puts stderr "no $pattern"; exit 1 }
        eof { puts stderr "eof before $pattern"; exit 2 }
    }
}
log_user 0
spawn -noecho assay console h0
send "\r"
want "login: "
send "root\r"
want "machine# "
send "echo answer \$1\r"
want "\nanswer \\\$1\r\n"
want "machine# "
send "\x01\x01\x01"
want "Serial input to Xen"
send "h"
want "XEN. key pressed"
send "\x01\x01\x01"
want "Serial input to DOM0"
send "burst\r"
want "line 0 of a burst\r\n"
want "line 199 of a burst\r\nmachine# "
close
wait
EXPECT
expect "$dir/dialogue" >"$dir/out" 2>&1
ok "an Expect dialogue: login, a command, Xen's input and back"
sed 's/^/# /' "$dir/out"

out=$(printf 'echo through a pipe\r' | timeout 20 assay console h0)
is "a pipe: ends with its input" $? 0
assay expect h0 --from start --timeout 10s '^through a pipe' >/dev/null
ok "what it typed arrived"
offset=$(assay mark h0 here)
is "a mark is the length of the log" "$offset" \
    "$(stat -c %s "$ASSAY_HOME/consoles/h0/current" -L)"
printf 'echo marked\r' | assay console h0 >/dev/null
assay expect h0 --from here --timeout 10s '^marked' >/dev/null
ok "expect from a mark"
timeout 10 assay console h0 --read-only --from here </dev/null | grep -q '^marked' &
reader=$!
wait $reader
ok "reading only, from a mark"
assay host console-log h0 --from here | grep -q '^marked'
ok "the log, from a mark"
is "the log's last lines" \
    "$(assay host console-log h0 --tail 2 | head -n 1 | tr -d '\r')" marked
assay host console-log h0 --since 1h | cmp -s - "$ASSAY_HOME/consoles/h0/000001.log"
ok "the log, of the last hour, byte for byte"

# A person's terminal: it says how to leave, and is as it was after any end.
cat >"$dir/person" <<'EXPECT'
set timeout 20
proc want {pattern} {
    expect {
        -re $pattern { return }
        timeout { puts stderr "no $pattern"; exit 1 }
        eof { puts stderr "eof before $pattern"; exit 2 }
    }
}
log_user 0
spawn -noecho env PS1=ready> sh
want "ready>"
send "stty -a >$env(dir)/before; assay host console h0\r"
want "leave with \\^\\]"
send "\r"
want "machine# "
send "\x03echo person\r"
want "\nperson\r\n"
send "\x1d"
want "left the console of h0"
want "ready>"
send "stty -a >$env(dir)/after1\r"
want "ready>"
foreach {i signal} {2 TERM 3 HUP 4 QUIT 5 SEGV 6 USR1} {
    send "assay host console h0\r"
    want "leave with"
    send "\recho $signal\r"
    want "\n$signal\r\n"
    exec kill -$signal [exec sh -c {assay host console-status h0 --json |
        sed -n 's/.*"writer": "[^"]* pid \([0-9]*\).*/\1/p'}]
    want "ready>"
    send "stty -a >$env(dir)/after$i\r"
    want "ready>"
}
send "assay host console h0 --escape ^a --tail 1\r"
want "leave with \\^a"
send "\x01"
want "left the console of h0"
want "ready>"
send "exit\r"
expect eof
EXPECT
expect "$dir/person" >"$dir/out" 2>&1
ok "a person attaches, types, leaves by the key, is ended by signals"
sed 's/^/# /' "$dir/out"
for i in 1 2 3 4 5 6; do
    cmp -s "$dir/before" "$dir/after$i"
    ok "the terminal is as it was after end $i"
done

# Two people.
cat >"$dir/two" <<'EXPECT'
set timeout 20
proc want {pattern} {
    expect {
        -re $pattern { return }
        timeout { puts stderr "no $pattern"; exit 1 }
        eof { puts stderr "eof before $pattern"; exit 2 }
    }
}
log_user 0
spawn -noecho assay host console h0
set one $spawn_id
want "leave with"
send "\r"
want "machine# "
spawn -noecho assay host console h0
set two $spawn_id
want "is typing.*read-only"
spawn -noecho assay host console h0 --force
set three $spawn_id
want "leave with"
set spawn_id $one
want "types now; you only read on"
set spawn_id $three
send "echo forced\r"
want "\nforced\r\n"
foreach s [list $two $one] {
    set spawn_id $s
    want "\nforced\r\n"
    send "\x1d"
    want "left the console"
    # A terminal that is closed sends SIGCONT, which a leak check does not bear.
    expect eof
    wait
}
EXPECT
expect "$dir/two" >"$dir/out" 2>&1
ok "two watch, one types, one takes over by force"
sed 's/^/# /' "$dir/out"

is "no error was logged" "$(grep ' error' "$dir/log")" ''
tap_end
