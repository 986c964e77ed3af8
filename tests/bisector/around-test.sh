#!/bin/sh
# tests/bisector/around-test.sh - what a bisection in the lab does about all that
# is not its commits: the harness, a host, its firmware, its image to blame; a
# host that breaks, other cases of the step; a branch that goes on, or is
# rewritten.
set -u
# shellcheck source=tests/bisector/labfix.sh
. "$ASSAY_TOP_SRCDIR/tests/bisector/labfix.sh"

# old_pass COMMIT BRANCH HARNESS: a flight that such a harness saw pass; as fly.
old_pass()
{
    f=$(sql "with f as (insert into assay.flight (branch, blessing, intended,
            harness) values ('$2', 'running', 'real', '$3')
            returning flight),
        j as (insert into assay.job (flight, job, recipe, arch, status, harness,
            started_at, finished_at) select flight, 'j',
            '$sim/by-revision.yaml', 'amd64', 'pass', '$3', now(), now()
            from f returning flight),
        r as (insert into assay.job_role (flight, job, role, position, arch,
            host) select flight, 'j', 'host', 1, 'amd64', 'a' from j),
        t as (insert into assay.flight_tree select flight, 'xen', '$1' from f)
        insert into assay.step (flight, job, step, program, testid, status,
            started_at, finished_at, exit_code, harness)
        select flight, 'j', 1, 'p', 'two', 'pass', now(), now(), 0, '$3'
        from j returning flight")
    sql "update assay.flight set finished_at = now(), outcome = 'pass',
        blessing = 'real' where flight = $f and finished_at is null"
}
ended()
{
    [ "$(field "$1" state)" = ended ]
}

# of BRANCH [TESTID]: the number of its bisection.
of()
{
    sql "select max(bisection) from assay.bisection
        where branch = '$1' and testid = '${2:-two}'"
}

# The harness ----------------------------------------------------------------

# What passed with the older harness fails with this one, whatever the commit.
i=0
while [ $i -lt 6 ]; do
    i=$((i + 1))
    echo j/two >"$ASSAY_HOME/bad-$(commit $i)"
done
for i in 1 2 3 4; do old_pass "$(commit 1)" harness older-1; done
fly "$(commit 5)" harness
assay tree add xen "$repo" >/dev/null
run bisect start "$f" j two
is 'a search whose good end fails too ends' $status 0
is 'with the harness to blame' \
    "$(field "$(of harness)" "verdict || ' ' || component")" "component harness"
is 'and a number' "$(field "$(of harness)" '(chance >= .95)::int')" 1

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
is 'a search where one host fails everything ends' $status 0
is 'with that host to blame' \
    "$(field "$(of host)" "verdict || ' ' || component || ' ' || culprit")" \
    "component host a"
is 'and nobody wrote to the people of a commit' \
    "$(sql "select count(*) from assay.notice where body like '%Ann%'")" 0
want='arch: amd64'

# Its firmware ---------------------------------------------------------------

