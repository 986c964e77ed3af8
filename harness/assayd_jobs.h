/* harness/assayd_jobs.h - the assay-job processes: which to start, which to
 * stop, what their ends mean.
 *
 * A runner is not ours to keep alive: it is started in a session of its own
 * and outlives us. One that an earlier assayd started is known by its task
 * row alone. */
#ifndef HARNESS_ASSAYD_JOBS_H
#define HARNESS_ASSAYD_JOBS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "harness/attr.h"

struct assayd_job;
struct assayd_jobs;
struct clock;
struct db;
struct fault;
struct assayd_runners;

struct assayd_runners_spec {
    const char *program;        /* assay-job, absolute */
    const char *node;           /* name of this machine in task rows */
    int jobs_max;               /* runners at a time */
    int64_t grace_ms;           /* from TERM to KILL */
};

/* A runner ended; from the loop. 'abnormal': its task may need the reaper. */
typedef void assayd_runners_ended_fn(void *owner, bool abnormal);

MUST_CHECK struct assayd_runners *
assayd_runners_new(uv_loop_t *loop, struct clock *clock,
                   const struct assayd_runners_spec *spec,
                   assayd_runners_ended_fn *ended, void *owner);

/* Looks at the open jobs: adopts runners of an earlier assayd, stops those of
 * flights that are to be aborted, gives up jobs whose runners always die,
 * forgets jobs that have ended. */
MUST_CHECK bool assayd_runners_see(struct assayd_runners *runners,
                                   struct db *db,
                                   const struct assayd_jobs *jobs,
                                   struct fault *why);

enum assayd_runner {
    ASSAYD_RUNNER_NONE = 0,     /* we know of none */
    ASSAYD_RUNNER_LIVES,
    ASSAYD_RUNNER_OVER,         /* it ended, the job may be started again */
    ASSAYD_RUNNER_PAUSES        /* the same, but not yet */
};
enum assayd_runner assayd_runners_state(const struct assayd_runners *runners,
                                        const struct assayd_job *job);
/* How many more may run. */
int assayd_runners_room(const struct assayd_runners *runners);
/* 'hosts' as assay-job wants it, or NULL. What fails is logged and counted as
 * a death. */
void assayd_runners_start(struct assayd_runners *runners,
                          const struct assayd_job *job, const char *hosts);

/* TERM to every runner of this machine, KILL after the grace. */
void assayd_runners_stop(struct assayd_runners *runners);
/* KILL at once. */
void assayd_runners_kill(struct assayd_runners *runners);
/* Processes that still run; after stop, poll it. */
int assayd_runners_count(const struct assayd_runners *runners);

/* Leaves those that still run alone. Ignores NULL. */
void assayd_runners_free(struct assayd_runners *runners);

#endif
