/* hosts/idle.h - hosts that a job has left prepared, and that none wants. */
#ifndef HOSTS_IDLE_H
#define HOSTS_IDLE_H

#include <stdbool.h>
#include "harness/attr.h"
#include "hosts/lease.h"

struct arena;
struct db;
struct fault;

/* What they have prepared is gone, and those that their recipe would have
 * switched off are: all together, so that a controller which does not answer
 * delays its own host only. One that a job has got meanwhile is its. */
MUST_CHECK bool idle_tend(struct db *db, struct arena *arena,
                          lease_say_fn *say, void *owner, struct fault *why);

#endif
