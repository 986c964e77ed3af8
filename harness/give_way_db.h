/* harness/give_way_db.h - jobs that give their hosts to others: who is told,
 * and what becomes of what they had done. A job that gave way is queued again
 * as if it had never begun; its attempt stays on record. */
#ifndef HARNESS_GIVE_WAY_DB_H
#define HARNESS_GIVE_WAY_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;

/* Tells the job, if it runs and was not told yet. */
MUST_CHECK bool give_way_db_ask(struct db *db, int64_t flight,
                                const char *job, int64_t for_flight,
                                const char *for_job, bool *asked_out,
                                struct fault *why);
/* Whether the runner with this task is told, and why, for people: "gave way to
 * flight 7 job smoke" (the caller frees); NULL if not. */
MUST_CHECK bool give_way_db_reason(struct db *db, int64_t task,
                                   char **reason_out, struct fault *why);
/* Keeps what the task's job did as an attempt, and queues the job again, in
 * one transaction. Its hosts go with the task. A second time nothing happens.
 * FAULT_DATA if the task was not told, or the job is not its. */
MUST_CHECK bool give_way_db_done(struct db *db, int64_t task,
                                 struct fault *why);
/* The same for all that were told and whose task ended before they came to
 * that. */
MUST_CHECK bool give_way_db_dead(struct db *db, int *jobs_out,
                                 struct fault *why);

/* One time that a job was told. */
struct give_way {
    int64_t for_flight;
    const char *for_job;
    int64_t asked_ms, gave_ms, started_ms;  /* since the epoch; -1: not yet */
    const char *hosts;          /* ' ' between */
    const char *steps;          /* JSON, or NULL */
    int step_count;
};
/* Of one job, oldest first: those it gave, and the one it is told now. */
MUST_CHECK bool give_way_db_list(struct db *db, int64_t flight,
                                 const char *job, struct arena *arena,
                                 struct give_way **out, size_t *count_out,
                                 struct fault *why);

#endif
