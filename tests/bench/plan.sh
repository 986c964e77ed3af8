#!/bin/sh
# tests/bench/plan.sh - the planner's speed on queues with properties (24
# requirements) and 10 per cent pairs, how it grows, and what it does for the
# jobs of a trace beside EASY backfilling.
#
# Variable: TRACES, files in the Standard Workload Format (default: one made
# here by a plain generator; a figure for the policy needs a real trace).
set -eu

top=${ASSAY_TOP_BUILDDIR:-$PWD}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/assay-bench.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP

plan() { "$top/tests/bench/plan" "$@"; }
row() { printf '%-52s %10s %s\n' "$1" "$2" "$3"; }

row 'plan: 1,300 jobs, 65 hosts' "$(plan 65 1300 | cut -d' ' -f1)" 'ms (40)'
one=$(plan 200 4000 | cut -d' ' -f1)
four=$(plan 200 16000 | cut -d' ' -f1)
row 'plan: 4,000 jobs, 200 hosts' "$one" 'ms (150)'
row 'plan: 16,000 jobs, 200 hosts' "$four" ms
row 'four times the jobs take' "$(echo "$one $four" |
    awk '{ printf "%.2f", $2 / $1 }')" 'x (6)'
# shellcheck disable=SC2046 # words
set -- $(plan 1000 100000)
row 'plan: 100,000 jobs, 1,000 hosts' "$1" 'ms (10000)'
row 'its peak of memory' "$2" 'MiB (1024)'

if [ -z "${TRACES:-}" ]; then
    TRACES=$tmp/made
    awk 'BEGIN { srand(1); print "; MaxProcs: 100"
        for (i = 1; i <= 5000; i++) {
            t += int(-720 * log(1 - rand()))
            r = int(exp(rand() * 10.5)) + 1
            p = int(2 ^ (rand() * 6.6)); e = r * int(1 + rand() * 5)
            printf "%d %d -1 %d %d -1 -1 %d %d -1 1 %d 1 -1 -1 -1 -1 -1\n",
                i, t, r, p, p, e, int(rand() * 40)
        } }' >"$TRACES"
fi
value() { sed -n "s/^  \"$1\": \([0-9.e+]*\),*\$/\1/p" "$2"; }
for trace in $TRACES; do
    assay sim --trace "$trace" --policy easy --json >"$tmp/easy"
    echo "$(basename "$trace"): EASY has mean wait $(value wait_mean "$tmp/easy") s," \
        "bounded slowdown $(value slowdown_mean "$tmp/easy")"
    for estimates in user history; do
        assay sim --trace "$trace" --estimates $estimates --json >"$tmp/us"
        for key in wait_mean slowdown_mean; do
            row "  $estimates: $key" "$(echo \
                "$(value $key "$tmp/us") $(value $key "$tmp/easy")" |
                awk '{ printf "%.3f", $1 / $2 }')" 'x EASY'
        done
        row "  $estimates: longest wait" "$(echo \
            "$(value wait_max "$tmp/us") $(value wait_p999 "$tmp/easy")" |
            awk '{ printf "%.3f", $1 / $2 }')" "x EASY's p99.9 (1.5)"
    done
done
