#!/bin/bash
# Faults on real Xen: whose fault each is, told from evidence, and the host free after it.
. "${ASSAY_TOP_SRCDIR:?}/tests/e2e/e2e.sh"
here=$top/tests/e2e

try "a lab with a host of which dom0 does not like the processor" \
    assay lab up "$top/hosts/lab/lab-x86-1.yaml" "$here/lab-x86-epyc.yaml" || bail "no lab"
try "a candidate is made" assay candidate add --deb bookworm --arch amd64 ||
    bail "no candidate"

assay flight run "$here/panic.yaml" >"$ASSAY_HOME/panic.log" 2>&1
is $? 1 "a flight whose Xen panics does not pass"
is "$(job_field 1 panic .status)" fail "the panic is a failure"
is "$(job_field 1 panic .lane)" product "of the product"
like "$(job_field 1 panic .reason)" 'Panic on CPU 0:|too small' "and its line is the reason"
is "$(job_field 1 bad-cpu .status)" fail "a dom0 that dies at once is a failure"
like "$(job_field 1 bad-cpu .reason)" 'Dom0 crashed' "and Xen's line is the reason"
is "$(assay flight show 1 --json | jq '[.jobs[].steps[] | select(.testid == "xen-boot" and .elapsed_ms > 100000)] | length')" 0 \
    "both were seen at once, not by a time-out"

assay flight run "$here/never-up.yaml" >"$ASSAY_HOME/never-up.log" 2>&1
is "$(job_field 2 never-up .status)" fail "a guest that never comes up is a failure"
like "$(job_field 2 never-up '.steps[] | select(.status == "fail") | .testid')" '^guest-start' \
    "at guest-start"

assay flight run "$here/killed.yaml" >"$ASSAY_HOME/killed.log" 2>&1
is "$(job_field 3 killed .status)" broken "a machine that dies in a step breaks the job"
is "$(job_field 3 killed .lane)" host "and that is the host's fault"

like "$(assay host list 2>&1)" 'lab-x86-1' "hosts are listed"
is "$(assay host list --json | jq '[.[] | select(.owner != "" and .owner != null)] | length')" 0 \
    "all hosts are free"
