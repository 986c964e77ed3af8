#!/bin/sh
# tests/results/formats-test.sh - JUnit XML, TAP and KCIDB of a made-up flight
# are valid and say the same as the flight: JUnit by xmllint and the rules in
# junit.xsd, TAP by Perl's own reader (prove), KCIDB by the rules in kcidb.jq.
set -u
# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"
here=$ASSAY_TOP_SRCDIR/tests/results
pgfix_start
dir=$ASSAY_HOME
sql <"$here/sample.sql" >/dev/null || exit 1
# A second flight, that runs, in which strangers named things.
sql <<'SQL' || exit 1
insert into assay.flight (branch, intended, outcome, harness, started_at)
values (E'b"<&>\x1b[31m', 'real', 'running', 'v0', '2026-11-23 06:00:00Z');
insert into assay.flight_tree values
    (2, 'linux', 'v6.1'), (2, 'xen', '4084fee7a3d2c0f1b2a39485766554433221100f');
insert into assay.task (kind, refkey, harness, node, node_key, pid, pid_start,
    backend) values ('job', '2/hostile', 'v0', 'n', 'n', 1, 1, 1);
insert into assay.job (flight, job, recipe, status, arch, harness, task,
    created_at, started_at)
values (2, 'hostile', 're/ci..pe x', 'running', 'amd64', 'v0', 1,
        '2026-11-23 06:00:00Z', '2026-11-23 06:00:00Z'),
       (2, 'waiting', 're/ci..pe x', 'queued', 'amd64', null, null,
        '2026-11-23 06:00:00Z', null);
insert into assay.step (flight, job, step, program, testid, status, lane,
    reason, exit_code, started_at, finished_at, log_path, harness)
values
    (2, 'hostile', 1, 'x', E'# SKIP ]]> \\ "y" <z>\n1..7', 'fail', 'unknown',
     E'Bail out! # TODO ]]>&amp;\x1b[2J \u202e \uffff ---\n...', 1,
     '2026-11-23 06:00:01Z', '2026-11-23 06:00:02Z', 'flights/2/no.log', 'v0'),
    (2, 'hostile', 2, 'x', 'skipped', 'skip', null,
     E'ok # TODO\nnot ok 5', null, '2026-11-23 06:00:02Z',
     '2026-11-23 06:00:02Z', null, 'v0');
insert into assay.step (flight, job, step, program, testid, status, started_at,
    harness)
values (2, 'hostile', 3, 'x', 'running', 'running', '2026-11-23 06:00:03Z',
        'v0');
