#!/bin/sh
# tests/bisector/lab-test.sh - bisections whose tests are flights: what is said
# before the first one, a command that is killed, stop and resume, runs that are
# shared, and what assayd begins by itself. A real server, assayd and jobs on
# simulated hosts.
set -u
# shellcheck source=tests/bisector/labfix.sh
. "$ASSAY_TOP_SRCDIR/tests/bisector/labfix.sh"

# Another history, that nothing is common with.
git -C "$repo" checkout -q --orphan stranger
git -C "$repo" -c user.name=b -c user.email=b@example.org \
    commit -q --allow-empty -m stranger
stranger=$(git -C "$repo" rev-parse HEAD)
# From 27 on step two fails, from 31 on step one too.
i=26
while [ $i -lt 40 ]; do
    i=$((i + 1))
    echo j/two >"$ASSAY_HOME/bad-$(commit $i)"
    if [ $i -ge 31 ]; then echo j/one >>"$ASSAY_HOME/bad-$(commit $i)"; fi
done

# What can be said first -----------------------------------------------------

# Nothing happens by itself for want of a mirror; then there is one.
fly "$(commit 1)"
good=$f
fly "$(commit 30)"
mid=$f
create "$(commit 40)"
open=$f
fly "$stranger" other
alien=$f
looked_at()
{
    [ "$(sql "select count(*) from assay.bisection_look
        where flight = $1")" = 1 ]
}
await 60 looked_at "$mid"
ok 'each flight that has ended is looked at'
run bisect start "$mid" j two
refused 'nobody here has commit' 'a tree that nobody has'
grep -q 'assay tree add xen' "$ASSAY_HOME/err"
ok 'with what to do'
assay tree add xen "$repo" >/dev/null
count=$(flights)
run bisect start 999 j two
refused 'there is no flight 999' 'an unknown flight'
run bisect start "$mid" x two
refused "no job 'x'" 'an unknown job'
grep -q 'it has: j' "$ASSAY_HOME/err"
ok 'with those that there are'
run bisect start "$mid" j three
refused "no step 'three'" 'an unknown step'
run bisect start "$good" j two
refused 'did not fail' 'a flight that did not fail'
run bisect start "$open" j two
is 'one that has not ended' $status 1
run bisect start "$mid" j two --basis "$mid"
refused 'did not pass' 'a basis that is none'
run bisect start "$mid" j two --basis "$alien"
refused 'have no common history' \
    'unrelated histories'
run bisect start "$mid" j two --confidence 2
refused 'confidence' 'a confidence that is none'
is 'and nothing was flown' "$(flights)" "$count"

# Killed ---------------------------------------------------------------------

assay bisect start "$mid" j two --parallel 2 >"$ASSAY_HOME/out" \
    2>"$ASSAY_HOME/err" &
pid=$!
under_way()
{
    [ "$(sql "select count(*) from assay.bisection_run where flight > 0")" \
        -ge 3 ]
}
await 60 under_way
ok 'a bisection is under way'
kill -9 $pid
wait $pid 2>/dev/null
run bisect stop 1
is 'stopped' "$(field 1 state)" 'stopped'
run bisect show 1
is 'it is not at its end' $status 8
before=$(sql "select count(*) from assay.bisection_run
    where result in ('good', 'bad')")
# Nobody has the history any more, but for the mirror.
git -C "$repo" update-ref refs/heads/main "$stranger"
git -C "$repo" reflog expire --expire=now --all
git -C "$repo" gc -q --prune=now
run bisect resume 1
is 'resumed, with the tree rewritten under it, it ends' $status 0
is 'with the culprit' "$(field 1 "component || ' ' || culprit")" \
    "xen $(commit 27)"
is 'what was known has stayed' \
    "$(sql "select (count(*) >= $before)::int from assay.bisection_run
        where result in ('good', 'bad')")" 1
is 'no flight was made that is not one of its runs' \
    "$(sql "select count(*) from assay.flight f where f.intended = 'real-bisect'
        and not exists (select from assay.bisection_run r
            where r.flight = f.flight)")" 0
is 'the people of the commit are told, with a number' \
    "$(sql "select count(*) from assay.notice where kind = 'culprit'
        and confidence > .9 and body like '%Ann Author%'")" 1
run bisect list --json
is 'it is listed' "$(grep -c '"bisection": 1' "$ASSAY_HOME/out")" 1
run bisect graph 1
is 'and drawn' $status 0
run bisect show 99
refused 'there is no bisection 99' 'one that there is not'

# Told --------------------------------------------------------------------------

cat >"$ASSAY_HOME/sendmail" <<END
#!/bin/sh
{ echo "to: \$*"; cat; } >>"$ASSAY_HOME/mails"
END
chmod +x "$ASSAY_HOME/sendmail"
cat >"$ASSAY_HOME/notify.yaml" <<END
from: Assay <assay@example.org>
sendmail: [$ASSAY_HOME/sendmail]
rules: [{on: [culprit], people: true, confidence: 0.95, to: [lab@example.org]}]
END
run notify send
is 'the author is written to' \
    "$(grep -c '^to: .*ann@example.org' "$ASSAY_HOME/mails")" 1
is 'and who is named, about the commit, with a confidence' \
    "$(grep -c -e "culprit: $(commit 27)" -e 'confidence 0\.9' \
        "$ASSAY_HOME/mails")" 4
run notify send
is 'and never again' "$(grep -c '^to: .*ann@example.org' "$ASSAY_HOME/mails")" 1

# By itself, and shared --------------------------------------------------------

# Both steps fail there: one was found already, in the other branch's past.
fly "$(commit 1)" twig
fly "$(commit 40)" twig
both()
{
    [ "$(sql "select count(*) from assay.bisection
        where branch = 'twig' and state = 'ended'")" -ge 1 ]
}
await 90 both
ok 'regressions are bisected by themselves'
is 'to the commits that made them' \
    "$(sql "select testid || ' ' || culprit from assay.bisection
        where branch = 'twig' order by 1 limit 1")" "one $(commit 31)"
is 'with runs that another one made' \
    "$(sql "select (count(*) > 0)::int from assay.bisection_run r
        join assay.bisection b using (bisection)
        where b.branch = 'twig' and r.oracle = 'shared'")" 1
is 'and no revision was flown twice for nothing' \
    "$(sql "select (count(*) <= 40)::int from assay.flight
        where intended = 'real-bisect'")" 1

tap_end
