/* harness/replay_policy.h - a policy for a replay, from its file:
 * assay-sim-policy(5). */
#ifndef HARNESS_REPLAY_POLICY_H
#define HARNESS_REPLAY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct arena;
struct fault;
struct replay_policy;

/* What a lab has that was told nothing. */
void replay_policy_default(struct replay_policy *out);
/* 'text' of 'file' (for messages) into 'arena'; FAULT_CONFIG "file:line: what
 * is wrong", further errors in the detail. */
MUST_CHECK bool replay_policy_parse(const char *file, const char *text,
                                    size_t bytes, struct arena *arena,
                                    struct replay_policy *out,
                                    struct fault *why);

#endif
