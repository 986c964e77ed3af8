#!/bin/sh
# assay db: status, migrate, dump, psql, stop; homes with odd names, as an
# ordinary user, inside a user namespace.
set -u
# shellcheck source=tests/tap.sh
. "${ASSAY_TOP_SRCDIR:?}/tests/tap.sh"

say() {
    printf '%s\n' "$1"     # dash's echo would eat the backslashes
}
field() {               # FIELD of the JSON object on standard input
    sed -n "s/^  \"$1\": \"*\([^\",]*\)\"*,*\$/\1/p"
}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/assay-db.XXXXXX") || exit 1
chmod 755 "$tmp"
cleanup() {
    for ASSAY_HOME in "$tmp"/*/ "$tmp"/*/home; do
        [ ! -d "$ASSAY_HOME/pg" ] || assay db stop --force >/dev/null
    done
    if [ "$tap_bad" = 0 ]; then rm -rf "$tmp"; else echo "# kept $tmp"; fi
}
trap cleanup EXIT
trap 'tap_bad=1; exit 1' HUP INT TERM
unset ASSAY_DB
ASSAY_LOG=warn
export ASSAY_HOME ASSAY_LOG

# A home that no shell would like --------------------------------------------
ASSAY_HOME="$tmp/o'dd \"h\$o\`me\`; \\x"
text=$(assay db status)
is 'status without a cluster: exit' $? 1
has 'status without a cluster' "$text" 'not made yet'
is 'status makes nothing' "$(ls "$ASSAY_HOME/pg" 2>/dev/null)" ''
is 'an odd home' "$(assay db migrate 2>&1 | sed 's/schema [0-9]*, [1-9].*/ok/')" ok
json=$(assay db status --json)
is 'status of one that runs: exit' $? 0
is 'state' "$(say "$json" | field state)" running
is 'schema' "$(say "$json" | field schema)" \
    "$(say "$json" | field schema_wanted)"
is 'migrate again' "$(assay db migrate | sed 's/schema [0-9]*, //')" \
    '0 applied'
is 'psql with arguments' \
    "$(assay db psql -- -XAtc "select 'a b'" -c 'select 2')" 'a b
2'
assay db psql -- -XqAtc 'select 1 / 0' >/dev/null 2>&1
is "psql's exit status" $? 1
assay db psql -- -Xqc "insert into assay.artefact values
    (repeat('a', 64), 7, 'log')"
has 'dump to standard output' "$(assay db dump)" 'COPY assay.artefact'
assay db dump "$tmp/dump.sql"
is 'dump to a file: exit' $? 0
has 'dump to a file' "$(cat "$tmp/dump.sql")" 'aaaaaaaa'
is "which only its owner reads" "$(stat -c %a "$tmp/dump.sql")" 600
case $(assay db dump --schema-only) in
    *'COPY assay'*) is 'a dump of the schema' rows none ;;
    *) is 'a dump of the schema has no rows' none none ;;
esac
assay db dump /nonexistent/dir/file 2>/dev/null
is 'dump where it cannot be written' $? 75
assay db dump >/dev/full 2>/dev/null
is 'dump to a full disk' $? 75
text=$(ASSAY_DB="host='$tmp/nowhere' password=geheim" assay db status 2>&1)
is 'a server that is not there: exit' $? 75
has 'a server that is not there' "$text" 'connect to the database'
ASSAY_DB='nonsense' assay db status >/dev/null 2>&1
is 'an ASSAY_DB that is no conninfo' $? 2
conninfo=$(say "$json" |
    sed -n 's/^  "conninfo": "\(.*\)",*$/\1/p' | sed 's/\\\(.\)/\1/g')
text=$(ASSAY_DB="$conninfo password=geheim" assay db status --json)
is 'the same server as a foreign one: exit' $? 0
is 'it is foreign' "$(say "$text" | field server)" foreign
case $text in
    *geheim*) is 'its password' shown hidden ;;
    *) is 'its password is not shown' hidden hidden ;;
