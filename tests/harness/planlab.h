/* tests/harness/planlab.h - random labs and queues for tests and benchmarks of
 * the planner, and the rules that any plan has to obey. */
#ifndef TESTS_HARNESS_PLANLAB_H
#define TESTS_HARNESS_PLANLAB_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/planner.h"

struct arena;

uint64_t planlab_random(uint64_t *state);
/* In [0, n). */
int planlab_below(uint64_t *state, int n);

struct planlab_spec {
    int hosts, classes, sets, jobs;
    int pair_percent;
    bool extras;                /* holds, windows, quotas, diversity, ... */
};

/* Memory of 'arena'; the same for the same seed. */
void planlab_make(const struct planlab_spec *spec, uint64_t seed,
                  struct arena *arena, struct planner_in *in_out);
/* 24 x86, 8 arm32, 4 arm64; 150 jobs of a flight. */
void planlab_osstest(uint64_t seed, struct arena *arena,
                     struct planner_in *in_out);
/* No plan ends before: the longest job, and any requirement's work spread
 * over the hosts that fit it. */
int64_t planlab_bound(const struct planner_in *in);

/* NULL, or which rule the plan breaks, in the arena. */
const char *planlab_check(const struct planner_in *in,
                          const struct planner_plan *plan,
                          struct arena *arena);

#endif
