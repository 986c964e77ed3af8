#!/bin/sh
# tests/bench/bisect.sh - the bisector's figures, each with its limit and beside
# its rival: git's rule, OSSTest's rule, the bound of information theory, the
# published figures of git_bayesect, and "git rev-list --bisect".
#
# Variables: SEEDS (200) searches for each figure, CALIBRATION (2000) where the
# share of right answers is near its limit; REPO and
# RANGE ("GOOD..BAD"): a real history instead of one made with COMMITS (80000),
# for which the next choice may take LIMIT (1) seconds.
set -eu
sim=${ASSAY_TOP_BUILDDIR:-$PWD}/tests/bench/bisect-sim
seeds=${SEEDS:-200} calibration=${CALIBRATION:-2000} commits=${COMMITS:-80000}
limit=${LIMIT:-1}
dir=$(mktemp -d "${TMPDIR:-/tmp}/assay-bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP

repo=${REPO:-$dir/large} range=${RANGE:-first..main}
if [ -z "${REPO:-}" ]; then
    git init -q -b main "$repo"
    # A side branch of three commits off each fourth commit of the main line.
    awk -v n="$commits" 'BEGIN {
        for (i = 1; i <= n; i++) {
            k = i % 7
            print "commit refs/heads/main\nmark :" i
            print "committer c <c@example.org> " 1000000 + i " +0000"
            print "data 1\nx"
            if (i == 1) continue
            if (k == 5) { print "from :" i - 4 }
            else print "from :" i - 1
            if (k == 1) print "merge :" i - 4
        }
        print "reset refs/tags/first\nfrom :1"
    }' | git -C "$repo" fast-import --quiet
fi

for n in 1024 4000; do
    "$sim" clean $n "$seeds" line
    "$sim" clean $n "$seeds" merges
done
"$sim" clean 50000 20 merges
if [ -n "${REPO:-}" ]; then "$sim" clean 0 20 "$repo:$range"; fi
"$sim" osstest 1000 "$seeds" merges
"$sim" verify 128 "$calibration"
"$sim" verify 1024 "$calibration"
for n in 128 1024; do
    for rates in '.8 .2' '.5 0' '.3 0' '.5 .02' '1 0'; do
        # shellcheck disable=SC2086 # two words
        "$sim" flaky $n "$calibration" $rates known
        # shellcheck disable=SC2086 # two words
        "$sim" flaky $n "$seeds" $rates learned
    done
done
"$sim" calibration 128 "$calibration" known
"$sim" calibration 128 "$calibration" learned
"$sim" calibration 128 "$calibration" learned .4
for n in 128 1024; do
    "$sim" none $n "$seeds" known
    "$sim" none $n "$seeds" known .05
    "$sim" none $n "$seeds" learned
    "$sim" none $n "$seeds" history
done
for share in .1 .25 .4; do
    "$sim" broken 1024 "$seeds" $share outside
    "$sim" broken 1024 "$seeds" $share inside
done
"$sim" foreign 300 500
"$sim" parallel 1024 "$seeds" 3
"$sim" parallel 1024 "$seeds" 7
for trees in 2 3 4 5; do
    "$sim" trees 1000 "$seeds" $trees
done

"$sim" next "$repo:$range" "$limit"
log=$(assay bisect begin --trust-ends --flake-good 0 --flake-bad 1 \
    --tree "$repo:$range")
/usr/bin/env python3 - "$repo" "${range#*..}" "^${range%%..*}" "$log" <<'END'
import os, subprocess, sys, time

def measure(*argv):
    """Seconds of a processor, and peak megabytes, of the one process."""
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit("%s failed" % argv[0])
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024

repo, bad, good, log = sys.argv[1:]
git, git_mb = measure("git", "-C", repo, "rev-list", "--bisect", bad, good)
ours, ours_mb = measure("assay", "bisect", "next", log)
print("assay bisect next, with reading: %.2f s, memory %.0f MB (%.0f)%s; "
      "git rev-list --bisect: %.2f s, %.0f MB" % (
          ours, ours_mb, 2 * git_mb, " MISSED" if ours_mb > 2 * git_mb else "",
          git, git_mb))
END
