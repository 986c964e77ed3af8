#!/bin/sh
# tests/flights/pool-test.sh - the plan that is printed is the plan that is
# carried out: a real server, a real assayd, real assay-jobs on simulated
# hosts.
set -u
# shellcheck source=tests/flights/sim.sh
. "$ASSAY_TOP_SRCDIR/tests/flights/sim.sh"

# any NAME RECIPE: a job that takes any amd64 host.
any()
{
    echo "  - job: $1"
    echo "    recipe: $sim/$2.yaml"
    echo '    hosts: {host: {arch: amd64}}'
}

pair()
{
    echo "  - job: $1"
    echo "    recipe: $sim/pair.yaml"
    echo '    hosts: {src_host: {arch: amd64, class: 1},'
    echo '            dst_host: {arch: amd64, class: 1}}'
}

run()
{
    assay flight run --detach "$ASSAY_HOME/$1.yaml" 2>/dev/null | tail -n 1
}

hosts_of()
{
    sql "select coalesce(string_agg(host, ' ' order by host), '')
        from assay.allocation where flight = $1 and job = '$2'"
}

runs()
{
    step_runs "$1" "$2" gate
}

# What the plan in force says of each job, and what 'assay plan' says.
in_force()
{
    sql "select flight || '.' || job || ' ' || verdict || ' '
        || array_to_string(hosts, ',') from assay.booking
        where verdict <> 'runs' order by flight, job"
}

printed()
{
    assay plan --json >"$ASSAY_HOME/plan.json"
    sql "select (x->>'flight') || '.' || (x->>'job') || ' '
        || (x->>'verdict') || ' ' || coalesce((select string_agg(h, ',')
        from jsonb_array_elements_text(x->'hosts') h), '')
        from jsonb_array_elements(
        '$(cat "$ASSAY_HOME/plan.json")'::jsonb->'jobs') x
        order by (x->>'flight')::int, x->>'job'"
}

nothing_booked()
{
    [ "$(sql 'select count(*) from assay.booking')" = 0 ]
}

# verdicts FLIGHT WORDS: those of its bookings.
verdicts()
{
    [ "$(sql "select string_agg(verdict, ' ' order by verdict)
        from assay.booking where flight = $1")" = "$2" ]
}

same_plan()
{
    [ -n "$(in_force)" ] && [ "$(in_force)" = "$(printed)" ]
}

pgfix_start
pgfix_at_end 'assay service stop >/dev/null 2>&1'
add_hosts sim a b c
# What some take is known: a minute, which fits into a gap of ten.
sql "insert into assay.flight (branch, blessing, intended, harness)
    values ('past', 'play', 'play', 'h')"
sql "insert into assay.task (kind, refkey, harness, node, node_key, pid,
    pid_start, backend, ended_at) values ('job', 'past', 'h', 'n', 'k', 1, 1,
    1, now())"
sql "insert into assay.job (flight, job, recipe, arch, status, started_at,
    finished_at) select 1, j, '$sim/quick.yaml', 'amd64', 'pass',
    now() - interval '1 hour', now() - interval '59 minutes'
    from unnest('{short,short2}'::text[]) j"
sql "insert into assay.job (flight, job, recipe, arch, status, started_at,
    finished_at) select 1, j, '$sim/gated.yaml', 'amd64', 'pass',
    now() - interval '2 hours', now() - case j when 'one'
    then interval '110 minutes' else interval '1 hour' end
    from unnest('{one,two,soak1,soak2,firm1,firm2,whole}'::text[]) j"
sql "insert into assay.allocation (host, task, flight, job, role, begun_at,
    ended_at) select 'a', 1, 1, j, 'host', now(), now()
    from unnest('{short,short2,one,two,soak1,soak2,firm1,firm2,whole}'::text[]
    ) j"
sql "update assay.flight set outcome = 'pass', finished_at = now()
    where flight = 1"
start_assayd
ok 'assayd serves'

# A pair waits, and is not overtaken -----------------------------------------
{ job one gated a; } | flight one
{ job two gated b; } | flight two
{ pair pair; } | flight pair

