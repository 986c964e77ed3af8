#!/bin/sh
# tests/results/explain-test.sh - no verdict, report or export reads the whole
# of the steps, jobs or runvars: the plans of all statements that they run.
#
# In a small database the planner rightly reads tables from end to end. So the
# sessions have enable_seqscan off, which forbids nothing but makes that the
# last resort: a statement that still does it has no index that fits. An index
# that is read from end to end is as bad; so each scan of a table that grows
# with the history must have a condition on the flight, or be by one of the
# keys named below. How it is without that setting, and at what size, is for
# "make bench" (tests/bench/history.sh).
set -u
# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"

# Scans in plans on standard input that have no condition that narrows them.
wide_scans()
{
    awk '
    function judge() {
        if (scan != "" && (seq || cond !~ key[table]))
            print scan (cond != "" ? ", " cond : "") " in " query
        scan = ""
    }
    BEGIN {
        n = split("step job runvar step_case job_role job_need measurement " \
                  "flight_version", names, " ")
        for (i = 1; i <= n; i++)
            key[names[i]] = "flight = "
        # By what they are looked up in their other indexes.
        key["flight_version"] = "flight = |revision = "
        key["job_role"] = "flight = |host = "
        key["job"] = "flight = |job = "
    }
    /Query Text:/ { judge(); query = substr($0, index($0, "Text:") + 6, 90) }
    / on (assay\.)?[a-z_]+/ && /(Scan|Bitmap Heap)/ {
        judge()
        line = $0
        sub(/.* on (assay\.)?/, "", line)
        sub(/[ (].*/, "", line)
        if (line in key) {
            table = line
            scan = $0
            sub(/^.*-> */, "", scan)
            sub(/ *\(cost.*/, "", scan)
            seq = scan ~ /Seq Scan/
            cond = ""
        }
        next
    }
    / (Index Cond|Recheck Cond):/ { cond = cond $0; next }
    /->/ { judge() }
    END { judge() }'
}

# watch NAME COMMAND...: none of the plans of its statements is wide.
watch()
{
    watch_name=$1
    shift
    watch_from=$(($(wc -c <"$log") + 1))
    PGOPTIONS="$options" "$@" >out 2>err
    watch_status=$?
    tail -c "+$watch_from" "$log" >plans
    wide_scans <plans >wide
    sed 's/^/# /' wide
    [ "$watch_status" -le 1 ] && [ ! -s wide ] && grep -q 'Index Cond' plans
    ok "$watch_name"
}

pgfix_start
cd "$ASSAY_HOME" || exit 1
log=$ASSAY_HOME/pg/server.log
options="-c session_preload_libraries=auto_explain"
options="$options -c auto_explain.log_min_duration=0"
options="$options -c auto_explain.log_nested_statements=on"
options="$options -c enable_seqscan=off"
assay db psql -- -qX -v ON_ERROR_STOP=1 -v first=1 -v last=60 \
    -v specials=true -f "$ASSAY_TOP_SRCDIR/tests/bench/history.sql" \
    >out 2>&1 || {
    cat out
    echo 'Bail out! no history'
    exit 1
}
# What the judge of plans must see, or it sees nothing.
for what in 'select count(*) from assay.step where program = $$x$$' \
    'select count(*) from assay.step s where s.testid = $$step-1$$' \
    'select count(*) from assay.runvar where value = $$x$$' \
    'select max(job) from assay.job where arch = $$x$$'; do
    from=$(($(wc -c <"$log") + 1))
    PGOPTIONS="$options" assay db psql -- -qAtX -c "$what" >/dev/null
    tail -c "+$from" "$log" | wide_scans | grep -q Scan
    ok "it is noticed: $what"
done

watch 'a verdict' assay verdict 10000024
[ "$(grep -c 'decide_\|Query Text' plans)" -ge 10 ]
ok 'all of its statements were seen'
watch 'a verdict against a given version' \
    assay verdict 10000024 --that xen=that
for format in text html json mail junit tap kcidb; do
    watch "a report as $format" assay report 10000024 --format "$format"
done
watch 'an export of two flights' \
    assay history export file 10000024 10000001
sed -e 's/"assay":"history"/&/' -e 's/"origin":"[^"]*"/"origin":"other"/' file \
    >import
watch 'an import, and what is noted at the end of a flight' \
    assay history import import

tap_end
