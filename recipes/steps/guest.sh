# shellcheck shell=sh
# Guests on a host, driven through xl. The guest's own console is the proof of
# everything: it counts (tick N), sums its memory (sum=SHA) and says the largest
# hole that it saw in time (gap_ms=N). xenconsoled keeps one file per name; a guest that
# migrates is called NAME--incoming until it has arrived.

# For what waits on the host: up sets 'now' to the seconds since its boot. Under
# emulation a look costs more than the pause after it, so looks do not count time.
guest_clock='up() { read -r now _ </proc/uptime; now=${now%.*}; }
'

guest_name() { echo "guest-$1"; }

# guest_create ROLE NAME TYPE MEMORY_MB EXTRA_CMDLINE [XL_CONFIG_LINE...]
guest_create() {
    gc_role=$1 gc_name=$2 gc_type=$3 gc_mb=$4 gc_extra=$5
    shift 5
    gc_lines=$(printf '%s\n' "$@")
    on "$gc_role" '
        mkdir -p /etc/xen
        cat >"/etc/xen/$1.cfg" <<EOF
name = "$1"
type = "$2"
memory = $3
maxmem = $3
vcpus = 1
kernel = "/var/lib/assay/guest-kernel"
ramdisk = "/var/lib/assay/guest-initrd"
extra = "console=hvc0 quiet assay.name=$1 $4"
on_poweroff = "destroy"
on_reboot = "destroy"
on_crash = "preserve"
$5
EOF
        rm -f /var/log/xen/console/guest-"$1".log /var/log/xen/console/guest-"$1"--incoming.log
        xl create "/etc/xen/$1.cfg"' \
        "$gc_name" "$gc_type" "$gc_mb" "$gc_extra" "$gc_lines"
}

# guest_put_images ROLE: the candidate's guest kernel and initrd, once a boot.
guest_put_images() {
    on "$1" '
        cd /var/lib/assay
        for part in guest-kernel guest-initrd; do
            [ -s "$part" ] || assay-fetch "$part" "$part" || exit 1
        done' || broken "$1 could not fetch the guest's images"
}

# guest_log ROLE NAME: everything that the guest said on this host. Never at the
# head of a pipe, which would hide that the host was lost.
guest_log() {
    on "$1" 'cat /var/log/xen/console/guest-"$1".log /var/log/xen/console/guest-"$1"--incoming.log 2>/dev/null || :' \
        "$2" >guest-console.raw
    tr -d '\r' <guest-console.raw
}

# guest_wait ROLE NAME PATTERN SECONDS: until the guest says it; 1 if it dies
# or never does.
guest_wait() {
    on "$1" "$guest_clock"'
        up; end=$((now + $3))
        while [ "$now" -lt "$end" ]; do
            cat /var/log/xen/console/guest-"$1".log \
                /var/log/xen/console/guest-"$1"--incoming.log 2>/dev/null |
                grep -qE "$2" && exit 0
            xl domid "$1" >/dev/null 2>&1 || { echo "domain $1 is gone"; exit 1; }
            sleep 0.2
            up
        done
        echo "guest $1 did not say $2 in $3 s"
        exit 1' "$2" "$3" "$4"
}

# guest_tick ROLE NAME: the last complete tick number, 0 if none.
guest_tick() {
    guest_log "$1" "$2" >guest-tick.log
    awk '$1 == "tick" && NF >= 3 {n = $2} END {print n + 0}' guest-tick.log
}

# guest_wait_tick ROLE NAME ABOVE SECONDS: until it counts past ABOVE.
guest_wait_tick() {
    on "$1" "$guest_clock"'
        up; end=$((now + $3))
        while [ "$now" -lt "$end" ]; do
            t=$(cat /var/log/xen/console/guest-"$1".log \
                    /var/log/xen/console/guest-"$1"--incoming.log 2>/dev/null |
                awk "\$1 == \"tick\" && \$2 > m {m = \$2} END {print m + 0}")
            [ "$t" -gt "$2" ] && exit 0
            sleep 0.2
            up
        done
        echo "guest $1 did not count past $2 in $3 s: it stands at ${t:-0}"
        exit 1' "$2" "$3" "$4"
}

# guest_state_intact FILE...: the ticks are 1, 2, 3... without a hole or a
# restart, and the memory sum never changed. Prints what is wrong.
guest_state_intact() {
    cat "$@" | awk '
        $1 == "tick" {
            if ($2 !~ /^[0-9]+$/) next
            seen[$2 + 0]++
            if ($2 + 0 > max) max = $2 + 0
            for (i = 3; i <= NF; i++)
                if ($i ~ /^sum=/) { sums[substr($i, 5)] = $2; nsum++ }
        }
        END {
            if (!max) { print "no tick at all"; exit 1 }
            for (i = 1; i <= max; i++) if (!seen[i]) { print "tick " i " is missing"; bad = 1 }
            for (s in sums) kinds++
            if (nsum == 0) { print "no memory sum"; bad = 1 }
            if (kinds > 1) { print "the memory sum changed"; bad = 1 }
            exit bad
        }'
}

# guest_gone ROLE NAME: waits until it is gone; 1 if it stays.
guest_gone() {
    on "$1" "$guest_clock"'
        up; end=$((now + 30))
        while xl domid "$1" >/dev/null 2>&1; do
            [ "$now" -lt "$end" ] || exit 1
            sleep 0.2
            up
        done' "$2"
}
