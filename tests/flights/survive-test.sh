#!/bin/sh
# tests/flights/survive-test.sh - a lab that is killed at all its parts while
# it works: two controllers, of which the leader is killed again and again,
# PostgreSQL restarted, runners killed, the clock of all of them set ahead and
# back by an hour (tests/harness/clockstep.c), hosts that go bad, lose a flag or
# are removed while they are planned or in use. What happened is judged by
# history-check, which knows the rules and nothing else. Meanwhile two jobs, which
# would never end, have to give way to those of a release.
set -u
# shellcheck source=tests/flights/sim.sh
. "$ASSAY_TOP_SRCDIR/tests/flights/sim.sh"
check=$ASSAY_TOP_BUILDDIR/tests/harness/history-check

# second_assayd: one of another home on this database, in $second.
second_assayd()
{
    env ASSAY_DB="host=$ASSAY_HOME/pg dbname=assay user=$(sql 'select user')" \
        ASSAY_HOME="$other" ASSAY_LOG=info \
        assayd --no-console --no-web --grace 10s \
        --job-program "$clock/runner" >>"$other/log" 2>&1 &
    second=$!
}

# The clock of all that this test starts, in seconds from the right one.
set_clock()
{
    printf '%+08d' "$1" 1<>"$clock/step"
}

# What happens is noted as it happens, with the machine's uptime, which nobody
# sets: rows have the times of a clock that goes to and fro. Who frees a host,
# and who takes it then, wait for each other, so the numbers are in order.
note_events()
{
    sql "create schema test;
        create table test.event (id bigint generated always as identity,
            at float8 not null default
                split_part(pg_read_file('/proc/uptime'), ' ', 1)::float8,
            what text not null, task bigint, host text, flight bigint,
            job text, word text);
        create function test.note() returns trigger language plpgsql as \$\$
        begin
            case tg_table_name
            when 'host_health' then
                insert into test.event (what, host, word)
                values ('host', new.host, new.state);
            when 'task' then
                insert into test.event (what, task)
                values (tg_argv[0], new.task);
            when 'allocation' then
                insert into test.event (what, task, host, flight, job)
                values (tg_argv[0], new.task, new.host, new.flight, new.job);
            when 'give_way' then
                insert into test.event (what, task, flight, job)
                values ('yield', new.task, new.flight, new.job);
            when 'job' then
                insert into test.event (what, task, flight, job, word)
                values ('end', new.task, new.flight, new.job, new.status);
            end case;
            return new;
        end \$\$;
        create trigger health after insert on assay.host_health
            for each row execute function test.note();
        create trigger begun after insert on assay.task for each row
            when (new.kind = 'job') execute function test.note('task');
        create trigger ended after update on assay.task for each row
            when (new.kind = 'job' and old.ended_at is null
                and new.ended_at is not null)
            execute function test.note('dead');
        create trigger taken after insert on assay.allocation for each row
            when (new.job is not null) execute function test.note('take');
        create trigger freed after update on assay.allocation for each row
            when (new.job is not null and old.ended_at is null
                and new.ended_at is not null)
            execute function test.note('free');
        create trigger gave after update on assay.give_way for each row
            when (old.gave_at is null and new.gave_at is not null)
            execute function test.note();
        create trigger ended after update on assay.job for each row
            when (old.finished_at is null and new.finished_at is not null)
            execute function test.note()"
}

# The events as history-check reads them, who and what is in them numbered from
# 1: what a task took in one transaction is one line.
history()
{
    sql "with host as (select host, row_number() over (order by host) as h
            from assay.host),
        job as (select *, row_number() over (order by flight, job) as j
            from assay.job),
        task as (select task, row_number() over (order by task) as t
            from (select distinct task from test.event) e),
        noted as (select e.id, e.at, e.what, coalesce(task.t, 0) as task,
                e.word, host.h, job.j
            from test.event e left join host using (host)
            left join task using (task)
            left join job on job.flight = e.flight and job.job = e.job),
        event as (
            select 0 as id, 0 as n, 0.0 as at, 'history 1' as line
            union all select 0, 1, 0, 'queue ' || j || ' '
                || greatest(1, (select count(*) from assay.job_role r
                    where r.flight = job.flight and r.job = job.job))
                from job
            union all select id, 0, at, case what
                when 'host' then 'host ' || h || ' ' || word
                when 'end' then 'end ' || task || ' ' || j || ' ' || word
                when 'free' then 'free ' || task || ' ' || h
                when 'yield' then 'yield ' || task || ' ' || j
                else what || ' ' || task end
                from noted where what <> 'take'
            union all select max(id), k, max(at), case k
                when 0 then 'take ' || task || ' ' || j || ' '
                    || string_agg(h::text, ' ' order by h)
                else 'start ' || task || ' ' || j end
                from noted, generate_series(0, 1) k where what = 'take'
                group by task, j, k
            union all select 1 + max(id), 0, 1 + max(at), 'over' from noted)
        select at::bigint || ' ' || line from event order by id, n"
}

