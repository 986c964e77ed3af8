#!/bin/bash
# Real Xen on a machine that is switched by IPMI 2.0: between Assay and QEMU is
# OpenIPMI's simulator of a BMC.
. "${ASSAY_TOP_SRCDIR:?}/tests/e2e/e2e.sh"
# shellcheck source=tests/ipmifix.sh
. "$top/tests/ipmifix.sh"

command -v ipmi_sim >/dev/null || bail "there is no ipmi_sim: install openipmi"
ipmifix_start lab-x86-1
ok "a lab with one host, which has a BMC" assay lab up "$ipmifix_host" || bail "no lab"
ok "a candidate is made" assay candidate add --deb bookworm --arch amd64 ||
    bail "no candidate"
assay flight run "$top/tests/e2e/brief-flight.yaml" >"$ASSAY_HOME/run.log" 2>&1
status=$?
is "a flight passes on it" "$status" 0
[ "$status" = 0 ] || explain_flight 1
like "the BMC was told what to boot from" "$(cat "$ASSAY_HOME/bmc/orders")" \
    '^set boot'
like "and to switch it on" "$(cat "$ASSAY_HOME/bmc/orders")" '^set power 1'
is "it is off in the end, says the BMC" "$(assay power lab-x86-1 status)" off
is "and it is" "$("$ASSAY_TOP_BUILDDIR/assay-virt" status lab-x86-1)" off
kill "$ipmifix_pid"
