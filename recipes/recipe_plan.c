/* recipes/recipe_plan.c - a recipe, for one job, as the engine's plan. */
#include <config.h>

#include "recipes/recipe_plan.h"

#include <jansson.h>
#include "harness/job_plan.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/strv.h"
#include "recipes/recipe.h"

static bool
runvar_holds(const char *pair, const json_t *runvars)
{
    size_t len = strcspn(pair, "=");
    char *name = xstrndup(pair, len);
    const char *value = json_text(runvars, name);
    bool holds = value != NULL && strcmp(value, pair + len + 1) == 0;

    free(name);
    return holds;
}

static bool
is_wanted(const struct recipe_step *step, const char *arch,
          const json_t *runvars)
{
    size_t i;

    if (step->when_arch[0] != NULL && !strv_has(step->when_arch, arch))
        return false;
    for (i = 0; step->when_runvar[i] != NULL; i++)
        if (!runvar_holds(step->when_runvar[i], runvars))
            return false;
    return true;
}

static void
add_step(struct job_plan *plan, const struct recipe_step *step,
         const char *role, bool wanted, bool finally, int batch)
{
    struct job_step *add = job_plan_add(plan);

    add->testid = role == NULL ? xstrdup(step->testid)
                               : xasprintf("%s/%s", step->testid, role);
    add->program = xstrdup(step->program);
    add->args = strv_copy(strv_const(step->args));
    add->role = role != NULL ? xstrdup(role) : NULL;
    add->cases = strv_copy(strv_const(step->cases));
    add->skip_reason = wanted ? NULL : xstrdup(step->when_else);
    add->deadline_ms = step->deadline_ms;
    add->batch = batch;
    add->finally = finally;
    add->go_on = step->go_on;
    add->fail_is_broken = step->iffail == RECIPE_IFFAIL_BROKEN;
}

static void
add_steps(struct job_plan *plan, const struct recipe_step *steps,
          size_t count, const char *arch, const json_t *runvars,
          bool finally)
{
    size_t i, k;
    bool wanted;

    for (i = 0; i < count; i++) {
        wanted = is_wanted(&steps[i], arch, runvars);
        if (steps[i].each[0] == NULL)
            add_step(plan, &steps[i], NULL, wanted, finally, (int)i);
        for (k = 0; steps[i].each[k] != NULL; k++)
            add_step(plan, &steps[i], steps[i].each[k], wanted, finally,
                     (int)i);
    }
}

void
recipe_plan(const struct recipe *recipe, const char *arch,
            const json_t *runvars, struct job_plan *plan)
{
    add_steps(plan, recipe->steps, recipe->step_count, arch, runvars, false);
    add_steps(plan, recipe->finally, recipe->finally_count, arch, runvars,
              true);
}