{ any short quick; } | flight short
{ printf 'flight: sim\nintended: play\npriority: 1\njobs:\n'
    any long gated; } >"$ASSAY_HOME/long.yaml"
one=$(run one)
await 20 runs "$one" one
two=$(run two)
await 20 runs "$two" two
ok 'two hosts of three are in use'
pair=$(run pair)
await 20 waits_for "$pair" pair 'hosts: amd64 and amd64'
ok 'a pair has to wait'
long=$(run long)
await 20 waits_for "$long" long 'a host: amd64'
ok 'a job that would end after the start of the pair waits too'
await 10 same_plan
ok 'the plan in force is the one that is printed'
in_force | grep -q "^$pair.pair later"
ok 'the pair has its hosts and a time'
short=$(run short)
await 30 ended "$short"
is 'one that is done before that fills the gap' \
    "$(outcome_of "$short") $(hosts_of "$short" short)" 'pass/play c'
is 'the pair holds nothing meanwhile' "$(hosts_of "$pair" pair)" ''
touch "$ASSAY_HOME/gate-one"
await 20 runs "$pair" pair
is 'a host is free: the pair has both at once' "$(hosts_of "$pair" pair)" 'a c'
is 'before the job that came later' "$(hosts_of "$long" long)" ''
is 'what runs has an expected end' \
    "$(sql "select array_to_string(hosts, ' ') from assay.booking
    where flight = $pair and verdict = 'runs' and end_at > now()")" 'a c'
touch "$ASSAY_HOME/gate-two" "$ASSAY_HOME/gate-pair" "$ASSAY_HOME/gate-long"
for f in "$one" "$two" "$pair" "$long"; do
    await 30 ended "$f" || break
done
ok 'all end'
await 10 nothing_booked
ok 'nothing is booked when nothing is open'
rm "$ASSAY_HOME"/gate-*

# What a job asks of its hosts -------------------------------------------------
sql "insert into assay.host_property values ('a', 'memory_mb', '4096'),
    ('b', 'memory_mb', '16384'), ('c', 'memory_mb', '8192')"
{ echo '  - job: big'
  echo "    recipe: $sim/quick.yaml"
  echo '    hosts:'
  echo '      host: {arch: amd64, properties: {memory_mb: ">= 10240"}}'
  echo '  - job: exact'
  echo "    recipe: $sim/quick.yaml"
  echo '    hosts: {host: {arch: amd64, properties: {memory_mb: "8192"}}}'
  echo '  - job: huge'
  echo "    recipe: $sim/quick.yaml"
  echo '    hosts: {host: {arch: amd64, properties: {memory_mb: ">=99999"}}}'
} | flight props
f=$(run props)
await 30 ended "$f"
is 'a job gets a host with the properties it wants' \
    "$(hosts_of "$f" big) $(hosts_of "$f" exact)" 'b c'
is 'one that no host will ever do for is starved' "$(status_of "$f" huge)" \
    starved
sql "select reason from assay.job where flight = $f and job = 'huge'" |
    grep -q 'b: memory_mb is 16384, not >=99999'
ok 'and says what is missing where'
printf 'flight: x\nintended: play\njobs:\n%s\n%s\n%s\n' '  - job: a' \
    '    recipe: smoke' \
    '    hosts: {host: {arch: amd64, properties: {cpu: ">="}}}' \
    >"$ASSAY_HOME/wrong.yaml"
assay flight create "$ASSAY_HOME/wrong.yaml" >/dev/null 2>"$ASSAY_HOME/err"
is 'a property without a value: exit 2' $? 2
grep -q "wrong.yaml:6: property 'cpu' wants a value" "$ASSAY_HOME/err"
ok 'with its line'

# diverse NAME: a quick job on another host than its like.
diverse()
{
    any "$1" quick
    echo '    diverse: spread'
}
{ diverse d1; diverse d2; diverse d3; diverse d4; } | flight diverse
f=$(run diverse)
await 30 ended "$f"
is 'diverse jobs each get another host' \
    "$(sql "select string_agg(host, ' ' order by host) from assay.allocation
    where flight = $f")" 'a b c'
