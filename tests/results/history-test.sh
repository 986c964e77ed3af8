#!/bin/sh
# tests/results/history-test.sh - a history goes from one database to another
# and back: the same bytes, never twice, never over what is there; and what is
# wrong with a file is said by its line, with nothing changed. Then verdicts
# about it, on the command line.
set -u
# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"
same()
{
    cmp -s "$1" "$2" && return
    diff "$1" "$2" | head -n 20 | cut -c 1-300 | sed 's/^/# /'
    return 1
}

# A database of its own on the fixture's server, used from here on.
use()
{
    unset ASSAY_DB
    sql "create database $1 template template0"
    ASSAY_DB="host=$ASSAY_HOME/pg dbname=$1 user=$(sql 'select user')"
    export ASSAY_DB
    assay db migrate >/dev/null
}

# refused FILE TEXT: an import of FILE ends with 2 and says TEXT; nothing came.
refused()
{
    refused_before=$(sql 'select count(*), max(flight) from assay.flight')
    assay history import "$1" >out 2>err
    refused_status=$?
    equal "$refused_status" 2 && grep -qF "$2" err \
        && equal "$(sql 'select count(*), max(flight) from assay.flight')" \
            "$refused_before" && return
    sed 's/^/# /' err
    return 1
}

pgfix_start
cd "$ASSAY_HOME" || exit 1

# Three flights: a rich one, a build, and one that needs that build.
sql <"$ASSAY_TOP_SRCDIR/tests/results/sample.sql" >/dev/null
sql "update assay.flight set blessing = intended, finished_at = now()
        where finished_at is null;
    insert into assay.flight (branch, intended, harness)
        values ('b', 'real', 'h'), ('b', 'real', 'h'), ('b', 'real', 'h')"
