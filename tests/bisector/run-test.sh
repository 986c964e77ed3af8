#!/bin/sh
# tests/bisector/run-test.sh - assay bisect on repositories made here: answers,
# bad input, and what is left after a kill.
# shellcheck source-path=SCRIPTDIR source=histfix.sh
. "$ASSAY_TOP_SRCDIR/tests/bisector/histfix.sh"

run run --tree "$tree" -- sh -c 'test $(cat n) -lt 37'
is 'a clean culprit: exit status' $status 0
says 'and its name' "culprit: $(commit "$line" 37)"
says 'and its subject, harmless' 'subject: commit 37 <b>red'
is 'no worktree stays' "$(git -C "$line" worktree list | wc -l)" 1
is 'nor its directory' \
    "$(find "$dir" -maxdepth 1 -name 'assay-bisect-*' | wc -l)" 0
run run --tree "$tree" -- sh -c 'test $(cat n) -lt 37'
says 'asked again, it knows' "culprit: $(commit "$line" 37)"
is 'and runs nothing' "$(grep -c '^run ' "$dir/out")" 0

run run --flake-good 0 --flake-bad 1 --trust-ends --tree "$tree" -- \
    sh -c 'test $(cat n) -lt 37'
is 'known to be clean: log2 of 64 runs' "$(grep -c '^run ' "$dir/out")" 6
run run --flake-good 0 --flake-bad 1 --parallel 3 --trust-ends --tree "$tree" \
    -- sh -c 'test $(cat n) -lt 37'
says 'three at once' "culprit: $(commit "$line" 37)"

run run --tree "$tree" -- true
is 'bad does not fail: exit status' $status 3
run run --tree "$tree" -- false
is 'good fails: exit status' $status 4
run run --tree "$tree" -- sh -c 'exit 125'
is 'bad cannot be tested: exit status' $status 7
run run --match 'panic' --tree "$tree" -- sh -c 'echo oops; exit 1'
is 'bad fails otherwise: exit status' $status 7
says 'which is said' 'fails in another way'
run run --match 'panic' --tree "$tree" -- sh -c '
    v=$(cat n); echo $v; [ $v -lt 20 ] && exit 0
    [ $v -gt 25 ] && echo panic; exit 1'
is 'another failure on the way: exit status' $status 5
says 'the suspects are what it hides' 'one of 7 commits'
run run --max-tests 3 --tree "$tree" -- sh -c 'test $(cat n) -lt 37'
is 'too few runs: exit status' $status 6
run run --max-tests 2 --tree "$tree" --log "$dir/two.log" -- true
is 'too few even for the ends: exit status' $status 6
run run --tree "$tree" -- sh -c 'exit 130'
is 'no verdict is an error' $status 75

broken='v=$(cat n); [ $v -gt 20 ] && [ $v -lt 45 ] && exit 125; test $v -lt '
run run --flake-good 0 --flake-bad 1 --tree "$tree" -- sh -c "$broken 50"
says 'a broken stretch, the culprit outside' "culprit: $(commit "$line" 50)"
run run --flake-good 0 --flake-bad 1 --tree "$tree" -- sh -c "$broken 30"
is 'the culprit in it: exit status' $status 5
says 'and all that can be said' 'one of 25 commits'

# Merges: side branches of 5 off every fifth commit, merged back 5 later.
merges=$dir/merges
awk 'BEGIN {
    print 1, "-"
    last = 1; n = 1
    for (i = 0; i < 12; i++) {
        from = last; side = last
        for (k = 0; k < 5; k++) { n++; print n, side; side = n }
        for (k = 0; k < 5; k++) { n++; print n, last; last = n }
        n++; print n, last, side; last = n
    } }' | history "$merges"
for culprit in 3 9 12 60 88 132 133; do
    sha=$(commit "$merges" $culprit)
    run run --flake-good 0 --flake-bad 1 --tree "$merges:$(commit "$merges" 1).." \
        -- sh -c "! git merge-base --is-ancestor $sha HEAD"
    says "among merges: $culprit" "culprit: $sha"
done

