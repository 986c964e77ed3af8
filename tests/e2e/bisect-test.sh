#!/bin/bash
# A bisection on a machine of the lab: sixty commits of the tiny hypervisor, five of
# which do not build, and a panic that is planted in the forty-first.
. "${ASSAY_TOP_SRCDIR:?}/tests/e2e/e2e.sh"
tiny=$top/tests/tinyhv
repo=$ASSAY_HOME/repo
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
as=(git -C "$repo" -c user.name=a -c user.email=a@example.org)

git init -q -b main "$repo"
cp "$tiny"/{Makefile,start.S,tiny.c,tiny.lds} "$repo"
chmod -R u+w "$repo"
commits=()
for i in {1..60}; do
    echo "4.99.$i" >"$repo/version"
    case $i in
        20) sed -i 's/^serial_init(void)$/serial_init(void) oops/' "$repo/tiny.c" ;;
        25) sed -i 's/ oops$//' "$repo/tiny.c" ;;
        41) sed -i 's/^#define BUG NONE/#define BUG PANIC/' "$repo/tiny.c" ;;
    esac
    "${as[@]}" add -A
    "${as[@]}" commit -q -m "tiny 4.99.$i"
    commits[i]=$("${as[@]}" rev-parse HEAD)
done

mkdir "$ASSAY_HOME/base"
for part in xen kernel initrd; do echo "$part" >"$ASSAY_HOME/base/$part"; done
echo 'properties: { confirm: console }' >"$ASSAY_HOME/base/candidate.yaml"
cat >"$ASSAY_HOME/boot.yaml" <<END
recipe: boot
description: boots, and no more
roles: [host]
steps:
  - {testid: xen-boot, run: host-netboot, deadline: 300s}
END

# fly COMMIT: a flight of it, whose number is in $flight.
fly()
{
    local build
    build=$(assay build run "$tiny/tiny.yaml" --tree "tiny=$1" --json | jq .build)
    assay candidate add --build "$build" --base base >/dev/null
    cat >"$ASSAY_HOME/flight.yaml" <<END
flight: tiny
intended: real
candidate: base.build-$build
jobs:
  - {job: boot, recipe: $ASSAY_HOME/boot.yaml, hosts: {host: {arch: amd64}}}
END
    flight=$(assay flight create "$ASSAY_HOME/flight.yaml")
    assay db psql -- -qAtX -c "insert into assay.flight_tree values ($flight, 'tiny', '$1')"
    assay flight run "$flight" >/dev/null 2>&1
}

try "a lab with one host" assay lab up "$top/hosts/lab/lab-x86-1.yaml" || bail "no lab"
try "a candidate with what a boot needs" \
    assay candidate add --dir "$ASSAY_HOME/base" --arch amd64 --name base
try "the tiny hypervisor is a tree" assay tree add tiny "$repo"
fly "${commits[1]}"
is $? 0 "the first commit boots, confirmed by its console"
fly "${commits[60]}"
is $? 1 "the last one panics"
out=$(assay bisect start "$flight" boot xen-boot --recipe "$tiny/tiny.yaml" 2>&1)
is $? 0 "a bisection in the lab ends"
like "$out" "culprit: ${commits[41]}" "with the culprit"
