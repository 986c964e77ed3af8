/* harness/plan_past_db.h - what a plan is made of that costs more to ask than
 * it changes in a minute: history and the policy. */
#ifndef HARNESS_PLAN_PAST_DB_H
#define HARNESS_PLAN_PAST_DB_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/pool_policy.h"

struct arena;
struct db;
struct fault;

/* How long jobs took: of a job on a host, on a class, anywhere, of a recipe. */
struct plan_length {
    const char *key;            /* see plan_length_find() */
    int64_t mean_ms, sd_ms, last_ms;
    int64_t prepare_ms;         /* before that, by those that had to; mean */
};

/* When a job of a branch was on a host at last, of 90 days. */
struct plan_last {
    const char *key;            /* the job and its branch, joined */
    const char *host, *class;
    int64_t at_ms;
    bool failed;                /* in the last run of all, and it was there */
};

/* What a branch had of the lab lately. */
struct plan_use {
    const char *branch;
    double host_ms;
};

/* What history and the policy say, which costs more to ask than it changes. */
struct plan_past {
    struct plan_length *lengths;        /* sorted by key */
    int length_count;
    struct plan_last *lasts;            /* sorted by key */
    int last_count;
    struct plan_use *uses;
    int use_count;
    struct pool_policy policy;
};

/* All in 'arena'. */
MUST_CHECK bool plan_past_db_read(struct db *db, struct arena *arena,
                                  struct plan_past *out, struct fault *why);

/* NULL if nothing is known. 'kind': 'h' job on host, 'c' job on class, 'j'
 * job anywhere, 'r' recipe ('place' is ""). */
const struct plan_length *plan_length_find(const struct plan_past *past,
                                           char kind, const char *name,
                                           const char *place);

/* The runs of the job in the branch: the first, and how many. */
const struct plan_last *plan_last_find(const struct plan_past *past,
                                       const char *job, const char *branch,
                                       int *count_out);

/* The text of the policy in force, "" if there is none, in 'arena'; and a new
 * one. */
MUST_CHECK bool plan_past_db_policy(struct db *db, struct arena *arena,
                                    const char **text_out,
                                    struct fault *why);
MUST_CHECK bool plan_past_db_policy_set(struct db *db, const char *text,
                                        const char *who, struct fault *why);

#endif
