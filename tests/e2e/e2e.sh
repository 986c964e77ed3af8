# shellcheck shell=bash
# What the end-to-end tests share: a home of their own, the real lab, TAP.
# Real Xen boots here; a candidate is made from Debian's packages once a run.

set -u
# shellcheck disable=SC2034 # for those who read this file
top=${ASSAY_TOP_SRCDIR:?run me by make check-lab}
PATH=${ASSAY_TOP_BUILDDIR:?}:$PATH
export PATH
unset ASSAY_DB
tests=0

# Short and without a blank: Unix sockets live below it.
ASSAY_HOME=$(mktemp -d /tmp/assay-e2e.XXXXXX)
export ASSAY_HOME
chmod 711 "$ASSAY_HOME"
failures=0

ok() {
    local status=$1
    shift
    tests=$((tests + 1))
    if [ "$status" -eq 0 ]; then
        printf 'ok %d - %s\n' "$tests" "$*"
    else
        printf 'not ok %d - %s\n' "$tests" "$*"
        failures=$((failures + 1))
    fi
}
# is GOT WANTED TEXT
is() {
    if [ "$1" = "$2" ]; then
        ok 0 "$3"
    else
        ok 1 "$3"
        printf '# got    %s\n# wanted %s\n' "$1" "$2"
    fi
}
# like GOT REGEX TEXT
like() {
    if grep -qE "$2" <<<"$1"; then
        ok 0 "$3"
    else
        ok 1 "$3"
        sed 's/^/# /' <<<"$1" | tail -n 30
        printf '# does not match %s\n' "$2"
    fi
}
diag() { sed 's/^/# /'; }

# try TEXT COMMAND...: its output is shown only when it fails.
try() {
    local text=$1 out
    shift
    if out=$("$@" 2>&1); then
        ok 0 "$text"
    else
        ok 1 "$text"
        tail -n 40 <<<"$out" | diag
        return 1
    fi
}

# wait_for SECONDS COMMAND...: until it succeeds; 1 if it never does.
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt "$end" ] || return 1
        sleep 0.2
    done
}

finish() {
    trap - EXIT
    assay lab down --all >/dev/null 2>&1
    # What still runs with our home in its arguments is a leak.
    local left
    left=$(pgrep -af "$ASSAY_HOME" | grep -v "^$$ " | grep -v pgrep)
    is "$left" "" "nothing runs when the lab is down"
    printf '1..%d\n' "$tests"
    if [ "$failures" -eq 0 ]; then
        if mountpoint -q "$ASSAY_HOME/flights"; then umount "$ASSAY_HOME/flights"; fi
        rm -rf "$ASSAY_HOME"
    else
        printf '# kept %s\n' "$ASSAY_HOME"
    fi
    exit $((failures > 0))
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

bail() {
    printf 'Bail out! %s\n' "$*"
    exit 1
}

# What failed in a flight, for the reader of the test's log.
explain_flight() {
    assay report "$1" 2>&1 | head -n 80 | diag
}
job_field() { assay flight show "$1" --json | jq -r --arg j "$2" ".jobs[] | select(.job == \$j) | $3"; }
