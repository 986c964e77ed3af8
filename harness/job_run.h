/* harness/job_run.h - runs one job: the engine with its hands.
 *
 * Steps as processes, evidence through an outbox, hosts by task_allocate(),
 * the hosts' channels by ssh. Knows no recipe: the plan is given. */
#ifndef HARNESS_JOB_RUN_H
#define HARNESS_JOB_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "harness/attr.h"
#include "harness/job_engine.h"
#include "harness/ssh_session.h"
#include "harness/step_run.h"

struct clock;
struct db;
struct fault;
struct job_plan;
struct job_row;
struct job_run;

#define JOB_ABORT_LIMIT_MS 60000
#define JOB_LOST_LIMIT_MS 60000
#define JOB_RETRY_MS 5000
#define JOB_LOG_MAX_BYTES (4ll << 30)

/* Borrowed for the life of the run. */
struct job_run_config {
    const struct job_row *row;
    const struct job_plan *plan;
    int64_t task;
    const char *home;           /* ASSAY_HOME */
    const char *recipes_dir;    /* the shipped recipes */
    const char *recipe_dir;     /* where this recipe's file is */
    const char *program_dir;    /* where "assay" is */
    const char *recipe;         /* its name */
    const char *setup;          /* what it makes of the job's preparation;
                                 * NULL: it shares nothing */
    bool no_wait;
    /* The hosts that the plan gives it, one a role: these or none (it is
     * BUSY then, whatever the reason). NULL: any that do. */
    const char *const *planned;
    int64_t grace_ms;           /* of a step that is stopped */
    int64_t abort_limit_ms;     /* of each final step after an abort */
    int64_t lost_limit_ms;      /* without the database */
    int64_t log_max_bytes;      /* of one step; 0: no limit */
    step_store_fn *store;       /* keeps attachments */
    ssh_socket_fn *make_socket; /* reaches the hosts */
    /* The hosts are ours from now on, until hosts_left(); or both NULL. */
    void (*hosts_booked)(const char *const *hosts);
    void (*hosts_left)(void);
    /* Opens the database again and resumes the task. */
    bool (*reopen)(struct db **db_out, bool *gone_out, struct fault *why);
};

/* From the loop, once: all processes have ended. 'db' is the connection that
 * holds the task, NULL when it was lost; the callee owns it. */
typedef void job_run_done_fn(void *owner, enum job_end end, struct db *db);

/* Takes 'db', which holds the task and listens to "assay". Needs
 * proc_watch_init() and orphan_watch_init(). */
MUST_CHECK struct job_run *job_run_start(uv_loop_t *loop,
                                         struct clock *clock,
                                         const struct job_run_config *config,
                                         struct db *db,
                                         job_run_done_fn *done, void *owner);
/* A person or a signal asks; the abort of the flight, which the run hears by
 * itself, and the first call are one abort, the second call is the second
 * (job_engine_abort()): assayd tells a flight's abort in both ways. */
void job_run_abort(struct job_run *run, const char *reason);
/* A console of the job says that 'host' is at its end: ends the steps that run
 * there, final ones excepted. They have a moment to end by themselves. */
void job_run_condemn(struct job_run *run, const char *host,
                     const struct step_sign *sign);
/* What the job waits for, "" if nothing; borrowed. */
const char *job_run_waits_for(const struct job_run *run);

#endif
