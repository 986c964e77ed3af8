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
is 'a full disk: exit status' $status 75
says 'the journal is named' "journal $log"
says 'and why' 'File too large'
before=$(results "$log")
is 'some results are kept' "$([ "$before" -ge 2 ] && echo 1)" 1
is 'no directory stays' \
    "$(find "$dir" -maxdepth 1 -name 'assay-bisect-*' | wc -l)" 0
run run --flake-good 0 --flake-bad 1 --tree "$tree" --log "$log" -- \
    sh -c 'test $(cat n) -lt 37'
says 'with room it goes on' "culprit: $(commit "$line" 37)"
is 'and tests nothing twice' "$(twice "$log")" 0

# No room where the worktrees are: what fails there is not to blame.
mkdir "$dir/small"
if unshare -Urm mount -t tmpfs -o size=1m none "$dir/small" 2>/dev/null; then
    cat >"$dir/fills" <<'END'
#!/bin/sh
[ -e "$SMALL/roomy" ] || dd if=/dev/zero of=big bs=64k count=64 2>/dev/null || exit 1
test "$(cat n)" -lt 37
END
    chmod +x "$dir/fills"
    log=$dir/small.log
    # shellcheck disable=SC2016 # expanded in the namespace
    SMALL=$dir/small unshare -Urm sh -c '
        mount -t tmpfs -o size=1m none "$SMALL" || exit 99
        TMPDIR=$SMALL exec assay bisect run --tree "$1" --log "$2" -- "$3"' \
        sh "$tree" "$log" "$dir/fills" >"$dir/out" 2>&1
    is 'worktrees on a full disk: exit status' $? 75
    says 'which is said' 'is full: a run that failed there says nothing'
    is 'no result is taken from it' "$(results "$log")" 0
    touch "$dir/small/roomy"
    export SMALL="$dir/small"
    run run --tree "$tree" --log "$log" -- "$dir/fills"
    says 'with room it goes on' "culprit: $(commit "$line" 37)"
else
    echo "# no user namespaces: a full disk of worktrees was not tried"
fi

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
is 'a rewritten tree: exit status' $status 75
says 'it is said' 'git checkout'
says 'with a guess why' 'rewritten?'
is 'what was known is kept' "$(results "$log")" 4
run run --tree "$line:$good..$bad_end" --log "$log" -- true
is 'without the commits it cannot go on' $status 2
says 'and says which one' "no commit '"
git -C "$line" fetch -q "$dir/backup" 'refs/heads/*:refs/old/*'
run run --flake-good 0 --flake-bad 1 --tree "$line:$good..$bad_end" \
    --log "$log" -- "$dir/rewrite"
says 'with the commits back it goes on' "culprit: $(commit "$line" 37)"
is 'and tests nothing twice' "$(twice "$log")" 0

# Files that are no journals.
whole=$(head -n 1 "$log")
run_line=$(grep -m 1 '"run"' "$log")
odd() # NAME PART TEXT
{
    printf '%s\n' "$3" >"$dir/odd.log"
    run show "$dir/odd.log"
    is "$1: exit status" $status 1
    says "$1: said" "$2"
}
odd 'no JSON' 'odd.log:1' 'garbage'
odd 'no setup' 'not the journal of a search' '{}'
odd 'no object' 'not the journal of a search' '[1]'
odd 'a tree that is not whole' 'tree 1 is not whole' \
    '{"assay-bisect": 1, "trees": [{"name": "a"}]}'
odd 'a commit from elsewhere' 'odd.log:2: commit' \
    "$whole
$(echo "$run_line" | sed 's/"run":{[^}]*}/"run":{"line":"0123456789012345678901234567890123456789"}/')"
odd 'an unknown result' "result 'maybe' is unknown" \
    "$whole
$(echo "$run_line" | sed 's/"result":"[a-z-]*"/"result":"maybe"/')"
odd 'a line in the middle that was cut off' 'odd.log:2' \
    "$whole
$(echo "$run_line" | cut -c1-30)
$run_line"

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
says "killed $kills times, the answer comes" "culprit: $(commit "$line" 37)"
is 'no result is there twice' "$(twice "$log")" 0
again=$(($(wc -l <"$RAN") - $(results "$log")))
is 'what was run again had been cut off' "$([ $again -le $kills ] && echo 1)" 1
is 'no worktree stays' "$(git -C "$line" worktree list | wc -l)" 1
is 'nor a directory' \
    "$(find "$dir" -maxdepth 1 -name 'assay-bisect-*' | wc -l)" 0

finish