# Preloaded into the server and into each program of ours.
clock=$(mktemp -d "${TMPDIR:-/tmp}/assay-clock.XXXXXX")
chmod 755 "$clock"
cp "$ASSAY_TOP_BUILDDIR/tests/harness/clockstep.so" "$clock"
printf +0000000 >"$clock/step"
CLOCKSTEP=$clock/step
LD_PRELOAD=$clock/clockstep.so
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
export ASAN_OPTIONS CLOCKSTEP LD_PRELOAD
pgfix_start
other=$(mktemp -d "${TMPDIR:-/tmp}/assay-other.XXXXXX")
pgfix_at_end "unset LD_PRELOAD; rm -rf $other $clock"
pgfix_at_end 'assay service stop >/dev/null 2>&1'
add_hosts sim a b c d e
sql "insert into assay.host_flag select host, 'good' from assay.host"
note_events
set_clock 3600
ahead=$(($(sql "select extract(epoch from clock_timestamp())::bigint") -
    $(env -u LD_PRELOAD date +%s)))
[ "$ahead" -ge 3599 ] && [ "$ahead" -le 3602 ]
ok 'the server goes by the clock that is set here'
set_clock 0

# A step that does not stop holds out for as long as what follows takes.
printf '#!/bin/sh\nexec assay-job --grace 4s "$@"\n' >"$clock/runner"
chmod 755 "$clock/runner"

# Two controllers at once: one leads.
: >"$ASSAY_HOME/assayd.log"
second_assayd
pgfix_at_end "kill $second 2>/dev/null"
start_assayd --max-jobs 64 --job-program "$clock/runner"
ok 'two controllers are started at once'
await 20 grep -qs 'leads the queue' "$ASSAY_HOME/assayd.log" "$other/log"
is 'one of them leads' "$(cat "$ASSAY_HOME/assayd.log" "$other/log" |
    grep -c 'leads the queue')" 1

# gave JOB: so often it gave way; told JOB: it is to.
gave()
{
    sql "select count(*) from assay.give_way where flight = $soak
        and job = '$1' and gave_at is not null"
}

told()
{
    [ "$(sql "select count(*) from assay.give_way where flight = $soak
        and job = '$1'")" = 1 ]
}

# What ends only when the test says so: one of the two does not stop at once.
printf 'pool: lab\ngain: 0s\n' >"$ASSAY_HOME/policy.yaml"
assay plan policy "$ASSAY_HOME/policy.yaml" >/dev/null
{
    job deaf stubborn d
    echo '    preemptable: true'
    job soak gated e
    echo '    preemptable: true'
} | flight soak
soak=$(assay flight run --detach "$ASSAY_HOME/soak.yaml" 2>/dev/null |
    tail -n 1)
await 20 step_runs "$soak" deaf gate
await 20 step_runs "$soak" soak gate
ok 'two preemptable jobs are at work that do not end'

