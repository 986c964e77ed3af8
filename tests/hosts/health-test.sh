#!/bin/sh
# When a host is taken out of use: by people, by power that does not obey, by
# jobs that break on it; and when it is not.
set -u

# shellcheck source=tests/pgfix.sh
. "${ASSAY_TOP_SRCDIR:?}/tests/pgfix.sh"
pgfix_start
state() { sql "select state from assay.host where host = '$1'"; }

sql "insert into assay.host (host, arch, firmware, class, config, source)
     select name, 'amd64', 'bios', class,
            '{\"power\": {\"driver\": \"command\", \"on\": [\"false\"],
              \"off\": [\"false\"], \"status\": [\"echo\", \"off\"]}}', 'test'
     from (values ('a1', 'a'), ('a2', 'a'), ('a3', 'a'), ('b1', 'b'))
          as v (name, class);
     insert into assay.candidate (name, source)
     values ('one', 't'), ('two', 't'), ('wild', 't');
     insert into assay.flight (branch, blessing, intended, outcome, harness,
                               source)
     values ('x', 'running', 'real', 'running', 'h', 's')"

# HOST CANDIDATE STATUS LANE: a job with one host, later than all before.
job=0
ran() {
    job=$((job + 1))
    lane=null
    [ "$4" = - ] || lane="'$4'"
    sql "insert into assay.job (flight, job, recipe, status, lane, arch,
                                candidate, started_at, finished_at)
         values (1, 'j$job', 'r', '$3', $lane, 'amd64',
                 (select candidate from assay.candidate where name = '$2'),
                 clock_timestamp(), clock_timestamp());
         insert into assay.job_role (flight, job, role, position, arch, host)
         values (1, 'j$job', 'host', 0, 'amd64', '$1')"
}
judge() { assay host judge | tr '\n' ' ' | sed 's/ $//'; }

# People ----------------------------------------------------------------------
assay host quarantine a3 --as maintenance --why 'new fan'
is 'a person says so' "$(state a3)" maintenance
is 'it is written down' "$(assay host health a3 --json |
    jq -r '.[0] | .was + " " + .state + " " + .why')" \
    'good maintenance new fan'
is 'the list says why' "$(assay host list | grep '^a3 ' | tr -s ' ' |
    cut -d' ' -f 5-)" "maintenance - $(id -un): new fan"
assay host release a3 --why 'fan is new' >/dev/null
is 'and back' "$(assay host health a3 | wc -l)" 3
is 'the last of its class is named' \
    "$(assay host quarantine b1 --why test 2>&1)" \
    'assay: no good host of the class of b1 is left'
assay host release b1 >/dev/null
assay host release b1 2>/dev/null
is 'what is good is not released' "$?" 1
assay host quarantine b1 2>/dev/null
is 'a reason is wanted' "$?" 2
assay host quarantine nowhere --why x 2>/dev/null
is 'no such host' "$?" 2
assay host quarantine a1 --as fine --why x 2>/dev/null
is 'no such state' "$?" 2
is 'no such host has no history' "$(assay host health a9 2>&1)" \
    "assay: there is no host 'a9'
hint: there are: a1, a2, a3, b1"
is "nobody's word is taken of power that a program switches" \
    "$(assay host power a1 confirm on 2>&1)" \
    'assay: the power of a1 is driven by command: there is nothing to confirm
hint: assay host power a1 on'
is 'no log of a console yet' "$(assay host console-log a1 2>&1)" \
    "assay: there is no console log of 'a1'
hint: it begins when assay-console first serves the host: assay host list, \
assay host console-status"

# Jobs that break -------------------------------------------------------------
ran a2 one pass -
ran a2 two pass -
ran a1 one broken host
is 'one broken job is no rule' "$(judge)" ''
ran a1 one broken host
is 'two with one candidate: it may be the candidate' "$(judge)" ''
ran a1 wild broken host
is 'a candidate that passed nowhere proves nothing' "$(judge)" ''
ran a1 two broken product
is "the product's fault ends the row" "$(judge)" ''
ran a1 one broken host
ran a1 two fail product
ran a1 two broken unknown
is 'a job that ran to its end between them, too' "$(judge)" ''
ran a1 one broken host
is 'two in a row with two candidates' "$(judge)" \
    'a1: 2 jobs in a row broke: it is bad now'
is 'it is bad' "$(state a1)" bad
is 'and not judged again' "$(judge)" ''
assay host release a1 --why mended >/dev/null
is 'what was before it was mended is forgotten' "$(judge)" ''
ran b1 one broken host
ran b1 two broken host
is 'the last of its class is spared, and named' "$(judge)" \
    'b1: 2 jobs in a row broke: it stays in use, the last good one of class b'
is 'it is good' "$(state b1)" good
judge >/dev/null
is 'that is written down once' "$(sql "select count(*) from assay.host_health
    where host = 'b1' and who = 'assay'")" 1
ran a1 one broken host
ran a1 two broken host
sql "insert into assay.step (flight, job, step, program, testid, status,
                             exit_code, finished_at, harness)
     values (1, 'j$job', 1, 'p', 't', 'pass', 0, now(), 'h')" ||
    echo '# no step'
judge >/dev/null
is 'a job of which a step passed did not break whole' "$(state a1)" good

# Power -----------------------------------------------------------------------
assay power a2 on >/dev/null 2>&1
is 'power that does not obey' "$?" 75
is 'takes the host out of use at once' "$(state a2)" bad
is 'and says why' "$(assay host health a2 --json | jq -r '.[0].why' |
    cut -d : -f 1)" 'a2 cannot be switched on'
assay host release a2 --why mended >/dev/null
assay host check a2 >/dev/null 2>&1
is 'so it does in a check of the host' "$(state a2)" bad
assay host quarantine a2 --as retired --why old 2>/dev/null
assay power a2 off >/dev/null 2>&1
is 'but changes nothing for one that is not in use' "$(state a2)" retired
sql "update assay.host set config = '{\"power\": {\"driver\": \"lever\"}}'
     where host = 'a3'"
assay power a3 on >/dev/null 2>&1
is "a mistake in the host's file is not the host's fault" "$(state a3)" good

tap_end
