/* harness/replay_policy.h - a policy for a replay, from its file:
 * assay-sim-policy(5). */
#ifndef HARNESS_REPLAY_POLICY_H
#define HARNESS_REPLAY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct arena;
struct fault;
struct pool_policy;
struct replay_policy;

/* How the queue of a lab with that policy is served: see assay-pool(5). 'name'
 * and what is in 'pool' are borrowed. */
void replay_policy_of_pool(const char *name, const struct pool_policy *pool,
                           struct replay_policy *out);
/* 'text' of 'file' (for messages) into 'arena'; FAULT_CONFIG "file:line: what
 * is wrong", further errors in the detail. */
MUST_CHECK bool replay_policy_parse(const char *file, const char *text,
                                    size_t bytes, struct arena *arena,
                                    struct replay_policy *out,
                                    struct fault *why);

#endif
