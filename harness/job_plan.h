/* harness/job_plan.h - the steps of one job as data, in the order of the
 * recipe, already expanded over roles. Knows no recipe and no host. */
#ifndef HARNESS_JOB_PLAN_H
#define HARNESS_JOB_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

/* Lists are NULL-terminated, or NULL for none; all texts are owned by the
 * plan. */
struct job_step {
    char *testid;               /* unique in the plan */
    char *program;              /* absolute path */
    char **args;
    char *role;                 /* NULL: the step works for the whole job */
    char **cases;               /* must report */
    char *skip_reason;          /* not NULL: it is not run, and why */
    int64_t deadline_ms;
    int batch;                  /* neighbours with one number run at once */
    bool finally;               /* run whatever happened; after the others */
    bool go_on;                 /* a non-pass does not end the body */
    bool fail_is_broken;        /* exit 1 is no word about the product */
    bool checks;                /* the first: is the host as it was left? */
    bool prepares;              /* not run where that is so */
    bool powers_off;            /* nor this, if the host is left prepared */
};

struct job_plan {
    struct job_step *steps;     /* the body, then the final steps */
    size_t count, cap;
};

/* Adds a zeroed step, valid until the next call. */
MUST_CHECK struct job_step *job_plan_add(struct job_plan *plan);
void job_plan_fini(struct job_plan *plan);

#endif
