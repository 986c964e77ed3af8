/* harness/task_db.h - tasks: ownership is liveness.
 *
 * A task lives as long as the database session that holds the advisory lock
 * (TASK_LOCK_CLASS, task id). A host that is allocated to a task without that
 * lock is free. */
#ifndef HARNESS_TASK_DB_H
#define HARNESS_TASK_DB_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct db;
struct fault;

#define TASK_LOCK_CLASS 0x4153  /* 'AS' */

/* Makes a task row and takes its lock on this connection. 'kind': "job",
 * "person", "controller", "boot". FAULT_CONFLICT if a live task of the same
 * kind and refkey exists. */
MUST_CHECK bool task_begin(struct db *db, const char *kind,
                           const char *refkey, const char *comment,
                           int64_t *task_out, struct fault *why);
/* After a reconnect: takes the lock again, only if the task has not ended
 * and nobody took its hosts. FAULT_LOST otherwise. */
MUST_CHECK bool task_resume(struct db *db, int64_t task, struct fault *why);
/* Releases its hosts and ends the row. Idempotent. */
MUST_CHECK bool task_end(struct db *db, int64_t task, const char *reason,
                         struct fault *why);
MUST_CHECK bool task_is_live(struct db *db, int64_t task, bool *live_out,
                             struct fault *why);

/* All or nothing, first come: gives role i the host hosts_out[i] (malloc'ed,
 * the caller frees each) or fails with FAULT_CONFLICT saying in detail, a line a
 * host, why each was rejected; nothing is held then. Roles with the same
 * 'same_class' > 0 get hosts of one equivalence class. Hosts of dead tasks
 * are taken over. FAULT_NOT_FOUND when no set of hosts could ever do. */
struct task_role {
    const char *role;
    const char *arch;           /* NULL: any */
    const char *host;           /* a preset host, or NULL */
    const char *const *flags;   /* NULL-terminated, or NULL */
    int same_class;
};
MUST_CHECK bool task_allocate(struct db *db, int64_t task, int64_t flight,
                              const char *job,
                              const struct task_role *roles, int role_count,
                              char **hosts_out, struct fault *why);

/* Hosts allocated to tasks that are dead, and jobs in preparing or running
 * whose task is dead: the first are freed, the second become broken (lane
 * harness). Counts what it did. Safe to call from anywhere at any time. */
MUST_CHECK bool task_reap(struct db *db, int *jobs_out, int *hosts_out,
                          struct fault *why);

#endif
