/* hosts/lab_user.h - the account under which the lab's machines run: the
 * caller's, or for root an unprivileged one. */
#ifndef HOSTS_LAB_USER_H
#define HOSTS_LAB_USER_H

#include <stdbool.h>
#include <sys/types.h>
#include "harness/attr.h"

struct fault;

/* Its numbers; for an ordinary user the caller's own. */
MUST_CHECK bool lab_user_ids(uid_t *uid_out, gid_t *gid_out,
                             struct fault *why);
/* Gives it 'path' (not what is below). Does nothing for an ordinary user. */
MUST_CHECK bool lab_user_give(const char *path, struct fault *why);
/* FAULT_SYSTEM, with a hint, when the lab's user cannot use /dev/net/tun. */
MUST_CHECK bool lab_user_check(struct fault *why);
/* Becomes it for good, with /dev/net/tun and /dev/kvm usable. Does nothing
 * for an ordinary user. Before any thread is started. */
MUST_CHECK bool lab_user_become(struct fault *why);

#endif
