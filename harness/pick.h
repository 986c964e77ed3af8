/* harness/pick.h - which queued jobs may be started now: first come, first
 * served, on a picture of the hosts.
 *
 * Pure and cheap. It only keeps assayd from starting runners that would find
 * nothing: the runner allocates for real (task_allocate), and may still
 * lose. */
#ifndef HARNESS_PICK_H
#define HARNESS_PICK_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct pick_host {
    const char *name, *arch, *class;
    const char *const *flags;   /* NULL-terminated */
    bool good;                  /* may be given to a job at all */
    bool free;                  /* nobody holds it */
    bool taken;                 /* scratch of pick_run() */
};

struct pick_role {
    const char *arch;           /* NULL: any */
    const char *preset;         /* this host only, or NULL */
    const char *const *flags;   /* NULL-terminated; a host must have all */
    int same_class;             /* > 0: one class with the same number */
};

enum pick_verdict {
    PICK_NONE = 0,
    PICK_GO,                    /* hosts are free for it, and now spoken for */
    PICK_WAIT,                  /* hosts that would do are busy */
    PICK_NEVER                  /* no set of good hosts would do */
};

#define PICK_ROLES_MAX 16

struct pick_job {
    const struct pick_role *roles;
    int role_count;             /* at most PICK_ROLES_MAX */
    enum pick_verdict verdict;  /* out */
};

/* Jobs in order of service. A job that must wait keeps the free hosts that it
 * could use, so that a job of one host never overtakes a pair for ever. */
void pick_run(struct pick_host *hosts, size_t host_count,
              struct pick_job *jobs, size_t job_count);

#endif
