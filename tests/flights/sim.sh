# shellcheck shell=sh
# tests/flights/sim.sh - what tests of flights on simulated hosts share: a real
# server, a real assayd, jobs whose steps do nothing or wait. Source it.
# It leaves $f, a flight, and $cli, who watches it.
# shellcheck disable=SC2034

# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"
sim=$ASSAY_TOP_SRCDIR/tests/flights/sim

status_of()
{
    sql "select status from assay.job where flight = $1 and job = '$2'"
}

status_is()
{
    [ "$(status_of "$1" "$2")" = "$3" ]
}

waits_for()
{
    [ "$(sql "select waits_for from assay.job where flight = $1
        and job = '$2'")" = "$3" ]
}

step_runs()
{
    [ "$(sql "select status from assay.step where flight = $1
        and job = '$2' and testid = '$3'")" = running ]
}

outcome_of()
{
    sql "select outcome || '/' || blessing from assay.flight
        where flight = $1 and finished_at is not null"
}

ended()
{
    [ -n "$(outcome_of "$1")" ]
}

all_free()
{
    equal "$(sql 'select count(*) from assay.allocation
        where ended_at is null')" 0
}

runner_of()
{
    sql "select t.pid from assay.job j join assay.task t on t.task = j.task
        where j.flight = $1 and j.job = '$2'"
}

assayd_pid()
{
    assay service status --json | sed -n 's/.*"pid": \([0-9]*\).*/\1/p'
}

serves()
{
    [ -n "$(assayd_pid)" ] && grep -q ' serves in ' "$ASSAY_HOME/assayd.log"
}

start_assayd()
{
    : >"$ASSAY_HOME/assayd.log"
    ASSAY_LOG=info assayd --no-console --no-web --grace 10s "$@" \
        >>"$ASSAY_HOME/assayd.log" 2>&1 &
    await 30 serves
}

stop_assayd()
{
    assay service stop >/dev/null
}

# job NAME RECIPE HOST [NEEDS]: a job of the flight file on standard output.
job()
{
    echo "  - job: $1"
    echo "    recipe: $sim/$2.yaml"
    echo "    hosts: {host: {arch: amd64, host: $3}}"
    [ $# -lt 4 ] || echo "    needs: [$4]"
}

flight()
{
    { printf 'flight: sim\nintended: play\njobs:\n'; cat; } \
        >"$ASSAY_HOME/$1.yaml"
}

# Numbers may jump, as after a crash of the server: $f is the flight.
run_in_background()
{
    : >"$ASSAY_HOME/$1.err"
    assay flight run "$ASSAY_HOME/$1.yaml" >"$ASSAY_HOME/$1.out" \
        2>>"$ASSAY_HOME/$1.err" &
    cli=$!
    await 20 grep -q '^flight [0-9]' "$ASSAY_HOME/$1.err"
    f=$(sed -n 's/^flight \([0-9]*\).*/\1/p' "$ASSAY_HOME/$1.err")
}

# add_hosts CLASS HOST...
add_hosts()
{
    add_class=$1
    shift
    for add_host; do
        sql "insert into assay.host (host, arch, firmware, class, config,
            source) values ('$add_host', 'amd64', 'bios', '$add_class',
            '{}', 'sim')"
    done
}

# shellcheck disable=SC2154 # $work and $bare are the test's
# commit TEXT: a new commit of $work on the input of $bare; $rev is it.
commit()
{
    git -C "$work" -c user.name=a -c user.email=a@b commit -q --allow-empty \
        -m "$1"
    rev=$(git -C "$work" rev-parse HEAD)
    git -C "$work" push -q --force "$bare" HEAD:refs/heads/staging
}
