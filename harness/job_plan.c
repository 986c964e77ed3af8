/* harness/job_plan.c - the steps of one job as data. */
#include <config.h>

#include "harness/job_plan.h"

#include "harness/mem.h"

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

char **
job_plan_list(const char *const *list)
{
    size_t count = 0, i;
    char **copy;

    if (list == NULL)
        return NULL;
    while (list[count] != NULL)
        count++;
    copy = xcalloc(count + 1, sizeof(*copy));
    for (i = 0; i < count; i++)
        copy[i] = xstrdup(list[i]);
    return copy;
}

static void
list_free(char **list)
{
    size_t i;

    for (i = 0; list != NULL && list[i] != NULL; i++)
        free(list[i]);
    free(list);
}

void
job_plan_fini(struct job_plan *plan)
{
    size_t i;

    for (i = 0; i < plan->count; i++) {
        free(plan->steps[i].testid);
        free(plan->steps[i].program);
        list_free(plan->steps[i].args);
        free(plan->steps[i].role);
        list_free(plan->steps[i].cases);
        free(plan->steps[i].skip_reason);
    }
    free(plan->steps);
    *plan = (struct job_plan){.steps = NULL};
}
