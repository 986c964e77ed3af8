# shellcheck shell=bash
# What the end-to-end tests share: a home of their own, the real lab, TAP.
# Real Xen boots here; a candidate is made from Debian's packages once a run.

set -u
# shellcheck disable=SC2034 # for those who read this file
top=${ASSAY_TOP_SRCDIR:?run me by make check-lab}
# shellcheck source=tests/tap.sh
. "$top/tests/tap.sh"
PATH=${ASSAY_TOP_BUILDDIR:?}:$PATH
export PATH
unset ASSAY_DB

# Short and without a blank: Unix sockets live below it.
ASSAY_HOME=$(mktemp -d /tmp/assay-e2e.XXXXXX)
export ASSAY_HOME
chmod 711 "$ASSAY_HOME"
: >"$ASSAY_HOME/here"

diag() { sed 's/^/# /'; }

# like NAME TEXT REGEX
like() {
    grep -qE "$3" <<<"$2" || {
        tail -n 30 <<<"$2" | diag
        echo "# does not match $3"
        false
    }
    ok "$1"
}

# wait_for SECONDS COMMAND...: as await does, but asks seldom, for the sake of
# the machines that are emulated meanwhile.
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
    local left down
    # Who has lost his home finds nothing of what he has started.
    [ -e "$ASSAY_HOME/here" ] ||
        echo "# $ASSAY_HOME was removed while the test ran"
    down=$(assay lab down --all 2>&1)
    # What still runs with our home in its arguments is a leak.
    left=$(pgrep -af "$ASSAY_HOME" | grep -v "^$$ " | grep -v pgrep)
    is "nothing runs when the lab is down" "$left" "" || diag <<<"$down"
    if tap_end; then
        if mountpoint -q "$ASSAY_HOME/flights"; then umount "$ASSAY_HOME/flights"; fi
        rm -rf "$ASSAY_HOME"
    else
        printf '# kept %s\n' "$ASSAY_HOME"
    fi
    exit $((tap_bad > 0))
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
