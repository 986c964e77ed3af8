#!/bin/sh
# tests/bisector/modes-test.sh - assay bisect run for the commit that fixed
# something, for one that made a number worse, and with failure rates that are
# known from before.
# shellcheck source-path=SCRIPTDIR source=histfix.sh
. "$ASSAY_TOP_SRCDIR/tests/bisector/histfix.sh"

# What was fixed.
run run --fixed --tree "$tree" -- sh -c 'test $(cat n) -ge 37'
is 'fixed: exit status' $status 0
says 'and by which commit' "fixed by: $(commit "$line" 37)"
says 'which seldom fails' 'of runs with it, 9'
run run --fixed --tree "$tree" -- false
is 'never fixed: exit status' $status 3
says 'which is said' 'not fixed'
run run --fixed --tree "$tree" -- true
is 'passed before: exit status' $status 4
says 'which is said' 'the old end passes too'
run run --fixed --flake-bad 1 --flake-good 0 --trust-ends --tree "$tree" \
    --log "$dir/fixed.log" -- sh -c 'test $(cat n) -ge 37'
is 'known to be clean: log2 of 64 runs' "$(grep -c '^run ' "$dir/out")" 6
is 'a run that fails is bad in the journal' \
    "$(jq -rs '[.[] | select(.exit == 1) | .result] | unique == ["bad"] | if . then 1 else 0 end' "$dir/fixed.log")" \
    1
run run --tree "$tree" --log "$dir/fixed.log" -- true
is 'not to be mixed up with the other question' $status 2

# A flaky failure that was fixed: 1 in 3 broken runs pass.
run run --fixed --flake-bad .66 --flake-good 0 --tree "$tree" -- \
    sh -c "echo >>$dir/count; i=\$(wc -l <$dir/count)
    [ \$(cat n) -ge 23 ] || [ \$((i * 7 % 3)) -eq 0 ]"
says 'a flaky failure that was fixed' "fixed by: $(commit "$line" 23)"

# A number that gets worse, with noise that repeats.
cat >"$dir/number" <<'END'
#!/bin/sh
# number COUNTER SHIFT AT: 100 and noise of 0 to 6, SHIFT more from commit AT on.
echo "$ASSAY_REVISION_line" >>"$1"
i=$(wc -l <"$1")
v=$(cat n)
[ "$v" -ge "$3" ] && more=$2 || more=0
echo "noise is not a number"
echo "metric latency $((100 + i * 5 % 7 + more)) ms lower"
END
chmod +x "$dir/number"
run run --metric latency --worse higher --tree "$tree" --log "$dir/m.log" \
    -- "$dir/number" "$dir/m1" 9 37
is 'a metric: exit status' $status 0
says 'the culprit' "culprit: $(commit "$line" 37)"
says 'each revision by its median' 'median 1'
n_runs=$(wc -l <"$dir/m1")
is 'samples grew: each run is in the journal' \
    "$(jq -s '[.[] | select(.value)] | length' "$dir/m.log")" "$n_runs"
is 'nothing that is far apart takes all there may be' \
    "$([ "$n_runs" -lt 400 ] && echo 1)" 1
run run --metric latency --worse higher --tree "$tree" --log "$dir/m.log" \
    -- "$dir/number" "$dir/m1" 9 37
is 'asked again, nothing is measured' "$(wc -l <"$dir/m1")" "$n_runs"
run run --metric latency --worse lower --tree "$tree" -- \
    "$dir/number" "$dir/m2" 9 37
is 'better is not worse' $status 3
run run --metric latency --worse higher --tree "$tree" -- \
    "$dir/number" "$dir/m3" 0 37
is 'no difference' $status 3
run run --metric latency --worse higher --tree "$tree" -- sh -c '
    [ $(cat n) -gt 40 ] && exit 0; echo latency=3'
is 'no number at bad' $status 7
run run --metric latency --worse higher --tree "$tree" -- sh -c '
    [ $(cat n) -eq 1 ] && exit 1; echo latency: 3'