# Of the same harness and host; the machine was updated in between.
harness=$(sql 'select harness from assay.job where harness is not null
    order by flight desc limit 1')
want='arch: amd64, host: a'
# boots SOURCE SAID: what the firmware of a says from now on.
boots()
{
    sql "create or replace function assay.test_said() returns trigger
        language plpgsql as \$\$ begin
        insert into assay.boot_firmware (boot, flight, job, host, source, said)
            values ('boot ' || new.flight, new.flight, new.job, 'a', '$1', '$2')
            on conflict do nothing;
        return new; end \$\$"
}
boots console 'SeaBIOS 1.14'
sql 'create trigger said after insert on assay.step for each row
    execute function assay.test_said()'
for i in 1 2 3 4; do old_pass "$(commit 2)" firmware "$harness"; done
boots console 'SeaBIOS 1.16'
fly "$(commit 5)" firmware
run bisect start "$f" j two
is 'what fails since the firmware was updated ends' $status 0
is 'with the firmware to blame' \
    "$(field "$(of firmware)" "verdict || ' ' || component || ' ' || culprit")" \
    'component firmware SeaBIOS 1.16'
grep -q 'what passed with SeaBIOS 1.14 fails with SeaBIOS 1.16' \
    "$ASSAY_HOME/out"
ok 'and both are named'
# The same, but that the old harness is gone too: nobody can tell which it was.
boots console 'SeaBIOS 1.14'
for i in 1 2 3 4; do old_pass "$(commit 2)" both older-1; done
boots console 'SeaBIOS 1.16'
fly "$(commit 5)" both
run bisect start "$f" j two
is 'of two that have changed none alone is blamed' \
    "$(field "$(of both)" "verdict || ' ' || coalesce(component, '') || ' ' ||
        (reason like 'the harness or the firmware%')")" 'component  true'
sql 'drop trigger said on assay.step'

# Its image ------------------------------------------------------------------

# A candidate of two images at the same revisions, whose hypervisor is built.
cat >"$ASSAY_HOME/xen.yaml" <<END
build: copies
description: for this test
trees: [xen]
tools: [cp]
steps:
  - {step: copy, run: [cp, n, out]}
outputs:
  - {part: xen, path: out}
END
for image in img-a img-b; do
    mkdir "$ASSAY_HOME/$image"
    for part in xen kernel initrd; do
        echo "$image $part" >"$ASSAY_HOME/$image/$part"
    done
    assay candidate add --dir "$ASSAY_HOME/$image" --arch amd64 --name $image \
        >/dev/null
done
# with IMAGE COMMIT BRANCH: as fly, with a candidate of that.
with()
{
    build=$(assay build run "$ASSAY_HOME/xen.yaml" --tree "$2" --arch amd64 \
        --json | jq .build)
    assay candidate add --build "$build" --base "$1" >/dev/null
    candidate=$1.build-$build
    fly "$2" "$3"
    candidate=
}
for i in 7 8 9; do echo img-b:j/two >"$ASSAY_HOME/bad-$(commit $i)"; done
with img-a "$(commit 7)" image
with img-b "$(commit 9)" image
run bisect start "$f" j two --recipe "$ASSAY_HOME/xen.yaml"
is 'what fails since the image is another one ends' $status 0
is 'with the image to blame' \
    "$(field "$(of image)" "verdict || ' ' || component || ' ' ||
        (chance >= .95)")" 'component image true'
is 'which was tried as it was' \
    "$(sql "select (count(*) >= 2 and bool_and(result = 'good'))::int
        from assay.bisection_run r join assay.bisection b using (bisection)
        where b.branch = 'image' and about = 'image'")" 1

# A host that breaks -----------------------------------------------------------

for i in 19 20; do echo j/two >"$ASSAY_HOME/bad-$(commit $i)"; done
echo broken:a:j/two >"$ASSAY_HOME/bad-$(commit 17)"
want='arch: amd64, host: b'
fly "$(commit 17)" breaks
want='arch: amd64, host: a'
fly "$(commit 20)" breaks
run bisect start "$f" j two
is 'a run that breaks on one host' "$status $(field "$(of breaks)" culprit)" \
    "0 $(commit 19)"
is 'is tried again on another one' \
    "$(sql "select string_agg(result || ' ' || host, ' ' order by number)
        from (select r.* from assay.bisection_run r
            join assay.bisection b using (bisection)
            where b.branch = 'breaks'
            and at->>'xen' = '$(commit 17)' order by number limit 2) r")" \
    'nothing a good b'
grep -q ' broke .* on a .*broken' "$ASSAY_HOME/out"
ok 'and said to have broken'
want='arch: amd64'

# Cases ------------------------------------------------------------------------

# Case x fails from 26 on, y at 25; nothing is said of either at 24.
touch "$ASSAY_HOME/cases"
for i in 26 27 28; do echo j/two/x >"$ASSAY_HOME/bad-$(commit $i)"; done
echo j/two/y >"$ASSAY_HOME/bad-$(commit 25)"
echo j/two/- >"$ASSAY_HOME/bad-$(commit 24)"
fly "$(commit 21)" cases
fly "$(commit 28)" cases
run bisect start "$f" j two/z
refused "no step 'two/z', nor a case" 'a case that there is not'
run bisect start "$f" j two/y
refused 'two/y of job j did not fail' 'a case that passed beside one that failed'
run bisect start "$f" j two/x
is 'the failure of a case' "$status $(field "$(of cases two/x)" culprit)" \
    "0 $(commit 26)"
# told COMMIT TESTID: what was said of it, in the bisection of that.
told()
{
    sql "select string_agg(distinct result, ' ') from assay.bisection_run
        where bisection = $(of cases "$2") and at->>'xen' = '$(commit "$1")'
        and result <> 'nothing'"
}
is 'is not that of another one' "$(told 25 two/x)" good
is 'and where nothing is said, nothing is known' \
    "$(told 24 two/x | grep -c -e good -e bad)" 0
run bisect start "$f" j two
is 'nor is it that of the whole step' \
    "$(field "$(of cases)" "verdict || ' ' || coalesce(culprit, '')"
        ) $(told 25 two)" \
    'suspects  cannot-tell'
grep -q 'cannot-tell .*another failure: y: it did not do as y does' \
    "$ASSAY_HOME/out"
