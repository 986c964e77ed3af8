#!/bin/sh
# tests/results/past-test.sh - what a report says of the past: against which
# baseline, since when, which causes, what changed, with the commits of a tree;
# and how a job and a host did lately.
set -u
# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"
here=$ASSAY_TOP_SRCDIR/tests/results
pgfix_start
dir=$ASSAY_HOME
for made in sample history; do
    sql <"$here/$made.sql" >/dev/null || exit 1
done
# A mirror of a tree, in which the bad version has two commits more.
git init -q --bare "$dir/mirrors/xen.git"
commit()
{
    tree=$(git --git-dir="$dir/mirrors/xen.git" mktree </dev/null)
    GIT_AUTHOR_NAME=$1 GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=c \
        GIT_COMMITTER_EMAIL=c@d GIT_AUTHOR_DATE='1700000000 +0000' \
        GIT_COMMITTER_DATE='1700000000 +0000' \
        git --git-dir="$dir/mirrors/xen.git" commit-tree ${3:+-p "$3"} \
        -m "$2" "$tree"
}
old=$(commit 'A. Uthor' 'domctl: as it was')
mid=$(commit 'A. Uthor' 'domctl: <script>alert(1)</script>' "$old")
new=$(commit 'Jürgen Groß' 'save: assert what is so' "$mid")
git --git-dir="$dir/mirrors/xen.git" update-ref refs/heads/master "$new"
sql <<SQL || exit 1
set session_replication_role = replica;
update assay.flight_tree set revision = '$old'
    where tree = 'xen' and flight = 26;
update assay.flight_tree set revision = '$new'
    where tree = 'xen' and flight > 26;
update assay.flight_version set revision = '$old'
    where tree = 'xen' and flight = 26;
update assay.flight_version set revision = '$new'
    where tree = 'xen' and flight > 26;
SQL

# Firmware was replaced on the way.
sql <<'SQL' || exit 1
insert into assay.boot_firmware (boot, flight, job, host, source, said) values
    ('a1', 26, 'guest', 'bench-2', 'console', 'SeaBIOS (version 1.16.2)'),
    ('a1', 26, 'guest', 'bench-2', 'console', 'iPXE 1.21.1'),
    ('a1', 26, 'guest', 'bench-2', 'smbios', 'SeaBIOS 1.16.2 04/01/2014'),
    ('b1', 31, 'guest', 'bench-1', 'console', 'SeaBIOS (version 1.16.0)'),
    ('b2', 31, 'guest', 'bench-1', 'console', E'SeaBIOS (version <1.16.3>)'),
    ('b2', 31, 'guest', 'bench-1', 'console', 'iPXE 1.21.1');
SQL

assay report 31 --format mail >"$dir/mail"
says subject 'Subject: [xen-unstable test] 31: regressions - FAIL' "$dir/mail"
says 'the advice' 'Do not release this: 2 tests regressed.' "$dir/mail"
says 'the baseline' "Against    flight 26, xen $old" "$dir/mail"
says 'what was lost' 'COVERED, though the baseline (flight 26) did: 2 tests.' \
    "$dir/mail"
says 'last good' 'Last good  flight 26 of 2026-11-14, 5 days ago' "$dir/mail"
says 'failing since' \
    'Failing    since flight 27 of 2026-11-15, 4 days, 5 attempts' "$dir/mail"
says 'the same since' \
    'Same       since flight 27 of 2026-11-15, 4 days, 5 attempts' "$dir/mail"
says 'people' 'People     Jürgen Groß, A. Uthor' "$dir/mail"
says 'cause' "  1. [product, blocks] Assertion 'd->shutdown' failed" "$dir/mail"
says 'and how sure that is' \
    'product 97 %, host 1 %, flake 1 %, harness 1 % after 3 runs' "$dir/mail"
says 'packages' '  package xen-utils (amd64): 4.17.5-1 -> 4.18.0-1' "$dir/mail"
says 'one line for the same of four jobs' \
    '  runvar memory (of build-amd64, guest, migrate, perf): 128' "$dir/mail"
says 'commits' " A. Uthor: domctl: <script>alert(1)</script>" "$dir/mail"
says 'firmware' '  firmware host, by its console (of guest): SeaBIOS (version' \
    "$dir/mail"
says 'names as they are' 'Content-Transfer-Encoding: 8bit' "$dir/mail"
assay report parse "$dir/mail" --format tap | grep -q '^not ok 2 - guest$'
ok 'and its results can be read'