# Candidates are git's.
same_candidates() # NAME GIT-OPTION-OR-EMPTY PATHS-OR-EMPTY
{
    first=$(commit "$merges" 1)
    # shellcheck disable=SC2086 # none, one or two words
    log=$(assay bisect begin --log "$dir/set$tap_n.log" --confidence 0.999999 \
        $2 ${3:+--paths $3} --tree "$merges:$first..main")
    assay bisect show --json "$log" | sed -n 's/.*"commit": "\([0-9a-f]*\)".*/\1/p' |
        sort >"$dir/ours"
    # shellcheck disable=SC2086 # as above
    git -C "$merges" rev-list --bisect-all $2 main "^$first" -- $3 |
        cut -c1-40 | sort >"$dir/gits"
    is "candidates as git's: $1" "$(cat "$dir/ours")" "$(cat "$dir/gits")"
}
same_candidates 'merges' '' ''
same_candidates 'first parents' --first-parent ''
same_candidates 'a path' '' n
same_candidates 'a path that nothing changes' --first-parent n

# Two trees: the culprit in the second.
two=$dir/two
seq 101 140 | awk '{ print $1, ($1 > 101 ? $1 - 1 : "-") }' | history "$two"
run run --flake-good 0 --flake-bad 1 --tree "a=$tree" \
    --tree "b=$two:$(commit "$two" 101)..main" -- sh -c '
    test "$(cat n)" = "$(cat "$ASSAY_TREE_a/n")" || exit 125
    test "$(cat "$ASSAY_TREE_b/n")" -lt 117'
says 'two trees' "culprit: $(commit "$two" 117) of b"

# Flaky, seeded by the run's number: 1 in 3 bad runs pass.
run run --flake-good 0 --flake-bad .66 --tree "$tree" --log "$dir/flaky.log" -- \
    sh -c "echo >>$dir/count; i=\$(wc -l <$dir/count)
    [ \$(cat n) -lt 23 ] || [ \$((i * 7 % 3)) -eq 0 ]"
says 'a flaky culprit' "culprit: $(commit "$line" 23)"

# Killed in mid-run: nothing that is known is run again.
cat >"$dir/slow" <<'END'
#!/bin/sh
echo "$ASSAY_REVISION_line" >>"$RAN"
if [ "$(wc -l <"$RAN")" -eq "$STOP_AT" ]; then kill -9 "$PPID"; fi
test "$(cat n)" -lt 37
END
chmod +x "$dir/slow"
RAN=$dir/ran STOP_AT=5
export RAN STOP_AT
: >"$RAN"
run run --flake-good 0 --flake-bad 1 --tree "$tree" -- "$dir/slow"
is 'killed' $status 137
run run --flake-good 0 --flake-bad 1 --tree "$tree" -- "$dir/slow"
says 'it goes on to the end' "culprit: $(commit "$line" 37)"
is 'only the run that was cut off is made again' \
    "$(sort "$RAN" | uniq -d | wc -l)" 1
is 'the worktrees of the killed one are gone' \
    "$(git -C "$line" worktree list | wc -l)" 1
is 'and its directory' \
    "$(find "$dir" -maxdepth 1 -name 'assay-bisect-*' | wc -l)" 0

# Stopped by a signal.
RAN=$dir/ran2
: >"$RAN"
sed 's/kill -9 "$PPID"/kill "$PPID"; sleep 60/' "$dir/slow" >"$dir/slow2"
chmod +x "$dir/slow2"
run run --flake-good 0 --flake-bad 1 --tree "$tree" -- "$dir/slow2"
is 'asked to stop: exit status' $status 130
is 'and nothing stays' \
    "$(find "$dir" -maxdepth 1 -name 'assay-bisect-*' | wc -l)" 0

# Step by step.
log=$(assay bisect begin --flake-good 0 --flake-bad 1 --tree "$tree")
while next=$(assay bisect next "$log"); do
    v=$(git -C "$line" show "${next#*=}:n")
    if [ "$v" -lt 37 ]; then result=good; else result=bad; fi
    assay bisect mark "$log" $result "$next" || break