insert into assay.step_case (flight, job, step, id, status, note) values
    (2, 'hostile', 1, E'a/../b # SKIP\tx', 'pass', ''),
    (2, 'hostile', 1, 'gone', 'missing', E'"\\'), (2, 'hostile', 1, 's', 'skip',
     'because # of \');
SQL
for flight in 1 2; do
    for format in junit tap kcidb; do
        assay report "$flight" --format "$format" --url https://lab.example:8077 \
            --origin lab_1 >"$dir/$flight.$format" 2>"$dir/err"
        ok "flight $flight as $format"
    done
done

# JUnit
for flight in 1 2; do
    xmllint --noout --nonet --schema "$here/junit.xsd" \
        "$dir/$flight.junit" 2>"$dir/err"
    ok "flight $flight: valid JUnit XML"
    # The counts are of what is there.
    is "flight $flight: the sums are right" "$(xmllint --xpath '
        sum(//testsuite/@tests) = count(//testcase)
        and /testsuites/@tests = count(//testcase)
        and /testsuites/@failures = count(//failure)
        and /testsuites/@errors = count(//error)
        and sum(//testsuite/@failures) = count(//failure)
        and sum(//testsuite/@errors) = count(//error)
        and sum(//testsuite/@skipped) = count(//skipped)' \
        "$dir/$flight.junit")" 'true'
done
sed 's/<failure /<failing /' "$dir/1.junit" >"$dir/wrong.junit"
! xmllint --noout --nonet --schema "$here/junit.xsd" "$dir/wrong.junit" \
    2>/dev/null
ok "(the rules refuse what is wrong)"
junit()
{
    xmllint --xpath "$1" "$dir/1.junit"
}
steps=$(assay report 1 --json | jq '[.jobs[].steps[] | 1 + (.cases | length)]
    | add')
is "each step and case, and two jobs without" "$(junit 'count(//testcase)')" \
    "$((steps + 2))"
is "the failures: a step and its case" "$(junit 'count(//failure)')" 2
is "whose fault it is" \
    "$(junit 'string(//testsuite[@name="pair"]/testcase[@name="xen-boot"]/failure/@type)')" \
    'fail.product'
is "a job that had no host is an error" \
    "$(junit 'string(//testsuite[@name="smoke-armhf"]/testcase/error/@type)')" \
    'starved'
is "... and so is a case that did not report" \
    "$(junit 'string(//testcase[@name="sched-weights/ratio"]/error/@type)')" \
    'missing'
is "a skip says why" \
    "$(junit 'string(//testsuite[@name="smoke-arm64"]/testcase[@name="guest-start/pv"]/skipped/@message)')" \
    'Xen on arm64 has no PV guests'
is "times" \
    "$(junit 'string(//testsuite[@name="smoke-amd64"]/testcase[@name="xen-boot"]/@time)')" \
    '21.300'
is "what runs or waits is no pass" "$(xmllint --xpath \
    'count(//error[@type="running" or @type="queued"])' "$dir/2.junit")" 2

# TAP: what is nested is cut out and is a document too. prove stops at version
# 13, whose rules for a document without what is nested are the same.
subtests()
{
    awk -v to="$2" '
        /^# Subtest: / { name = substr($0, 12); file = to "." ++n
                         print "TAP version 14" >file; next }
        name != "" && /^    / { print substr($0, 5) >file; next }
        name != "" && /^(not )?ok [0-9]+ - / {
            shown = $0; sub(/^(not )?ok [0-9]+ - /, "", shown)
            sub(/ # SKIP.*/, "", shown)
            if (shown != name)
                print "subtest \"" name "\" ends with \"" shown "\""
            name = ""; close(file) }
        END { if (name != "") print "no end of " name }' "$1"
}
tap_check()
{
    sed 's/^TAP version 14$/TAP version 13/' "$1" >"$1-13"
    prove -e cat "$1-13" >"$1-prove" 2>&1
    grep -H -A 3 'Parse errors\|Bailout' "$1-prove"
    head -n 1 "$1" | grep -qx 'TAP version 14' || echo "$1: no version"
    grep -v '^TAP version\|^1[.][.]\|^ok \|^not ok \|^ \|^# Subtest' "$1"
    subtests "$1" "$1"
    for inner in "$1".[0-9] "$1".[0-9][0-9]; do
        [ ! -f "$inner" ] || tap_check "$inner"
    done
}
for flight in 1 2; do
    cp "$dir/$flight.tap" "$dir/doc$flight"
    tap_check "$dir/doc$flight" >"$dir/err"
    [ ! -s "$dir/err" ]
    ok "flight $flight: valid TAP"
done
sed 's/^1[.][.]7$/1..8/; s/^    1[.][.]16$/    1..17/' "$dir/1.tap" >"$dir/bad"
test "$(tap_check "$dir/bad" | grep -c 'Parse errors')" -ge 2
ok "(a wrong plan is noticed, inside too)"
is "what passed, what was blocked and starved" \
    "$(grep -x 'ok 4 - perf' "$dir/1.tap"
        grep -x 'not ok 3 - pair-hvm\|not ok 7 - smoke-armhf' "$dir/1.tap")" \
    'ok 4 - perf
not ok 3 - pair-hvm
not ok 7 - smoke-armhf'
is "a skip says why" "$(grep 'ok 5.*SKIP' "$dir/1.tap")" \
    '    ok 5 - guest-start/pv # SKIP Xen on arm64 has no PV guests'
is "what broke says whose fault it is" \
    "$(grep -A 3 '^not ok 1 - credit2' "$dir/1.tap" |
        sed -n 's/^  status: "\(.*\)"/\1/p; s/^  fault: "\(.*\)"/\1/p' |
        xargs)" 'broken host'
is "no name or reason of a stranger is a line or a directive" \
    "$(grep -v '^ *message: ' "$dir/2.tap" |
        grep -c '^Bail\|^ *\.\.\. \|[^\\]# TODO')" 0
is "... but shown" "$(grep '    not ok 1 - ' "$dir/2.tap")" \
    '    not ok 1 - \# SKIP ]]> \\ "y" <z>\\x0a1..7'

# KCIDB
for flight in 1 2; do
    jq -r -f "$here/kcidb.jq" "$dir/$flight.kcidb" >"$dir/err" 2>&1
    [ ! -s "$dir/err" ]
    ok "flight $flight: a valid submission to KCIDB"
done
jq '.tests[0].id = "Lab:1" | .tests[1].status = "pass"
    | .tests[2].build_id = "lab_1:none" | .tests[3].extra = 1
    | .tests[4].start_time = "yesterday" | .tests[5].id = .tests[6].id
    | .builds[0].checkout_id = null' "$dir/1.kcidb" >"$dir/wrong"
is "(the rules refuse what is wrong)" \
    "$(jq -r -f "$here/kcidb.jq" "$dir/wrong" | wc -l)" 8
kcidb()
{
    jq -r "$1" "$dir/1.kcidb"
}
one='select(.id == "lab_1:1/'
is "a failure of the product" \
    "$(kcidb ".tests[] | ${one}pair/xen-boot\") | .status")" 'FAIL'
is "a host that died: no word on the product" \
    "$(kcidb ".tests[] | ${one}credit2/sched-weights\") | .status")" 'MISS'
is "a job that had no host" \
    "$(kcidb ".tests[] | ${one}smoke-armhf/(job)\") | .status")" 'MISS'
is "a skip" \
    "$(kcidb ".tests[] | ${one}smoke-arm64/guest-start/pv\") | .status")" 'SKIP'
is "a measurement" "$(kcidb ".tests[]
    | ${one}perf/perf-domain:metric:domain_create:ms\")
    | \"\(.status) \(.number.value) \(.number.unit)\"")" 'DONE 1205 ms'
