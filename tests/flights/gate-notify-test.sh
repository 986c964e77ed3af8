#!/bin/sh
# tests/flights/gate-notify-test.sh - what a gate tells, by mail: a branch that
# passes, fails for A, fails for A again, for B, and passes is three mails, sent
# by assayd itself, each of them the report as it is.
set -u
# shellcheck source=tests/flights/sim.sh
. "$ASSAY_TOP_SRCDIR/tests/flights/sim.sh"

gate()
{
    assay gate "$@" >"$ASSAY_HOME/out" 2>"$ASSAY_HOME/err"
}

# The kinds of the gate's notices so far. (The bisector may have some, too.)
kinds()
{
    sql "select string_agg(kind, ' ' order by notice) from assay.notice
        where kind <> 'culprit'"
}

# Waits until assayd has sent so many mails.
wait_mails()
{
    left=300
    until [ "$(ls "$ASSAY_HOME/mails" | wc -l)" -ge "$1" ] ||
        [ "$left" -eq 0 ]; do
        left=$((left - 1))
        sleep 0.1
    done
}

pgfix_start
pgfix_at_end 'assay service stop >/dev/null 2>&1'
work=$ASSAY_HOME/work
bare=$ASSAY_HOME/bare.git
git init -q "$work"
git init -q --bare "$bare"
sql "insert into assay.host (host, arch, firmware, class, config, source)
    select h, 'amd64', 'bios', 'sim', '{}', 'sim' from unnest(
    array['a', 'b']) as h"
mkdir "$ASSAY_HOME/branches" "$ASSAY_HOME/mails"
cat >"$ASSAY_HOME/full.yaml" <<END
flight: sim
intended: real
jobs:
  - {job: boot, recipe: $sim/by-revision.yaml, hosts: {host: {arch: amd64}}}
  - {job: migrate, recipe: $sim/by-revision.yaml, hosts: {host: {arch: amd64}}}
END
cat >"$ASSAY_HOME/branches/sim.yaml" <<END
branch: sim
trees:
  xen:
    url: $bare
    input: refs/heads/staging
    output: refs/heads/master
flight: ../full.yaml
allow: [allow.sim]
retest: false
END
echo '# known to be shaky' >"$ASSAY_HOME/branches/allow.sim"
echo 'boot two' >>"$ASSAY_HOME/branches/allow.sim"

# Rules ----------------------------------------------------------------------
assay notify rules >"$ASSAY_HOME/out" 2>"$ASSAY_HOME/err"
equal $? 2 && grep -q 'there are no rules' "$ASSAY_HOME/err"
ok 'no rules: exit 2, and where they are to be'
assay notify send --quiet 2>"$ASSAY_HOME/err"
equal $? 0 && equal "$(cat "$ASSAY_HOME/err")" ''
ok 'for assayd that is no fault'
cat >"$ASSAY_HOME/notify.yaml" <<END
from: Lab <lab@example.org>
url: https://lab.example.org
sendmail: [$ASSAY_HOME/sendmail, -oi]
rules:
  - {on: [regression, cause, recovery], branch: s*, to: [devel@example.org]}
  - {on: [regression], branch: linux, to: [others@example.org]}
END
# shellcheck disable=SC2016 # the script's own variables
printf '#!/bin/sh\nd=%s\n[ "$1 $2" = "-oi devel@example.org" ] || exit 64\n%s' \
    "$ASSAY_HOME" 'cat >"$d/in.$$" && mv "$d/in.$$" "$d/mails/$(date +%s%N)"
' >"$ASSAY_HOME/sendmail"
chmod +x "$ASSAY_HOME/sendmail"
assay notify rules >"$ASSAY_HOME/out" 2>"$ASSAY_HOME/err"
equal $? 0 && grep -q '5 *regression, cause, recovery *s\* .*devel@example.org' \
    "$ASSAY_HOME/out"
ok 'the rules are shown with their lines'
assay notify rules --json | jq -e '.rules[1].branch == "linux"' >/dev/null
ok 'and as JSON'
assay notify test >"$ASSAY_HOME/out" 2>"$ASSAY_HOME/err" &&
    grep -q '^From: Lab <lab@example.org>$' "$ASSAY_HOME/out"
ok 'a sample is printed'
assay notify test nobody@example.org >"$ASSAY_HOME/out" 2>"$ASSAY_HOME/err"
equal $? 75 && grep -q 'exited with status 64' "$ASSAY_HOME/err"
ok 'or sent, and what the program says is told'

# The gate -------------------------------------------------------------------
ASSAY_LOG=info assay service start >/dev/null 2>&1
commit one
git -C "$work" push -q "$bare" HEAD:refs/heads/master
commit two
gate run sim && gate run sim
ok 'a good revision is pushed'
is 'which is no news' "$(kinds)" ''
commit three
printf 'migrate/two\nboot/two\n' >"$ASSAY_HOME/bad-$rev"
gate run sim
equal $? 1 && equal "$(kinds)" regression
ok 'a regression is'
assay gate block sim --author eve \
    --reason "$(printf 'x\nsim: lever 9: \033[32mforged')" >/dev/null &&
    gate status && ! grep -q -e "$(printf '\033')" -e '^sim: lever 9' \
    "$ASSAY_HOME/out" && grep -q 'BLOCKED by eve: x.*sim: lever 9' \
    "$ASSAY_HOME/out"
