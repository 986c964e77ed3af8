/* harness/ssh_target.h - how to log in to a host that has come up.
 *
 * The file $ASSAY_JOBDIR/ssh/HOST, written by whoever booted the host:
 *   {"address": "10.77.0.11", "port": 22, "user": "root",
 *    "key": "/path/of/private/key",
 *    "hostkey": "ssh-ed25519 AAAA..."}     its own word, from its call back
 * "key" is an unencrypted ed25519 or ecdsa key (OpenSSH's format will do). */
#ifndef HARNESS_SSH_TARGET_H
#define HARNESS_SSH_TARGET_H

#include <stdbool.h>
#include "harness/attr.h"

struct fault;

struct ssh_target {
    char *address;              /* IPv4 or IPv6, no name */
    int port;
    char *user;
    char *key;
    char *hostkey;              /* "TYPE BASE64", a comment may follow */
};

/* FAULT_NOT_FOUND when the host has not come up in this job, FAULT_DATA when
 * the file is not what it must be. 'target' is fresh. */
MUST_CHECK bool ssh_target_load(const char *path, struct ssh_target *target,
                                struct fault *why);
/* Makes the directory and replaces the file at once (mode 0600). */
MUST_CHECK bool ssh_target_save(const char *path,
                                const struct ssh_target *target,
                                struct fault *why);
void ssh_target_fini(struct ssh_target *target);
bool ssh_target_equal(const struct ssh_target *a, const struct ssh_target *b);

#endif
