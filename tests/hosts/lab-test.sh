#!/bin/sh
# The virtual lab: up, status, power, a lease on its wire, down; after SIGKILL of
# its keeper and of a machine, and stopped in the middle; as this user, and as
# root also as an ordinary one. Nothing may be left of any of it.
set -u
# shellcheck source=tests/tap.sh
. "${ASSAY_TOP_SRCDIR:?}/tests/tap.sh"

# Processes whose command line or network name space is of this lab.
ours() {
    for dir in /proc/[0-9]*; do
        [ "${dir#/proc/}" != $$ ] || continue
        if { tr '\0' ' ' <"$dir/cmdline" | grep -q "$ASSAY_HOME"; } 2>/dev/null ||
            { [ -n "${netns:-}" ] &&
              [ "$(readlink "$dir/ns/net" 2>/dev/null)" = "$netns" ]; }; then
            case $(cat "$dir/stat" 2>/dev/null) in
            *') Z '* | *') X '* | '') ;;
            *) { echo "${dir#/proc/} $(tr '\0' ' ' <"$dir/cmdline")"; } \
                2>/dev/null ;;
            esac
        fi
    done | grep -v -e '^[0-9]* [^ ]*postgres[ :]' -e 'lab-test' || true
}
nothing_left() {
    [ -z "$(ours)" ] || { ours; return 1; }
}
links() { ip -o link | sed 's/^[0-9]*: \([^:@]*\).*/\1/' | sort; }
field() { sed -n "s/^ *\"$1\": \"*\([^\",]*\)\"*,*\$/\1/p" | head -n 1; }
status() { assay lab status --json 2>/dev/null; }
keeper() { status | field keeper; }
kill_machine() {
    machine=$(ours | sed -n "s/^\([0-9]*\) .*guest=$1,.*/\1/p")
    [ -n "$machine" ] && kill -9 "$machine"
}
uid_of() { stat -c %u "/proc/$1"; }

run() {
    ASSAY_HOME=$tmp/home
    HOME=$tmp/user
    mkdir "$HOME"
    export ASSAY_HOME HOME
    unset ASSAY_DB XDG_DATA_HOME XDG_CACHE_HOME XDG_CONFIG_HOME XDG_RUNTIME_DIR
    before=$(links)

    ok 'up' assay lab up
    netns=$(readlink "/proc/$(keeper)/ns/net")
    is 'is up' "$(status | field up)" true
    is 'its network is its own' "$(links)" "$before"
    ok 'which has a bridge' assay lab exec -- ip link show br-assay
    first=$(keeper)
    ok 'up again' assay lab up
    is 'changes nothing' "$(keeper)" "$first"

    ok 'a machine is switched on' assay power lab-x86-1 on
    is 'and is on' "$(assay power lab-x86-1 status)" on
    pid=$(ours | sed -n 's/^\([0-9]*\) .*guest=lab-x86-1,.*/\1/p')
    ok 'not as root' test "$(uid_of "${pid:-1}")" != 0
    ok 'it gets its address' await 60 grep -q \
        'DHCPACK(br-assay) 10.77.0.11 52:54:00:aa:00:11' \
        "$ASSAY_HOME/lab/log/dnsmasq.log"
    ok 'and speaks' await 60 grep -aq iPXE \
        "$ASSAY_HOME/consoles/lab-x86-1/current"
    ok 'it is killed' kill_machine lab-x86-1
    is 'and is off' "$(assay power lab-x86-1 status)" off
    ok 'it is switched on again' assay power lab-x86-1 on

    kill -9 "$first"
    is 'without its keeper the lab is down' "$(status | field up)" false
    ok 'up after that' assay lab up
    ok 'has another keeper' test "$(keeper)" != "$first"
    is 'one dnsmasq' "$(ours | grep -c '^[0-9]* dnsmasq ')" 1
    is 'and no old machine' "$(assay power lab-x86-1 status)" off
    netns=$(readlink "/proc/$(keeper)/ns/net")
    ok 'a machine of the new one' assay power lab-x86-2 on

    ok 'down' assay lab down
    ok 'leaves no process' nothing_left
    is 'no interface' "$(links)" "$before"
    is 'no file in the home of the user' "$(ls -A "$HOME")" ''
    is 'is down' "$(status | field up)" false
    ok 'down again' assay lab down

    assay lab up 2>"$tmp/up" &
    up=$!
    await 60 grep -q '^lab: network' "$tmp/up"
    kill -TERM $up
    code=0
    wait $up || code=$?
    is 'up that is stopped says so' $code 130
    netns=
    ok 'and leaves no process' nothing_left

    ok 'all down' assay lab down --all
    is 'the database too' "$(pgrep -f -c "^[^ ]*postgres -D $ASSAY_HOME/pg")" 0
}

