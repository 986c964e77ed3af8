#!/bin/sh
# tests/bisector/trouble-test.sh - assay bisect when the disk is full, a tree is
# rewritten under it, or it is killed at any moment: said clearly, nothing lost,
# nothing tested twice.
# shellcheck source-path=SCRIPTDIR source=histfix.sh
. "$ASSAY_TOP_SRCDIR/tests/bisector/histfix.sh"

# Results in a journal, whose last line may be cut off, and those of them that
# are there twice.
results() # JOURNAL
{
    jq -nR '[inputs | fromjson? | select(.result) | .run] | length' "$1"
}
twice() # JOURNAL
{
    jq -nR '[inputs | fromjson? | select(.result) | .run]
        | length - (unique | length)' "$1"
}

# No room for the journal: a limit of 1.5 KB a file.
log=$dir/full.log
limited() # ARGS...
{
    (
        trap '' XFSZ
        # shellcheck disable=SC3045 # as dash and bash have it
        ulimit -f 3
        timeout 60 assay bisect "$@"
    ) >"$dir/out" 2>&1
    status=$?
}
limited run --flake-good 0 --flake-bad 1 --tree "$tree" --log "$log" -- \
    sh -c 'test $(cat n) -lt 37'
is 'a full disk: exit status' 75 $status
has 'the journal is named' "journal $log"
has 'and why' 'File too large'
before=$(results "$log")
is 'some results are kept' 1 "$([ "$before" -ge 2 ] && echo 1)"
is 'no directory stays' 0 "$(find "$dir" -maxdepth 1 -name 'assay-bisect-*' | wc -l)"
run run --flake-good 0 --flake-bad 1 --tree "$tree" --log "$log" -- \
    sh -c 'test $(cat n) -lt 37'
has 'with room it goes on' "culprit: $(commit "$line" 37)"
is 'and tests nothing twice' 0 "$(twice "$log")"

# The branch is rewritten and the old commits are gone, in the fourth run.
git clone -q --mirror "$line" "$dir/backup"
cat >"$dir/rewrite" <<'END'
#!/bin/sh
echo run >>"$RAN"
if [ "$(wc -l <"$RAN")" -eq 4 ]; then
    cd "$REPO" || exit 125
    new=$(git commit-tree -m new "$(git rev-parse "$FIRST^{tree}")")
    git update-ref refs/heads/main "$new"
    git for-each-ref --format='%(refname)' refs/tags refs/heads |
        grep -v '^refs/heads/main$' | xargs -rn1 git update-ref -d
    # The worktrees' own commits go too.
    for head in .git/worktrees/*/HEAD; do echo "$new" >"$head"; done
    git -c gc.reflogExpire=now reflog expire --expire=now --all
    git repack -adq && git prune --expire=now
    exit 125
fi
test "$(cat n)" -lt 37
END
chmod +x "$dir/rewrite"
RAN=$dir/ran REPO=$line FIRST=$good log=$dir/rewritten.log
export RAN REPO FIRST
bad_end=$(commit "$line" 65)
run run --flake-good 0 --flake-bad 1 --tree "$line:$good..$bad_end" \
    --log "$log" -- "$dir/rewrite"
is 'a rewritten tree: exit status' 75 $status
has 'it is said' 'git checkout'
has 'with a guess why' 'rewritten?'
is 'what was known is kept' 4 "$(results "$log")"
run run --tree "$line:$good..$bad_end" --log "$log" -- true
is 'without the commits it cannot go on' 2 $status
has 'and says which one' "no commit '"
git -C "$line" fetch -q "$dir/backup" 'refs/heads/*:refs/old/*'
run run --flake-good 0 --flake-bad 1 --tree "$line:$good..$bad_end" \
    --log "$log" -- "$dir/rewrite"
has 'with the commits back it goes on' "culprit: $(commit "$line" 37)"
is 'and tests nothing twice' 0 "$(twice "$log")"

# Killed at any moment.
log=$dir/killed.log
cat >"$dir/slow" <<'END'
#!/bin/sh
echo "$ASSAY_REVISION_line" >>"$RAN"
sleep .03
test "$(cat n)" -lt 37
END
chmod +x "$dir/slow"
RAN=$dir/ran2
: >"$RAN"
kills=0
for ms in 05 10 15 20 25 30 35 40 50 60; do
    timeout -s KILL ".$ms" assay bisect run --flake-good 0 --flake-bad 1 \
        --tree "$line:$good..$bad_end" --log "$log" -- "$dir/slow" >"$dir/out" 2>&1
    [ $? -eq 137 ] && kills=$((kills + 1))
done
run run --flake-good 0 --flake-bad 1 --tree "$line:$good..$bad_end" \
    --log "$log" -- "$dir/slow"
has "killed $kills times, the answer comes" "culprit: $(commit "$line" 37)"
is 'no result is there twice' 0 "$(twice "$log")"
again=$(($(wc -l <"$RAN") - $(results "$log")))
is 'what was run again had been cut off' 1 "$([ $again -le $kills ] && echo 1)"
is 'no worktree stays' 1 "$(git -C "$line" worktree list | wc -l)"
is 'nor a directory' 0 "$(find "$dir" -maxdepth 1 -name 'assay-bisect-*' | wc -l)"

finish
