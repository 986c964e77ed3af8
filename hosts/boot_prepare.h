/* hosts/boot_prepare.h - everything that a boot of one host needs before its
 * power goes on: files checked, key made, overlay stored, row armed. */
#ifndef HOSTS_BOOT_PREPARE_H
#define HOSTS_BOOT_PREPARE_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"
#include "hosts/boot_db.h"

struct db;
struct fault;
struct host;

struct boot_plan {
    const char *candidate;      /* its name */
    const char *xen_append, *dom0_append;       /* or NULL */
    int64_t flight;             /* 0: none */
    const char *job;            /* NULL: none */
    const char *dir;            /* gets ssh/HOST, and the key */
};
struct boot_armed {
    char nonce[BOOT_NONCE_BYTES];
    char *key;                  /* path of the private key */
    char *target;               /* path of ssh/HOST */
    bool by_console;            /* it says there that it is up: no network */
};

/* Checks and verifies what the candidate has for the host; no row changes. */
MUST_CHECK bool boot_prepare_check(struct db *db, const struct host *host,
                                   const struct boot_plan *plan,
                                   struct fault *why);
/* Makes the rest and arms. What others had for this host (ssh/HOST) is gone
 * after it. */
MUST_CHECK bool boot_prepare(struct db *db, const struct host *host,
                             const struct boot_plan *plan,
                             struct boot_armed *armed_out,
                             struct fault *why);
/* As boot_prepare(), for a boot that only proves the network boot. */
MUST_CHECK bool boot_prepare_proof(struct db *db, const struct host *host,
                                   char nonce_out[static BOOT_NONCE_BYTES],
                                   struct fault *why);
/* The host called back: writes ssh/HOST. */
MUST_CHECK bool boot_prepare_target(const struct boot_armed *armed,
                                    const struct boot *boot,
                                    struct fault *why);
void boot_armed_fini(struct boot_armed *armed);

/* URL that the host boots from: its property "netboot_url", or the lab's. */
const char *boot_base_url(const struct host *host);

#endif
