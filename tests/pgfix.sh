# shellcheck shell=sh
# tests/pgfix.sh - a private PostgreSQL server for a test in shell; source it.
#
#     . "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"      # and so tests/tap.sh
#     pgfix_start           # ASSAY_HOME is now a temporary one, with a database
#
# The server, and whatever pgfix_undo has collected, goes when the script ends,
# in reverse order; the directory too, if the exit status is 0.

# shellcheck source=tests/tap.sh
. "$ASSAY_TOP_SRCDIR/tests/tap.sh"
pgfix_undo=

# Runs "$*" at the end, before what was registered earlier.
pgfix_at_end()
{
    pgfix_undo="$*
$pgfix_undo"
}

pgfix_finish()
{
    pgfix_status=$?
    trap - EXIT HUP INT TERM
    eval "$pgfix_undo"
    if [ "$pgfix_status" -eq 0 ]; then
        rm -rf "$ASSAY_HOME"
    else
        echo "# kept $ASSAY_HOME"
    fi
}

pgfix_start()
{
    unset ASSAY_DB
    ASSAY_HOME=$(mktemp -d "${TMPDIR:-/tmp}/assay-test.XXXXXX") || exit 1
    chmod 711 "$ASSAY_HOME"
    ASSAY_LOG=${ASSAY_LOG:-warn}
    export ASSAY_HOME ASSAY_LOG
    trap pgfix_finish EXIT
    trap 'exit 1' HUP INT TERM
    pgfix_at_end 'assay db stop --force >/dev/null'
    assay db migrate >/dev/null || {
        echo "Bail out! no database server"
        exit 1
    }
    assay db psql -- -qX -c 'alter system set fsync = off' \
        -c 'select pg_reload_conf()' >/dev/null
}

# sql [TEXT]: the text, or standard input; its rows, bare.
sql()
{
    assay db psql -- -qAtX -v ON_ERROR_STOP=1 ${1+-c "$1"}
}
