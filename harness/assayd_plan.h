/* harness/assayd_plan.h - the plan in force: the leader makes it at each event
 * of what the database says, writes it down, and starts what it starts now. */
#ifndef HARNESS_ASSAYD_PLAN_H
#define HARNESS_ASSAYD_PLAN_H

#include <stdbool.h>
#include "harness/attr.h"

struct arena;
struct assayd_jobs;
struct assayd_plan;
struct assayd_runners;
struct clock;
struct db;
struct fault;

MUST_CHECK struct assayd_plan *assayd_plan_new(struct clock *clock,
                                               int jobs_max);
void assayd_plan_free(struct assayd_plan *plan);        /* ignores NULL */

/* Starts a runner for each job that the plan starts now, on the hosts that it
 * names. Those are written before they are started: whoever makes the next
 * plan, here or elsewhere, knows that these hosts are about to be taken. The
 * places of all others are written when that has been done. */
MUST_CHECK bool assayd_plan_start(struct assayd_plan *plan, struct db *db,
                                  struct arena *arena,
                                  const struct assayd_jobs *jobs,
                                  struct assayd_runners *runners,
                                  struct fault *why);

#endif
