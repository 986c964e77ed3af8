/* harness/pick.h - which queued jobs may be started now: first come, first
 * served, on a picture of the hosts.
 *
 * Pure and cheap. It only keeps assayd from starting runners that would find
 * nothing: the runner allocates for real (task_allocate), and may still
 * lose. */
#ifndef HARNESS_PICK_H
#define HARNESS_PICK_H

#include <stddef.h>
#include "harness/attr.h"

struct match_host;              /* harness/host_match.h */
struct task_role;               /* harness/task_db.h */

enum pick_verdict {
    PICK_NONE = 0,
    PICK_GO,                    /* hosts are free for it, and now spoken for */
    PICK_WAIT,                  /* hosts that would do are busy */
    PICK_NEVER                  /* no set of hosts would do */
};

struct pick_job {
    const struct task_role *roles;
    int role_count;
    enum pick_verdict verdict;  /* out */
};

/* Jobs in order of service. A job that must wait keeps the free hosts that it
 * could use, so that a job of one host never overtakes a pair for ever. Hosts
 * that are spoken for get an obstacle. */
void pick_run(struct match_host *hosts, int host_count,
              struct pick_job *jobs, size_t job_count);

#endif
