/* hosts/lab_net.c - see lab_net.h. */
#include <config.h>

#include "hosts/lab_net.h"

#include "harness/buf.h"
#include "hosts/host_yaml.h"
#include "hosts/lab_ns.h"

/* The bridge would otherwise take the lowest address of its ports, and change
 * it under the hosts. */
#define BRIDGE_MAC "52:54:00:aa:00:01"
#define BRIDGE_ADDRESS6 "fd77::1/64"

void
lab_net_tap(const struct host_file *file, char name[static LAB_TAP_BYTES])
{
    const char *address = host_yaml_property(file, "address");
    const char *dot = strrchr(address, '.');

    (void)snprintf(name, LAB_TAP_BYTES, "tap-%s",
                   dot == NULL ? address : dot + 1);
}

void
lab_net_links(const struct host_file *const *files, size_t count, uid_t uid,
              struct buf *out)
{
    char tap[LAB_TAP_BYTES];

    buf_adds(out, "link set lo up\n");
    buf_adds(out, "link add " LAB_BRIDGE " address " BRIDGE_MAC " type bridge "
             "stp_state 0 forward_delay 0 mcast_snooping 0\n");
    buf_addf(out, "addr add %s/%d dev " LAB_BRIDGE "\n", LAB_ADDRESS,
             LAB_PREFIX_BITS);
    buf_adds(out, "link set " LAB_BRIDGE " up\n");
    for (size_t i = 0; i < count; i++) {
        lab_net_tap(files[i], tap);
        buf_addf(out, "tuntap add dev %s mode tap user %u\n", tap,
                 (unsigned)uid);
        buf_addf(out, "link set %s master " LAB_BRIDGE " up\n", tap);
    }
}

void
lab_net_links6(struct buf *out)
{
    buf_adds(out, "addr add " BRIDGE_ADDRESS6 " dev " LAB_BRIDGE " nodad\n");
}

static void
host_lines(const struct host_file *file, struct buf *out)
{
    const char *mac = host_yaml_property(file, "mac"), *loader;

    buf_addf(out, "\ndhcp-host=%s,set:%s,%s,%s\n", mac, file->host,
             host_yaml_property(file, "address"), file->host);
    if (strcmp(file->netboot.driver, "grub") == 0) {
        buf_addf(out, "dhcp-boot=tag:%s,%s/grub.efi\n", file->host,
                 file->host);
        return;
    }
    /* The firmware's PXE gets iPXE; iPXE, or a card whose ROM is iPXE, gets
     * the script. */
    loader = strcmp(file->firmware, "uefi") == 0 ? "snponly.efi"
                                                 : "undionly.kpxe";
    buf_addf(out, "dhcp-boot=tag:%s,tag:!ipxe,%s\n", file->host, loader);
    buf_addf(out, "dhcp-boot=tag:%s,tag:ipxe,http://%s:%d/ipxe?mac=%s\n",
             file->host, LAB_ADDRESS, LAB_HTTP_PORT, mac);
}

void
lab_net_dnsmasq(const struct host_file *const *files, size_t count,
                const char *tftp, const char *log, struct buf *out)
{
    buf_addf(out,
        "# Written by \"assay lab up\".\n"
        "port=0\n"
        "interface=" LAB_BRIDGE "\n"
        "bind-interfaces\n"
        "log-facility=%s\n"
        "dhcp-authoritative\n"
        "leasefile-ro\n"
        "dhcp-range=%s,static,255.255.255.0,12h\n"
        "dhcp-option=3\n"
        "dhcp-option=6\n"
        "enable-tftp=" LAB_BRIDGE "\n"
        "tftp-root=%s\n"
        "# Seconds that would pass before each boot: the address is fixed, so\n"
        "# nobody need be asked whether it is free (1 s); no other server\n"
        "# will answer iPXE (2 s); and iPXE waits 15 s for an IPv6 router.\n"
        "no-ping\n"
        "dhcp-userclass=set:ipxe,iPXE\n"
        "dhcp-option=tag:ipxe,encap:175,176,1b\n"
        "enable-ra\n"
        "dhcp-range=fd77::,ra-only\n"
        "ra-param=" LAB_BRIDGE ",mtu:off,60,0\n",
        log, LAB_ADDRESS, tftp);
    for (size_t i = 0; i < count; i++)
        host_lines(files[i], out);
}
