/* hosts/dhcp_conf.h - dnsmasq's configuration for netbooting a site's hosts, as
 * text. No I/O.
 *
 * What a machine gets follows from what it is (option 93; where it is absent,
 * the vendor class that says the same), not from what the host file says of
 * it: firmware may be switched. As a proxy, dnsmasq answers no client without
 * option 93, so there it is added: dhcp_arch.h. */
#ifndef HOSTS_DHCP_CONF_H
#define HOSTS_DHCP_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct buf;

struct dhcp_host {
    const char *name, *mac;
    const char *address;        /* "" when another server gives it */
    const char *netboot;        /* driver: "ipxe", "grub" */
};

struct dhcp_plan {
    bool proxy;                 /* beside a server that gives addresses */
    const char *interface;
    const char *address, *mask; /* ours on it */
    int http_port;              /* of assay-web */
    const char *tftp;           /* the loaders' directory */
    const char *user;           /* dnsmasq's; NULL: the caller's */
    const struct dhcp_host *hosts;
    size_t host_count;
};

/* A host's own loader, which comes with the candidate that is armed for it: in
 * a directory of its name by TFTP, or "/loader/NAME?mac=M" by HTTP. */
#define DHCP_HOST_LOADER "grub.efi"

/* Loaders of Debian's package ipxe that belong into the TFTP directory. */
extern const char *const dhcp_loaders[];        /* NULL-ended */

void dhcp_conf(const struct dhcp_plan *plan, struct buf *out);

#endif
