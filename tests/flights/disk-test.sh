#!/bin/sh
# tests/flights/disk-test.sh - a controller whose disk is full: what runs is
# broken, what waits goes on waiting and says for what, and all goes on by
# itself when there is room. The disk is a small one of this test's own.
set -u
# shellcheck source=tests/flights/sim.sh
. "$ASSAY_TOP_SRCDIR/tests/flights/sim.sh"
[ "$(id -u)" -eq 0 ] || skip_all 'only root can mount a disk'
if [ -z "${DISK_TEST_MOUNTS:-}" ]; then
    DISK_TEST_MOUNTS=1 exec unshare --mount "$0" "$@"
fi

pgfix_start
pgfix_at_end 'assay service stop >/dev/null 2>&1; umount "$ASSAY_HOME/flights"'
mkdir -p "$ASSAY_HOME/flights"
mount -t tmpfs -o size=96m flights "$ASSAY_HOME/flights"
ok 'a disk of its own'
add_hosts sim a
start_assayd
ok 'assayd serves'

job one quick a | flight one
f=$(assay flight create "$ASSAY_HOME/one.yaml")
head -c 48m /dev/zero >"$ASSAY_HOME/flights/filler"
assay flight run "$f" >"$ASSAY_HOME/out" 2>&1 &
cli=$!
await 20 waits_for "$f" one "room on the controller's disk"
ok 'a job waits for room'
grep -q 'no job is started: [0-9]* MiB are free' "$ASSAY_HOME/assayd.log"
ok 'and the log says how much there is'
is 'it was not run' "$(status_of "$f" one)" queued
rm "$ASSAY_HOME/flights/filler"
await 20 status_is "$f" one pass
ok 'with room, it is'
wait "$cli"
ok 'and the flight passes'

tap_end
