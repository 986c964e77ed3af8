#!/bin/sh
# tests/flights/survive-test.sh - a lab that is killed at all its parts while
# it works: two controllers, of which the leader is killed again and again,
# PostgreSQL restarted, runners killed, the clock stepped by an hour, hosts
# that go bad or lose a flag while they are planned or in use. What happened
# is read from the rows that only grow, and judged by history-check, which
# knows the rules and nothing else.
set -u
# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"
# shellcheck source=tests/flights/sim.sh
. "$ASSAY_TOP_SRCDIR/tests/flights/sim.sh"
check=$ASSAY_TOP_BUILDDIR/tests/harness/history-check

# second_assayd: one of another home on this database, in $second.
second_assayd()
{
    env ASSAY_DB="host=$ASSAY_HOME/pg dbname=assay user=$(sql 'select user')" \
        ASSAY_HOME="$other" ASSAY_LOG=info \
        assayd --no-console --no-web --grace 10s >>"$other/log" 2>&1 &
    second=$!
}

# The events of this lab as history-check reads them, in the order in which
# they happened: a host's numbers are those of its name. What a task took in
# one transaction is one line. Where times are equal, ends come first.
history()
{
    sql "with host as (select host, row_number() over (order by host) as h
            from assay.host),
        job as (select *, row_number() over (order by flight, job) as j
            from assay.job),
        taken as (select a.task, min(a.begun_at) as at, job.j,
                string_agg(host.h::text, ' ' order by host.h) as hosts
            from assay.allocation a join host using (host)
            join job on job.flight = a.flight and job.job = a.job
            group by a.task, job.j),
        event as (
            select '-infinity'::timestamptz as at, 0 as n,
                'history 1' as line
            union all select '-infinity', 1, 'queue ' || j || ' '
                || greatest(1, (select count(*) from assay.job_role r
                    where r.flight = job.flight and r.job = job.job))
                from job
            union all select x.at, 1, 'host ' || host.h || ' ' || x.state
                from assay.host_health x join host using (host)
            union all select begun_at, 4, 'task ' || task from assay.task
                where kind = 'job'
            union all select at, 5, 'take ' || task || ' ' || j || ' '
                || hosts from taken
            union all select at, 6, 'start ' || task || ' ' || j from taken
            union all select finished_at, 1, 'end ' || task || ' ' || j
                || ' ' || status from job
                where finished_at is not null and task is not null
            union all select finished_at, 1, 'end 0 ' || j || ' ' || status
                from job where finished_at is not null and task is null
            union all select a.ended_at, 2, 'free ' || a.task || ' '
                || host.h from assay.allocation a join host using (host)
                where a.ended_at is not null
            union all select ended_at, 3, 'dead ' || task from assay.task
                where kind = 'job' and ended_at is not null
            union all select 'infinity', 9, 'over')
        select case when at = '-infinity' then 0
            when at = 'infinity' then (select 1 + extract(epoch from
                max(e.at))::bigint from event e where isfinite(e.at))
            else extract(epoch from at)::bigint end || ' ' || line
        from event order by at, n, line"
}

pgfix_start
other=$(mktemp -d "${TMPDIR:-/tmp}/assay-other.XXXXXX")
pgfix_at_end "rm -rf $other"
pgfix_at_end 'assay service stop >/dev/null 2>&1'
add_hosts sim a b c d
sql "insert into assay.host_flag select host, 'good' from assay.host"

# Two controllers at once: one leads.
: >"$ASSAY_HOME/assayd.log"
second_assayd
pgfix_at_end "kill $second 2>/dev/null"
start_assayd --max-jobs 64
ok 'two controllers are started at once'
await 20 grep -qs 'leads the queue' "$ASSAY_HOME/assayd.log" "$other/log"
is "$(cat "$ASSAY_HOME/assayd.log" "$other/log" |
    grep -c 'leads the queue')" 1
ok 'one of them leads'

# A flight of singles and pairs, on flags that hosts lose.
{
    for k in 1 2 3 4 5 6 7 8 9; do
        echo "  - job: one$k"
        echo "    recipe: $sim/brief.yaml"
        echo '    hosts: {host: {arch: amd64, flags: [good]}}'
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
sql "update assay.host set state = 'bad' where host = 'a';
    insert into assay.host_health (host, was, state, who, why, last_of_class)
    values ('a', 'good', 'bad', 'test', 'kicked', false)"
sql "delete from assay.host_flag where host = 'b'"
ok 'a host goes bad and one loses its flag, planned or in use'
kill -KILL "$(assayd_pid)"
await 30 grep -q 'leads the queue' "$other/log"
ok 'the leader is killed: the other one leads'
start_assayd --max-jobs 64
# As the rows see it that a plan is made of: first ahead, then back.
for step in - +; do
    sql "update assay.booking set start_at = start_at $step interval '1 hour',
        end_at = end_at $step interval '1 hour',
        ordered_at = ordered_at $step interval '1 hour';
        update assay.flight set created_at = created_at
        $step interval '1 hour' where finished_at is null"
    sleep 0.5
done
ok 'the clock is stepped by an hour, to and fro'
victim=$(sql "select t.pid from assay.job j join assay.task t
    on t.task = j.task where j.flight = $f and j.status = 'running' limit 1")
[ -z "$victim" ] || kill -KILL "$victim" 2>/dev/null
ok 'a runner is killed'
assay db stop --force >/dev/null
await 60 sql 'select 1'
ok 'PostgreSQL is restarted'
kill -KILL "$second"
wait "$second" 2>/dev/null
await 60 grep -q 'leads the queue' "$ASSAY_HOME/assayd.log"
ok 'the second controller is killed: the first one leads again'
second_assayd
pgfix_at_end "kill $second 2>/dev/null"
sql "insert into assay.host_health (host, was, state, who, why,
    last_of_class) values ('a', 'bad', 'good', 'test', 'mended', false);
    update assay.host set state = 'good' where host = 'a'"
await 150 ended "$f"
ok 'the flight ends'
await 20 all_free
ok 'no host is held by nobody'
is "$(sql "select count(*) from assay.job where flight = $f
    and status not in ('pass', 'broken')")" 0
ok 'each job has passed, or was broken by a kill'
[ "$(sql "select count(*) from assay.job where flight = $f
    and status = 'pass'")" -ge 9 ]
ok 'and most of them have passed'
history >"$ASSAY_HOME/history"
said=$("$check" <"$ASSAY_HOME/history")
is "$said" '1 histories, no rule broken'
ok 'what happened breaks no rule'
grep -v ' free ' "$ASSAY_HOME/history" | "$check" >/dev/null
is $? 1
ok 'and the checker would have noticed'

kill "$second"
wait "$second" 2>/dev/null
[ "$bad" -gt 0 ] || pgfix_passed=yes
echo "1..$n"
