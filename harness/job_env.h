/* harness/job_env.h - what a step finds in its environment. */
#ifndef HARNESS_JOB_ENV_H
#define HARNESS_JOB_ENV_H

#include <stdint.h>
#include "harness/attr.h"

struct job_row;
struct job_run_config;
struct job_step;
struct json_t;
struct prepared;

/* Names the step in the environment of all that it starts. */
#define JOB_ENV_MARK "ASSAY_STEP_MARK"

struct job_env {
    const struct job_run_config *config;
    char *jobdir;               /* absolute */
    char *ctl;                  /* its socket */
    char **roles, **hosts;      /* in order */
    char *hosts_text;           /* "role=host ..." */
    const struct prepared *prepared;    /* what a check looks for, or NULL */
    struct json_t *runvars;     /* all, with the results so far */
};

/* 'config' is borrowed. */
void job_env_init(struct job_env *env, const struct job_run_config *config);
void job_env_fini(struct job_env *env);
/* The job got its hosts, one a role of 'row'. */
void job_env_set_hosts(struct job_env *env, const struct job_row *row,
                       char *const *hosts);
/* The host of 'role', or for NULL the only one; NULL if there is none. */
const char *job_env_host(const struct job_env *env, const char *role);
/* "NAME=value" list for one step, the mark first. The caller frees it. */
MUST_CHECK char **job_env_step(const struct job_env *env,
                               const struct job_step *step, int number,
                               int64_t limit_ms);

#endif
