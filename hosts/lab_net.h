/* hosts/lab_net.h - what the lab's wire is made of, as text: the orders to
 * ip(8) and dnsmasq's configuration. No I/O. */
#ifndef HOSTS_LAB_NET_H
#define HOSTS_LAB_NET_H

#include <stddef.h>
#include <sys/types.h>
#include "harness/attr.h"

struct buf;
struct host_file;

#define LAB_TAP_BYTES 16        /* IFNAMSIZ */
/* Name of the host's tap, from the last number of its address. */
void lab_net_tap(const struct host_file *file, char name[static LAB_TAP_BYTES]);

/* A batch for ip(8): the bridge, and a tap of user 'uid' for each host. */
void lab_net_links(const struct host_file *const *files, size_t count,
                   uid_t uid, struct buf *out);
/* The same for IPv6, which a kernel may lack. */
void lab_net_links6(struct buf *out);
/* DHCP with fixed leases, TFTP from 'tftp', log to 'log'. */
void lab_net_dnsmasq(const struct host_file *const *files, size_t count,
                     const char *tftp, const char *log, struct buf *out);

#endif
