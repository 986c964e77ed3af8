#!/bin/bash
# tests/bench/boot.sh - from power-on to "confirmed up", by Assay and by hand,
# in turns: the same machine, the same files and command lines, the same call
# back of dom0. By hand is one QEMU command line with its user network, iPXE
# with a script of its own and a web server of static files: no libvirt, no
# database, no nonces, no captured console. Assay's ratio is at most 1.15.
# For comparison, a third: QEMU loads the files itself, without any network.
#
# Variables: TURNS (3).
set -eu
turns=${TURNS:-3}
top=${ASSAY_TOP_BUILDDIR:-$PWD}
PATH=$top:$PATH
export PATH
serve=$top/tests/bench/boot-serve port=8077
ASSAY_HOME=$(mktemp -d /tmp/assay-boot.XXXXXX)
export ASSAY_HOME
unset ASSAY_DB
chmod 711 "$ASSAY_HOME"
files=$ASSAY_HOME/by-hand
trap 'assay lab down --all >/dev/null 2>&1; rm -rf "$ASSAY_HOME"' EXIT
trap 'exit 1' INT TERM HUP
now_ms() { date +%s%3N; }
sql() { assay db psql -- -qAtX -c "$1"; }

mkdir "$files"
assay lab up >/dev/null 2>&1
assay candidate add --deb bookworm --arch amd64 >/dev/null 2>&1

boot_by_assay() {
    assay boot --candidate bookworm lab-x86-1 >"$files/assay.log" 2>&1 ||
        { cat "$files/assay.log" >&2; exit 1; }
    sql "select round(extract(epoch from up_at - power_at) * 1000)
         from assay.boot where status = 'up' order by armed_at desc limit 1"
}

# The files of Assay's last boot, under plain names.
collect() {
    local spec sha
    assay host power lab-x86-1 off >/dev/null
    spec=$(sql "select spec from assay.boot where status = 'up'
                order by armed_at desc limit 1")
    artefact() { cat "$ASSAY_HOME/artefacts/${1:0:2}/${1:2}"; }
    for part in xen kernel; do
        artefact "$(jq -r ".$part" <<<"$spec")" >"$files/$part"
    done
    for sha in $(jq -r '.initrd, .layers[]?, .overlay' <<<"$spec"); do
        artefact "$sha"
    done >"$files/initrd"
    xen_line=$(jq -r .xen_cmdline <<<"$spec")
    dom0_line=$(jq -r .dom0_cmdline <<<"$spec")
    url=http://10.77.0.1:$port
    printf '#!ipxe\nkernel %s/xen %s\nmodule %s/kernel %s\nmodule %s/initrd\nboot\n' \
        $url "$xen_line" $url "$dom0_line" $url >"$files/script.ipxe"
}

# In a network of its own, where the port is free. Prints milliseconds.
boot_by_hand() { # more QEMU arguments
    local out
    out=$(unshare -rn bash -c 'ip link set lo up; by_hand "$@"' - "$@") ||
        { tail -n 5 "$files"/*.log >&2; exit 1; }
    echo "$out"
}
by_hand() {
    local began i=0 pids
    rm -f "$files/serve.out"
    "$serve" "$files" $port >"$files/serve.out" &
    pids=$!
    until grep -qs ready "$files/serve.out"; do
        kill -0 $pids || return 1
        sleep 0.02
    done
    began=$(now_ms)
    qemu-system-x86_64 -machine q35 -accel tcg -cpu qemu64,+svm,+npt,+rdrand \
        -m 2048 -smp 1 -display none -serial "file:$files/hand.log" \
        -netdev "user,id=n,net=10.77.0.0/24,host=10.77.0.1,dhcpstart=10.77.0.11,tftp=$files,bootfile=script.ipxe" \
        -device e1000,netdev=n,bootindex=1,mac=52:54:00:aa:00:11 \
        "$@" >"$files/qemu.log" 2>&1 &
    pids="$pids $!"
    until grep -qs "^up " "$files/serve.out" || [ $i -gt 3000 ]; do
        i=$((i + 1))
        sleep 0.1
    done
    # shellcheck disable=SC2086 # a list
    kill $pids 2>/dev/null
    # shellcheck disable=SC2086
    wait $pids 2>/dev/null
    i=$(sed -n 's/^up //p' "$files/serve.out")
    [ -n "$i" ] && echo $((i - began))
}
median() { printf '%s\n' "$@" | sort -n | sed -n "$(($# / 2 + 1))p"; }

export files serve port
export -f by_hand now_ms
boot_by_assay >/dev/null                # every cache is warm for both
collect
ours=() hand=() direct=()
for _ in $(seq "$turns"); do
    ours+=("$(boot_by_assay)")
    assay host power lab-x86-1 off >/dev/null
    hand+=("$(boot_by_hand)")
    direct+=("$(boot_by_hand -kernel "$files/xen" -append "$xen_line" \
        -initrd "$files/kernel ${dom0_line//,/,,},$files/initrd")")
done
awk -v a="$(median "${ours[@]}")" -v h="$(median "${hand[@]}")" \
    -v d="$(median "${direct[@]}")" -v n="$turns" 'BEGIN {
    printf "boot: %.1f s from power-on to confirmed up (median of %d)\n", a / 1000, n
    printf "boot: by hand over iPXE %.1f s: ratio %.2f (limit 1.15)\n", h / 1000, a / h
    printf "boot: by hand without a network %.1f s: ratio %.2f\n", d / 1000, a / d
}'
