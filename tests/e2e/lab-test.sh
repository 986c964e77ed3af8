#!/bin/bash
# The main job, whole: every job of flight xen-lab on real Xen, on amd64 and arm64,
# while a second terminal watches a console.
. "${ASSAY_TOP_SRCDIR:?}/tests/e2e/e2e.sh"

ok "the lab comes up" assay lab up || bail "no lab"
ok "a candidate is made" assay candidate add --deb bookworm --arch amd64,arm64 ||
    bail "no candidate"
like "the same candidate again changes nothing" \
    "$(assay candidate add --deb bookworm --arch amd64,arm64 2>&1)" unchanged

timeout 600 assay host console lab-x86-1 --read-only </dev/null >"$ASSAY_HOME/watched" 2>&1 &
watcher=$!
assay flight run xen-lab >"$ASSAY_HOME/run.log" 2>&1
status=$?
is "flight xen-lab passes" "$status" 0
[ "$status" = 0 ] || explain_flight 1
is "and says so on its last line" "$(tail -n 1 "$ASSAY_HOME/run.log")" \
    "flight 1: pass"
kill "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
like "a second terminal saw Xen boot" "$(tr -d '\0' <"$ASSAY_HOME/watched")" \
    'Xen version 4\.17'

json=$(assay flight show 1 --json)
for job in smoke-amd64 smoke-uefi-amd64 smoke-arm64 pair-amd64 credit2-amd64 perf-amd64; do
    is "job $job passes" \
        "$(jq -r --arg j $job '.jobs[] | select(.job == $j) | .status' <<<"$json")" \
        pass
done
steps=$(jq -r '.jobs[] | select(.job == "smoke-amd64") | .steps[] | .testid + " " + .status' <<<"$json")
for testid in xen-boot xen-version console-dialogue guest-start/pv guest-start/pvh \
    guest-saverestore/pv guest-saverestore/pvh guest-localmigrate/pvh guest-stop/pvh \
    guest-start.2/pvh guest-destroy/pvh guest-stop/pv leak-check/check capture-logs; do
    like "smoke-amd64 $testid passes" "$steps" "^$testid pass$"
done
steps=$(jq -r '.jobs[] | select(.job == "smoke-arm64") | .steps[] | .testid + " " + .status' <<<"$json")
for testid in guest-saverestore/pvh guest-localmigrate/pvh; do
    like "smoke-arm64 $testid says skip" "$steps" "^$testid skip$"
done
like "smoke-arm64 starts a guest" "$steps" '^guest-start/pvh pass$'
is "every step that passed has its time and its log's hash" \
    "$(jq '[.jobs[].steps[] | select(.status == "pass") | select((.log_sha256 // "") == "" or .elapsed_ms == null)] | length' <<<"$json")" \
    0
like "the report says what was not covered" "$(assay report 1 2>&1)" \
    'not implement'
ok "the page is made" assay report 1 --format html --output "$ASSAY_HOME/report.html"
