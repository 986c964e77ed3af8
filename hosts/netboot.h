/* hosts/netboot.h - how a host's firmware gets at Xen: one table row a loader.
 *
 * What a boot serves is in its spec (struct boot, hosts/boot_db.h), a JSON
 * object that says everything by itself:
 *   arch, firmware, netboot   as in the host file
 *   xen, kernel, initrd       sha256 of the artefacts
 *   layers, overlay           what is appended to the initrd: an array of
 *                             sha256, and the sha256 of this boot's own part
 *   xen_cmdline, dom0_cmdline
 *   extra                     object: name -> sha256
 *   confirm                   "console": it is up when it says the nonce there
 *   check                     true: only the script is wanted; it says so and
 *                             starts nothing
 * Served as BASE/b/NONCE/NAME: netboot_parts() says of what, netboot_file()
 * makes the rest. */
#ifndef HOSTS_NETBOOT_H
#define HOSTS_NETBOOT_H

#include <stdbool.h>
#include <jansson.h>
#include "harness/attr.h"

struct buf;
struct fault;

/* Every loader prints this on the console when it gives up. */
#define NETBOOT_FAILED "assay-netboot: failed"

struct netboot_driver {
    const char *name;           /* of the key "driver", and spec "netboot" */
    const char *firmware;       /* the only one it is for, or NULL */
    const char *loader;         /* candidate part served by TFTP, or NULL */
    /* What the loader asks for when it starts ("ipxe": GET /ipxe?mac=..). */
    void (*script)(const json_t *spec, const char *nonce, const char *base,
                   struct buf *out);
    /* Nothing is armed: prints 'text' and ends. */
    void (*refusal)(const char *text, struct buf *out);
    /* A file made from the spec ("xen.cfg"); false when there is none of
     * that name. */
    bool (*file)(const json_t *spec, const char *name, struct buf *out);
};

/* FAULT_CONFIG, naming the drivers that there are. */
MUST_CHECK const struct netboot_driver *
netboot_find(const char *name, struct fault *why);
const struct netboot_driver *netboot_at(size_t i);      /* NULL past the end */

/* Whether 'spec' is whole and its command lines can be written for the
 * loader: printable ASCII without quotes, '$', '\\', ';', '&', '|', '<',
 * '>', '#', '{' and '}'. FAULT_DATA otherwise. */
MUST_CHECK bool netboot_check_spec(const json_t *spec, struct fault *why);

/* The script of the boot 'nonce', appended. 'base' is the URL that the host
 * sees, "http://10.77.0.1:8077". FAULT_DATA for a bad spec. */
MUST_CHECK bool netboot_script(const json_t *spec, const char *nonce,
                               const char *base, struct buf *out,
                               struct fault *why);
/* The artefacts whose bytes, one after the other, are the file 'name' (xen,
 * kernel, initrd, a name of 'extra'): an array of texts, empty when there is
 * no such file. The caller owns it. */
MUST_CHECK json_t *netboot_parts(const json_t *spec, const char *name);
/* True with *found_out false when the loader has no such file. */
MUST_CHECK bool netboot_file(const json_t *spec, const char *name,
                             bool *found_out, struct buf *out,
                             struct fault *why);

#endif
