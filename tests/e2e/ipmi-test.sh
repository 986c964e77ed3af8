#!/bin/bash
# Real Xen on a machine that is switched by IPMI 2.0: between Assay and QEMU is
# OpenIPMI's simulator of a BMC.
. "${ASSAY_TOP_SRCDIR:?}/tests/e2e/e2e.sh"
# shellcheck source=tests/ipmifix.sh
. "$top/tests/ipmifix.sh"

command -v ipmi_sim >/dev/null || bail "there is no ipmi_sim: install openipmi"
ipmifix_start lab-x86-1
try "a lab with one host, which has a BMC" assay lab up "$ipmifix_host" || bail "no lab"
try "a candidate is made" assay candidate add --deb bookworm --arch amd64 ||
    bail "no candidate"
assay flight run "$top/tests/e2e/brief-flight.yaml" >"$ASSAY_HOME/run.log" 2>&1
status=$?
is "$status" 0 "a flight passes on it"
[ "$status" = 0 ] || explain_flight 1
like "$(cat "$ASSAY_HOME/bmc/orders")" '^set boot' "the BMC was told what to boot from"
like "$(cat "$ASSAY_HOME/bmc/orders")" '^set power 1' "and to switch it on"
is "$(assay power lab-x86-1 status)" off "it is off in the end, says the BMC"
is "$("$ASSAY_TOP_BUILDDIR/assay-virt" status lab-x86-1)" off "and it is"
kill "$ipmifix_pid"
