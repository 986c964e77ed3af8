/* hosts/provision.h - how what a host runs gets onto it: one row a driver.
 *
 * ramboot: dom0 lives in memory, in the initrd and what is appended to it.
 * This boot's own part ("overlay") carries what only this boot may know. */
#ifndef HOSTS_PROVISION_H
#define HOSTS_PROVISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct buf;
struct fault;

struct provision_boot {
    const char *nonce, *host;
    const char *address;        /* "10.77.0.11/24", "" when by DHCP */
    const char *gateway;        /* "" for none */
    const char *mac;            /* of the card to use */
    const char *base;           /* URL that the host sees, without '/' */
    const char *authorized_key; /* one line: who may log in as root */
};

/* A file that goes into a layer of the initrd. */
struct provision_file {
    const char *path;           /* in the host, without the first '/' */
    const char *from;           /* a file here; or */
    const char *text;
    unsigned mode;              /* permission bits */
};

struct provision_driver {
    const char *name;           /* of the key "driver" */
    /* This boot's own archive, appended; starts where 'at' bytes of initrd
     * come before it. The same input gives the same bytes. */
    bool (*overlay)(const struct provision_boot *boot, int64_t at,
                    struct buf *out, struct fault *why);
};

/* FAULT_CONFIG, naming the drivers that there are. */
MUST_CHECK const struct provision_driver *
provision_find(const char *name, struct fault *why);
const struct provision_driver *provision_at(size_t i);  /* NULL past the end */

/* An archive (cpio "newc") of files in the order given, with the directories
 * above them, appended; zero bytes before it align it in an initrd that has
 * 'at' bytes already. Owner root, times zero: reproducible. */
MUST_CHECK bool provision_archive(const struct provision_file *files,
                                  size_t count, int64_t at, struct buf *out,
                                  struct fault *why);

#endif
