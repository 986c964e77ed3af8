/* harness/db_cluster.h - the private PostgreSQL cluster under ASSAY_HOME.
 *
 *   pg/                 owned by home_cluster_user(), 0700: the socket is here
 *   pg/data/            the cluster; made as data.new and renamed when whole
 *   pg/server.log       what the server says; one older one beside it
 *   run/pg.lock         held while it is made, started or stopped
 *
 * It listens on its Unix socket only; root and the cluster's account come in
 * by peer authentication. It outlives whoever started it. */
#ifndef HARNESS_DB_CLUSTER_H
#define HARNESS_DB_CLUSTER_H

#include <stdbool.h>
#include <sys/types.h>
#include "harness/attr.h"

struct arena;
struct buf;
struct fault;

enum cluster_state { CLUSTER_NONE = 0, CLUSTER_STOPPED, CLUSTER_RUNNING,
                     CLUSTER_FOREIGN /* ASSAY_DB is set: not ours */ };

/* Makes (initdb) and starts what is missing, under a lock; returns when the
 * server takes connections. Never from inside the lab's namespace: the server
 * would stay there. */
MUST_CHECK bool db_cluster_ensure(struct fault *why);
/* Fast: clients are thrown out. Idempotent; 'stopped_out' (may be NULL) says
 * whether it ran. FAULT_CONFLICT when ASSAY_DB is set. */
MUST_CHECK bool db_cluster_stop(bool *stopped_out, struct fault *why);
/* Without any change; 'pid_out' may be NULL. */
enum cluster_state db_cluster_state(pid_t *pid_out);

/* Appends the conninfo, without any I/O but to find the home. */
MUST_CHECK bool db_cluster_conninfo(struct buf *conninfo, struct fault *why);
/* Path of a server-side program ("pg_dump"): of the cluster's own version if
 * it exists, else of the newest one installed. */
MUST_CHECK bool db_cluster_program(struct arena *arena, const char *name,
                                   char **path_out, struct fault *why);

#endif
