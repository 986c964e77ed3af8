/* recipes/recipe_plan.c - a recipe, for one job, as the engine's plan. */
#include <config.h>

#include "recipes/recipe_plan.h"

#include <jansson.h>
#include "harness/buf.h"
#include "harness/fs.h"
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

static struct job_step *
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
    add->powers_off = finally && step->line == 0;
    return add;
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
            (void)add_step(plan, &steps[i], NULL, wanted, finally, (int)i);
        for (k = 0; steps[i].each[k] != NULL; k++)
            (void)add_step(plan, &steps[i], steps[i].each[k], wanted, finally,
                           (int)i);
    }
}

void
recipe_plan(const struct recipe *recipe, const char *arch,
            const json_t *runvars, struct job_plan *plan)
{
    size_t i, first = recipe->check != NULL ? 1 : 0;

    if (recipe->check != NULL)
        add_step(plan, recipe->check, NULL, true, false, -1)->checks = true;
    add_steps(plan, recipe->steps, recipe->step_count, arch, runvars, false);
    for (i = 0; i < recipe->prepare_count; i++)
        plan->steps[first + i].prepares = true;
    add_steps(plan, recipe->finally, recipe->finally_count, arch, runvars,
              true);
}

static void
add_runvars(const struct recipe *recipe, const json_t *runvars,
            json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)runvars, name, value)
        if (recipe->prepare_runvars[0] == NULL ||
            strv_has(recipe->prepare_runvars, name))
            must(json_object_set(object, name, value) == 0);
}

/* What the shipped programs source is the harness's revision. */
bool
recipe_setup(const struct recipe *recipe, const char *arch,
             const char *candidate, const json_t *runvars,
             char hex_out[static 65], struct fault *why)
{
    json_t *all = json_object(), *steps = json_array(), *vars = json_object();
    char program[65], *text;
    int64_t bytes;
    bool ok = true;
    size_t i, k;

    must(recipe->check != NULL);
    json_put_text(all, "arch", arch);
    json_put_text(all, "candidate", candidate);
    json_put_text(all, "role", recipe->roles[0]);
    add_runvars(recipe, runvars, vars);
    for (i = 0; ok && i < recipe->prepare_count; i++) {
        const struct recipe_step *step = &recipe->steps[i];
        json_t *list = json_array();

        ok = fs_sha256_file(step->program, program, &bytes, why);
        must(json_array_append_new(list, json_string(step->testid)) == 0 &&
             json_array_append_new(list, json_string(ok ? program : ""))
                 == 0);
        for (k = 0; step->args[k] != NULL; k++)
            must(json_array_append_new(list, json_string(step->args[k]))
                 == 0);
        must(json_array_append_new(steps, list) == 0);
    }
    must(json_object_set_new(all, "runvars", vars) == 0 &&
         json_object_set_new(all, "steps", steps) == 0);
    text = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
    must(text != NULL);
    sha256_hex(text, strlen(text), hex_out);
    free(text);
    json_decref(all);
    return ok;
}