is "path, time and log" "$(kcidb ".tests[]
    | ${one}smoke-amd64/guest-start.2/pvh\") | \"\(.path) \(.duration) \(.log_url)\"")" \
    'xen.smoke.guest-start.2.pvh 7.4 https://lab.example:8077/log/1/smoke-amd64/11'
is "the builds" \
    "$(kcidb "\"\(.builds | map(select(.comment)) | length) \(.builds[0].architecture)\"")" \
    '2 x86_64'
is "what runs has no status" \
    "$(jq -r '.tests[] | select(.id == "lab_1:2/hostile/running") | .status' \
    "$dir/2.kcidb")" 'null'
is "revisions" "$(jq -r \
    '.checkouts[0] | "\(.git_commit_hash) \(.misc.trees.linux)"' "$dir/2.kcidb")" \
    '4084fee7a3d2c0f1b2a39485766554433221100f v6.1'
is "no issue is known" \
    "$(kcidb '"\(.issues | length) \(.incidents | length)"')" '0 0'
# A known issue carries over to the failures of its signature.
issue=$(assay issue add 'domctl "asserts" <x>' 1/pair/xen-boot --json \
    --reference 'https://bugs.example/7?a=b' --owner eve | jq .issue)
host=$(assay issue add 'power lost' 1/credit2/sched-weights --lane host \
    --reference 'rack 7' --json | jq .issue)
assay report 1 --format kcidb --origin lab_1 >"$dir/known.kcidb"
jq -r -f "$here/kcidb.jq" "$dir/known.kcidb" >"$dir/err" 2>&1
[ ! -s "$dir/err" ]
ok "known issues: a valid submission to KCIDB"
jq '.issues[0].version = 1.5 | .issues[1].culprit.who = true
    | .issues[1].categories = ["a b"] | del(.incidents[0].test_id)
    | .incidents[1].issue_id = "lab_1:issue/99"' "$dir/known.kcidb" >"$dir/wrong"
