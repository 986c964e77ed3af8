/* hosts/lease.h - what happens around the end of a person's time on a host:
 * mail before it, and, where the site says so, the power off at it. */
#ifndef HOSTS_LEASE_H
#define HOSTS_LEASE_H

#include <stdbool.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;

/* A thing that was done to a lease of 'host'. */
typedef void lease_say_fn(void *owner, const char *host, const char *did,
                          const char *text);

/* All that is due now, of all leases, and while machines are switched off, for
 * minutes if a controller does not answer, what becomes due then: such a one
 * delays its own host only. A host that a job has got meanwhile is left alone.
 * A site whose file is wrong has the defaults. */
MUST_CHECK bool lease_tend(struct db *db, struct arena *arena,
                           lease_say_fn *say, void *owner, struct fault *why);

#endif
