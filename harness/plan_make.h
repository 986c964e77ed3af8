/* harness/plan_make.h - from what the database says to a plan: requirements
 * become sets of hosts, history becomes lengths. No I/O. */
#ifndef HARNESS_PLAN_MAKE_H
#define HARNESS_PLAN_MAKE_H

#include <stdint.h>
#include "harness/attr.h"
#include "harness/planner.h"

struct arena;
struct plan_facts;

struct plan_made {
    struct planner_in in;
    struct planner_plan plan;
};

/* A forecast in the order in which assayd serves: by priority, then first
 * come, first served. in.jobs are facts->waits, one by one. All in 'arena',
 * with which 'facts' has to live. */
void plan_make(const struct plan_facts *facts, struct arena *arena,
               struct plan_made *out);

#endif
