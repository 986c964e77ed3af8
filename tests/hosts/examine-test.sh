#!/bin/sh
# The step that examines a host, on a machine that is a directory of this test:
# first time, no change, drift, acceptance, and answers that are of no use.
set -u

# shellcheck source=tests/pgfix.sh
. "${ASSAY_TOP_SRCDIR:?}/tests/pgfix.sh"
pgfix_start
work=$ASSAY_HOME/work
mkdir "$work" "$work/bin"

# "assay on" and the console are this machine's; all else is ours.
cat >"$work/bin/assay" <<EOF
#!/bin/sh
case "\$1 \$2" in
'on host') cat '$work/machine' ;;
'host console-log') cat '$work/serial' ;;
*) exec '$(command -v assay)' "\$@" ;;
esac
EOF
chmod +x "$work/bin/assay"
cat >"$work/serial" <<'EOF'
Some firmware says here that it is a firmware and counts its memory: 2048 MiB
Assay boot 0123456789abcdef0123456789abcdef
(XEN) Xen version 4.17
[    0.000000] Linux version 6.1.0
EOF
machine() {                     # MEMORY [end]
    printf '%s\n' 'cpu QEMU' 'xl nr_cpus : 2' "xl total_memory : $1" \
        'xl virt_caps : hvm hap' 'xl threads_per_core : 1' ${2-end} \
        >"$work/machine"
}
step() {
    (
        cd "$work" || exit 75
        PATH=$work/bin:$PATH
        ASSAY_RECIPES=$ASSAY_TOP_SRCDIR/recipes ASSAY_HOSTS='host=h1'
        export PATH ASSAY_RECIPES ASSAY_HOSTS
        "$ASSAY_TOP_SRCDIR/recipes/steps/host-examine" 3>records >log 2>&1
    )
    echo $?
}
found() {
    assay host show h1 --json | jq -r ".properties.found_$1 // \"none\""
}

cat >"$work/h1.yaml" <<'EOF'
host: h1
arch: amd64
firmware: bios
class: c
flags: [xen]
properties: { mac: "52:54:00:aa:00:11" }
power: { driver: manual }
console: { driver: unix, path: /nonexistent }
netboot: { driver: ipxe }
provision: { driver: ramboot }
EOF
assay host add "$work/h1.yaml" >/dev/null

machine 2048
is 'the first time' "$(step)" 0
is 'memory was found' "$(found memory_mb)" 2048
is 'the stages of the serial line' "$(found serial)" 'firmware loader xen dom0'
is 'flags too' "$(assay host show h1 --json | jq -r '.flags | sort | join(" ")')" \
    'hap xen'
is 'the second time' "$(step)" 0
is 'nothing is new' "$(cat "$work/differences")" ''
assay host add "$work/h1.yaml" >/dev/null
is 'loading its file again forgets nothing' "$(found memory_mb)" 2048

machine 1024
is 'half of the memory is a failure' "$(step)" 1
is 'a case of its own' "$(grep '^case' "$work/records")" \
    'case memory_mb fail was 2048, is 1024'
is "and the host's fault" "$(grep -c '^blame host h1 is not' "$work/records")" 1
is 'the record stays' "$(found memory_mb)" 2048
is 'it is said' "$(cat "$work/differences")" \
    'drift  memory_mb: was 2048, is 1024'
state() { assay host show "$1" --json | jq -r .state; }
is 'the last good one of its class stays in use' "$(state h1)" good
sed 's/h1/h2/; s/00:11/00:12/' "$work/h1.yaml" >"$work/h2.yaml"
assay host add "$work/h2.yaml" >/dev/null
is 'it drifts still' "$(step)" 1
is 'with another one it is bad' "$(state h1)" bad
is 'and it is known why' "$(assay host health h1 --json | jq -r '.[0].why')" \
    'it is not what it was: memory_mb: was 2048, is 1024'
assay host examined h1 "$work/said" --accept >/dev/null
is 'until it is accepted' "$(found memory_mb)" 1024
is 'which ends that' "$(state h1)" good
assay host quarantine h1 --why smoke
assay host examined h1 "$work/said" --accept >/dev/null
is 'and nothing else' "$(state h1)" bad
is 'then all is well' "$(step)" 0

machine 512 ''
is 'an answer that is cut off is no answer' "$(step)" 75
is 'and changes nothing' "$(found memory_mb)" 1024
assay host examine nowhere 2>/dev/null
is 'no such host' "$?" 2
is 'the flight is made for the host, and says what it lacks' \
    "$(assay host examine h1 --candidate nowhere 2>&1 | head -n 1)" \
    "assay: $ASSAY_HOME/examine/h1.yaml:4: there is no candidate 'nowhere'"
sql "insert into assay.candidate (name, source)
    values ('nowhere', 'test');
    insert into assay.artefact (sha256, bytes, kind)
    values (repeat('1', 64), 1, 'xen');
    insert into assay.candidate_part (candidate, arch, part, sha256)
    values (1, 'amd64', 'xen', repeat('1', 64))"
assay flight create "$ASSAY_HOME/examine/h1.yaml" >/dev/null 2>&1
is 'with it the flight has one job, on that host' \
    "$(sql "select recipe, preset
       from assay.job join assay.job_role using (flight, job)")" 'examine|h1'

tap_end
