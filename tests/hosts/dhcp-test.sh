#!/bin/sh
# Netboot beside a DHCP server that is there already, and alone: which loader a
# machine gets by what its firmware says, and what its record shows. On a wire in
# a network namespace of this test.
set -u
# shellcheck source=tests/pgfix.sh
. "${ASSAY_TOP_SRCDIR:?}/tests/pgfix.sh"

if [ "${DHCP_TEST_INSIDE:-}" = "" ]; then
    DHCP_TEST_INSIDE=yes
    export DHCP_TEST_INSIDE
    PATH=$PATH:/usr/sbin:/sbin
    export PATH
    # In a user namespace there is no PostgreSQL: it does not run as root.
    unshare --net true 2>/dev/null ||
        skip_all 'only root may make a network namespace here'
    exec unshare --net "$0"
fi

listens() { grep -qi ":0043 " /proc/net/udp && grep -q -- "$1" "$2"; }

pgfix_start
client=$ASSAY_TOP_BUILDDIR/tests/hosts/dhcp-client
mac=52:54:00:aa:00:11

ip link set lo up
ip link add br0 type bridge && ip link set br0 up
for port in old ours them; do
    ip link add "$port" type veth peer name "p-$port"
    ip link set "p-$port" master br0 up
    ip link set "$port" up
done
# Both are here: what is sent to the hosts goes by ours.
ip addr add 10.9.0.1/24 dev old noprefixroute
ip addr add 10.9.0.2/24 dev ours
ip neigh add 10.9.0.50 lladdr $mac dev ours
ip neigh add 10.9.0.51 lladdr 52:54:00:aa:00:12 dev ours

cat >"$ASSAY_HOME/host.yaml" <<EOF
host: h1
arch: amd64
firmware: uefi
class: c
properties: { mac: "$mac", address: 10.9.0.50 }
power: { driver: manual }
console: { driver: unix, path: /nonexistent }
netboot: { driver: ipxe }
provision: { driver: ramboot }
EOF
cat >"$ASSAY_HOME/arm.yaml" <<EOF
host: h2
arch: arm64
firmware: uefi
class: c
properties: { mac: "52:54:00:aa:00:12", address: 10.9.0.51 }
power: { driver: manual }
console: { driver: unix, path: /nonexistent }
netboot: { driver: grub }
provision: { driver: ramboot }
EOF
assay host add "$ASSAY_HOME/host.yaml" "$ASSAY_HOME/arm.yaml" >/dev/null ||
    echo "# no hosts"

pid=
serve() {                       # MODE
    ASSAY_LOG=debug assay netboot serve ours --mode "$1" \
        >"$ASSAY_HOME/$1.out" 2>"$ASSAY_HOME/$1.err" &
    pid=$!
    pgfix_at_end "kill $pid 2>/dev/null"
    await 10 listens "DHCP for 2 hosts" "$ASSAY_HOME/$1.out" ||
        sed 's/^/# /' "$ASSAY_HOME/$1.err"
    # It has said so before dnsmasq was ready.
    await 10 grep -q 'TFTP root' "$ASSAY_HOME/$1.err"
}
stop() {
    kill -INT "$pid"
    wait "$pid"
}
asks() { "$client" them "$@" 2>&1 | tr '\n' ' ' | sed 's/ $//'; }

web=http://10.9.0.2:8077
script="offer $web/ipxe?mac=$mac"

is 'an interface that is none' "$(assay netboot conf eth7 2>&1 | head -n 1)
$(assay netboot conf eth7 2>&1 | grep -c '^hint: there are:.* ours')" \
    "assay: no interface 'eth7' with an IPv4 address
1"

# Alone -----------------------------------------------------------------------
serve full
is 'full: BIOS by option 93' \
    "$(asks $mac discover 0 PXEClient:Arch:00000:UNDI:002001)" \
    'offer undionly.kpxe'
is 'full: UEFI by option 93' \
    "$(asks $mac discover 7 PXEClient:Arch:00007:UNDI:003000)" \
    'offer snponly.efi'
is 'full: UEFI by its other number' \
    "$(asks $mac discover 9 PXEClient:Arch:00009:UNDI:003000)" \
    'offer snponly.efi'
is 'full: UEFI by vendor class' \
    "$(asks $mac discover - PXEClient:Arch:00007:UNDI:003000)" \
    'offer snponly.efi'
is 'full: BIOS by vendor class' \
    "$(asks $mac discover - PXEClient:Arch:00000:UNDI:002001)" \
    'offer undionly.kpxe'
is 'full: option 93 counts more than the vendor class' \
    "$(asks $mac discover 7 PXEClient:Arch:00000:UNDI:002001)" \
    'offer snponly.efi'
is 'full: HTTP boot gets a URL' \
    "$(asks $mac discover 16 HTTPClient:Arch:00016:UNDI:003001)" \
    "offer $web/loader/snponly.efi"
is 'full: iPXE gets its script' \
    "$(asks $mac discover 7 PXEClient:Arch:00007:UNDI:003010 iPXE)" "$script"
