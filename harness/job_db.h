/* harness/job_db.h - what assay-job reads and writes of its own job.
 *
 * Each call is one statement, and may be repeated after a lost connection: a
 * second time it changes nothing. */
#ifndef HARNESS_JOB_DB_H
#define HARNESS_JOB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct db;
struct fault;
struct json_t;
struct step_result;
struct step_verdict;

struct job_row_role {
    char *role, *arch, *preset; /* preset: NULL = any host */
    char **flags, **wants;      /* see host_match_wants() */
    int same_class;
};
struct job_row {
    int64_t flight;
    char *job, *recipe, *arch;
    char *candidate;            /* its name, or NULL */
    char *setup;                /* see prepared_db.h; NULL: it shares nothing */
    struct job_row_role *roles; /* in order of position */
    size_t role_count;
    int last_step;              /* of attempts before this one; 0 */
    struct json_t *runvars;     /* {"NAME": "VALUE"}, results included */
    struct json_t *fixed;       /* those of the definition */
};

/* queued -> preparing, by 'task'. *claimed_out is false when the job is not
 * queued any more, or its flight is to be aborted or has ended. */
MUST_CHECK bool job_db_claim(struct db *db, int64_t flight, const char *job,
                             int64_t task, bool *claimed_out,
                             struct fault *why);
/* FAULT_NOT_FOUND when there is no such job. */
MUST_CHECK bool job_db_load(struct db *db, int64_t flight, const char *job,
                            struct job_row **out, struct fault *why);
void job_row_free(struct job_row *row);         /* ignores NULL */

/* Why the flight is to be aborted (the caller frees), NULL if it is not. */
MUST_CHECK bool job_db_abort_reason(struct db *db, int64_t flight,
                                    char **reason_out, struct fault *why);
/* What it waits for, for people; only while it is preparing. */
MUST_CHECK bool job_db_waits(struct db *db, int64_t flight, const char *job,
                             const char *text, struct fault *why);
/* preparing -> queued. */
MUST_CHECK bool job_db_requeue(struct db *db, int64_t flight,
                               const char *job, int64_t task,
                               const char *waits_for, struct fault *why);
/* preparing -> running: it has its hosts. */
MUST_CHECK bool job_db_running(struct db *db, int64_t flight,
                               const char *job, int64_t task,
                               struct fault *why);

struct job_step_row {
    int64_t flight;
    const char *job;
    int step;                   /* 1, 2, ... */
    const char *program, *testid;
    const char *log_path;       /* below ASSAY_HOME, NULL: no log */
};
MUST_CHECK bool job_db_step_begin(struct db *db,
                                  const struct job_step_row *row,
                                  struct fault *why);
/* A step that is not run: its row at once in its final state. */
MUST_CHECK bool job_db_step_unrun(struct db *db,
                                  const struct job_step_row *row,
                                  const struct step_verdict *verdict,
                                  struct fault *why);
MUST_CHECK bool job_db_step_progress(struct db *db,
                                     const struct job_step_row *row,
                                     const char *text, struct fault *why);
/* The step with all its evidence, in one transaction. 'host' names the host
 * whose boot it ran on; NULL: none. */
MUST_CHECK bool job_db_step_end(struct db *db,
                                const struct job_step_row *row,
                                const char *host,
                                const struct step_result *result,
                                struct fault *why);

/* The final status; 'testid' (or NULL) names the step that decided, whose
 * evidence becomes the job's. 'prepare_ms': what its preparation took, 0 when
 * it was reused, -1 when there is none. */
MUST_CHECK bool job_db_finish(struct db *db, int64_t flight, const char *job,
                              int64_t task,
                              const struct step_verdict *verdict,
                              const char *testid, int64_t prepare_ms,
                              struct fault *why);

#endif
