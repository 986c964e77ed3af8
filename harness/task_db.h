/* harness/task_db.h - tasks: ownership is liveness.
 *
 * A task lives as long as the database session that holds the advisory lock
 * (TASK_LOCK_CLASS, task id). Whoever runs a task keeps that session, watches
 * db_socket(), and on its loss opens another and calls task_resume() within
 * TASK_RESUME_MS, or stops all it does with its hosts.
 *
 * A task without its lock is DEAD, its hosts free, its job broken:
 *   1. at once, when the one who looks is on the same node (same boot, same
 *      PID namespace) and the task's process is gone;
 *   2. otherwise after the lock was seen missing for TASK_GRACE_MS
 *      (task.lost_ms): the process may be alive and come back. So a restart of
 *      the server, when all locks vanish at once, or a broken network, frees
 *      no host whose owner still works on it. Time counts while somebody
 *      looks, at least every TASK_LOOK_MS: a clock that is set by an hour
 *      neither ends the grace nor stretches it.
 * TASK_GRACE_MS is longer than TASK_RESUME_MS and the time in which the two
 * ends notice a broken connection. Death is final: it ends the row, in the
 * transaction that frees the hosts, while holding the task's lock; who comes
 * back later finds it ended.
 *
 * A process that was killed in the middle of a statement leaves a server
 * process that still holds the lock. By rule 1 it is ended with its client;
 * else the server notices by itself, within a second (PostgreSQL 13: at the
 * end of the statement). */
#ifndef HARNESS_TASK_DB_H
#define HARNESS_TASK_DB_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct db;
struct fault;

#define TASK_LOCK_CLASS 0x4153  /* 'AS' */
#define TASK_LOCK_TEXT "16723"  /* the same, for queries */
#define TASK_RESUME_MS 60000
#define TASK_GRACE_MS 120000
#define TASK_LOOK_MS 10000

/* Makes a task row for this process and takes its lock on this connection,
 * outside any transaction. 'kind': "job", "person", "controller", "boot".
 * FAULT_CONFLICT if a task of the same kind and refkey lives, or may come
 * back. */
MUST_CHECK bool task_begin(struct db *db, const char *kind,
                           const char *refkey, const char *comment,
                           int64_t *task_out, struct fault *why);
/* After a reconnect: takes the lock again (ending our old session's server
 * process if it still has it), only if the task has not ended, and so still
 * has all its hosts. FAULT_LOST otherwise. */
MUST_CHECK bool task_resume(struct db *db, int64_t task, struct fault *why);
/* Releases its hosts, ends the row, gives up the lock. Idempotent. End the
 * job first: one that is still preparing or running becomes broken.
 * FAULT_CONFLICT when another session holds the task. */
MUST_CHECK bool task_end(struct db *db, int64_t task, const char *reason,
                         struct fault *why);
/* Whether its lock is held. */
MUST_CHECK bool task_is_live(struct db *db, int64_t task, bool *live_out,
                             struct fault *why);

/* All or nothing, first come: gives role i the host hosts_out[i] (malloc'ed,
 * the caller frees each) or fails with FAULT_CONFLICT saying in detail, a line
 * a host, why each was rejected; nothing is held then. Roles with the same
 * 'same_class' > 0 get hosts of one equivalence class. Hosts of dead tasks
 * are taken over; only a host whose state is good is given, or suspect to the
 * flight that checks it (assay.host_check). FAULT_NOT_FOUND
 * when no set of hosts could ever do, FAULT_LOST when this connection does not
 * hold the task. Also fills job_role.host of that flight and job; a 'job' of
 * NULL means none. */
struct task_role {
    const char *role;
    const char *arch;           /* NULL: any */
    const char *host;           /* a preset host, or NULL */
    const char *const *flags;   /* NULL-terminated, or NULL */
    int same_class;
    bool check;                 /* of its host's health: suspect will do */
    const char *const *wants;   /* as 'flags': see host_match_wants() */
};
MUST_CHECK bool task_allocate(struct db *db, int64_t task, int64_t flight,
                              const char *job,
                              const struct task_role *roles, int role_count,
                              char **hosts_out, struct fault *why);

/* Ends the tasks that are dead: frees their hosts, and makes the jobs that
 * they prepared or ran, with the steps that ran, broken (lane harness); the
 * same for jobs whose task ended without them. A job that was told to give way
 * is queued again instead. Counts what it did. Safe to call
 * from anywhere at any time, outside a transaction. */
MUST_CHECK bool task_reap(struct db *db, int *jobs_out, int *hosts_out,
                          struct fault *why);

#endif
