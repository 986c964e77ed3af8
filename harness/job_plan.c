/* harness/job_plan.c - the steps of one job as data. */
#include <config.h>

#include "harness/job_plan.h"

#include "harness/mem.h"
#include "harness/strv.h"

struct job_step *
job_plan_add(struct job_plan *plan)
{
    struct job_step *step;

    plan->steps = xgrow(plan->steps, &plan->cap, plan->count,
                        sizeof(*plan->steps));
    step = &plan->steps[plan->count++];
    *step = (struct job_step){.testid = NULL};
    return step;
}

void
job_plan_fini(struct job_plan *plan)
{
    size_t i;

    for (i = 0; i < plan->count; i++) {
        free(plan->steps[i].testid);
        free(plan->steps[i].program);
        strv_free(plan->steps[i].args);
        free(plan->steps[i].role);
        strv_free(plan->steps[i].cases);
        free(plan->steps[i].skip_reason);
    }
    free(plan->steps);
    *plan = (struct job_plan){.steps = NULL};
}
