#!/bin/sh
# tests/bisector/around-test.sh - bisections in the lab that blame no commit: the
# host, the harness, or what was fixed meanwhile; and a branch that is rewritten.
set -u
# shellcheck source=tests/bisector/labfix.sh
. "$ASSAY_TOP_SRCDIR/tests/bisector/labfix.sh"

# old_pass COMMIT BRANCH: a flight that an older harness saw pass; as fly.
old_pass()
{
    f=$(sql "with f as (insert into assay.flight (branch, blessing, intended,
            harness) values ('$2', 'running', 'real', 'older-1')
            returning flight),
        j as (insert into assay.job (flight, job, recipe, arch, status, harness,
            started_at, finished_at) select flight, 'j',
            '$sim/by-revision.yaml', 'amd64', 'pass', 'older-1', now(), now()
            from f returning flight),
        r as (insert into assay.job_role (flight, job, role, position, arch,
            host) select flight, 'j', 'host', 1, 'amd64', 'a' from j),
        t as (insert into assay.flight_tree select flight, 'xen', '$1' from f)
        insert into assay.step (flight, job, step, program, testid, status,
            started_at, finished_at, exit_code, harness)
        select flight, 'j', 1, 'p', 'two', 'pass', now(), now(), 0, 'older-1'
        from j returning flight")
    sql "update assay.flight set finished_at = now(), outcome = 'pass',
        blessing = 'real' where flight = $f"
}
ended()
{
    [ "$(field "$1" state)" = ended ]
}

# of BRANCH: the number of its bisection.
of()
{
    sql "select max(bisection) from assay.bisection where branch = '$1'"
}

# The harness ----------------------------------------------------------------

# What passed with the older harness fails with this one, whatever the commit.
i=0
while [ $i -lt 6 ]; do
    i=$((i + 1))
    echo j/two >"$ASSAY_HOME/bad-$(commit $i)"
done
old_pass "$(commit 1)" harness
old_pass "$(commit 1)" harness
old_pass "$(commit 1)" harness
old_pass "$(commit 1)" harness
fly "$(commit 5)" harness
assay tree add xen "$repo" >/dev/null
run bisect start "$f" j two
is 'a search whose good end fails too ends' 0 $status
is 'with the harness to blame' "component harness" \
    "$(field "$(of harness)" "verdict || ' ' || component")"
is 'and a number' 1 "$(field "$(of harness)" '(chance >= .95)::int')"

# The host ------------------------------------------------------------------

i=9
while [ $i -lt 16 ]; do
    i=$((i + 1))
    echo a:j/two >"$ASSAY_HOME/bad-$(commit $i)"
done
want='arch: amd64, host: b'
fly "$(commit 10)" host
want='arch: amd64, host: a'
fly "$(commit 16)" host
run bisect start "$f" j two
is 'a search where one host fails everything ends' 0 $status
is 'with that host to blame' "component host a" \
    "$(field "$(of host)" "verdict || ' ' || component || ' ' || culprit")"
is 'and nobody wrote to the people of a commit' 0 \
    "$(sql "select count(*) from assay.notice where body like '%Ann%'")"
want='arch: amd64'

# Fixed, and rewritten --------------------------------------------------------

i=24
while [ $i -lt 30 ]; do
    i=$((i + 1))
    echo j/two >"$ASSAY_HOME/bad-$(commit $i)"
done
fly "$(commit 20)" moving
fly "$(commit 30)" moving
begun()
{
    [ "$(sql "select count(*) from assay.bisection_run r
        join assay.bisection b using (bisection)
        where b.branch = 'moving' and r.result = 'bad'")" -ge 2 ]
}
await 60 begun
ok $? 'a regression is looked into by itself'
run bisect stop "$(of moving)"
fly "$(commit 35)" moving
await 60 ended "$(of moving)"
ok $? 'a later revision that passes ends it'
is 'as fixed, or found before' 1 \
    "$(field "$(of moving)" "(verdict in ('fixed', 'culprit'))::int")"

finish
