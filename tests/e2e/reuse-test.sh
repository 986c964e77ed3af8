#!/bin/bash
# Jobs of a flight share a booted Xen on one real host: who goes on from there
# says so, a host that is worn out or not as it was left is booted anew, and so
# is each one of a flight that wants it.
. "${ASSAY_TOP_SRCDIR:?}/tests/e2e/e2e.sh"
flight=$top/tests/e2e/reuse.yaml

# steps FLIGHT JOB: "testid=status" of those that are about the host.
steps() {
    job_field "$1" "$2" '[.steps[] | select(.testid | test("boot|reuse"))
        | .testid + "=" + .status] | join(" ")'
}
ok "a lab of one host" assay lab up "$top/hosts/lab/lab-x86-1.yaml" ||
    bail "no lab"
ok "a candidate is made" assay candidate add --deb bookworm --arch amd64 ||
    bail "no candidate"

assay flight run "$flight" >"$ASSAY_HOME/run.log" 2>&1 &
runs=$!
begun() { [ "$(job_field 1 a .status)" = running ]; }
wait_for 60 begun
like "the plan knows which jobs share, and when the host is worn out" \
    "$(assay plan --json | jq -r '[.jobs[] | if .worn then "worn" else .use end]
        | join(" ")')" '^2 worn 2$'
wait "$runs"
status=$?
is "a flight whose jobs share a host passes" "$status" 0
[ "$status" = 0 ] || explain_flight 1
is "the first job boots Xen" "$(steps 1 a)" "xen-boot=pass"
is "the second goes on from there, and does not say that it passed" \
    "$(steps 1 b)" "xen-boot=reused"
is "two are the limit: the third boots it anew" "$(steps 1 c)" \
    "xen-boot=pass"
is "what the third left untidy is found out, and booted anew" \
    "$(steps 1 d)" "host-reuse=skip xen-boot=pass"
like "and said" "$(assay report 1 2>&1)" \
    'prepared anew: .*still has domain'
like "the report names the step that stands for one that was not run" \
    "$(assay report 1 2>&1)" 'xen-boot .*reused .*step 1 of a'
is "each job did its own work" \
    "$(assay flight show 1 --json | jq '[.jobs[].steps[]
        | select(.testid == "guest-start/pvh" and .status == "pass")] | length')" 4
is "Xen was booted three times for four jobs" "$(assay flight show 1 --json |
    jq '[.jobs[].steps[] | select(.testid == "xen-boot" and .status == "pass")]
        | length')" 3
like "when nobody comes any more the host is off" \
    "$(assay host power lab-x86-1 status 2>&1)" '\boff\b'

assay flight run "$flight" --fresh --job a --job b >"$ASSAY_HOME/fresh.log" 2>&1
is "a fresh flight passes" $? 0
is "and each of its jobs boots Xen" \
    "$(steps 2 a) $(steps 2 b)" "xen-boot=pass xen-boot=pass"
