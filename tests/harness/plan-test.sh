#!/bin/sh
# assay plan, why, what-if; leases and blockages: on a database with two kinds
# of hosts and two flights.
set -u
# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"

pgfix_start
sql "
insert into assay.host (host, arch, firmware, class, state, config, source)
    values ('x1', 'amd64', 'bios', 'x', 'good', '{}', 't'),
    ('x2', 'amd64', 'bios', 'x', 'good', '{}', 't'),
    ('x3', 'amd64', 'bios', 'y', 'bad', '{}', 't'),
    ('a1', 'arm64', 'uefi', 'a', 'good', '{}', 't');
insert into assay.host_flag values ('x2', 'hap');
insert into assay.flight (branch, blessing, intended, harness, priority)
    values ('b', 'real', 'real', 'h', 0), ('b', 'running', 'real', 'h', 0),
    ('b', 'running', 'real', 'h', -1);
insert into assay.job (flight, job, recipe, arch, harness)
    values (1, 'pair', 'migrate', 'amd64', 'h'),
    (3, 'hap', 'smoke', 'amd64', 'h'), (2, 'arm', 'smoke', 'arm64', 'h'),
    (2, 'after', 'smoke', 'arm64', 'h'), (2, 'lost', 'smoke', 'armhf', 'h');
insert into assay.job_role (flight, job, role, position, arch, flags,
    same_class)
    values (1, 'pair', 'src', 1, 'amd64', '{}', 1),
    (1, 'pair', 'dst', 2, 'amd64', '{}', 1),
    (3, 'hap', 'host', 1, 'amd64', '{hap}', 0),
    (2, 'arm', 'host', 1, 'arm64', '{}', 0),
    (2, 'after', 'host', 1, 'arm64', '{}', 0),
    (2, 'lost', 'host', 1, 'armhf', '{}', 0);
insert into assay.job_need values (2, 'after', 2, 'arm')" ||
    { echo 'Bail out! no lab'; exit 1; }

plan=$(assay plan)
has 'a job starts now' "$plan" 'job 3.hap   now'
has 'a pair waits for a flight above its own' "$plan" 'job 1.pair  later'
has 'it needs both' "$plan" 'x1 x2'
has 'what no host fits never comes' "$plan" 'no hosts would ever do'
has 'JSON' "$(assay plan --json)" '"verdict": "later"'
page=$(assay plan --html)
has 'a chart' "$page" '<svg'
has 'with the jobs' "$page" '1.pair'
has 'and the table' "$page" 'no hosts would ever do'
has 'a page as all others' "$page" "default-src 'none'"
# shellcheck disable=SC2016 # SQL
sql 'insert into assay.host_window (host, kind, from_at, until_at, who,
    why) values ($$x1$$, $$lease$$, now(), now() + interval $$1 hour$$,
    $$<b>eve$$, $$<script>alert(1)</script>$$ || chr(27) || $$[31m$$ ||
    chr(8238) || $$ " & co$$)'
page=$(assay plan --html)
has 'what strangers wrote is text' "$page" '&lt;script&gt;alert(1)'
has 'who they say they are, too' "$page" '&lt;b&gt;eve'
! printf %s "$page" | grep -q -e '<script' -e '<b>eve' \
    -e "$(printf '\033')" -e "$(printf '\342\200\256')"
ok 'nothing of it is a tag, moves a cursor, or turns the writing round'
sql 'delete from assay.host_window'

why=$(assay plan why 1 pair)
has 'why: when' "$why" 'job 1.pair: starts about'
has 'why: whom it waits for' "$why" 'job 3.hap, which goes first'
has 'why: a host that does not fit' "$why" 'a1: arch arm64, not amd64'
has 'why: a host that is out' "$why" 'x3: its state is bad'
has 'why: what it needs' "$(assay plan why 2 after)" \
    'job 2.arm, which it needs'
has 'why: JSON' "$(assay plan why 1 pair --json)" '"job 3.hap"'
has 'why: a job that does not wait' "$(assay plan why 1 none 2>&1)" \
    'does not wait for hosts'

has 'what if there were more hosts' \
    "$(assay plan what-if --like x1 --hosts 1)" '1.pair'
has 'what if nothing' "$(assay plan what-if --like a1 --hosts 1)" \
    'nothing would change'
has 'what if a host were lent' \
    "$(assay plan what-if --lease a1 --for 3h)" '2.arm'
has 'what if what' "$(assay plan what-if 2>&1)" 'what if what?'

has 'a lease wants a reason' "$(assay host lease a1 --for 1h 2>&1)" '--why'
has 'a lease' "$(assay host lease a1 --for 2h --why bug --who eve)" \
    'a1: lease noted until'
has 'it moves the jobs' "$(assay plan why 2 arm)" 'lease of eve until'
has 'it is extended' "$(assay host lease a1 --for 4h --why b --who eve)" \
    'extended'
assay host return a1
has 'it is given back' "$(assay plan)" 'job 2.arm   now'
has 'once' "$(assay host return a1 2>&1)" 'there is no lease of a1'
has 'a blockage, later' \
    "$(assay host block x1 --in 2h --for 1h --why power)" 'blockage noted'
has 'is in the plan' "$(assay plan)" 'blockage'
assay host unblock x1
has 'of no host' "$(assay host lease zz --for 1h --why x 2>&1)" \
    "there is no host 'zz'"

# Infrastructure that failed on a host is a preference against it.
where() { # JOB
    assay plan | sed -n "s/^job 2\\.$1  *now.* \\(a[0-9]\\).*/\\1/p"
}
sql "insert into assay.host (host, arch, firmware, class,
    config, source) values ('a2', 'arm64', 'uefi', 'a', '{}', 't')"
first=$(where arm)
has 'two hosts would do' "-$first-" -a
[ "$first" = a1 ] && other=a2 || other=a1
sql "insert into assay.host_mark (host, flight, job, reason)
    values ('$first', 2, 'arm', 'no DHCP')"
has 'a host with a mark is left to others' "$(where arm)" "$other"
sql "insert into assay.host_health (host, was, state, who,
    why, last_of_class) values ('$first', 'bad', 'good', 'eve', 'mended',
    false)"
has 'until it was mended' "$(where arm)" "$first"
tap_end
