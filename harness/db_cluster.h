/* harness/db_cluster.h - the private PostgreSQL cluster under ASSAY_HOME. */
#ifndef HARNESS_DB_CLUSTER_H
#define HARNESS_DB_CLUSTER_H

#include <stdbool.h>
#include "harness/attr.h"

struct buf;
struct fault;

enum cluster_state { CLUSTER_NONE = 0, CLUSTER_STOPPED, CLUSTER_RUNNING,
                     CLUSTER_FOREIGN /* ASSAY_DB is set: not ours */ };

/* Makes (initdb) and starts what is missing, under a lock; ready when a
 * connection succeeds. Appends the conninfo. */
MUST_CHECK bool db_cluster_ensure(struct buf *conninfo, struct fault *why);
MUST_CHECK bool db_cluster_stop(struct fault *why);     /* idempotent */
enum cluster_state db_cluster_state(void);

#endif