ok 'which is said'
rm "$ASSAY_HOME/cases"
for i in 24 25 26 27 28; do rm "$ASSAY_HOME/bad-$(commit $i)"; done

# Fixed meanwhile --------------------------------------------------------------

# hold FROM TO / let_go FROM TO: tests of these commits wait.
hold()
{
    i=$1
    while [ "$i" -le "$2" ]; do
        echo hold:j/two >>"$ASSAY_HOME/bad-$(commit "$i")"
        i=$((i + 1))
    done
}
let_go()
{
    i=$1
    while [ "$i" -le "$2" ]; do
        sed -i /^hold/d "$ASSAY_HOME/bad-$(commit "$i")"
        i=$((i + 1))
    done
}
# waits BRANCH: its bisection has runs of both ends, and waits for others.
waits()
{
    [ "$(sql "select count(*) filter (where result = 'bad') >= 1
            and count(*) filter (where result = 'good') >= 1
            and count(*) filter (where r.state = 'running') >= 2
        from assay.bisection_run r join assay.bisection b using (bisection)
        where b.branch = '$1'")" = t ]
}
# A host that no bisection takes.
sql "insert into assay.host (host, arch, firmware, class, config, source)
    values ('c', 'arm64', 'bios', 'spare', '{}', 'sim')"

for i in 31 32 33; do echo j/two >"$ASSAY_HOME/bad-$(commit $i)"; done
hold 30 32
fly "$(commit 29)" moving
fly "$(commit 33)" moving
await 60 waits moving
ok 'a regression is looked into by itself'
want='arch: arm64'
fly "$(commit 28)" moving
looked_at()
{
    [ "$(sql "select count(*) from assay.bisection_look where flight = $1")" = 1 ]
}
await 60 looked_at "$f"
is 'that an older revision passes is no news' "$(field "$(of moving)" state)" \
    running
fly "$(commit 34)" moving
await 60 ended "$(of moving)"
is 'a later revision that passes ends it' \
    "$(field "$(of moving)" "verdict || ' ' || coalesce(culprit, '') || ' ' ||
        (reason like 'it passes again in flight $f%')")" 'fixed  true'
aborted()
{
    [ "$(sql "select count(*) from assay.flight f join assay.bisection_run r
        using (flight) where r.bisection = $1 and f.finished_at is null
        and f.abort_reason is null")" = 0 ]
}
await 30 aborted "$(of moving)"
ok 'and its flights'
let_go 30 32

# Rewritten --------------------------------------------------------------------

# Eight commits on top of 36 take the place of 37 to 40.
for i in 38 39 40; do echo j/two >"$ASSAY_HOME/bad-$(commit $i)"; done
hold 36 39
want='arch: amd64'
fly "$(commit 35)" rewritten
fly "$(commit 40)" rewritten
await 60 waits rewritten
ok 'another one is looked into'
now=$(of rewritten)
git -C "$repo" checkout -q "$(commit 36)"
for i in 1 2 3 4 5 6 7 8; do
    echo new $i >"$repo/n"
    git -C "$repo" -c user.name=b -c user.email=b@example.org commit -qam new
    eval "new$i=\$(git -C \$repo rev-parse HEAD)"
    [ $i -lt 4 ] || eval "echo j/two >\"\$ASSAY_HOME/bad-\$new$i\""
done
git -C "$repo" branch -f main
git -C "$repo" checkout -q main
git -C "$repo" reflog expire --expire=now --all
git -C "$repo" gc -q --prune=now
before=$(sql "select count(*) from assay.bisection_run where bisection = $now
    and result in ('good', 'bad')")
want='arch: arm64'
# shellcheck disable=SC2154 # set by eval
fly "$new8" rewritten
aimed()
{
    [ "$(field "$now" flight)" = "$f" ]
}
await 60 aimed
ok 'a branch that was rewritten moves the bisection'
run bisect show "$now"
is 'it goes on' $status 8
grep -q "the branch was rewritten: the bad end is that of flight $f now" \
    "$ASSAY_HOME/out"
ok 'and says so'
is 'what was known is kept' \
    "$(grep -c -e '^ *[0-9]*  good ' -e '^ *[0-9]*  bad ' "$ASSAY_HOME/out")" \
    "$before"
let_go 36 39
await 90 ended "$now"
# shellcheck disable=SC2154 # set by eval
is 'to the commit of the new history' \
    "$(field "$now" "verdict || ' ' || coalesce(culprit, '')")" "culprit $new4"
is 'there is no other bisection of it' \
    "$(sql "select count(*) from assay.bisection where branch = 'rewritten'")" 1

tap_end
