/* harness/job_share.h - a job and the prepared host that it shares: what it
 * goes on from, and what it leaves. Only jobs of one host share. */
#ifndef HARNESS_JOB_SHARE_H
#define HARNESS_JOB_SHARE_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/outcome.h"

struct db;
struct fault;
struct job_env;
struct job_run_config;
struct job_step_row;
struct prepared;
struct step_result;

struct job_share {
    const struct job_run_config *config;
    const struct job_env *env;
    struct prepared *prepared;  /* what it goes on from, or NULL */
    char *check_log, *check_sha256;     /* of the check that agreed, or NULL */
    int64_t check_bytes, check_ms;
    int64_t prepare_ms;         /* what it took; -1: nothing prepares */
    int prepare_left;           /* steps that have not passed */
};

/* 'config' and 'env' are borrowed. */
void job_share_init(struct job_share *share,
                    const struct job_run_config *config,
                    const struct job_env *env);
void job_share_fini(struct job_share *share);

/* The job has its hosts: the reason for which it need not prepare the one that
 * it has, if the check agrees, which the caller frees; or NULL. Whatever is
 * wrong is logged: the host can be prepared as any other. */
MUST_CHECK char *job_share_take(struct job_share *share, struct db *db);
/* The check agreed: its log is that of the steps that need not run. */
void job_share_agree(struct job_share *share, const char *log_path,
                     const struct step_result *result);
/* A preparing step has ended; true for the last one that passed, if that is to
 * be written down. */
MUST_CHECK bool job_share_step_ended(struct job_share *share,
                                     enum outcome status,
                                     int64_t elapsed_ms);
/* The job is over and all went well: whether it leaves its host prepared. */
MUST_CHECK bool job_share_leave(const struct job_share *share,
                                struct db *db);

/* For an outbox, of a 'struct job_share': the host is prepared; it is not as
 * it was left. */
MUST_CHECK bool job_share_write(struct db *db, void *arg, struct fault *why);
MUST_CHECK bool job_share_refuse(struct db *db, void *arg,
                                 struct fault *why);
/* A preparing step that was not run. */
MUST_CHECK bool job_share_reuse(const struct job_share *share, struct db *db,
                                const struct job_step_row *row,
                                const char *reason, struct fault *why);

#endif
