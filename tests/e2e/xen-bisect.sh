#!/bin/bash
# A real regression of Xen, found in the lab from nothing but two revisions: with
# "ucode=scan" and an initrd that carries early microcode (here: zeroes) the
# hypervisor panics. Every revision that is asked for is built and booted.
#
# By hand only, since it wants a clone of xen.git and an hour or more:
#   XEN_GIT=DIR [GOOD=REV] [BAD=REV] make check TESTS=tests/e2e/xen-bisect.sh
# What it gave is in tests/e2e/xen-bisect.txt.
. "${ASSAY_TOP_SRCDIR:?}/tests/e2e/e2e.sh"
if [ -z "${XEN_GIT:-}" ]; then
    trap - EXIT
    rm -rf "$ASSAY_HOME"
    skip_all 'set XEN_GIT to a clone of xen.git'
fi
first=${GOOD:-44a6871a5bd0} last=${BAD:-59d0bf62861f}
record=${RECORD:-/dev/null}

cat >"$ASSAY_HOME/boot.yaml" <<END
recipe: boot
description: boots, and no more
roles: [host]
steps:
  - {testid: xen-boot, run: host-netboot, deadline: 300s}
END

# build REVISION: its candidate's name.
build()
{
    local build
    build=$(assay build run xen --tree "$1" --json | jq .build)
    assay candidate add --build "$build" --base microcode >/dev/null
    echo "microcode.build-$build"
}

# fly CANDIDATE REVISION: a flight of it, whose number is in $flight.
fly()
{
    cat >"$ASSAY_HOME/flight.yaml" <<END
flight: ucode
intended: real
candidate: $1
jobs:
  - job: boot
    recipe: $ASSAY_HOME/boot.yaml
    hosts: {host: {arch: amd64}}
    runvars: {xen_boot_append: ucode=scan}
END
    flight=$(assay flight create "$ASSAY_HOME/flight.yaml")
    assay db psql -- -qAtX -c \
        "insert into assay.flight_tree values ($flight, 'xen', '$2')"
    assay flight run "$flight" >/dev/null 2>&1
}

ok "a lab with one host" assay lab up "$top/hosts/lab/lab-x86-1.yaml" ||
    bail "no lab"
ok "a candidate from Debian's packages" \
    assay candidate add --deb bookworm --arch amd64 || bail "no candidate"

# The same with early microcode in front of its initrd.
parts=$ASSAY_HOME/parts
mkdir "$parts"
for part in xen kernel initrd; do
    assay candidate show bookworm --json |
        jq -r ".archs.amd64.parts.$part.sha256" |
        { read -r sha; cat "$ASSAY_HOME/artefacts/${sha:0:2}/${sha:2}"; } \
        >"$parts/$part"
done
# newc MODE NAME BYTES: an entry of a cpio archive, of zeroes.
newc()
{
    printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X' \
        0 $((8#$1)) 0 0 1 0 "$3" 0 0 0 0 $((${#2} + 1)) 0
    printf '%s' "$2"
    # The name and what follows it end at a multiple of four bytes.
    head -c $((1 + (4 - (110 + ${#2} + 1) % 4) % 4 + $3)) /dev/zero
}
{
    newc 40755 kernel 0
    newc 40755 kernel/x86 0
    newc 40755 kernel/x86/microcode 0
    newc 100644 kernel/x86/microcode/AuthenticAMD.bin 4096
    newc 0 'TRAILER!!!' 0
} >"$parts/early"
truncate -s %512 "$parts/early"
cat "$parts/early" "$parts/initrd" >"$parts/initrd.new"
mv "$parts/initrd.new" "$parts/initrd"
rm "$parts/early"
ok "a candidate that carries early microcode" \
    assay candidate add --dir "$parts" --arch amd64 --name microcode ||
    bail "no candidate"

ok "xen.git is a tree" assay tree add xen "$XEN_GIT"
first=$(git -C "$XEN_GIT" rev-parse "$first^{commit}")
last=$(git -C "$XEN_GIT" rev-parse "$last^{commit}")
fly "$(build "$first")" "$first"
is "the good revision boots" $? 0
[ "$(assay flight show "$flight" --json | jq -r .outcome)" = pass ] ||
    explain_flight "$flight"
fly "$(build "$last")" "$last"
status=$?
is "the bad one does not" $status 1
[ $status = 1 ] || bail "there is nothing to look for"
begin=$SECONDS
assay bisect start "$flight" boot xen-boot --confidence 0.95 \
    >"$ASSAY_HOME/out" 2>&1
is "the bisection ends with a culprit" $? 0
{
    echo "$(git -C "$XEN_GIT" rev-list --count "$first..$last") commits," \
        "$((SECONDS - begin)) s"
    cat "$ASSAY_HOME/out"
    assay build list
} | tee "$record" | diag
culprit=$(sed -n 's/^culprit: \([0-9a-f]*\).*/\1/p' "$ASSAY_HOME/out")
like "which is one commit" "$culprit" '^[0-9a-f]{40}$'