is 'full: arm64 gets its own loader' \
    "$(asks 52:54:00:aa:00:12 discover 11 PXEClient:Arch:00011:UNDI:003000)" \
    'offer h2/grub.efi'
is 'full: and by HTTP boot, as the option or the vendor class says' \
    "$(asks 52:54:00:aa:00:12 discover 19 HTTPClient:Arch:00019:UNDI:003001)
$(asks 52:54:00:aa:00:12 discover - HTTPClient:Arch:00019:UNDI:003001)" \
    "offer $web/loader/grub.efi?mac=52:54:00:aa:00:12
offer $web/loader/grub.efi?mac=52:54:00:aa:00:12"
is 'full: a stranger gets nothing' \
    "$(asks 52:54:00:aa:00:99 discover 7 PXEClient:Arch:00007:UNDI:003000)" ''
stop
is 'full: it ends when asked to' "$?" 130

# Beside another server -------------------------------------------------------
dnsmasq --keep-in-foreground --pid-file= --port=0 --interface=old \
    --bind-interfaces --except-interface=lo --leasefile-ro --no-ping \
    --conf-file=/dev/null --user=root --group= --log-facility=- \
    --dhcp-range=10.9.0.100,10.9.0.120,12h 2>"$ASSAY_HOME/old.err" &
pgfix_at_end "kill $! 2>/dev/null"
await 10 grep -q 'IP range' "$ASSAY_HOME/old.err"
serve proxy
is 'proxy: BIOS, an address from the one and a loader from the other' \
    "$(asks $mac discover 0 PXEClient:Arch:00000:UNDI:002001)" \
    'offer - offer undionly.kpxe'
is 'proxy: UEFI, from port 4011' \
    "$(asks $mac boot 7 PXEClient:Arch:00007:UNDI:003000)" 'boot snponly.efi'
is 'proxy: arm64, from port 4011' \
    "$(asks 52:54:00:aa:00:12 boot 11 PXEClient:Arch:00011:UNDI:003000)" \
    'boot h2/grub.efi'
is 'proxy: BIOS by vendor class' \
    "$(asks $mac discover - PXEClient:Arch:00000:UNDI:002001)" \
    'offer - offer undionly.kpxe'
is 'proxy: UEFI by vendor class, from port 4011' \
    "$(asks $mac boot - PXEClient:Arch:00007:UNDI:003000)" 'boot snponly.efi'
is 'proxy: arm64 by vendor class, from port 4011' \
    "$(asks 52:54:00:aa:00:12 boot - PXEClient:Arch:00011:UNDI:003000)" \
    'boot h2/grub.efi'
is 'proxy: HTTP boot by vendor class' \
    "$(asks $mac discover - HTTPClient:Arch:00016:UNDI:003001)" \
    "offer - offer $web/loader/snponly.efi"
is 'proxy: option 93 counts more than the vendor class' \
    "$(asks $mac boot 7 PXEClient:Arch:00000:UNDI:002001)" 'boot snponly.efi'
is 'proxy: one that does not say what it is gets no loader' \
    "$(asks $mac discover - PXEClient)" 'offer -'
is 'proxy: nor does a stranger, by vendor class' \
    "$(asks 52:54:00:aa:00:99 discover - PXEClient:Arch:00007:UNDI:003000)" \
    'offer -'
is 'proxy: HTTP boot gets a URL' \
    "$(asks $mac discover 16 HTTPClient:Arch:00016:UNDI:003001)" \
    "offer - offer $web/loader/snponly.efi"
is 'proxy: HTTP boot of arm64' \
    "$(asks 52:54:00:aa:00:12 discover 19 HTTPClient:Arch:00019:UNDI:003001)" \
    "offer - offer $web/loader/grub.efi?mac=52:54:00:aa:00:12"
is 'proxy: iPXE gets its script' \
    "$(asks $mac discover 7 PXEClient:Arch:00007:UNDI:003010 iPXE)" \
    "offer - $script"
is 'proxy: a stranger only gets an address' \
    "$(asks 52:54:00:aa:00:99 discover 7 PXEClient:Arch:00007:UNDI:003000)" \
    'offer -'
stop

# The record ------------------------------------------------------------------
shown=$(assay host show h1 | sed -n 's/^was given  [^ ]* //p')
is 'the record: the last first' "$(printf '%s\n' "$shown" | head -n 1)" \
    "$web/ipxe?mac=$mac by proxy to PXEClient:Arch:00007:UNDI:003010"
is 'the record: HTTP boot, by option and by vendor class' \
    "$(printf '%s\n' "$shown" |
    grep -c "loader/snponly.efi by proxy to HTTPClient:Arch:00016")" 2
is 'the record: as JSON' "$(assay host show h2 --json |
    jq -r '.served[1] | .way + " " + .file')" 'proxy h2/grub.efi'
page=$(assay report host h1 --format html)
is "the record: on the host's page" "$(printf '%s\n' "$page" |
    grep -o '<td>[^<]*<td class="keep">proxy<td>[^<]*' | head -n 1)" \
    "<td>$web/ipxe?mac=$mac<td class=\"keep\">proxy\
<td>PXEClient:Arch:00007:UNDI:003010"

tap_end