# What changed, for each reader.
assay report 31 >"$dir/text"
says 'what changed, as text' \
    'What changed since flight 26 of 2026-11-14, the last good one' "$dir/text"
says 'with the log of the tree' \
    "${new%????????????????????????????} Jürgen Groß: save: assert" "$dir/text"
assay report 31 --json >"$dir/json"
jq -e --arg new "$new" '.changes.since == 26 and .changes.since_good
    and ([.changes.list[].kind] | contains(["package", "runvar", "tree"]))
    and (.changes.list[] | select(.kind == "tree")
         | .commit_count == 2 and .commits[0].revision == $new
           and .commits[0].author == "Jürgen Groß"
           and .commits[0].email == "a@b")' "$dir/json" >/dev/null
ok 'as JSON, with the log'
jq -e '[.changes.list[] | select(.kind == "firmware"
    and (.what | endswith("console")))] | length == 1
    and (.[0] | .from == "SeaBIOS (version 1.16.2); iPXE 1.21.1"
         and .to == "SeaBIOS (version <1.16.3>); iPXE 1.21.1"
         and .jobs == "guest")' "$dir/json" >/dev/null
ok 'firmware of the last boots'
jq -e '[.changes.list[] | select(.what | endswith("smbios"))] == []
    and (.jobs[] | select(.job == "guest") | .firmware | length) == 2' \
    "$dir/json" >/dev/null
ok 'what is not known of both did not change'
says 'what it said, as text' \
    'firmware of bench-1, by its console: SeaBIOS (version 1.16.0)' "$dir/text"
git init -q --bare "$dir/trees/0123456789abcdef.git"
git --git-dir="$dir/trees/0123456789abcdef.git" fetch -q "$dir/mirrors/xen.git" \
    master
mv "$dir/mirrors" "$dir/away"
assay report 31 --json | jq -e '.changes.list[] | select(.kind == "tree")
    | .commits | length == 2' >/dev/null
ok "the gate's clone will do"
mv "$dir/trees" "$dir/gone"
assay report 31 | grep -q 'no log: no clone of the tree xen is here'
ok 'without a clone it says so'
mv "$dir/away" "$dir/mirrors"

# A report of what is asked, as the verdict has it.
jq -S .verdict.decision "$dir/json" >"$dir/own"
for ask in '--baseline 25' "--that xen=$old" "--this xen=$old --max-flight 31"
do
    # shellcheck disable=SC2086
    assay verdict 31 $ask --json | jq -S 'del(.flight, .branch)' >"$dir/verdict"
    # shellcheck disable=SC2086
    assay report 31 $ask --json >"$dir/asked"
    jq -S .verdict.decision "$dir/asked" | cmp -s - "$dir/verdict"
    ok "a report with $ask is that verdict"
done
cmp -s "$dir/own" "$dir/verdict"
[ $? -eq 1 ]
ok '(and not the one of its own)'
assay report 31 --baseline 25 | grep -q \
    'What changed since flight 25 of 2026-11-[0-9]*, the baseline:'
ok 'what changed is since the baseline that was asked for'
echo '@@ # all' >"$dir/allow"
assay report 31 --allow "$dir/allow" --format html >"$dir/allowed"
says 'an allow file is heeded' '<h1>flight 31: <span>tolerable</span></h1>' \
    "$dir/allowed"
for wrong in '--baseline x' '--that xen' "--allow $dir/none" \
    "--baseline 25 --that xen=$old"; do
    # shellcheck disable=SC2086
    assay report 31 $wrong >"$dir/out" 2>"$dir/why"
    [ $? -eq 2 ] && [ ! -s "$dir/out" ]
    ok "a report with $wrong is refused"
done

assay report 31 --format html >"$dir/page"
says 'the page' '<h1>flight 31: <span>regressions</span></h1>' "$dir/page"
says 'the four cells' \
    '<tr><td>this version<td><b class="chip fail">1 failed alike' "$dir/page"
says 'the split' '<s class="fail" style="width:97.3%"></s>' "$dir/page"
says 'commits of the tree' '2 commits of xen' "$dir/page"
says 'firmware' 'SeaBIOS (version &lt;1.16.3&gt;); iPXE 1.21.1' "$dir/page"
says 'harmless' 'domctl: &lt;script&gt;alert(1)&lt;/script&gt;' "$dir/page"
! grep -q '<script' "$dir/page"
ok 'no script'
assay report 26 --format html >"$dir/good"
says 'a good flight' '<h1>flight 26: <span>perfect</span></h1>' "$dir/good"

