#!/bin/sh
# tests/flights/probe-test.sh - single tests of a bisection as flights, and a
# whole one: a real server, assayd and jobs on simulated hosts, and a history with
# merges and a stretch that cannot be tested.
set -u
sim=$ASSAY_TOP_SRCDIR/tests/flights/sim
# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"
GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM

run()
{
    timeout 300 assay "$@" >"$ASSAY_HOME/out" 2>"$ASSAY_HOME/err"
    status=$?
}

pgfix_start
pgfix_at_end 'assay service stop >/dev/null 2>&1'
sql "insert into assay.host (host, arch, firmware, class, config, source)
    select h, 'amd64', 'bios', 'sim', '{}', 'sim'
    from unnest(array['a', 'b']) h" >/dev/null

# Sixty commits; every tenth merges a side branch of one. From 37 on step two
# fails; 20 to 24 break, so that they cannot be tested.
repo=$ASSAY_HOME/repo
git init -q -b main "$repo"
i=0
while [ $i -lt 60 ]; do
    i=$((i + 1))
    who="a <a@example.org> $((1000000 + i * 60)) +0000"
    printf 'commit refs/heads/main\nmark :%d\nauthor %s\ncommitter %s\n' \
        $i "$who" "$who"
    printf 'data 2\nm\n'
    [ $i -eq 1 ] || echo "from :$((i - 1))"
    if [ $((i % 10)) -eq 0 ]; then echo "merge :$((i - 5))"; fi
    printf 'M 644 inline n\ndata %d\n%s\n' ${#i} $i
done | (cd "$repo" && git fast-import --quiet --export-marks=.git/marks)
commit()
{
    sed -n "s/^:$1 //p" "$repo/.git/marks"
}
i=0
while [ $i -lt 60 ]; do
    i=$((i + 1))
    if [ $i -ge 37 ]; then echo j/two >"$ASSAY_HOME/bad-$(commit $i)"; fi
    if [ $i -ge 20 ] && [ $i -le 24 ]; then
        echo broken:j/one >"$ASSAY_HOME/bad-$(commit $i)"
    fi
done

# flight NUMBER_OF_COMMIT: makes one at it, runs it; $f is its number.
flight()
{
    cat >"$ASSAY_HOME/flight.yaml" <<END
flight: sim
intended: real
runvars: {revision_xen: $(commit "$1"), tree_xen: $repo, colour: red}
jobs:
  - {job: j, recipe: $sim/by-revision.yaml, hosts: {host: {arch: amd64}}}
  - {job: k, recipe: $sim/quick.yaml, hosts: {host: {arch: amd64}}}
END
    f=$(assay flight create "$ASSAY_HOME/flight.yaml")
    sql "insert into assay.flight_tree values ($f, 'xen', '$(commit "$1")')"
    run flight run "$f"
}
flight 1
basis=$f
flight 60
is 'the flight fails' $status 1

run flight probe "$f" j two --revision "xen=$(commit 36)"
is 'an earlier revision is good' $status 0
run flight probe "$f" j two --revision "xen=$(commit 37)"
is 'a later one is bad' $status 1
run flight probe "$f" j two --revision "xen=$(commit 22)"
is 'one that breaks cannot be told, never bad' $status 125
run flight probe "$f" j two
is 'no revision: nothing is tried, and that is not bad' $status 200
run flight probe "$f" x two --revision "xen=$(commit 22)"
is 'nor without such a job' $status 200

last=$(sql 'select max(flight) from assay.flight')
is 'its flight has the one job' \
    "$(sql "select string_agg(job, ' ') from assay.job where flight = $last")" j
is 'says what it is' \
    "$(sql "select f.intended || ' ' || t.revision from assay.flight f
        join assay.flight_tree t using (flight) where flight = $last")" \
    "real-bisect $(commit 22)"
is 'and has the runvars of the definition' \
    "$(sql "select string_agg(value, ' ' order by name) from assay.runvar
        where flight = $last and name in ('colour', 'revision_xen')")" \
    "red $(commit 22)"

run tree add xen "$repo"
run bisect start "$f" j two --basis "$basis" --max-tests 30
is 'a bisection by flights ends' $status 0
is 'with the culprit' "$(grep -c "culprit: $(commit 37)" "$ASSAY_HOME/out")" 1
flights=$(sql 'select count(*) from assay.flight')
run bisect start "$f" j two --max-tests 30
is 'another one finds its basis, and flies nothing twice' \
    "$status $(sql 'select count(*) from assay.flight')" "0 $flights"
run bisect start "$basis" j two
is 'a step that did not fail is not bisected' $status 2

tap_end