if [ $# -gt 0 ]; then
    tmp=$2
    # The other half's numbers go on from ours.
    tap_n=$3
    trap 'assay lab down --all >/dev/null 2>&1' EXIT
    run
    echo "$tap_n $tap_bad" >"$tmp/end"
    exit 0
fi

for tool in ip dnsmasq qemu-system-x86_64 qemu-system-aarch64; do
    PATH=$PATH:/usr/sbin:/sbin command -v $tool >/dev/null ||
        skip_all "there is no $tool"
done
PATH=$PATH:/usr/sbin:/sbin
export PATH
for file in /usr/lib/ipxe/undionly.kpxe /usr/share/OVMF/OVMF_CODE_4M.fd \
    /usr/share/AAVMF/AAVMF_CODE.fd; do
    [ -e $file ] || skip_all "there is no $file"
done

base=$(mktemp -d /tmp/assay-lab.XXXXXX) || exit 1
chmod 755 "$base"
finish() {
    for ASSAY_HOME in "$base"/*/home; do
        export ASSAY_HOME
        [ ! -d "$ASSAY_HOME" ] || assay lab down --all >/dev/null 2>&1
    done
    if [ "$tap_bad" = 0 ]; then rm -rf "$base"; else echo "# kept $base"; fi
}
trap finish EXIT
trap 'tap_bad=1; exit 1' HUP INT TERM
ASSAY_LOG=error
export ASSAY_LOG

# half NAME COMMAND...: this script again, by COMMAND.
half() {
    half_name=$1
    shift
    echo "# $half_name"
    tmp=$base/$half_name
    "$@" sh "$0" "$half_name" "$tmp" "$tap_n"
    if read -r tap_n half_bad <"$tmp/end"; then
        tap_bad=$((tap_bad + half_bad))
    else
        ok "$half_name: came to its end" false
    fi
}

if [ "$(id -u)" = 0 ]; then
    if unshare -n true 2>/dev/null; then
        mkdir "$base/root"
        half root env
    else
        skip root 'it may not make a network namespace here'
    fi
    # "nobody", with a /dev/net/tun that anybody may open, as on a Debian
    # with udev.
    if setpriv --reuid=nobody --regid=nogroup --clear-groups \
        unshare -Un --map-current-user true 2>/dev/null &&
        setpriv --reuid=nobody --regid=nogroup --clear-groups \
            test -x "$(command -v assay)"; then
        mkdir "$base/user"
        chown nobody "$base/user"
        # shellcheck disable=SC2016
        half user unshare -m sh -c '
            mount -t tmpfs -o mode=755 none /dev/net &&
            mknod -m 666 /dev/net/tun c 10 200 &&
            exec setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"' sh
    else
        skip user 'ordinary users may not make namespaces here'
    fi
elif unshare -Un --map-current-user true 2>/dev/null &&
    [ -w /dev/net/tun ]; then
    mkdir "$base/user"
    half user env
else
    skip user 'no namespaces, or no /dev/net/tun, for this user'
fi
tap_end
