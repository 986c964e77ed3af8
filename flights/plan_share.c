/* flights/plan_share.c - which jobs of a flight may share a prepared host. */
#include <config.h>

#include "flights/plan.h"

#include <jansson.h>

#include "harness/arena.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "recipes/recipe.h"
#include "recipes/recipe_plan.h"

static json_t *
runvars_json(const struct plan_job *job)
{
    json_t *object = json_object();

    for (size_t i = 0; i < job->runvar_count; i++)
        json_put_text(object, job->runvars[i].name, job->runvars[i].value);
    return object;
}

static bool
share_job(struct plan_job *job, const struct recipe *recipe,
          struct arena *arena, struct fault *why)
{
    json_t *runvars;
    char hex[65];
    bool ok;

    if (recipe->check == NULL)
        return true;
    runvars = runvars_json(job);
    ok = recipe_setup(recipe, job->arch,
                      job->candidate == NULL ? "" : job->candidate, runvars,
                      hex, why);
    if (ok) {
        job->setup = arena_strdup(arena, hex);
        job->setup_uses = recipe->uses;
    }
    json_decref(runvars);
    return ok;
}

bool
plan_share(struct plan *plan, struct arena *arena, struct fault *why)
{
    struct recipe *recipe = NULL;
    bool ok = true;

    /* Jobs of one recipe mostly stand together. */
    for (size_t i = 0; ok && plan->reuse && i < plan->job_count; i++) {
        struct plan_job *job = &plan->jobs[i];

        if (i == 0 || strcmp(job->recipe, plan->jobs[i - 1].recipe) != 0) {
            recipe_free(recipe);
            recipe = NULL;
            ok = recipe_load(job->recipe, &recipe, why);
        }
        ok = ok && share_job(job, recipe, arena, why);
    }
    recipe_free(recipe);
    return ok;
}
