/* harness/job_guard.h - the one who cleans up after an assay-job that was
 * killed: no process of its steps may go on touching the hosts.
 *
 * A process of its own, which waits for the end of a pipe. When assay-job ends
 * in order it is dismissed; when it just dies, the guard kills every process
 * that carries the mark of one of its steps, daemonized or not. */
#ifndef HARNESS_JOB_GUARD_H
#define HARNESS_JOB_GUARD_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>
#include "harness/attr.h"
#include "harness/proc.h"

struct fault;

/* Zeroed before the first use; stays where it is while active. */
struct job_guard {
    struct proc proc;
    int fd;                     /* its end is the alarm */
};

/* 'program' is the path of "assay". Needs proc_watch_init(). */
MUST_CHECK bool job_guard_start(struct job_guard *guard, uv_loop_t *loop,
                                const char *program, struct fault *why);
/* The loop runs on until it has gone. Idempotent. */
void job_guard_dismiss(struct job_guard *guard);

/* The guard itself: reads 'fd', then kills what carries "ASSAY_STEP_MARK=" of
 * the process 'job'. Returns when that is done. */
void job_guard_watch(int fd, pid_t job);

#endif