# A flight of singles and pairs, on flags that hosts lose.
{
    for k in 1 2 3 4 5 6 7 8 9; do
        echo "  - job: one$k"
        echo "    recipe: $sim/brief.yaml"
        echo '    hosts: {host: {arch: amd64, flags: [good]}}'
        echo '    preemptable: true'
    done
    for k in 1 2 3 4; do
        echo "  - job: pair$k"
        echo "    recipe: $sim/brief-pair.yaml"
        echo '    hosts: {src_host: {arch: amd64, class: 1, flags: [good]},'
        echo '            dst_host: {arch: amd64, class: 1, flags: [good]}}'
    done
} | flight many
f=$(assay flight run --detach "$ASSAY_HOME/many.yaml" 2>/dev/null | tail -n 1)
some_run()
{
    [ "$(sql "select count(*) from assay.job where flight = $f
        and status = 'running'")" -gt 0 ]
}
await 20 some_run
ok 'jobs are at work'
{
    printf 'flight: rc\nintended: play\npriority: -5\njobs:\n'
    job rc1 brief d
    job rc2 brief e
} >"$ASSAY_HOME/rc.yaml"
rc=$(assay flight run --detach "$ASSAY_HOME/rc.yaml" 2>/dev/null | tail -n 1)
await 20 told deaf
ok 'a release comes: they are told to give way'
assay host quarantine a --why kicked
sql "delete from assay.host_flag where host = 'b'"
assay host quarantine c --as retired --why sold
ok 'one host goes bad, one loses its flag, one is removed: planned or in use'
kill -KILL "$(assayd_pid)"
await 30 grep -q 'leads the queue' "$other/log"
ok 'the leader is killed: the other one leads'
start_assayd --max-jobs 64 --job-program "$clock/runner"
set_clock 3600
sleep 1
assay plan >"$ASSAY_HOME/plan" 2>&1
ok 'the clock is set ahead by an hour, and there is a plan'
victim=$(sql "select t.pid from assay.job j join assay.task t
    on t.task = j.task where j.flight = $f and j.status = 'running' limit 1")
[ -z "$victim" ] || kill -KILL "$victim" 2>/dev/null
ok 'a runner is killed'
assay db stop --force >/dev/null
set_clock 0
await 60 sql 'select 1'
ok 'PostgreSQL is restarted, the clock is set back meanwhile'
kill -KILL "$second"
wait "$second" 2>/dev/null
await 60 grep -q 'leads the queue' "$ASSAY_HOME/assayd.log"
ok 'the second controller is killed: the first one leads again'
second_assayd
pgfix_at_end "kill $second 2>/dev/null"
set_clock -3600
ok 'and back by another hour'
await 60 ended "$rc"
is 'the release has passed' "$(outcome_of "$rc")" pass/play
is 'those gave way to it, each once' "$(gave deaf) $(gave soak)" '1 1'
for home in "$ASSAY_HOME" "$other"; do    # of whoever started them
    touch "$home/gate-deaf" "$home/gate-soak"
done
assay host release a --why mended >/dev/null
await 100 ended "$soak"
is 'they come to their end, as if nothing had been' \
    "$(outcome_of "$soak")" pass/play
is 'in another attempt' \
    "$(sql "select string_agg(job || ' ' || step || ' ' || testid || ' '
    || status, ', ' order by job, step) from assay.step
    where flight = $soak")" \
    'deaf 2 gate pass, soak 4 one pass, soak 5 gate pass, soak 6 two pass'
await 150 ended "$f"
ok 'the flight ends'
set_clock 0
await 20 all_free
ok 'no host is held by nobody'
is 'each job has passed, or was broken by a kill' \
    "$(sql "select count(*) from assay.job where flight = $f
    and status not in ('pass', 'broken')")" 0
[ "$(sql "select count(*) from assay.job where flight = $f
    and status = 'pass'")" -ge 9 ]
ok 'and most of them have passed'
is 'none because of the clock' \
    "$(sql "select count(*) from assay.job where reason ~ 'lost for too long'
    ")" 0
history >"$ASSAY_HOME/history"
said=$("$check" <"$ASSAY_HOME/history")
is 'what happened breaks no rule' "$said" '1 histories, no rule broken'
grep -v ' free ' "$ASSAY_HOME/history" | "$check" >/dev/null
is 'and the checker would have noticed' $? 1
is 'it saw two jobs give way' "$(grep -c ' yield ' "$ASSAY_HOME/history")" 2
# Who gave way may say no more of the job.
wrong=$(sed -n 's/.* yield \([0-9]*\) \([0-9]*\)$/s, end [0-9]* \2 , end \1 \2 ,/p' \
    "$ASSAY_HOME/history" | head -n 1)
said=$(sed "$wrong" "$ASSAY_HOME/history" | "$check")
has 'and would have noticed one who goes on' "$said" \
    'who gave a job up ends it'

kill "$second"
wait "$second" 2>/dev/null
tap_end