is 'and one too many is starved, it does not wait for ever' \
    "$(sql "select string_agg(status, ' ' order by status) from assay.job
    where flight = $f")" 'pass pass pass starved'

# What is superseded, and what is expected -------------------------------------
{ job held gated a; job waiting quick a; } | flight old
sed -i 's/^intended: play/intended: play\nsupersede: true\ndeadline: 6h/' \
    "$ASSAY_HOME/old.yaml"
old=$(run old)
await 20 runs "$old" held
await 20 waits_for "$old" waiting 'a host: a'
ok 'a job waits'
assay flight show "$old" |
    grep -q 'waiting.*a host: a; starts .* ends .* UTC'
ok 'flight show says when it should start and end'
assay flight show "$old" | grep -q 'held.*running.*ends .* UTC'
ok 'and when the one that runs should be done'
assay job show "$old" waiting | grep -q '^expected: starts .* UTC'
ok 'job show too'
assay job show "$old" waiting --json | grep -q '"expected":'
ok 'and its JSON'
new=$(run old)
await 20 status_is "$old" waiting starved
ok 'a newer flight of the branch: what waits expires'
sql "select reason from assay.job where flight = $old and job = 'waiting'" |
    grep -q "expired in the queue: superseded by flight $new"
ok 'and says which'
status_is "$old" held running && status_is "$new" waiting queued
ok 'what runs goes on, the newer one waits'
touch "$ASSAY_HOME/gate-held"
await 30 ended "$old"
is 'nothing has failed' "$(outcome_of "$old")" starved/play
await 30 ended "$new"
is 'the newer one passes' "$(outcome_of "$new")" pass/play
rm "$ASSAY_HOME"/gate-*

# The policy -------------------------------------------------------------------
cat >"$ASSAY_HOME/policy.yaml" <<END
pool: lab
groups:
  - {group: few, branches: [few], hosts_max: 1}
END
assay plan policy "$ASSAY_HOME/policy.yaml" >/dev/null
ok 'a policy is put in force'
assay plan policy | cmp -s - "$ASSAY_HOME/policy.yaml"
ok 'and printed'
printf 'pool: lab\nfailed: soon\ngroups:\n  - {group: g, branches: [x],%s\n' \
    ' percent_max: 200}' >"$ASSAY_HOME/wrong.yaml"
assay plan policy "$ASSAY_HOME/wrong.yaml" >/dev/null 2>"$ASSAY_HOME/err"
is 'a wrong one: exit 2' $? 2
grep -q "wrong.yaml:2: failed 'soon' is no time" "$ASSAY_HOME/err" &&
    grep -q 'wrong.yaml:4: percent_max is a number' "$ASSAY_HOME/err"
ok 'with each line'
assay plan policy | cmp -s - "$ASSAY_HOME/policy.yaml"
ok 'the old one stays'
stop_assayd                     # which knew the old one for half a minute
start_assayd
{ printf 'flight: few\nintended: play\njobs:\n'
    any q1 gated; any q2 gated; } >"$ASSAY_HOME/few.yaml"
f=$(run few)
await 20 verdicts "$f" 'later runs'
ok 'a group has no more hosts than its quota'
touch "$ASSAY_HOME/gate-q1" "$ASSAY_HOME/gate-q2"
await 30 ended "$f"
is 'one after the other they pass' "$(outcome_of "$f")" pass/play
rm "$ASSAY_HOME"/gate-*

# A failure goes back to its host.
{ printf 'flight: stick\nintended: play\njobs:\n'; any red failing; } \
    >"$ASSAY_HOME/stick.yaml"
job held gated b | flight held
held=$(run held)
await 20 runs "$held" held
f=$(run stick)
await 30 ended "$f"
red=$(hosts_of "$f" red)
touch "$ASSAY_HOME/gate-held"
await 30 ended "$held"
stop_assayd                     # and learns what has happened
start_assayd
f=$(run stick)
await 30 ended "$f"
again=$(hosts_of "$f" red)
f=$(run stick)
await 30 ended "$f"
is 'a failure goes back to its host' "$again $(hosts_of "$f" red)" "$red $red"
rm "$ASSAY_HOME"/gate-*