is 'no number at good, with which all is compared' $status 75
says 'which is said' 'the good end, with which all is compared: exit status 1'
run run --metric t --metric-file out.txt --worse lower --tree "$tree" -- sh -c '
    if [ $(cat n) -lt 12 ]; then echo t 5; else echo t 2; fi >out.txt'
says 'a file instead of the output' "culprit: $(commit "$line" 12)"

# A killed measurement goes on where it was.
STOP=30
export STOP
# shellcheck disable=SC2016 # expanded by the script
sed 's/^v=/[ "$i" -eq "$STOP" ] \&\& kill -9 $PPID\nv=/' "$dir/number" >"$dir/killer"
chmod +x "$dir/killer"
run run --metric latency --worse higher --tree "$tree" --log "$dir/k.log" \
    -- "$dir/killer" "$dir/m4" 9 37
is 'killed' $status 137
run run --metric latency --worse higher --tree "$tree" --log "$dir/k.log" \
    -- "$dir/killer" "$dir/m4" 9 37
says 'it goes on' "culprit: $(commit "$line" 37)"
is 'one run alone was lost' $(($(wc -l <"$dir/m4") \
    - $(jq -s '[.[] | select(.value)] | length' "$dir/k.log"))) 1

# Rates from before.
cat >"$dir/past" <<'END'
# of this test, last year
good 0 400
bad  400 400
END
run run --tree "$tree" --log "$dir/p0.log" -- sh -c 'test $(cat n) -lt 37'
without=$(grep -c '^run ' "$dir/out")
run run --history "$dir/past" --tree "$tree" --log "$dir/p1.log" -- \
    sh -c 'test $(cat n) -lt 37'
says 'with a history' "culprit: $(commit "$line" 37)"
is 'fewer runs' \
    "$([ "$(grep -c '^run ' "$dir/out")" -lt "$without" ] && echo 1)" 1

# What a test costs: halving would begin at commit 33.
first() # JOURNAL
{
    git -C "$line" show "$(jq -nRr '[inputs | fromjson? | select(.run)][0].run.line' "$1"):n"
}
run run --trust-ends --flake-good 0 --flake-bad 1 --tree "$tree" \
    --log "$dir/c0.log" -- sh -c 'test $(cat n) -lt 37'
is 'alike, the middle comes first' "$(first "$dir/c0.log")" 33
{
    echo '# minutes'
    for i in 30 31 32 33 34 35; do echo "$(commit "$line" $i) 90.5"; done
} >"$dir/cost"
run run --trust-ends --flake-good 0 --flake-bad 1 --tree "$tree" \
    --cost "$dir/cost" --log "$dir/c1.log" -- sh -c 'test $(cat n) -lt 37'
says 'with costs' "culprit: $(commit "$line" 37)"
is 'not what is dear' \
    "$(v=$(first "$dir/c1.log"); [ "$v" -eq 29 ] || [ "$v" -eq 36 ] && echo 1)" \
    1

wrong() # NAME PART ARGS...
{
    name=$1 part=$2
    shift 2
    run run "$@"
    is "$name: exit status" $status 2
    says "$name: said" "$part"
}
echo 'good 5 3' >"$dir/past2"
wrong 'more failed than ran' "past2:1: not" --history "$dir/past2" --tree "$tree" -- true
printf 'bad 1 2\nugly 1 2\n' >"$dir/past2"
wrong 'not good or bad' "past2:2: not" --history "$dir/past2" --tree "$tree" -- true
wrong 'no such file' 'past3' --history "$dir/past3" --tree "$tree" -- true
printf '%s 3\n%s much\n' "$good" "$good" >"$dir/cost2"
wrong 'no cost' 'cost2:2: not' --cost "$dir/cost2" --tree "$tree" -- true
wrong 'which way is worse' 'wants --worse' --metric x --tree "$tree" -- true
wrong 'worse what' 'go with --metric' --worse higher --tree "$tree" -- true
wrong 'fixed by a number' 'without --fixed' --fixed --metric x --worse lower --tree "$tree" -- true

finish
