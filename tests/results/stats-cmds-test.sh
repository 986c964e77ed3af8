#!/bin/sh
# tests/results/stats-cmds-test.sh - assay stats by itself: files of numbers,
# without a database or a lab. Exit status, words and JSON say the same.
set -u
n=0
bad=0
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
ASSAY_HOME=$dir/home
ASSAY_DB=host=/nonexistent
export ASSAY_HOME ASSAY_DB

# says STATUS REGEX WHAT COMMAND...: of standard output and error together.
says()
{
    says_status=$1
    says_regex=$2
    says_what=$3
    shift 3
    "$@" >"$dir/out" 2>&1
    says_got=$?
    n=$((n + 1))
    if [ "$says_got" -eq "$says_status" ] &&
        grep -q -e "$says_regex" "$dir/out"; then
        echo "ok $n - $says_what"
    else
        bad=1
        echo "not ok $n - $says_what"
        sed "s/^/# exit $says_got: /" "$dir/out"
    fi
}

# series COUNT BASE: noise of 1 % around it, the same each time.
series()
{
    awk -v n="$1" -v base="$2" 'BEGIN {
        for (i = 0; i < n; i++)
            printf "%.4f\n", base * (1 + ((i * 7919) % 101 - 50) / 5000)
    }'
}

cd "$dir" || exit 1
series 40 100 >a
series 40 100 | sort -r >same
series 40 110 >slow
series 3 100 >few
echo 1 >one
: >none
printf '1\n2\nthree\n' >wrong

says 0 '^same: median 99.97 and 99.97' 'the same: exit 0' assay stats compare a same
says 1 '^different: median 99.97 and 109.967, shift 10' 'different: exit 1' \
    assay stats compare a slow
says 3 '^unknown: ' 'too early to say: exit 3' assay stats compare few few
says 3 '^unknown: 40 and 1 values are too few$' 'one value says nothing' \
    assay stats compare a one
says 3 '"median_a": null' 'and what is not known is no number' \
    assay stats compare a one --json
says 0 '"verdict": "same"' 'JSON: same' assay stats compare a same --json
says 1 '"verdict": "different"' 'JSON: different' \
    assay stats compare a slow --json
says 3 '"verdict": "unknown"' 'JSON: unknown' \
    assay stats compare few few --json
says 0 '^same: ' 'a shift below the margin does not matter' \
    assay stats compare a slow --margin 50
says 2 "'-1' is no positive number" 'a margin is positive' \
    assay stats compare a slow --margin -1
says 2 "wrong:3: 'three' is no number" 'what is no number is named by line' \
    assay stats compare a wrong
says 2 'No such file' 'a file that is not there' assay stats compare a no-such
says 1 '^different' 'one of them may come by a pipe' \
    sh -c 'assay stats compare a - <slow'

cat a slow >step
says 0 '^no change in 40 values' 'a quiet series: exit 0' \
    assay stats changepoint a
says 1 '^41: 99.97 to 109.967' 'a step: exit 1, and where' \
    assay stats changepoint step
says 1 '"at": 41' 'JSON says where' assay stats changepoint step --json
says 2 "wrong:3: 'three' is no number" 'what is no number, again' \
    assay stats changepoint wrong
says 0 '^no change in 0 values' 'no numbers have no change' \
    assay stats changepoint none

echo "1..$n"
exit "$bad"
