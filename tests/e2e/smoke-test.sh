#!/bin/bash
# The thinnest whole path: the lab, a candidate, one real Xen with its guests, the report,
# and nothing left behind.
. "${ASSAY_TOP_SRCDIR:?}/tests/e2e/e2e.sh"

try "the lab comes up" assay lab up || bail "no lab"
try "a candidate is made" assay candidate add --deb bookworm --arch amd64 ||
    bail "no candidate"
like "$(assay candidate add --deb bookworm --arch amd64 2>&1)" unchanged \
    "the same candidate again changes nothing"
assay flight run xen-try --job smoke >"$ASSAY_HOME/run.log" 2>&1
status=$?
is "$status" 0 "the smoke job passes on real Xen"
[ "$status" = 0 ] || explain_flight 1
is "$(tail -n 1 "$ASSAY_HOME/run.log")" "flight 1: pass" "and the last line says so"
steps=$(assay flight show 1 --json | jq -r '.jobs[].steps[] | .testid + " " + .status')
for testid in xen-boot xen-version console-dialogue guest-start/pv guest-start/pvh \
    guest-saverestore/pv guest-saverestore/pvh guest-localmigrate/pvh guest-stop/pvh \
    guest-start.2/pvh guest-destroy/pvh guest-stop/pv leak-check/check capture-logs; do
    like "$steps" "^$testid pass\$" "$testid passes"
done
like "$(assay report 1 2>&1)" 'Xen 4\.17' "the report names the version"
