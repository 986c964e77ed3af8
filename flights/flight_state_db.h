/* flights/flight_state_db.h - a flight read back as a plan, and watched. */
#ifndef FLIGHTS_FLIGHT_STATE_DB_H
#define FLIGHTS_FLIGHT_STATE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/booking.h"
#include "harness/outcome.h"

struct arena;
struct db;
struct fault;
struct plan;

/* The definition, with what steps have set. FAULT_NOT_FOUND. */
MUST_CHECK bool flight_plan_read(struct db *db, int64_t flight,
                                 struct arena *arena, struct plan *out,
                                 struct fault *why);

struct flight_job_state {
    const char *job;
    enum outcome status;
    enum lane lane;
    const char *reason, *waits_for;     /* "" when absent */
    const char *testid, *progress;      /* of the step that runs, or "" */
    int running;                /* steps at this moment */
    int passed, failed, other;  /* steps that have ended; other: skip ... */
    int64_t elapsed_ms;         /* -1: not started */
    int64_t step_elapsed_ms;    /* -1: none runs */
    struct booking booking;     /* while it is open */
};

struct flight_state {
    int64_t flight;
    const char *branch, *blessing, *abort_reason;   /* "" when absent */
    enum outcome outcome;
    bool finished;
    int64_t elapsed_ms;         /* since it was started; -1: it was not */
    const struct flight_job_state *jobs;    /* in order of service */
    size_t job_count;
};

/* Two round trips; FAULT_NOT_FOUND. */
MUST_CHECK bool flight_state_read(struct db *db, int64_t flight,
                                  struct arena *arena,
                                  struct flight_state *out,
                                  struct fault *why);

struct flight_step_end {
    int step;
    const char *testid, *reason;
    enum outcome status;
    enum lane lane;
    int64_t elapsed_ms;         /* -1: not run */
};
/* At most 'limit' steps of a job that have ended, in the order of their ends,
 * without the first 'skip'. */
MUST_CHECK bool flight_steps_ended(struct db *db, int64_t flight,
                                   const char *job, int skip, int limit,
                                   struct arena *arena,
                                   struct flight_step_end **out,
                                   size_t *count_out, struct fault *why);

#endif