# Who may go first.
f=$(assay flight create "$ASSAY_HOME/short.yaml")
assay flight priority "$f" --to -5
is 'an admin raises a priority above the normal' \
    "$(sql "select priority from assay.flight where flight = $f")" -5
sql "create role bob; grant usage on schema assay to bob;
    grant select, insert, update on assay.flight to bob" >/dev/null
bob()
{
    sql "set session authorization bob; $1" 2>&1
}
bob "update assay.flight set priority = -9 where flight = $f" |
    grep -q 'priority -9 is above the normal one: bob is no admin'
ok 'another does not'
bob "insert into assay.flight (branch, intended, harness, priority)
    values ('b', 'play', 'h', -1)" | grep -q 'bob is no admin'
ok 'nor with a flight that he makes'
is 'he may lower it' \
    "$(bob "update assay.flight set priority = 3 where flight = $f
    returning priority")" 3
assay flight abort "$f" >/dev/null

# Giving way -------------------------------------------------------------------
# soak NAME RECIPE HOST: a job that gives way.
soak()
{
    job "$1" "$2" "$3"
    echo '    preemptable: true'
}

# release FILE: a flight above the normal priority, of the jobs on stdin.
release()
{
    { printf 'flight: release\nintended: play\npriority: -5\njobs:\n'; cat; } \
        >"$ASSAY_HOME/$1.yaml"
}

# ways FLIGHT JOB: how often it gave way.
ways()
{
    sql "select count(*) from assay.give_way where flight = $1
        and job = '$2' and gave_at is not null"
}

gave()
{
    [ "$(ways "$1" "$2")" = "$3" ]
}

told()
{
    [ "$(sql "select count(*) from assay.give_way g join assay.task t
        on t.task = g.task and t.ended_at is null
        where g.flight = $1 and g.job = '$2'")" = 1 ]
}

# However soon the job that has the host should be done.
printf 'pool: lab\ngain: 0s\n' >"$ASSAY_HOME/policy.yaml"
assay plan policy "$ASSAY_HOME/policy.yaml" >/dev/null
{ soak soak gated a; } | flight soak
{ job fast gated a; job fast-too gated b; } | release fast
soak=$(run soak)
await 20 runs "$soak" soak
ok 'a preemptable job is at work'
assayd=$(assayd_pid)
kill -KILL "$assayd"
fast=$(assay flight create "$ASSAY_HOME/fast.yaml")
sql "update assay.flight set blessing = 'running' where flight = $fast"
assay plan | grep -q "job $soak/soak.* gives way to flight $fast job fast"
ok 'the plan says who will give way'
assay plan | grep "job $fast.fast " | grep -q "job $soak/soak gives way"
ok 'and to whom'
assay plan why "$fast" fast |
    grep -q "a: job $soak/soak has it, gives way to flight $fast job fast"
ok 'and why of the job that waits for it'
assay plan --json | grep -q '"gives_way": *"gives way to flight '
ok 'and for programs'
start_assayd
await 20 runs "$fast" fast
ok 'a release starts on the host, whoever started the job that had it'
await 20 waits_for "$soak" soak \
    "a host: a; gave way to flight $fast job fast"
ok 'the job that gave way waits, and says why'
is 'it has not ended' "$(status_of "$soak" soak) $(ways "$soak" soak)" \
    'queued 1'
assay job show "$soak" soak |
    grep -q "^gave way to flight $fast job fast at .*, after 3 steps on a"
ok 'job show says what became of its attempt'
assay job show "$soak" soak --json | grep -q '"for_flight": *'"$fast"
ok 'and its JSON'
is 'what it did is on record' \
    "$(sql "select string_agg((x->>'testid') || ' ' || (x->>'status'), ','
    order by (x->>'step')::int) from assay.give_way g,
    jsonb_array_elements(g.steps) x where g.flight = $soak")" \
    'one pass,gate aborted,two aborted'
