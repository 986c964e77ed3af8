#!/bin/sh
# A person's time on a host: nobody else's, extended, with mail before its end,
# and taken back by itself, with the power off where the site wants it.
set -u

# shellcheck source=tests/pgfix.sh
. "${ASSAY_TOP_SRCDIR:?}/tests/pgfix.sh"
pgfix_start
tend() { assay host tend 2>"$ASSAY_HOME/err"; }
notices() { sql "select count(*) from assay.notice where kind = 'lease'"; }
# HOST SITE OFF...: its power is a file, unless OFF is something else.
host() {
    name=$1 site=$2
    shift 2
    [ $# -gt 0 ] || set -- "'sh', '-c', 'echo off >$ASSAY_HOME/$name'"
    echo on >"$ASSAY_HOME/$name"
    sql "insert into assay.host (host, site, arch, firmware, class, config,
             source)
         values ('$name', '$site', 'amd64', 'bios', 'c', jsonb_build_object(
             'power', jsonb_build_object('driver', 'command', 'limit', '200ms',
             'on', jsonb_build_array('true'), 'off', jsonb_build_array($1),
             'status', jsonb_build_array('cat', '$ASSAY_HOME/$name'))), 'test')"
}
over() {
    sql "update assay.host_window set from_at = from_at - interval '9 days',
             until_at = clock_timestamp() - interval '1 s'
         where host = '$1' and ended_at is null"
}
host a lab
host b off
host c off
host d off "'sleep', '9'"
mkdir "$ASSAY_HOME/sites"
echo '{ site: off, leases: { notice: 2h, power_off: true } }' \
    >"$ASSAY_HOME/sites/off.yaml"

is 'two seconds for two hours' "$(assay host lease a --for 2 --why x 2>&1)" \
    'assay: --for: less than a minute is no lease: say how long, as 90m, 2h or 3d'
is 'no such host' "$(assay host lease z --for 2h --why x 2>&1)" \
    "assay: there is no host 'z'
hint: assay host list"
assay host lease a --for 3h --why 'bug 77' --who eve --mail eve >/dev/null 2>&1
is 'an address that is none' "$?" 2
assay host lease a --for 3h --why 'bug 77' --who eve --mail eve@lab.example \
    >/dev/null
is 'one person has it' "$(assay host list | grep '^a ' |
    grep -o 'lease of eve until [0-9-]* [0-9:]* UTC: bug 77' | cut -c1-12)" \
    'lease of eve'
is 'and nobody else then' "$(assay host lease a --for 1h --why x --who bob 2>&1 |
    cut -d' ' -f 1-5)" 'assay: eve has leased a'
is 'the end is far' "$(tend)$(notices)" 0
assay host lease a --for 30m --why 'bug 77' --who eve >/dev/null
sql "update assay.host_window set from_at = from_at - interval '2h'"
is 'the end is near: it is said' "$(tend | cut -d: -f 1,2)" 'a: lease ends soon'
is 'once' "$(tend)$(notices)" 1
is 'to her, with what to do' "$(sql "select people::text from assay.notice") \
$(sql "select body from assay.notice" | grep -c '^Longer:  assay host lease a')" \
    '[{"address": "eve@lab.example"}] 1'
assay host lease a --for 50m --why 'bug 77' --who eve >/dev/null
is 'another end is said too' "$(tend | cut -d: -f 2)$(notices)" ' lease ends soon2'
over a
is 'at its end it is returned' "$(tend | cut -d' ' -f 1-6)" \
    'a: returned: the lease of eve'
is 'once' "$(tend)" ''
is 'and left as it is' "$(cat "$ASSAY_HOME/a")" on
assay host lease a --for 3h --why 'bug 78' --who bob >/dev/null
is 'the next person has it' "$?" 0

for h in b c d; do
    assay host lease $h --for 3h --why test --who eve >/dev/null
    over $h
done
f=$(sql "insert into assay.flight (branch, intended, outcome, harness)
         values ('x', 'x', 'running', 'h') returning flight")
sql "insert into assay.task (kind, refkey, harness, node, node_key, pid,
         pid_start, backend) values ('job', 'j', 'h', 'n', 'k', 1, 1, 1);
     insert into assay.allocation (host, task, flight, job, role)
     values ('c', 1, $f, 'j', 'host')"
tend >"$ASSAY_HOME/said"
is 'where the site says so it is switched off' "$(cat "$ASSAY_HOME/b")" off
is 'and that is said' "$(grep -c '^b: returned: .*, switched off$' \
    "$ASSAY_HOME/said")" 1
is 'not while a job has it' "$(cat "$ASSAY_HOME/c") $(grep -c \
    "^c: returned: .*, left on for flight $f job j\$" "$ASSAY_HOME/said")" 'on 1'
is 'power that does not obey' "$(grep -c \
    '^d: returned: .*, and it cannot be switched off$' "$ASSAY_HOME/said")" 1
is 'takes the host out of use' "$(sql "select state from assay.host
    where host = 'd'")" bad
is 'no host is held by nobody' "$(sql "select count(*) from assay.allocation
    where ended_at is null") $(sql "select count(*) from assay.task
    where ended_at is null")" '1 1'

# Off when a file is there: its power waits for that.
host e off "'sh', '-c', 'until [ -e $ASSAY_HOME/now ]; do sleep 0.1; done
    echo off >$ASSAY_HOME/e'"
host g off
sql "update assay.host set config = jsonb_set(config, '{power,limit}', '\"60s\"')
     where host = 'e'"
open() { sql "select string_agg(host, ' ' order by host) from assay.host_window
    where ended_at is null and kind = 'lease' and host in ('e', 'g')"; }
for h in e g; do
    assay host lease $h --for 3h --why test --who eve >/dev/null
done
over e
tend >/dev/null &
one=$!
tries=0
until [ "$(sql "select count(*) from assay.allocation
    where host = 'e' and ended_at is null")" = 1 ] || [ $tries = 300 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
over g
until [ "$(open)" = e ] || [ $tries = 300 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
is 'a power controller that does not answer delays no other lease, not even one
# that ends meanwhile' "$(open) $(cat "$ASSAY_HOME/g")" 'e off'
touch "$ASSAY_HOME/now"
wait $one
is 'and its own is over when it answers' "$(open) $(cat "$ASSAY_HOME/e")" ' off'
assay host tend --only dishes 2>"$ASSAY_HOME/err"
is 'what is no part of it' "$? $(cat "$ASSAY_HOME/err")" \
    "2 assay: --only 'dishes' is none of checks, idle, leases"

assay host lease b --for 3h --why test --who eve >/dev/null
over b
echo on >"$ASSAY_HOME/b"
sql "update assay.host set config = jsonb_set(config, '{power,off}',
         '[\"sh\", \"-c\", \"sleep 0.1; echo off >$ASSAY_HOME/b\"]')
     where host = 'b'"
assay host tend >/dev/null 2>&1 &
one=$!
sleep 0.1
kill -9 $one
wait $one 2>/dev/null
assay host tend >/dev/null 2>&1 &
one=$!
tend >/dev/null
wait $one
tend >/dev/null
is 'killed and two at once: it ends once' "$(cat "$ASSAY_HOME/b") $(sql "select
    count(*) from assay.host_window where host = 'b' and ended_at is not null
    ") $(sql "select count(*) from assay.task where ended_at is null")" 'off 2 1'

tap_end
