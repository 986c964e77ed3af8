/* hosts/dhcp_arch.h - a netbooting machine's architecture by its vendor class.
 *
 * RFC 4578 has a machine say what it is in option 93; some only say it in
 * their vendor class, "PXEClient:Arch:00007:...". dnsmasq can go by that when
 * it gives addresses, but as a proxy it does not answer without the option. So
 * beside it we hear what machines ask on its wire, and ask again for those, the
 * same and with the option. */
#ifndef HOSTS_DHCP_ARCH_H
#define HOSTS_DHCP_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct fault;

/* 'packet' is IPv4 from the wire, in a place of 'room' bytes. True: it was such
 * a machine's question, and is now one with the option, addressed to 'to'.
 * False: it is anything else, and untouched. No I/O. */
bool dhcp_arch_add(uint8_t *packet, size_t *bytes, size_t room,
                   const uint8_t to[static 4]);

struct dhcp_arch {
    int wire, out;              /* -1: closed; poll() 'wire' for POLLIN */
    uint8_t to[4];
};
#define DHCP_ARCH_INIT { -1, -1, { 0 } }

/* For the dnsmasq at our 'address' on 'interface'. FAULT_SYSTEM, with a hint
 * when the right (CAP_NET_RAW) is missing. */
MUST_CHECK bool dhcp_arch_open(struct dhcp_arch *arch, const char *interface,
                               const char *address, struct fault *why);
/* One packet, if there is one; a question that cannot be passed on is logged,
 * since its machine asks again. */
void dhcp_arch_take(struct dhcp_arch *arch);
void dhcp_arch_close(struct dhcp_arch *arch);

#endif
