/* harness/planner_why.h - why a job does not start now: what keeps each host
 * from it, and the fewest that it waits for. */
#ifndef HARNESS_PLANNER_WHY_H
#define HARNESS_PLANNER_WHY_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct planner_in;
struct planner_plan;

enum planner_obstacle {
    PLANNER_FREE = 0,           /* it could have it, or has it */
    PLANNER_UNFIT,              /* no role may take it */
    PLANNER_OUT,                /* not given, or retired */
    PLANNER_HELD,               /* by a holder */
    PLANNER_CLOSED,             /* by the calendar */
    PLANNER_BOOKED              /* by a job that goes first */
};

/* One host. */
struct planner_why_host {
    enum planner_obstacle obstacle;
    int which;                  /* hold, window, or job; -1 */
    int64_t until_ms;           /* until then; 0 if that is not known */
};

struct planner_why {
    struct planner_why_host *hosts;     /* one a host */
    int *holds, hold_count;     /* the smallest set that it waits for: */
    int *windows, window_count;
    int *jobs, job_count;
    bool possible;              /* false: no set of hosts would do */
};

/* Of job 'j' of a plan that was made of 'in'. All in 'arena'. */
void planner_explain(const struct planner_in *in,
                     const struct planner_plan *plan, int j,
                     struct arena *arena, struct planner_why *why_out);

#endif