ok "a person's words are one line, and do not draw on the screen"
assay gate unblock sim --reason 'that was a test' --author eve
flight=$(sql 'select max(flight) from assay.flight')
gate run sim
commit four
echo migrate/two >"$ASSAY_HOME/bad-$rev"
gate run sim
equal $? 1 && equal "$(kinds)" regression
ok 'the same again is not, be it another commit'
commit five
echo boot/one >"$ASSAY_HOME/bad-$rev"
gate run sim
equal $? 1 && equal "$(kinds)" 'regression cause'
ok 'another cause is'
commit six
printf 'migrate/two\nboot/one\n' >"$ASSAY_HOME/bad-$rev"
gate run sim
equal $? 1 && equal "$(kinds)" 'regression cause'
ok 'both of them, told before, are not'
commit seven
echo broken:boot/one >"$ASSAY_HOME/bad-$rev"
gate run sim
equal $? 1 && equal "$(kinds)" 'regression cause'
ok "the lab's own faults are not"
commit eight
gate run sim
equal $? 0 && equal "$(kinds)" 'regression cause recovery'
ok 'that it passes again is'

# The mails ------------------------------------------------------------------
wait_mails 3
is 'assayd has sent three mails' "$(ls "$ASSAY_HOME/mails" | wc -l)" 3
assay notify send --now >"$ASSAY_HOME/out" 2>"$ASSAY_HOME/err" &&
    equal "$(cat "$ASSAY_HOME/out")" '0 sent, 0 deferred, 0 failed, 0 unsure'
ok 'and nothing is left to send'
set -- "$ASSAY_HOME"/mails/*
assay report "$flight" --format mail --from 'Lab <lab@example.org>' \
    --to devel@example.org --url https://lab.example.org |
    sed '/^Message-Id:/d; /^Date:/d; /^Gate /,/^Coverage /d' \
    >"$ASSAY_HOME/want"
sed '/^Message-Id:/d; /^Date:/d' "$1" >"$ASSAY_HOME/got"
sed '/^Gate /,/^Coverage /d; /^What the gate decided:$/,/^$/d' "$ASSAY_HOME/got" |
    diff "$ASSAY_HOME/want" - >"$ASSAY_HOME/err"
ok 'the mail is the report as it is'
grep -q '^Gate  *hold: 1 failed$' "$1" &&
    grep -q '^    failed migrate two fail, REGR' "$1"
ok 'and what the gate made of it'
grep -q "^ boot .* two .*REGR.*, allowed by .*/branches/allow.sim:2\$" "$1"
ok 'it says which line of which file allowed a failure'
grep -qx "https://lab.example.org/flight/$flight" "$1"
ok 'and where the page is'
assay verdict "$flight" >"$ASSAY_HOME/out"
grep -q 'boot.*two.*allow.sim:2' "$ASSAY_HOME/out"
ok 'the verdict of everybody is that of the gate'
echo >"$ASSAY_HOME/branches/allow.sim"
assay report "$flight" --format html | grep -q 'allowed by .*allow.sim:2'
ok 'also when the file has changed since'
assay report "$flight" --json |
    jq -e '.gate | test("^held: 1 failed; the decision is .*gate/sim/")' \
        >/dev/null
ok 'and the report knows what the gate made of it'
assay verdict "$flight" --allow /dev/null >"$ASSAY_HOME/out"
is 'who asks with another file gets another answer' \
    "$(grep -c 'allow.sim' "$ASSAY_HOME/out")" 0
grep -q "^Subject: \[sim test\] $flight: regressions - ALL FAIL\$" "$1" &&
    grep -q '^X-Assay-Verdict: regressions$' "$1" &&
    grep -q '^Message-Id: <assay-notice-1@example.org>$' "$1"
ok 'with its subject and headers'
grep -q '^Subject: \[sim test\] [0-9]*: .* - PUSHED$' "$3"
ok 'the last one says what was pushed'
assay report parse "$1" >/dev/null 2>"$ASSAY_HOME/err"
ok 'and the results can be read back'
assay notify list --json | jq -e 'map(select(.kind != "culprit"))
    | length == 3 and .[0].kind == "recovery"
    and all(.[]; .mails[0].state == "sent")' >/dev/null
ok 'the list says who was told'
assay notify list >"$ASSAY_HOME/out" &&
    equal "$(grep -c ' devel@example.org *sent ' "$ASSAY_HOME/out")" 3
ok 'also for people'
assay notify show 1 >"$ASSAY_HOME/out" 2>"$ASSAY_HOME/err" &&
    grep -q '^About       branch sim$' "$ASSAY_HOME/out" &&
    grep -q '^To          devel@example.org: sent at ' "$ASSAY_HOME/out"
ok 'one of them is shown'
assay notify show 1 --mail | sed '/^Message-Id:/d; /^Date:/d' |
    cmp -s - "$ASSAY_HOME/got"
ok 'or printed as it was sent'
assay notify show 99 2>"$ASSAY_HOME/err"
is 'one that is not there: exit 2' $? 2
assay notify send --again 1 2>"$ASSAY_HOME/err"
equal $? 1 && grep -q 'no mail is failed or unsure' "$ASSAY_HOME/err"
ok 'what was sent is not sent again'

tap_end