done
run show "$log"
says 'by hand' "culprit: $(commit "$line" 37)"
run show --json "$log"
says 'in JSON' "\"commit\": \"$(commit "$line" 37)\""
run graph "$log"
says 'as a graph' 'peripheries=2'
run show "$log"
says 'what it changed' '1 file changed'
run report "$log" --output "$dir/page.html"
is 'as a page: exit status' $status 0
page() # NAME PART
{
    cp "$dir/page.html" "$dir/out"
    says "$1" "$2"
}
page 'which names it' "<h1>culprit: $(commit "$line" 37)"
page 'with its author, harmless' 'a &lt;a@example.org&gt;'
page 'and what it changed' '1 file changed'
page 'and all tests' '<b class="chip pass">good'
page 'and subject' 'commit 37 &lt;b&gt;red'
is 'without a script, or what a terminal obeys' \
    "$(grep -c -e '<script' -e '<b>red' -e "$(printf '\033')" \
        "$dir/page.html")" 0
if command -v dot >/dev/null; then
    page 'with a picture' '<svg '
    run graph --svg "$log"
    says 'which can be had alone' '</svg>'
else
    page 'without Graphviz it says so' 'There is no picture'
fi
(
mkdir "$dir/bin"
for tool in git sh; do ln -s "$(command -v $tool)" "$dir/bin/"; done
PATH=$(dirname "$(command -v assay)"):$dir/bin
assay bisect report "$log") >"$dir/out" 2>&1
says 'a page without Graphviz' 'There is no picture'
run report "$dir/nothing.log"
is 'no such journal: exit status' $status 2

log2=$(assay bisect begin --tree "$merges:$(commit "$merges" 1)..")
run report "$log2"
says 'a page of a search that has begun' 'http-equiv="refresh"'
run run --max-tests 4 --tree "$tree" --log "$dir/part.log" -- \
    sh -c 'test $(cat n) -lt 37'
run show --json "$dir/part.log"
says 'time so far' '"ms": '
run run --flake-good 0 --flake-bad 1 --tree "$tree" --log "$dir/replay.log" \
    --replay "$log" -- false
is 'results of another journal: nothing is run' \
    "$(grep -c '^run ' "$dir/out")" 0
says 'and the answer is the same' "culprit: $(commit "$line" 37)"

# Bad input is said before the first test.
wrong() # NAME PART ARGS...
{
    name=$1 part=$2
    shift 2
    run run "$@"
    is "$name: exit status" $status 2
    says "$name: said" "$part"
}
other=$dir/other
seq 1 3 | awk '{ print $1 + 500, ($1 > 1 ? $1 + 499 : "-") }' | history "$other"
git -C "$line" fetch -q "$other" main:other
wrong 'unrelated' 'no common history' --tree "$line:other..main" -- true
wrong 'good after bad' 'is no ancestor of bad' --tree "$line:main..$good" -- true
wrong 'unknown' "no commit 'nope'" --tree "$line:nope..main" -- true
wrong 'no range' 'there is no commit between' --tree "$line:main..main" -- true
wrong 'no directory' 'there is no' --tree "$dir/none:a..b" -- true
git -C "$line" branch side "$(git -C "$line" commit-tree -m side \
    -p "$(commit "$line" 20)" "$good^{tree}")"
wrong 'good beside bad' "if $(commit "$line" 20 | cut -c1-12), which both have" \
    --tree "$line:side..main" -- true
mkdir "$dir/plain"
wrong 'no repository' 'no git repository' --tree "$dir/plain:a..b" -- true
wrong 'no command' "no command 'nosuchcommand'" --tree "$tree" -- nosuchcommand
echo true >"$dir/unable"
wrong 'not executable' 'unable' --tree "$tree" -- "$dir/unable"
wrong 'nothing to run' 'bisect run' --tree "$tree" --
wrong 'not in the tree' 'has no command' --tree "$tree" -- ./nosuch
wrong 'no spec' 'is not [NAME=]DIR:GOOD..BAD' --tree "$line" -- true
git clone -q --depth 10 "file://$line" "$dir/shallow"
git -C "$dir/shallow" fetch -q --depth 1 origin "$good" 2>/dev/null
wrong 'shallow' 'shallow clone' --tree "$dir/shallow:$good..main" -- true
echo dirt >"$line/n"
run run --fresh --tree "$tree" -- sh -c 'test $(cat n) -lt 37'
says 'a dirty worktree does not matter' "culprit: $(commit "$line" 37)"
is 'and stays as it was' "$(cat "$line/n")" dirt

finish
