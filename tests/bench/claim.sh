#!/bin/sh
# tests/bench/claim.sh - the private cluster's starts, the first query, and
# claims of hosts a second (task begun, host allocated, task ended), with the
# disk waited for. Beside it the same rows written by pgbench, which chooses
# nothing, locks nothing and knows nobody who may have died.
#
# Variable: CLAIMS (500) per process.
set -eu

claims=${CLAIMS:-500}
top=${ASSAY_TOP_BUILDDIR:-$PWD}
unset ASSAY_DB
ASSAY_HOME=$(mktemp -d "${TMPDIR:-/tmp}/assay-bench.XXXXXX")
ASSAY_LOG=warn
export ASSAY_HOME ASSAY_LOG
chmod 711 "$ASSAY_HOME"
trap 'assay db stop >/dev/null; rm -rf "$ASSAY_HOME"' EXIT
trap 'exit 1' INT TERM HUP

ms() { # COMMAND...
    began=$(date +%s%N)
    "$@" >/dev/null
    echo $((($(date +%s%N) - began) / 1000000))
}
row() { printf '%-44s %8s %s\n' "$1" "$2" "$3"; }

row 'cluster made, started, schema applied' "$(ms assay db migrate)" ms
row 'query by a new process' "$(ms assay db status)" ms
assay db stop >/dev/null
row 'cluster started' "$(ms assay db migrate)" ms

assay db psql -- -qXc "insert into assay.host (host, arch, firmware, class,
    config, source) select 'bench-' || n, 'amd64', 'bios', 'c', '{}', 'bench'
    from generate_series(0, 35) n"
for processes in 1 2 8; do
    ours=$("$top/tests/bench/claim" "$processes" "$claims")
    row "claims, $processes processes" "$ours" /s
done

bindir=$(dirname "$(readlink "/proc/$(assay db status --json |
    sed -n 's/^  "pid": \([0-9]*\),*$/\1/p')/exe")")
if [ -x "$bindir/pgbench" ]; then
    cat >"$ASSAY_HOME/rows.sql" <<'END'
insert into assay.task (kind, refkey, harness, node, node_key, pid, pid_start,
    backend) values ('job', 'rival-' || :client_id, 'h', 'n', 'k', 1, 1, 1)
    returning task \gset
insert into assay.allocation (host, task, role)
    values ('bench-' || :client_id, :task, 'host');
begin;
update assay.allocation set ended_at = clock_timestamp() where task = :task
    and ended_at is null;
update assay.task set ended_at = clock_timestamp() where task = :task;
commit;
END
    for processes in 1 2 8; do
        theirs=$("$bindir/pgbench" -n -h "$ASSAY_HOME/pg" -U assay \
            -c "$processes" -t "$claims" -f "$ASSAY_HOME/rows.sql" \
            assay 2>/dev/null | sed -n 's/^tps = \([0-9]*\).*/\1/p')
        row "the same rows by pgbench, $processes clients" "$theirs" /s
    done
    row 'of that, by 8 processes' "$(echo "$ours $theirs" |
        awk '{ printf "%.2f", $1 / ($2 > 0 ? $2 : 1) }')" 'x (0.8)'
fi
echo "machine: $(nproc) processors, load$(uptime | sed 's/.*average//')"
