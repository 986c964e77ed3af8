/* harness/pool_policy.h - how the queue is served: see assay-pool(5). */
#ifndef HARNESS_POOL_POLICY_H
#define HARNESS_POOL_POLICY_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct fault;

struct pool_group {
    const char *name;
    const char *const *branches;        /* patterns, NULL-terminated */
    int share;                  /* of the lab, beside the others' */
    int hosts_max, percent_max; /* at once; 0: no limit */
    bool sticky;                /* failures go back to their hosts */
};

struct pool_policy {
    int64_t patience_ms;        /* how long a booking may be put off */
    int64_t starvation_ms;      /* so much waiting is worth one priority */
    int64_t fair_ms;            /* use of the lab is remembered so long */
    int64_t failed_ms;          /* a failure waits so long for its host, */
    int64_t alike_ms;           /* for one of its class, */
    int64_t rotate_ms;          /* and a pass for one it was not on lately */
    struct pool_group *groups;
    int group_count;
};

/* What holds when there is no file. */
void pool_policy_default(struct pool_policy *out);
/* Reads the text of a file that is called 'name'; all in 'arena'. FAULT_CONFIG
 * with "name:line: what" for each error. */
MUST_CHECK bool pool_policy_parse(const char *name, const char *text,
                                  struct arena *arena,
                                  struct pool_policy *out,
                                  struct fault *why);
/* The first group that has the branch; -1: none. */
int pool_policy_group(const struct pool_policy *policy, const char *branch);

#endif
