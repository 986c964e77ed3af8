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

/* What a lab has that was told nothing. */
void replay_policy_default(struct replay_policy *out);
/* The same of a lab that is told this: see assay-pool(5). 'name' is
 * borrowed. */
void replay_policy_of_pool(const char *name, const struct pool_policy *pool,
                           struct arena *arena, struct replay_policy *out);
/* 'text' of 'file' (for messages) into 'arena'; FAULT_CONFIG "file:line: what
 * is wrong", further errors in the detail. */
MUST_CHECK bool replay_policy_parse(const char *file, const char *text,
                                    size_t bytes, struct arena *arena,
                                    struct replay_policy *out,
                                    struct fault *why);

#endif