is 'and counts against nobody' \
    "$(sql "select (select count(*) from assay.step where flight = $soak)
    + (select count(*) from assay.failure where flight = $soak)
    + (select count(*) from assay.host_mark)")" 0
touch "$ASSAY_HOME/gate-fast" "$ASSAY_HOME/gate-fast-too"
await 30 ended "$fast"
await 20 runs "$soak" soak
ok 'its next attempt runs when the release is over'
is 'and counts on' \
    "$(sql "select string_agg(step || ' ' || testid, ',' order by step)
    from assay.step where flight = $soak")" '4 one,5 gate'
touch "$ASSAY_HOME/gate-soak"
await 30 ended "$soak"
is 'it passes in the end' \
    "$(outcome_of "$soak") $(sql "select lane is null from assay.job
    where flight = $soak")" 'pass/play t'
rm "$ASSAY_HOME"/gate-*

# Pairs: all or nothing.
# has_now FLIGHT JOB: the hosts that it has.
has_now()
{
    sql "select coalesce(string_agg(host, ' ' order by host), '')
        from assay.allocation where flight = $1 and job = '$2'
        and ended_at is null"
}
{ soak soak1 gated a; } | flight soak1
{ soak soak2 gated b; } | flight soak2
{ job firm1 gated b; job firm2 gated c; } | flight firm
{ pair rpair; } | release rpair
soak1=$(run soak1)
firm=$(run firm)
await 20 runs "$soak1" soak1
await 20 runs "$firm" firm1
await 20 runs "$firm" firm2
ok 'a preemptable job and two others have all hosts'
rpair=$(run rpair)
await 20 waits_for "$rpair" rpair 'hosts: amd64 and amd64'
await 10 same_plan
in_force | grep -q "^$rpair.rpair later"
ok 'a pair waits to which others give way'
is 'nobody is told to stop in vain: the pair needs two hosts' \
    "$(sql "select count(*) from assay.give_way where for_flight = $rpair")" 0
is 'and it has none' "$(has_now "$rpair" rpair)" ''
touch "$ASSAY_HOME/gate-firm1"
await 20 step_runs "$rpair" rpair gate
is 'one host is free: with the one that it makes free it has both' \
    "$(has_now "$rpair" rpair) $(ways "$soak1" soak1)" 'a b 1'
touch "$ASSAY_HOME/gate-rpair"
await 30 ended "$rpair"
await 20 runs "$soak1" soak1
soak2=$(run soak2)
await 20 runs "$soak2" soak2
ok 'the job runs again, and another one is at work'
rm "$ASSAY_HOME/gate-rpair"
rpair=$(run rpair)
await 20 step_runs "$rpair" rpair gate
is 'two jobs give way to one pair' \
    "$(has_now "$rpair" rpair) $(ways "$soak1" soak1) $(ways "$soak2" soak2)" \
    'a b 2 1'
is 'which had nothing before both had gone' \
    "$(sql "select (select count(*) from assay.give_way
    where for_flight = $rpair) || ' ' || (min(x.begun_at) >= (
    select max(gave_at) from assay.give_way where for_flight = $rpair))
    from assay.allocation x where x.flight = $rpair")" '2 true'
touch "$ASSAY_HOME/gate-rpair" "$ASSAY_HOME/gate-soak1" "$ASSAY_HOME/gate-soak2"
for f in "$rpair" "$soak1" "$soak2"; do
    await 30 ended "$f"
    is 'it passes in the end' "$(outcome_of "$f")" pass/play
done
rm "$ASSAY_HOME"/gate-*
{ pair whole; echo '    preemptable: true'; } | flight whole
whole=$(run whole)
await 20 step_runs "$whole" whole gate
is 'a preemptable pair has two hosts' "$(has_now "$whole" whole)" 'a b'
{ job single gated a; } | release single
single=$(run single)
await 20 runs "$single" single
is 'it gives way as a whole: what the other does not need is free too' \
    "$(has_now "$single" single)/$(has_now "$whole" whole)/$(
    ways "$whole" whole)" a//1
