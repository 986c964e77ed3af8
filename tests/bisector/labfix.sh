# shellcheck shell=sh
# tests/bisector/labfix.sh - for tests of bisections in the lab: a real server,
# simulated hosts a and b, a history of forty commits, and flights of them.
set -u
sim=$ASSAY_TOP_SRCDIR/tests/flights/sim
# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"
GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM

# refused TEXT NAME: the last command did, and its exit status was 2.
refused()
{
    [ "$status" -eq 2 ] && grep -q "$1" "$ASSAY_HOME/err"
    ok "$2"
}

run()
{
    timeout 120 assay "$@" >"$ASSAY_HOME/out" 2>"$ASSAY_HOME/err"
    status=$?
}

pgfix_start
: >"$ASSAY_HOME/out"
: >"$ASSAY_HOME/err"
pgfix_at_end 'assay service stop >/dev/null 2>&1'
sql "insert into assay.host (host, arch, firmware, class, config, source)
    select h, 'amd64', 'bios', 'sim', '{}', 'sim'
    from unnest(array['a', 'b']) h" >/dev/null

# Forty commits.
repo=$ASSAY_HOME/repo
git init -q -b main "$repo"
i=0
while [ $i -lt 40 ]; do
    i=$((i + 1))
    who="Ann Author <ann@example.org> $((1000000 + i * 60)) +0000"
    printf 'commit refs/heads/main\nmark :%d\nauthor %s\ncommitter %s\n' \
        $i "$who" "$who"
    printf 'data 2\nm\n'
    [ $i -eq 1 ] || echo "from :$((i - 1))"
    printf 'M 644 inline n\ndata %d\n%s\n' ${#i} $i
done | (cd "$repo" && git fast-import --quiet --export-marks=.git/marks)
commit()
{
    sed -n "s/^:$1 //p" "$repo/.git/marks"
}

# create COMMIT [BRANCH]: a flight at it on a host that is $want, with $candidate
# if that is set; $f is its number.
want='arch: amd64'
candidate=
create()
{
    cat >"$ASSAY_HOME/flight.yaml" <<END
flight: sim
branch: ${2:-sim}
intended: real
${candidate:+candidate: $candidate}
runvars: {revision_xen: $1, tree_xen: $repo}
jobs:
  - {job: j, recipe: $sim/by-revision.yaml, hosts: {host: {$want}}}
END
    f=$(assay flight create "$ASSAY_HOME/flight.yaml")
    sql "insert into assay.flight_tree values ($f, 'xen', '$1')"
}
fly()
{
    create "$@"
    run flight run "$f"
}
flights()
{
    sql 'select count(*) from assay.flight'
}
field()
{
    sql "select $2 from assay.bisection where bisection = $1"
}
