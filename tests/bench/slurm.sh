#!/bin/sh
# tests/bench/slurm.sh - a full plan beside a full cycle of Slurm's backfill:
# 4,000 waiting jobs, 10 per cent of them pairs, 24 requirements, 200 hosts.
#
# Slurm's controller runs alone, in a private directory and a network namespace
# of its own, with hosts that are clouds: nobody has to be there. Its cycle is
# what sdiag says of the last one, with the limits of its length and depth
# lifted, for Slurm stops early by default. Debian's packages slurmctld and
# slurm-client are needed; without them there is nothing to compare with.
#
# Variables: JOBS (4000), HOSTS (200).
set -eu
jobs=${JOBS:-4000}
hosts=${HOSTS:-200}
top=${ASSAY_TOP_BUILDDIR:-$PWD}

for program in slurmctld sbatch sdiag unshare; do
    if ! command -v $program >/dev/null; then
        echo "slurm: $program is not installed (Debian's slurmctld," \
            "slurm-client): nothing to compare with"
        exit 0
    fi
done
if [ "${1:-}" != inside ]; then
    if [ "$(id -u)" -ne 0 ]; then
        echo 'slurm: only root can start slurmctld (it calls setgroups)'
        exit 0
    fi
    exec unshare --net "$0" inside
fi
# Names are resolved only where there is an address that is not 127.0.0.1.
ip link set lo up
ip address add 10.255.0.1/32 dev lo
tmp=$(mktemp -d "${TMPDIR:-/tmp}/assay-bench.XXXXXX")
ctld=
finish() {
    trap - EXIT
    [ -z "$ctld" ] || { kill "$ctld"; wait "$ctld" || true; } 2>/dev/null
    rm -rf "$tmp"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP
row() { printf '%-52s %10s %s\n' "$1" "$2" "$3"; }

limits=defer,bf_interval=5,bf_continue,bf_max_job_test=1000000
limits=$limits,bf_max_time=3600,bf_window=100000,bf_resolution=60
limits=$limits,bf_node_space_size=2000000,bf_yield_interval=100000000
export SLURM_CONF="$tmp/slurm.conf"
mkdir "$tmp/state"
{
    cat <<END
ClusterName=bench
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=root
SlurmctldPort=16817
AuthType=auth/none
CredType=cred/none
StateSaveLocation=$tmp/state
SlurmctldPidFile=$tmp/slurmctld.pid
SlurmctldLogFile=$tmp/slurmctld.log
SlurmdSpoolDir=$tmp/spool
ProctrackType=proctrack/pgid
SwitchType=switch/none
TaskPlugin=task/none
MpiDefault=none
SelectType=select/linear
SchedulerType=sched/backfill
SchedulerParameters=$limits
SuspendProgram=/bin/true
ResumeProgram=/bin/true
SuspendTime=60000
ResumeTimeout=65000
MaxJobCount=200000
PriorityType=priority/basic
END
    awk -v hosts="$hosts" 'BEGIN {
        srand(1)
        for (s = 0; s < 24; s++)
            odds[s] = s == 0 ? 8 : 1 + int(rand() * 8)
        for (h = 1; h <= hosts; h++) {
            f = "class" int(rand() * 8)
            for (s = 0; s < 24; s++)
                if (rand() * 8 < odds[s])
                    f = f ",p" s
            print "NodeName=n" h " CPUs=1 State=CLOUD Feature=" f
        }
    }'
    echo 'PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE' \
        'State=UP OverSubscribe=EXCLUSIVE'
} >"$SLURM_CONF"
slurmctld -D -c >"$tmp/out" 2>&1 &
ctld=$!
left=10
until timeout 2 sdiag >/dev/null 2>&1; do
    left=$((left - 1))
    if [ "$left" -eq 0 ]; then
        tail -n 5 "$tmp/out" "$tmp/slurmctld.log" >&2
        exit 1
    fi
    sleep 0.2
done

# As many again run as there are hosts.
printf '#!/bin/sh\nsleep 1\n' >"$tmp/job"
awk -v jobs=$((jobs + hosts)) 'BEGIN {
    srand(2)
    for (j = 0; j < jobs; j++) {
        pair = rand() < 0.1
        print (pair ? 2 : 1), 5 + int(rand() * 120), "p" int(rand() * 24)
    }
}' | while read -r nodes minutes property; do
    classes=$property
    if [ "$nodes" -eq 2 ]; then
        classes='[class0|class1|class2|class3|class4|class5|class6|class7]'
        classes="$classes&$property"
    fi
    sbatch -Q -N "$nodes" -t "$minutes" -C "$classes" -o /dev/null \
        "$tmp/job" >/dev/null
done
# One more cycle that has seen all who wait.
value() {
    timeout 10 sdiag | sed -n "s/^[[:space:]]*$1:[[:space:]]*\([0-9]*\).*/\1/p"
}
depth=0
left=120
while [ "$depth" -lt $((jobs * 9 / 10)) ] && [ "$left" -gt 0 ]; do
    left=$((left - 1))
    sleep 5
    depth=$(value 'Last depth cycle (try sched)')
done
theirs=$(timeout 10 sdiag | awk '/^Backfilling/ { seen = 1 }
    seen && /Last cycle:/ { printf "%.1f", $3 / 1000 }')
ours=$("$top/tests/bench/plan" "$hosts" "$jobs" | cut -d' ' -f1)
row "plan: $jobs jobs, $hosts hosts" "$ours" ms
row "a cycle of Slurm's backfill over $depth jobs" "$theirs" ms
row 'of that' "$(echo "$ours $theirs" | awk '{ printf "%.4f", $1 / $2 }')" x
echo "machine: $(nproc) processors, load$(uptime | sed 's/.*average//')"