await 20 waits_for "$whole" whole \
    "hosts: amd64 and amd64; gave way to flight $single job single"
is 'it waits, and has not ended' "$(status_of "$whole" whole)" queued
touch "$ASSAY_HOME/gate-single"
await 30 ended "$single"
await 20 step_runs "$whole" whole gate
is 'and has both again, together' "$(has_now "$whole" whole)" 'a b'
touch "$ASSAY_HOME/gate-whole" "$ASSAY_HOME/gate-firm2"
await 30 ended "$whole"
await 30 ended "$firm"
is 'all pass' "$(outcome_of "$whole") $(outcome_of "$firm")" \
    'pass/play pass/play'
rm "$ASSAY_HOME"/gate-*

# Its runner is killed while it gives way.
{ soak deaf stubborn a; } | flight deaf
deaf=$(run deaf)
await 20 runs "$deaf" deaf
{ job next quick a; } | release next
next=$(run next)
await 20 told "$deaf" deaf
kill -KILL "$(runner_of "$deaf" deaf)"
await 20 gave "$deaf" deaf 1
ok 'a runner that is killed while it gives way has given way'
await 30 ended "$next"
is 'the release has the host' "$(outcome_of "$next")" pass/play
await 20 runs "$deaf" deaf
ok 'the job runs again'

# No more often than the policy says.
printf 'pool: lab\ngain: 0s\ngives_max: 1\n' >"$ASSAY_HOME/policy.yaml"
assay plan policy "$ASSAY_HOME/policy.yaml" >/dev/null
kill -KILL "$(assayd_pid)"
start_assayd                    # which has read it
last=$(run next)
await 20 waits_for "$last" next 'a host: a'
is 'who gave way as often as the policy says does not any more' \
    "$(ways "$deaf" deaf)" 1
! told "$deaf" deaf
ok 'and is not told'
touch "$ASSAY_HOME/gate-deaf"
await 30 ended "$deaf"
await 30 ended "$last"
is 'both pass' "$(outcome_of "$deaf") $(outcome_of "$last")" \
    'pass/play pass/play'
rm "$ASSAY_HOME"/gate-*

# Runners are planned as hosts are ----------------------------------------------
stop_assayd
start_assayd --max-jobs 1
{ job first gated a; job second gated b; } | flight two-jobs
f=$(run two-jobs)
await 20 verdicts "$f" 'later runs'
ok 'with one runner, one job runs and the other one has a time'
await 20 sql "select 1 / count(*) from assay.job where flight = $f
    and waits_for = 'one of 1 runners'"
ok 'it waits for a runner'
await 10 same_plan
ok 'as the printed plan says'
touch "$ASSAY_HOME/gate-first" "$ASSAY_HOME/gate-second"
await 30 ended "$f"
is 'both pass, one after the other' "$(outcome_of "$f")" pass/play
rm "$ASSAY_HOME"/gate-*

# Somebody is faster ---------------------------------------------------------
# The host that the plan named goes bad before the runner comes to it.
stop_assayd
cat >"$ASSAY_HOME/slow" <<END
#!/bin/sh
host=\$(printf '%s\n' "\$*" | sed -n 's/.*host=\([a-z]*\).*/\1/p')
if [ ! -e "$ASSAY_HOME/was-slow" ]; then
    echo "\$host" >"$ASSAY_HOME/was-slow"
    assay db psql -- -qAtX -c "update assay.host set state = 'bad'
        where host = '\$host'"
fi
exec assay-job "\$@"
END
chmod +x "$ASSAY_HOME/slow"
start_assayd --job-program "$ASSAY_HOME/slow"
f=$(run short)
await 30 ended "$f"
is 'a host goes bad before it is taken: the job passes' "$(outcome_of "$f")" \
    pass/play
[ "$(hosts_of "$f" short)" != "$(cat "$ASSAY_HOME/was-slow")" ]
ok 'on another host, by another plan'
! grep -q 'exited with status' "$ASSAY_HOME/assayd.log"
ok 'and nobody died of it'
sql "update assay.host set state = 'good'"
stop_assayd

tap_end
