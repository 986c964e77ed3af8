#!/bin/sh
# tests/results/issue-test.sh - the life of a known issue: which branches have
# the fix is asked of git, and who shows it again is a regression.
set -u
# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"
pgfix_start
dir=$ASSAY_HOME
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=c \
    GIT_COMMITTER_EMAIL=c@d
mkdir -p "$dir/mirrors"
repo=$dir/mirrors/xen.git
git init -q --bare "$repo"
empty=$(git --git-dir="$repo" mktree </dev/null)
commit() # SUBJECT [PARENT]
{
    git --git-dir="$repo" commit-tree ${2:+-p "$2"} -m "$1" "$empty"
}
base=$(commit base)
fix=$(commit 'fix it' "$base")
later=$(commit later "$fix")
again=$(commit 'fix it again' "$later")
old=$(commit 'stable, later' "$base")
picked=$(commit 'fix it, picked' "$old")
lost=0123456789012345678901234567890123456789

# fly BRANCH REVISION STATUS [INTENDED]: a flight that has ended; in $flight.
fly()
{
    flight=$(sql <<SQL
begin;
insert into assay.flight (branch, blessing, intended, outcome, harness,
    started_at) values ('$1', 'running', '${4:-real}', 'running', 'h', now());
insert into assay.flight_tree select lastval(), 'xen', '$2' where '$2' <> '';
insert into assay.job (flight, job, recipe, arch, harness, status, lane,
    reason, started_at, finished_at) values (lastval(), 'guest', 'r', 'amd64',
    'h', '$3', case '$3' when 'fail' then 'product' end,
    case '$3' when 'fail' then 'the guest ate 7 cats' end, now(), now());
insert into assay.step (flight, job, step, program, testid, status, lane,
    reason, exit_code, started_at, finished_at, harness) values (lastval(),
    'guest', 1, 'p', 'start', '$3', case '$3' when 'fail' then 'product' end,
    case '$3' when 'fail' then 'the guest ate 7 cats' end,
    ('$3' = 'fail')::int, now(), now(), 'h');
update assay.flight set outcome = '$3', finished_at = now(),
    blessing = '${4:-real}' where flight = lastval();
select lastval();
commit;
SQL
)
    [ "$3" = pass ] || [ -z "${issue:-}" ] ||
        assay issue add --issue "$issue" '' "$flight/guest" >/dev/null
}

fly unstable "$base" fail
issue=$(assay issue add 'it eats cats' "$flight/guest" --json | jq .issue)
fly stable "$old" fail
shown=$(assay issue show "$issue")
has 'an issue, on two branches' "$shown" 'without the fix: stable unstable'

has 'no commit' "$(assay issue fix "$issue" 2>&1)" 'which --commit'
for wrong in xen xen= =1 xen=zzzzzzz xen=12; do
    has "--commit $wrong" "$(assay issue fix "$issue" --commit $wrong 2>&1
        echo "exit $?")" 'exit 2'
done
has 'no such tree' \
    "$(assay issue fix "$issue" --commit kvm=1234567 2>&1)" \
    'no clone of the tree kvm is here'
has 'no such commit' \
    "$(assay issue fix "$issue" --commit xen=$lost 2>&1)" \
    'no clone of the tree xen here has 012345678901'
has 'no such issue' "$(assay issue fix 99 --commit "xen=$fix" 2>&1)" \
    'there is no issue 99'

short=$(echo "$fix" | cut -c 1-9)
said=$(assay issue fix "$issue" --commit "xen=$short" --author eve)
has 'a fix that nobody tested' "$said" "issue $issue: open, without the fix"
has 'what git says' "$said" "unstable, flight 1 (xen $(echo "$base" |
    cut -c 1-12)): does not contain $(echo "$fix" | cut -c 1-12)"
fly unstable "$fix" pass
has 'nobody asked git yet' "$(assay issue show "$issue")" 'nobody asked git'
has 'asked' "$(assay issue check)" \
    "issue $issue: unstable, flight 3 (xen $(echo "$fix" |
    cut -c 1-12)): contains $(echo "$fix" | cut -c 1-12)"
has 'once' "[$(assay issue check)]" '[]'
has 'one branch has it' "$(assay issue show "$issue")" \
    'without the fix: stable
'
fly stable "$old" pass
assay issue check --quiet
has 'to pass is not to have the fix' "$(assay issue show "$issue")" \
    'without the fix: stable
'
fly stable "$picked" pass
has 'a branch has a commit of its own' \
    "$(assay issue fix "$issue" --commit "xen=$picked")" "issue $issue: fixed"
has 'who said so' "$(assay issue show "$issue")" "$fix, says eve"
has 'it is off the list' "$(assay issue list --json)" '[]'

# The same failure of a version that contains the fix.
fly unstable "$later" fail
assay issue check --quiet
shown=$(assay issue show "$issue")
has 'it is back' "$shown" 'regressed, it was fixed there: unstable'
has 'and listed so' "$(assay issue list)" regressed
has 'JSON' "$(assay issue list --json | jq -r '.[0].regressed')" unstable
has 'the report says so' "$(assay report "$flight" --format mail)" \
    'a REGRESSION'
has 'and KCIDB is told' "$(assay report "$flight" --format kcidb |
    jq -r '.issues[].misc.state')" regressed
fly unstable "$again" pass
has 'another fix' "$(assay issue fix "$issue" --commit "xen=$again")" \
    "issue $issue: fixed"

# Runs of old versions say nothing of the branch.
fly unstable "$base" fail real-bisect
assay issue check --quiet
has 'a bisection of what was' "$(assay issue list --all)" fixed
fly unstable "$base" pass
assay issue check --quiet
has 'a branch that is set back has no fix' "$(assay issue show "$issue")" \
    'without the fix: unstable
'
fly unstable "$again" pass
assay issue check --quiet
has 'and has it again' "$(assay issue list --all)" fixed

# What git cannot tell is nothing that is known.
fly unstable "$lost" fail
has 'a revision that nobody has' "$(assay issue check)" \
    'nobody knows whether it contains'
has 'is not taken for one with the fix, nor without' \
    "$(assay issue show "$issue")" 'without the fix: unstable
'
git --git-dir="$repo" update-ref refs/heads/master "$again"
fly vendor '' fail
has 'a branch without a tree' "$(assay issue show "$issue")" \
    'without the fix: unstable vendor
'
assay issue close "$issue" --fix release-2 --branch vendor >/dev/null
has 'is told by a person' "$(assay issue show "$issue")" \
    'without the fix: unstable
'
assay issue close "$issue" --reason 'a test' >/dev/null
has 'closed is closed' \
    "$(assay issue fix "$issue" --commit "xen=$fix" 2>&1)" 'is closed'
tap_end
