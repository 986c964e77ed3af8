#!/bin/sh
# tests/harness/history-test.sh - 10,000 lives of a lab with kills at any
# moment, judged by a program that knows only the rules; and the same program
# on lives in which a protection is missing, which it must notice.
set -u
# shellcheck source=tests/tap.sh
. "${ASSAY_TOP_SRCDIR:?}/tests/tap.sh"

bin=${ASSAY_TOP_BUILDDIR:-$PWD}/tests/harness
count=${HISTORIES:-10000}

said=$("$bin/history-gen" 1 "$count" | "$bin/history-check")
ok "$said"
is 'all of them were read' "$said" "$count histories, no rule broken"

notices() { # FLAW RULE
    said=$("$bin/history-gen" 1 300 "$1" | "$bin/history-check") &&
        said=unnoticed
    has "$1: $said" "$said" "$2"
}
notices no-recheck 'a host is booked twice'
notices no-atomic 'half of what a job needs is held'
notices no-reap 'a host is held by nobody'
notices no-retry 'a job is lost'
notices wall-clock 'a host is held by nobody'

refuses() { # TEXT RULE
    said=$(printf '%b' "$1" | "$bin/history-check") && said=accepted
    has "refuses: $2" "$said" "$2"
}
lab='1 history 1\n1 queue 1 1\n1 queue 2 2\n1 task 1\n1 task 2\n'
refuses "${lab}2 take 1 1 0\n3 take 2 2 0 1\n" 'booked twice'
refuses "${lab}2 take 2 2 0\n" 'half of what'
refuses "${lab}2 host 0 bad\n2 take 1 1 0\n" 'a bad host'
refuses "${lab}2 start 1 1\n" 'not got'
refuses "${lab}2 take 1 1 0\n3 dead 1\n400 over\n" 'held by nobody'
refuses "${lab}2 over\n" 'a job is lost'
refuses "${lab}2 take 1 1 0\n3 start 1 1\n4 end 1 1 pass\n4 end 1 1 pass\n" \
    'or twice'
refuses "${lab}2 take 1 1 0\n3 yield 1 1\n" 'not at work'
refuses "${lab}2 take 1 1 0\n3 start 1 1\n4 yield 1 1\n4 end 1 1 pass\n" \
    'gave a job up'
refuses "${lab}2 take 1 1 0\n3 free 2 0\n" 'what another has'
refuses "${lab}0 over\n" 'backwards'
refuses "${lab}2 take 1 1 0\n" 'no end'
refuses "${lab}2 dance 1\n" 'nobody knows'
tap_end
