#!/bin/sh
# tests/results/stats-cmds-test.sh - assay stats by itself: files of numbers,
# without a database or a lab. Exit status, words and JSON say the same.
set -u
# shellcheck source=tests/tap.sh
. "${ASSAY_TOP_SRCDIR:?}/tests/tap.sh"
dir=$(mktemp -d) || exit 1
tap_dir=$dir
trap 'rm -rf "$dir"' EXIT
ASSAY_HOME=$dir/home
ASSAY_DB=host=/nonexistent
export ASSAY_HOME ASSAY_DB

# answers NAME STATUS REGEX COMMAND...: on standard output and error together.
answers()
{
    answers_name=$1
    answers_status=$2
    answers_regex=$3
    shift 3
    "$@" >"$dir/out" 2>&1
    equal $? "$answers_status" && grep -q -e "$answers_regex" "$dir/out"
    ok "$answers_name"
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

answers 'the same: exit 0' 0 '^same: median 99.97 and 99.97' \
    assay stats compare a same
answers 'different: exit 1' 1 '^different: median 99.97 and 109.967, shift 10' \
    assay stats compare a slow
answers 'too early to say: exit 3' 3 '^unknown: ' assay stats compare few few
answers 'one value says nothing' 3 '^unknown: 40 and 1 values are too few$' \
    assay stats compare a one
answers 'and what is not known is no number' 3 '"median_a": null' \
    assay stats compare a one --json
answers 'JSON: same' 0 '"verdict": "same"' assay stats compare a same --json
answers 'JSON: different' 1 '"verdict": "different"' \
    assay stats compare a slow --json
answers 'JSON: unknown' 3 '"verdict": "unknown"' \
    assay stats compare few few --json
answers 'a shift below the margin does not matter' 0 '^same: ' \
    assay stats compare a slow --margin 50
answers 'a margin is positive' 2 "'-1' is no positive number" \
    assay stats compare a slow --margin -1
answers 'what is no number is named by line' 2 "wrong:3: 'three' is no number" \
    assay stats compare a wrong
answers 'a file that is not there' 2 'No such file' \
    assay stats compare a no-such
answers 'one of them may come by a pipe' 1 '^different' \
    sh -c 'assay stats compare a - <slow'

cat a slow >step
answers 'a quiet series: exit 0' 0 '^no change in 40 values' \
    assay stats changepoint a
answers 'a step: exit 1, and where' 1 '^41: 99.97 to 109.967' \
    assay stats changepoint step
answers 'JSON says where' 1 '"at": 41' assay stats changepoint step --json
answers 'what is no number, again' 2 "wrong:3: 'three' is no number" \
    assay stats changepoint wrong
answers 'no numbers have no change' 0 '^no change in 0 values' \
    assay stats changepoint none

tap_end