is "(the rules refuse what is wrong with them)" \
    "$(jq -r -f "$here/kcidb.jq" "$dir/wrong" | wc -l)" 7
known()
{
    jq -r "$1" "$dir/known.kcidb"
}
is "the issue" "$(known ".issues[] | select(.id == \"lab_1:issue/$issue\")
    | \"\\(.report_subject)|\\(.report_url)|\\(.culprit
        | \"\\(.code) \\(.tool) \\(.harness)\")|\\(.misc.state)\"")" \
    'domctl "asserts" <x>|https://bugs.example/7?a=b|true false false|open'
is "one of a host, known elsewhere by a word" \
    "$(known ".issues[] | select(.id == \"lab_1:issue/$host\")
    | \"\\(.report_url) \\(.misc.reference) \\(.culprit
        | \"\\(.code) \\(.tool) \\(.harness)\")\"")" \
    'null rack 7 false false true'
# Read back: the incidents are what assay issue says.
for number in "$issue" "$host"; do
    assay issue show "$number" --json | jq -r '.details[]
        | select(.kind == "seen" and (.name | startswith("1/"))) | .name' |
        sort >"$dir/want"
    known ".incidents[] | select(.issue_id == \"lab_1:issue/$number\"
        and .present) | .test_id" | sed 's/^lab_1://; s|/(job)$||' | sort |
        diff "$dir/want" - >"$dir/err" && [ -s "$dir/want" ]
    ok "issue $number: an incident each failure"
done

assay report 1 --json | jq -e '.causes[] | select(.failures[0]
    | .job == "pair" and .testid == "xen-boot") | .issue == '"$issue"'
    and .lane == "product" and (.failures[0].text | length) > 0' >/dev/null
ok "the JSON has the cause, its issue and its line"

# Mail: what it does not carry is left out of both.
carried()
{
    jq 'del(.verdict.decision, .causes, .hosts[].properties, .builds[]?.properties.packages,
            .candidates[]?.properties.packages)
        | .jobs[] |= (del(.boots)
            | .runvars |= map(select(.origin == "result")))
        | del(.jobs[].steps[] | .program, .progress, .log_sha256, .log_bytes,
              .attachments, .boot)'
}
for flight in 1 2; do
    assay report "$flight" --format mail --to a@example.org \
        --url https://lab.example >"$dir/$flight.mail" 2>"$dir/err"
    ok "flight $flight as a mail"
    assay report "$flight" --json | carried >"$dir/want"
    assay report parse "$dir/$flight.mail" | carried |
        diff "$dir/want" - >"$dir/err"
    ok "... whose results are the flight's"
    sed 's/$/\r/' "$dir/$flight.mail" | assay report parse - --format tap |
        sed '/^ *---$/,/^ *\.\.\.$/d' >"$dir/got"
    sed '/^ *---$/,/^ *\.\.\.$/d' "$dir/$flight.tap" | diff - "$dir/got" \
        >"$dir/err"
    ok "... also as TAP, from the network"
done
grep -qx 'Subject: \[xen-lab test\] 1: tolerable trouble: pass/fail/broken/blocked/starved' \
    "$dir/1.mail"
ok "OSSTest's style of subject"
sed 's/^step 1 xen-boot fail/step 1 xen-boot pass/' "$dir/1.mail" >"$dir/forged"
is "a changed result is refused, with its line" \
    "$(assay report parse "$dir/forged" 2>&1 >/dev/null |
        sed -n 's/^assay: \(.*\):[0-9]*: the records are not.*/\1/p')" \
    "$dir/forged"
for wrong in '--url lab:8077' '--url http://a/' '--origin A'; do
    # shellcheck disable=SC2086 # an option and its value
    assay report 1 --format kcidb $wrong >"$dir/out" 2>&1
    is "refuses $wrong" $? 2
done

tap_end
