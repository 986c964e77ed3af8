# shellcheck shell=sh
# tests/tap.sh - the checks of a test in shell, as TAP; source it.
#
#     grep -q hello "$ASSAY_HOME/out"
#     ok "it greets"                        # judges the command before it,
#     ok "it is a file" test -f "$file"     # or the one that it is given
#     is "two and two" "$((2 + 2))" 4       # NAME GOT WANT
#     has "a greeting" "$text" hello        # NAME TEXT PART
#     says "a greeting" hello               # NAME PART: the last command did
#     tap_end                               # the last line: plan, exit status
#
# What the last command said is in the files out and err of $tap_dir, which is
# ASSAY_HOME unless set, as far as a test writes them. Of a check that fails
# they are shown, with what was got and what was wanted.

tap_n=0
tap_bad=0

# ok NAME [COMMAND...]: its status is that of the check.
ok()
{
    tap_status=$?
    tap_name=$1
    shift
    tap_said=
    if [ $# -gt 0 ]; then
        tap_said=$("$@" 2>&1)
        tap_status=$?
    fi
    tap_n=$((tap_n + 1))
    if [ "$tap_status" -eq 0 ]; then
        printf 'ok %d - %s\n' "$tap_n" "$tap_name"
        return
    fi
    tap_bad=$((tap_bad + 1))
    printf 'not ok %d - %s\n' "$tap_n" "$tap_name"
    { [ -z "$tap_said" ] || printf '%s\n' "$tap_said"; tap_said; } |
        tail -n 40 | sed 's/^/# /'
    return "$tap_status"
}

# tap_said [FILE...]: what they have, or what the last command said.
tap_said()
{
    tap_dir=${tap_dir:-${ASSAY_HOME:-/nonexistent}}
    [ $# -gt 0 ] || set -- "$tap_dir/out" "$tap_dir/err"
    cat "$@" 2>/dev/null
}

# equal GOT WANT: no check yet; says what differs.
equal()
{
    [ "$1" = "$2" ] && return
    printf 'got    %s\nwanted %s\n' "$1" "$2" | sed 's/^/# /'
    return 1
}

is()
{
    equal "$2" "$3"
    ok "$1"
}

has()
{
    case $2 in
    *"$3"*) ;;
    *) equal "$2" "...$3..." ;;
    esac
    ok "$1"
}

# says NAME PART [FILE...]: a line of the files, else of what the last command
# said, has the part in it.
says()
{
    says_name=$1
    says_part=$2
    shift 2
    tap_said "$@" | grep -qF -e "$says_part" || {
        echo "# wanted ...$says_part..."
        [ $# -eq 0 ] || tail -n 40 "$@" | sed 's/^/# /'
        false
    }
    ok "$says_name"
}

# skip NAME WHY: a check that cannot be made here.
skip()
{
    tap_n=$((tap_n + 1))
    echo "ok $tap_n - $1 # SKIP $2"
}

# skip_all WHY: a test that cannot be made here.
skip_all()
{
    echo "1..0 # SKIP $1"
    exit 0
}

# await SECONDS COMMAND...: until the command succeeds.
await()
{
    await_left=$(($1 * 20))
    shift
    until "$@" >/dev/null 2>&1; do
        await_left=$((await_left - 1))
        if [ "$await_left" -le 0 ]; then
            echo "# waited in vain: $*"
            return 1
        fi
        sleep 0.05
    done
}

tap_end()
{
    echo "1..$tap_n"
    [ "$tap_bad" -eq 0 ]
}
