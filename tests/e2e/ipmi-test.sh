#!/bin/bash
# Real Xen on a machine that is switched by IPMI 2.0: between Assay and QEMU is
# OpenIPMI's simulator of a BMC.
. "${ASSAY_TOP_SRCDIR:?}/tests/e2e/e2e.sh"
# shellcheck source=tests/ipmifix.sh
. "$top/tests/ipmifix.sh"

command -v ipmi_sim >/dev/null || bail "there is no ipmi_sim: install openipmi"
ipmifix_start lab-x86-1
ok "a lab with one host, which has a BMC" assay lab up "$ipmifix_host" || bail "no lab"
SECONDS=0
ok "a candidate is made" assay candidate add --deb bookworm --arch amd64 ||
    bail "no candidate"
# What makes the one slow makes the other slow: a boot has so much longer.
cat >"$ASSAY_HOME/powered-flight.yaml" <<END
flight: e2e-powered
intended: real
candidate: bookworm
jobs:
  - job: powered
    recipe: $top/tests/e2e/powered.yaml
    hosts: { host: { arch: amd64, flags: [xen, hap] } }
    runvars: { boot_limit: "$((240 + SECONDS))s" }
END
assay flight run "$ASSAY_HOME/powered-flight.yaml" >"$ASSAY_HOME/run.log" 2>&1
status=$?
is "Xen boots on it, is switched off, and boots again" "$status" 0
[ "$status" = 0 ] || explain_flight 1
orders=$(grep '^set power' "$ASSAY_HOME/bmc/orders" | uniq | cut -d' ' -f 3 | tr '\n' ' ')
like "all by the BMC" "$orders" '^(0 )?1 0 1 0 $'
like "which was told what to boot from" "$(cat "$ASSAY_HOME/bmc/orders")" '^set boot'
is "it is off in the end, says the BMC" "$(assay power lab-x86-1 status)" off
is "and it is" "$("$ASSAY_TOP_BUILDDIR/assay-virt" status lab-x86-1)" off
kill "$ipmifix_pid"
