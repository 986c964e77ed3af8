#!/bin/bash
# The gate on real Xen: a baseline that passes, a good revision that is pushed, three whose
# hypervisor really fails; and hosts that lose their power or their link, and a
# controller whose disk is full, under a step.
if [ "$(id -u)" = 0 ] && [ -z "${E2E_MOUNTS:-}" ]; then
    E2E_MOUNTS=1 exec unshare --mount "$0" "$@"
fi
. "${ASSAY_TOP_SRCDIR:?}/tests/e2e/e2e.sh"
here=$top/tests/e2e
work=$ASSAY_HOME/work bare=$ASSAY_HOME/xen.git

# A disk of its own for the evidence, which can be full without harm.
mkdir "$ASSAY_HOME/flights"
disk=
mount -t tmpfs -o size=128m flights "$ASSAY_HOME/flights" 2>/dev/null && disk=yes
chown --reference="$ASSAY_HOME" "$ASSAY_HOME/flights"
ok "the lab comes up" assay lab up "$top/hosts/lab/lab-x86-1.yaml" || bail "no lab"
ok "a candidate is made" assay candidate add --deb bookworm --arch amd64 ||
    bail "no candidate"
git init -q "$work"
git init -q --bare "$bare"
# commit KIND: a new revision on the input; $rev is it.
commit() {
    echo "$1" >"$work/kind"
    git -C "$work" add kind
    git -C "$work" -c user.name=a -c user.email=a@example.org commit -q -m "$1"
    rev=$(git -C "$work" rev-parse HEAD)
    git -C "$work" push -q "$bare" HEAD:refs/heads/staging
}
output() { git -C "$bare" rev-parse refs/heads/master; }
gate() { assay gate "$@" >"$ASSAY_HOME/gate.out" 2>"$ASSAY_HOME/gate.log"; }
ruling() { assay gate status --json | jq -r '.. | .ruling? // empty' | head -n 1; }
# reason FLIGHT: of its job.
reason() { job_field "$1" brief .reason; }
last_flight() { assay flight list --json | jq '[.. | .flight? // empty] | max'; }

mkdir -p "$ASSAY_HOME/branches"
cat >"$ASSAY_HOME/branches/xen.yaml" <<END
branch: xen
trees:
  xen:
    url: $bare
    input: refs/heads/staging
    output: refs/heads/master
flight: $here/brief-flight.yaml
candidate:
  name: "xen-{short}"
  make: [$here/make-candidate, "{revision}", "{candidate}"]
END

commit works
git -C "$work" push -q "$bare" HEAD:refs/heads/master
commit works-too
gate run xen
is "the baseline is tested first" $? 0
gate run xen
is "a good revision passes the gate" $? 0
is "and is pushed" "$(output)" "$rev"
good=$rev

commit panics
gate run xen
is "a hypervisor that panics at boot is held" $? 1
is "and not pushed" "$(output)" "$good"
like "the report has the line" "$(assay report "$(last_flight)" 2>&1)" \
    'FATAL TRAP|Panic on CPU'
like "and the decision has the cell" "$(assay gate verify "$(ruling)" 2>&1)" \
    'failed +brief xen-boot'

commit no-guest
gate run xen
is "a hypervisor that takes no state of guests is held" $? 1
is "and not pushed" "$(output)" "$good"
like "for what fails in it, and not for what failed before" \
    "$(assay gate verify "$(ruling)" 2>&1)" 'failed +brief guest-start/pvh'

commit no-restore
gate run xen
is "a hypervisor that only restores no guest is held" $? 1
is "and not pushed" "$(output)" "$good"
is "guests start on it" \
    "$(job_field "$(last_flight)" brief '.steps[] | select(.testid == "guest-start/pvh") | .status')" \
    pass
like "and the decision has the cell" "$(assay gate verify "$(ruling)" 2>&1)" \
    'failed +brief guest-saverestore/pvh'

# lost WHAT TEXT: a good revision meets a fault of the lab.
lost()
{
    commit "works-$1"
    echo "$1" >"$ASSAY_HOME/lose-once"
    gate run xen
    is "$2 is not held against a revision" $? 0
    is "which is pushed" "$(output)" "$rev"
    is "though the fault was met" \
        "$(test -e "$ASSAY_HOME/lose-once" && echo unused)" ""
    like "and the lost flight is not hidden" \
        "$(assay flight list 2>&1 | head -n 4)" 'broken'
}
lost power "a host that loses its power"
# Somebody mends it after a while: what a step leaves behind is killed with it.
(wait_for 900 test -s "$ASSAY_HOME/link-cut" && sleep 60 &&
    assay lab exec -- ip link set "$(cat "$ASSAY_HOME/link-cut")" up) \
    >/dev/null 2>&1 &
menders=$!
lost link "a host whose link is cut"
if [ -n "$disk" ]; then
    (wait_for 900 test -e "$ASSAY_HOME/flights/filler" && sleep 20 &&
        rm "$ASSAY_HOME/flights/filler") >/dev/null 2>&1 &
    menders="$menders $!"
    lost disk "a full disk of the controller"
else
    for what in "is not held against a revision" "which is pushed" "the fault" "not hidden"; do
        skip "a full disk $what" 'only root can mount one'
    done
fi
# shellcheck disable=SC2086 # a list; those that have ended are gone
kill $menders 2>/dev/null
