#!/bin/bash
# The thinnest whole path: the lab, a candidate, one real Xen with its guests, the report,
# and nothing left behind.
. "${ASSAY_TOP_SRCDIR:?}/tests/e2e/e2e.sh"

ok "the lab comes up" assay lab up || bail "no lab"
ok "a candidate is made" assay candidate add --deb bookworm --arch amd64 ||
    bail "no candidate"
like "the same candidate again changes nothing" \
    "$(assay candidate add --deb bookworm --arch amd64 2>&1)" unchanged
assay flight run xen-try --job smoke >"$ASSAY_HOME/run.log" 2>&1
status=$?
is "the smoke job passes on real Xen" "$status" 0
[ "$status" = 0 ] || explain_flight 1
is "and the last line says so" "$(tail -n 1 "$ASSAY_HOME/run.log")" \
    "flight 1: pass"
steps=$(assay flight show 1 --json | jq -r '.jobs[].steps[] | .testid + " " + .status')
for testid in xen-boot xen-version console-dialogue guest-start/pv guest-start/pvh \
    guest-saverestore/pv guest-saverestore/pvh guest-localmigrate/pvh guest-stop/pvh \
    guest-start.2/pvh guest-destroy/pvh guest-stop/pv leak-check/check capture-logs; do
    like "$testid passes" "$steps" "^$testid pass\$"
done
like "the report names the version" "$(assay report 1 2>&1)" 'Xen 4\.17'