# shellcheck disable=SC2046 # three words
set -- $(sql "select string_agg(flight::text, ' ' order by flight)
    from assay.flight where branch = 'b'")
sql "insert into assay.flight_tree values ($1, 'xen', 'aaaa'),
        ($2, 'xen', 'bbbb'), ($3, 'xen', 'bbbb');
    insert into assay.job (flight, job, recipe, arch, status, lane,
        started_at, finished_at)
    select f, j, 'r', 'amd64', s, 'unknown', now(), now() from (values
        ($1, 'build', 'pass'), ($1, 'test', 'pass'),
        ($2, 'test', 'fail')) x(f, j, s);
    insert into assay.job_need values ($2, 'test', $1, 'build'),
        ($1, 'test', $1, 'build');
    insert into assay.step (flight, job, step, program, testid, status,
        lane, exit_code, harness, finished_at, log_path, evidence)
    select f, j, n, 'p', t, s, 'unknown', 0, 'h', now(), 'flights/x/log',
        '{\"file\":\"flights/x/log\",\"line\":2,\"text\":\"\\u0001 x\"}'
    from (values ($1, 'build', 1, 'make', 'pass'), ($1, 'test', 1, 'boot',
        'pass'), ($1, 'test', 2, 'stop', 'pass'), ($2, 'test', 1, 'boot',
        'pass'), ($2, 'test', 2, 'stop', 'fail')) x(f, j, n, t, s);
    insert into assay.measurement (flight, job, step, name, value, unit,
        better) values ($1, 'test', 1, 'm', 1e300, 's', 'lower'),
        ($1, 'test', 1, 'm', -0.0, 's', 'lower'),
        ($1, 'test', 1, 'm', 5, 's', 'lower'),
        ($1, 'test', 1, 'm', 0.1, 's', 'higher');
    insert into assay.boot_firmware (boot, flight, job, host, source, said)
        values ('n1', $1, 'test', 'h', 'console', 'SeaBIOS (version 1)'),
        ('n1', $1, 'test', 'h', 'console', 'iPXE 1.21'),
        ('n1', $1, 'test', 'h', 'smbios', 'SeaBIOS 1 2014');
    update assay.flight set blessing = intended, outcome = case flight
        when $2 then 'fail' else 'pass' end, finished_at = now()
        where flight in ($1, $2)"
first=$1
second=$2
origin=$(sql 'select origin from assay.origin')

# There and back ---------------------------------------------------------------

assay history export one 2>err
ok "a history is exported"
is "it says what it is" "$(head -n 1 one)" '{"assay":"history","format":2}'
is "and what firmware said" \
    "$(jq -r 'select(.firmware) | [.firmware[].said] | join("|")' one)" \
    'SeaBIOS (version 1)|iPXE 1.21|SeaBIOS 1 2014'
is "three flights; the fourth has not ended" "$(grep -c '"end":' one)" 3
assay history export "only" "$second" && equal "$(grep -c '"end":' only)" 2
ok "a flight comes with the one that it needs"
assay history export - --branch b >piped && same piped only
ok "a branch, to standard output"
assay history export nothing 999 2>err
equal "$?" 2 && grep -q 'no flight 999' err && [ ! -e nothing ]
ok "a flight that is not there"
assay history export nothing "$3" 2>err
equal "$?" 1 && grep -q 'has not ended' err && [ ! -e nothing ]
ok "a flight that has not ended"
assay history import one >out && equal "$(cat out)" \
    "0 flights imported, 3 were here already"
ok "what is here already is left alone"

use two
assay history import one --check >out && equal "$(cat out)" \
    "3 flights to import, 0 were here already" \
    && equal "$(sql 'select count(*) from assay.flight')" 0
ok "a check changes nothing"
assay history import - <one >out && equal "$(cat out)" \
    "3 flights imported, 0 were here already"
ok "imported into an empty database"
assay history export two && same one two
ok "the same bytes come out"
is "the flights keep their numbers and their origin" \
    "$(sql "select count(*) from assay.flight f join assay.flight_origin o
    using (flight) where f.flight = o.number and o.origin = '$origin'")" 3
is "their logs are below the name of their origin" \
    "$(sql "select distinct log_path from assay.step
    where flight = $first")" "imported/$origin/flights/x/log"
# shellcheck disable=SC2002 # a pipe is what is tested
cat one | assay history import - --json >out \
    && equal "$(tr -d ' \n' <out)" '{"flights":[],"imported":0,"present":3}'
ok "a second import changes nothing"
is "the next flight gets a number of its own" \
    "$(sql 'insert into assay.flight (branch, intended, harness)
    values ($$c$$, $$real$$, $$h$$) returning flight')" "$((second + 1))"
equal "$(sql "select string_agg(tree || revision, ';' order by tree)
    from assay.flight_version where flight = $second")" xenbbbb \
    && equal "$(sql "select flight from assay.cell_passed
        where branch = 'b' and testid = 'stop'")" "$first"
ok "what verdicts need of them is there"

use three
sql "insert into assay.flight (branch, intended, harness) select 'mine',
    'real', 'h' from generate_series(1, 50)"
assay history import one >out && equal "$(head -n 1 out)" \
    "flight 1 of $origin is flight 51 here"
ok "where the number is taken, another is given, and said"
assay history export three --branch b && same only three
ok "the identity does not change"
is "needs lead to the flights as they are numbered here" \
    "$(sql "select needs_flight from assay.job_need n join assay.flight_origin o
    on o.flight = n.flight where o.number = $second")" \
    "$(sql "select flight from assay.flight_origin where number = $first")"

# Wrong files ------------------------------------------------------------------

use four
head -n -1 one >torn
refused torn "torn:$(wc -l <torn): the file ends inside of flight $second"
ok "a file that was cut"
head -c -1 one >torn
refused torn "the last line has no end"
ok "a line that was cut"
: >empty
refused empty "it is empty"
ok "an empty file"
sed '4s/.*/{"job":/' one >wrong
refused wrong "wrong:4: column"
ok "a line that is no JSON"
line=$(grep -n '"testid":"stop"' one | tail -n 1 | cut -d : -f 1)
sed "${line}s/\"fail\"/\"passed\"/" one >wrong
refused wrong "wrong:$line: status 'passed' is none"
ok "a status that there is not, deep in the file"
sed "${line}s/\"fail\"/\"pass\"/; ${line}s/\"exit_code\":0,//" one >wrong
refused wrong "wrong:$line: it passed without exit status 0"
ok "a pass that did not exit"
sed "s,flights/x/log,../../etc/shadow," one >wrong
refused wrong "which leads elsewhere"
ok "a path that leads elsewhere"
sed "s/\"outcome\":\"fail\"/\"outcome\":\"pass\"/" one >wrong
refused wrong "says pass, but its jobs amount to fail"
ok "a flight that says more than its jobs"
sed 's/"needs":\[{"job":"build"}\]/"needs":[{"job":"gone"}]/' one >wrong
refused wrong "needs job 'gone', which the flight does not have"
ok "a job that is needed and not there"
sed "/\"branch\":\"b\".*\"flight\":$first,/,/\"end\":$first,/d" one >wrong
refused wrong "job 'build' of flight $first of $origin is needed"
ok "a flight that is needed and not there"
sed "/\"job\":\"test\"/s/\"flight\":$first,\"job\":\"build\"/\"flight\":$first,\"job\":\"other\"/" \
    one >wrong
refused wrong "$origin $first other"
ok "a job of another flight that it does not have"
cat one >wrong
tail -n +2 one >>wrong
refused wrong "is in this file twice"
ok "a flight that is there twice"
refused /nonexistent "read /nonexistent"
ok "no file"

assay history import one >out
sed "${line}s/\"reason\"/\"progress\":\"x\",&/; ${line}s/\"program\":\"p\"/\"program\":\"q\"/" \
    one >wrong
refused wrong "flight $second of $origin is here already"
ok "another story about a flight that is here"

# Verdicts ---------------------------------------------------------------------

first=$(sql "select flight from assay.flight_origin where number = $first")
second=$(sql "select flight from assay.flight_origin where number = $second")
assay verdict "$second" --baseline "$first" --lines >out
equal "$?" 1 && equal "$(cat out)" "flight $second
regression test stop $first
version this xen bbbb
version that xen aaaa
nblockers 1
njobs 1"
ok "a verdict as OSSTest's lines; it may not be pushed"
assay verdict "$second" --that xen=aaaa --lines >out2
equal "$?" 1 && same out out2
ok "the same against the version"
assay verdict "$second" >out
equal "$?" 1 && grep -q 'REGR. vs. '"$first" out \
    && grep -q "baseline  flight $first, xen aaaa" out \
    && grep -q '2 of the 3 tests that flight [0-9]* covered; 1 lost' out
ok "the last good flight is the baseline; coverage is compared"
echo 'te@ st@' >allow
assay verdict "$second" --allow allow >out \
    && grep -q 'allowed by allow:1' out
ok "an allow file"
printf '\nx y z\n' >allow
assay verdict "$second" --allow allow >out 2>err
equal "$?" 2 && grep -q '^assay: allow:2: a line is' err
ok "a bad allow file is refused by its line"
assay verdict "$second" --this xen=cccc --that xen=dddd >out
grep -q 'untested' out
ok "a baseline that nobody tested"
assay verdict "$second" --save input --json >out
equal "$?" 1 && grep -q '"summary": "REGR. vs. '"$first"'"' out \
    && grep -q '"log": "imported/' out && grep -q '"lost": 1' out
ok "JSON with log and coverage"
assay verdict "$second" --lines >out
env ASSAY_HOME=/nonexistent ASSAY_DB= assay verdict --from input >out2
equal "$?" 1 && same out out2
ok "decided again from a file, without a database"
sed 's/"fail"/"pass"/' input >input2
assay verdict --from input2 >out2
! same out out2 >/dev/null
ok "another file, another decision"
echo '{"assay":"decision-input"}' >input2
assay verdict --from input2 2>err
equal "$?" 1 && grep -q "input2: '[a-z]*' is missing" err
ok "a file that is no input"
for args in "$second --baseline $first --that xen=a" "$second --this xen" \
    "--from input --this xen=a" "$second --from input" "x" ""; do
    # shellcheck disable=SC2086 # several words
    assay verdict $args >/dev/null 2>err
    is "refused: verdict $args" "$?" 2
done

unset ASSAY_DB
tap_end
