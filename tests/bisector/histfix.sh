# shellcheck shell=sh disable=SC2034 # variables are used by the tests
# tests/bisector/histfix.sh - for tests of assay bisect: histories made in a
# moment, checks, and a directory of their own. Sourced.
set -u
# shellcheck source=tests/tap.sh
. "$ASSAY_TOP_SRCDIR/tests/tap.sh"
dir=$(mktemp -d "${TMPDIR:-/tmp}/assay-test.XXXXXX") || exit 1
tap_dir=$dir
TMPDIR=$dir
GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org
GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c@example.org
export TMPDIR GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM
export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL

# What a stranger may write into a subject.
hostile=$(printf '<b>\033[31mred')

# A history by fast-import: stdin "NUMBER FROM [MERGED]" makes commit NUMBER
# whose file "n" says so.
history()
{
    git init -q -b main "$1"
    i=0
    while read -r number from merged; do
        i=$((i + 1))
        echo "commit refs/heads/main"
        echo "mark :$number"
        echo "author a <a@example.org> $((1000000 + i * 60)) +0000"
        echo "committer c <c@example.org> $((1000000 + i * 60)) +0000"
        text="commit $number $hostile"
        printf 'data %d\n%s\n' ${#text} "$text"
        if [ "$from" != - ]; then echo "from :$from"; fi
        if [ -n "$merged" ]; then echo "merge :$merged"; fi
        printf 'M 644 inline n\ndata %d\n%s\n' ${#number} "$number"
    done | (cd "$1" && git fast-import --quiet --export-marks="$1/.git/marks")
}

commit() # REPO NUMBER
{
    sed -n "s/^:$2 //p" "$1/.git/marks"
}

run()
{
    timeout 120 assay bisect "$@" >"$dir/out" 2>&1
    status=$?
}

# The last line of a test.
finish()
{
    if [ $tap_bad -eq 0 ]; then
        rm -rf "$dir"
    else
        echo "# kept $dir"
    fi
    tap_end
}

# 65 commits in a line; the first is good.
line=$dir/line
seq 1 65 | awk '{ print $1, ($1 > 1 ? $1 - 1 : "-") }' | history "$line"
good=$(commit "$line" 1)
tree="$line:$good..main"
