#!/bin/sh
# tests/bench/bisect.sh - the bisector's figures beside git's rule, the bound of
# information theory, and "git rev-list --bisect" on a large made history.
#
# Variables: SEEDS (100) searches for each figure; REPO and RANGE ("GOOD..BAD"):
# a real history for the times, instead of one made with COMMITS (80000).
set -eu
sim=${ASSAY_TOP_BUILDDIR:-$PWD}/tests/bench/bisect-sim
seeds=${SEEDS:-100} commits=${COMMITS:-80000}
dir=$(mktemp -d "${TMPDIR:-/tmp}/assay-bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP

"$sim" clean 1024 "$seeds"
"$sim" clean 4000 "$seeds"
"$sim" merges 1000 "$seeds"
for n in 128 1024; do
    for rates in '.8 .2' '.5 0' '.3 0' '.5 .02' '1 0'; do
        # shellcheck disable=SC2086 # two words
        "$sim" flaky $n "$seeds" $rates known
        # shellcheck disable=SC2086 # two words
        "$sim" flaky $n "$seeds" $rates learned
    done
done
"$sim" none 128 "$seeds" .4
for share in .1 .25 .4; do
    "$sim" broken 1024 "$seeds" $share outside
    "$sim" broken 1024 "$seeds" $share inside
done
"$sim" parallel 1024 "$seeds" 3
"$sim" parallel 1024 "$seeds" 7
for trees in 2 3 5; do
    "$sim" trees 1000 "$seeds" $trees
done

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
seconds() # COMMAND...: wall seconds and peak kilobytes
{
    /usr/bin/env python3 -c '
import resource, subprocess, sys, time
start = time.time()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print("%.2f s, %d MB" % (time.time() - start, used.ru_maxrss // 1024))' "$@"
}
printf 'git rev-list --bisect %s: ' "$range"
seconds git -C "$repo" rev-list --bisect "${range#*..}" "^${range%%..*}"
printf 'git rev-list --topo-order --parents: '
seconds git -C "$repo" rev-list --topo-order --parents "${range#*..}" "^${range%%..*}"
log=$(assay bisect start --trust-ends --flake-good 0 --flake-bad 1 \
    --tree "$repo:$range")
printf 'assay bisect next, with reading the history: '
seconds assay bisect next "$log"
