# shellcheck shell=sh
# What the steps share. The contract itself is in assay-step(7); everything
# here is plain use of it.

set -eu

# Records, one a line on fd 3. Newlines in texts would end a record: they go.
record() { printf '%s\n' "$(printf '%s' "$*" | tr '\n\r' '  ')" >&3; }
metric() { record metric "$@"; }
progress() { record progress "$@"; }

# fail, broken and skip end the step and say why in the log. When a host was lost,
# what failed after that says nothing about the product: also where a subshell met
# it, which can only leave a note.
fail() {
    [ ! -e host-was-lost ] || broken "$* (after $(cat host-was-lost))"
    printf 'FAIL: %s\n' "$*"
    exit 1
}
broken() { printf 'BROKEN: %s\n' "$*"; exit 75; }
skip() { printf 'SKIP: %s\n' "$*"; exit 77; }

# runvar NAME DEFAULT: a runvar of this job.
runvar() { eval "printf '%s' \"\${ASSAY_RUNVAR_$1:-$2}\""; }

# on ROLE SCRIPT [ARG...]: runs SCRIPT by the host's shell. A broken transport
# is never the script's result.
on() {
    on_role=$1 on_script=$2
    shift 2
    on_status=0
    assay on "$on_role" -- sh -c "$on_script" sh "$@" || on_status=$?
    [ "$on_status" -ne 255 ] || transport_lost "$on_role"
    return "$on_status"
}

# transport_lost ROLE: ssh broke. Whose fault is it? A panic on the console is the
# product's, a machine without power is the host's, and silence is nobody's yet.
transport_lost() {
    tl_host=$(host_of "$1") || broken "ssh to $1 failed, and it is no role of this job"
    if tl_line=$(assay expect "$tl_host" --from boot --timeout 5s \
        'Panic on CPU' 'FATAL TRAP' 'Kernel panic - not syncing'); then
        record blame product "$tl_host: ${tl_line#* }"
        fail "$tl_host crashed: ${tl_line#* }"
    fi
    echo "$tl_host stopped answering" >host-was-lost
    case $(assay power "$tl_host" status 2>&1) in
        *off*)
            record blame host "$tl_host has no power"
            broken "$tl_host lost its power" ;;
    esac
    broken "$tl_host does not answer, and its console shows no crash"
}

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# median FILE: of one number a line.
median() { sort -n "$1" | awk '{v[NR]=$1} END {print NR%2 ? v[(NR+1)/2] : (v[NR/2]+v[NR/2+1])/2}'; }

# first_role: the first role of this job. host_of ROLE: the machine behind it.
first_role() { echo "${ASSAY_HOSTS%%=*}"; }
host_of() {
    for pair in $ASSAY_HOSTS; do
        [ "${pair%%=*}" != "$1" ] || { echo "${pair#*=}"; return; }
    done
    return 1
}
# host_address ROLE: where the machines of the job reach it.
host_address() {
    sed -n 's/.*"address" *: *"\([^"]*\)".*/\1/p' "$ASSAY_JOBDIR/ssh/$(host_of "$1")" | grep .
}
