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

/* The plan by which assayd starts jobs, and which "assay plan" prints: made of
 * the same facts it is the same. in.jobs are facts->waits; the 'job' of
 * in.holds[i] is the index of the first hold of the same job. All in 'arena',
 * with which 'facts' has to live. */
void plan_make(const struct plan_facts *facts, struct arena *arena,
               struct plan_made *out);
/* The same without the plan: what the planner is asked. */
void plan_make_input(const struct plan_facts *facts, struct arena *arena,
                     struct planner_in *out);

#endif
