#!/bin/bash
# Faults on real Xen: whose fault each is, told from evidence, and the host free after it.
. "${ASSAY_TOP_SRCDIR:?}/tests/e2e/e2e.sh"
here=$top/tests/e2e

ok "a lab with a host of which dom0 does not like the processor" \
    assay lab up "$top/hosts/lab/lab-x86-1.yaml" "$here/lab-x86-epyc.yaml" || bail "no lab"
ok "a candidate is made" assay candidate add --deb bookworm --arch amd64 ||
    bail "no candidate"

assay flight run "$here/panic.yaml" >"$ASSAY_HOME/panic.log" 2>&1
is "a flight whose Xen panics does not pass" $? 1
is "the panic is a failure" "$(job_field 1 panic .status)" fail
is "of the product" "$(job_field 1 panic .lane)" product
like "and its line is the reason" "$(job_field 1 panic .reason)" \
    'Panic on CPU 0:|too small'
is "a dom0 that dies at once is a failure" "$(job_field 1 bad-cpu .status)" fail
like "and Xen's line is the reason" "$(job_field 1 bad-cpu .reason)" \
    'Dom0 crashed'
is "both were seen at once, not by a time-out" \
    "$(assay flight show 1 --json | jq '[.jobs[].steps[] | select(.testid == "xen-boot" and .elapsed_ms > 100000)] | length')" \
    0

assay flight run "$here/never-up.yaml" >"$ASSAY_HOME/never-up.log" 2>&1
is "a guest that never comes up is a failure" \
    "$(job_field 2 never-up .status)" fail
like "at guest-start" \
    "$(job_field 2 never-up '.steps[] | select(.status == "fail") | .testid')" \
    '^guest-start'

assay flight run "$here/killed.yaml" >"$ASSAY_HOME/killed.log" 2>&1
is "a machine that dies in a step breaks the job" \
    "$(job_field 3 killed .status)" broken
is "and that is the host's fault" "$(job_field 3 killed .lane)" host

like "hosts are listed" "$(assay host list 2>&1)" 'lab-x86-1'
is "all hosts are free" \
    "$(assay host list --json | jq '[.[] | select(.owner != "" and .owner != null)] | length')" \
    0