esac
ASSAY_DB=$conninfo assay db stop 2>/dev/null
is 'a foreign server is not stopped' $? 1
pid=$(say "$json" | field pid)
is 'stop' "$(assay db stop)" 'database server stopped'
is 'it is gone' "$(readlink "/proc/$pid/exe")" ''
is 'stop again' "$(assay db stop)" 'no database server runs'
assay db status >/dev/null
is 'status after: exit' $? 1
is 'a dump starts it' "$(assay db dump | grep -c 'aaaaaaaa')" 1
assay db stop >/dev/null
is 'no other process is left' \
    "$(pgrep -f "postgres -D .*$(basename "$tmp")" | wc -l)" 0

# What it cannot do -----------------------------------------------------------
ASSAY_HOME="$tmp/a,b"
text=$(assay db migrate 2>&1)
is 'a comma in the home: exit' $? 2
has 'a comma in the home' "$text" 'comma'
ASSAY_HOME="$tmp/long-name-long-name-long-name-long-name-long-name-long"
text=$(assay db migrate 2>&1)
is 'a home too long for a socket: exit' $? 2
has 'a home too long for a socket' "$text" 'set ASSAY_HOME to a shorter path'
if [ "$(id -u)" = 0 ]; then
    mkdir -m 700 "$tmp/closed"
    ASSAY_HOME="$tmp/closed/home"
    text=$(assay db migrate 2>&1)
    is "a home that the server's user cannot reach: exit" $? 2
    has "a home that the server's user cannot reach" "$text" 'cannot reach'
else
    skip 'a home out of reach' 'only root has another user for the server'
fi

# Survival --------------------------------------------------------------------
ASSAY_HOME="$tmp/home"
setsid -w sh -c 'assay db migrate >/dev/null; kill -KILL 0' >/dev/null 2>&1
is 'the server outlives the session that started it' \
    "$(assay db status --json | field state)" running
assay db stop >/dev/null

# As an ordinary user ---------------------------------------------------------
as_nobody() {
    setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"
}
assay=$(command -v assay)
if [ "$(id -u)" = 0 ] && as_nobody test -x "$assay"; then
    mkdir -m 711 "$tmp/nobody"
    chown nobody "$tmp/nobody"
    ASSAY_HOME="$tmp/nobody/home"
    is 'an ordinary user makes one' \
        "$(as_nobody "$assay" db migrate 2>&1 | sed 's/schema [0-9]*, [1-9].*/ok/')" ok
    is 'its server is his' "$(stat -c %U "$ASSAY_HOME/pg/data")" nobody
    if as_nobody unshare -Uc true 2>/dev/null; then
        has 'from inside a user namespace' \
            "$(as_nobody unshare -Uc "$assay" db status 2>&1)" 'running'
    else
        skip 'from inside a user namespace' 'not allowed here'
    fi
    has 'stop' "$(as_nobody "$assay" db stop 2>&1)" 'stopped'
    is 'root starts it as his' "$(assay db migrate >/dev/null 2>&1;
        stat -c %U "/proc/$(assay db status --json | field pid)")" nobody
    has 'and he may use it' \
        "$(as_nobody "$assay" db psql -- -XAtc 'select 42' 2>&1)" 42
    assay db stop >/dev/null
else
    skip 'as an ordinary user' 'the test runs as one, or it cannot reach us'
fi

# The fixture for other tests in shell ---------------------------------------
text=$(
    # shellcheck source=tests/pgfix.sh
    . "${ASSAY_TOP_SRCDIR:?}/tests/pgfix.sh"
    pgfix_start
    pgfix_at_end 'echo first'
    pgfix_at_end "echo last, still"
    assay db psql -- -XAtc 'select current_user'
    echo "$ASSAY_HOME"
)
is 'the fixture undoes in reverse order' \
    "$(say "$text" | sed '/^\//d' | tr '\n' ' ')" 'assay last, still first '
kept=$(say "$text" | grep '^/')
[ -e "${kept:?}" ]
is 'and leaves nothing' $? 1

tap_end
