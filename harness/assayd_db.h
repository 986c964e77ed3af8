/* harness/assayd_db.h - what assayd asks of the database and writes there:
 * open jobs and their needs, hosts, the end of flights. */
#ifndef HARNESS_ASSAYD_DB_H
#define HARNESS_ASSAYD_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "harness/attr.h"
#include "harness/outcome.h"

struct arena;
struct db;
struct fault;

/* A job that has not ended, of a flight that runs or is to be aborted. */
struct assayd_job {
    int64_t flight;
    const char *job;
    bool queued;                /* else it is preparing or running */
    bool abort;                 /* its flight has an abort_reason */
    const char *needs_open;     /* needed jobs that have not ended, or NULL */
    bool blocked;               /* one that it needs ended without a pass */
    const char *waits_for;      /* as people read it now, or NULL */
    bool ordered;               /* a runner was told to take its hosts */
    pid_t pid;                  /* of its runner as the task says; 0: none */
    const char *node;           /* machine of that runner, or NULL */
    int64_t pid_start;          /* in clock ticks: see proc_start_time() */
};

struct assayd_jobs {
    struct assayd_job *v;       /* by flight and job, in the arena */
    size_t count;
};

/* Our task is the one that plans, and runs at most so many jobs. */
MUST_CHECK bool assayd_db_planner(struct db *db, int64_t task, int jobs_max,
                                  struct fault *why);

MUST_CHECK bool assayd_db_jobs(struct db *db, struct arena *arena,
                               struct assayd_jobs *out, struct fault *why);

/* Queued jobs of flights that are to be aborted become aborted, those that
 * need a job which ended without a pass become blocked; both say why. Call
 * when assayd_db_jobs() showed any: an empty update wakes everybody. */
MUST_CHECK bool assayd_db_abort_queued(struct db *db, struct fault *why);
MUST_CHECK bool assayd_db_block(struct db *db, struct fault *why);

/* What queued jobs wait for, a text a job (NULL: leave it); writes only what
 * has changed. */
MUST_CHECK bool assayd_db_waits(struct db *db, const struct assayd_jobs *jobs,
                                const char *const *texts,
                                struct fault *why);

/* A queued job whose runners die before they take it: broken, lane harness. */
MUST_CHECK bool assayd_db_give_up(struct db *db, int64_t flight,
                                  const char *job, const char *reason,
                                  struct fault *why);

/* A queued job that will not be run: starved, lane harness. */
MUST_CHECK bool assayd_db_starve(struct db *db, int64_t flight,
                                 const char *job, const char *reason,
                                 struct fault *why);

/* Flights whose jobs have all ended, oldest first. */
MUST_CHECK bool assayd_db_ended_flights(struct db *db, struct arena *arena,
                                        int64_t **flights_out,
                                        size_t *count_out,
                                        struct fault *why);
/* What its jobs amount to (outcome_combine), the blessing it was intended for,
 * and the end, at once; the flight is frozen after. A job that is open after
 * all makes it FAULT_DATA. */
MUST_CHECK bool assayd_db_finish(struct db *db, struct arena *arena,
                                 int64_t flight, enum outcome *outcome_out,
                                 struct fault *why);

#endif
