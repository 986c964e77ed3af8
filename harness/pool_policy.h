/* harness/pool_policy.h - how the queue is served: see assay-pool(5). */
#ifndef HARNESS_POOL_POLICY_H
#define HARNESS_POOL_POLICY_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct fault;

enum pool_say { POOL_UNSAID = 0, POOL_YES, POOL_NO };

struct pool_group {
    const char *name;
    const char *const *branches;        /* patterns, NULL-terminated */
    int share;                  /* of the lab, beside the others' */
    int hosts_max, percent_max; /* at once; 0: no limit */
    bool sticky;                /* failures go back to their hosts */
    enum pool_say gives_way;    /* its jobs do; unsaid: those that say so */
    enum pool_say preempts;     /* preemptable jobs give way to its; unsaid:
                                 * if their priority is above the normal */
};

struct pool_policy {
    int64_t patience_ms;        /* how long a booking may be put off */
    int64_t starvation_ms;      /* so much waiting is worth one priority */
    int64_t fair_ms;            /* use of the lab is remembered so long */
    int64_t failed_ms;          /* a failure waits so long for its host, */
    int64_t alike_ms;           /* for one of its class, */
    int64_t rotate_ms;          /* and a pass for one it was not on lately */
    int64_t gain_ms;            /* giving way is for starts so much sooner */
    int gives_max;              /* so often a job gives way */
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
/* Whether jobs of the branch, of a flight of that priority, make others give
 * way; and whether those that say of themselves what 'says' does give way. */
bool pool_policy_preempts(const struct pool_policy *policy,
                          const char *branch, int priority);
bool pool_policy_gives_way(const struct pool_policy *policy,
                           const char *branch, int priority, bool says);
/* The first group that has the branch; -1: none. */
int pool_policy_group(const struct pool_policy *policy, const char *branch);

#endif