# Jobs and hosts
assay report job guest >"$dir/job"
says 'a job' 'job guest: 85 % (66 to 94 %) of 26 runs, 4 broke' "$dir/job"
says 'a test of it as a strip' \
    'guest-saverestore            ..-.......-.......-......F-FFF  85 %' \
    "$dir/job"
says 'its runs' '31 2026-11-19 fail     bench-1' "$dir/job"
says '... and why' 'bench-2 did not power on' "$dir/job"
assay report job guest --runs 4 --branch xen-unstable --json >"$dir/json"
jq -e '.rate.pass == 0 and .rate.fail == 3 and .rate.broken == 1
    and (.runs | length) == 4 and .runs[0].flight == 31
    and (.tests[] | select(.testid == "guest-start").statuses)
        == ["pass", "pass", "pass", "blocked"]' "$dir/json" >/dev/null
ok 'as JSON, fewer'
assay report job perf --json | jq -e '.measurements[]
    | select(.name == "domain_create" and .testid == "perf-check")
    | .medians[0] == 1212 and (.medians | length) == 31
      and .medians[30] == null and .better == "lower"' >/dev/null
ok 'its measurements'
assay report job perf --format html >"$dir/perf"
says 'a plot' '<svg class="plot"' "$dir/perf"
says '... that says its numbers' 'flight 31: 1212 ms</title>' "$dir/perf"
assay report host bench-2 >"$dir/host"
says 'a host' 'host bench-2: 93 % (83 to 97 %) of 56 runs, 4 broke' "$dir/host"
says '... what' 'amd64, uefi firmware, class bench, site lab, good' "$dir/host"
assay report host bench-2 --json | jq -e '(.boots | length) == 15
    and .boots[0].status == "up" and (.runs | length) == 60' >/dev/null
ok 'its boots'
sql <<'SQL'
insert into assay.host_mark (host, flight, job, reason) values
    ('bench-2', 28, 'guest', E'<script>\x1b[31m no power');
insert into assay.netboot_served (host, way, vendor, file) values
    ('bench-2', 'proxy', 'PXEClient<b>', 'snponly.efi');
insert into assay.host_health (host, was, state, who, why, last_of_class)
    values ('bench-2', 'good', 'suspect', 'me', 'it <i>smokes', false);
SQL
assay report host bench-2 --format html >"$dir/page"
says 'what it is marked for, harmless' '&lt;script&gt; no power' "$dir/page"
says 'what it was given to boot' 'snponly.efi' "$dir/page"
says 'and as what it asked, harmless' 'PXEClient&lt;b&gt;' "$dir/page"
says 'why it may not be used' 'it &lt;i&gt;smokes' "$dir/page"
says 'what a run was' \
    'title="flight 28 guest: broken, xen-boot: bench-2 did not' "$dir/page"
for page in perf page; do
    sed -e '/<style>/,/<\/style>/d' -e 's/<meta[^>]*>//; s/<!DOCTYPE html>//' \
        -e 's/<t[dh]\( [^>]*\)*>//g; s/<br>//g' "$dir/$page" |
        xmllint --noout - 2>"$dir/why"
    ok 'well-formed'
done
for wrong in 'job none' 'host none' 'job guest --branch none' \
    'job guest --runs 0' 'job guest --format pdf'; do
    # shellcheck disable=SC2086 # a name and options
    assay report $wrong >/dev/null 2>&1
    [ $? -eq 2 ]
    ok "refuses $wrong"
done

# None of this reads a big table from end to end when it need not.
assay db psql -- -qX -c 'alter system set enable_seqscan = off' \
    -c 'select pg_reload_conf()' >/dev/null
scans()
{
    sql "select sum(seq_scan) from pg_stat_user_tables
        where schemaname = 'assay' and relname in ('step', 'job', 'runvar',
        'job_role', 'step_case', 'measurement', 'boot', 'failure')"
}
uses()
{
    sql "select indexrelname, idx_scan from
        pg_stat_user_indexes where indexrelname in ('job_by_name',
        'job_role_by_host', 'boot_by_host', 'flight_by_branch') order by 1"
}
before=$(scans)
uses >"$dir/uses"
assay report job guest >/dev/null
assay report host bench-2 >/dev/null
assay report 31 >/dev/null
after=$(scans)
[ "$before" = "$after" ]
ok "no big table is read from end to end ($before, $after)"
uses | paste -d '|' "$dir/uses" - | awk -F '|' '$4 > $2 { n++ }
    END { exit n != 4 }'
ok "... but by its index"

tap_end
