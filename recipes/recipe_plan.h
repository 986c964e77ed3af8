/* recipes/recipe_plan.h - a recipe, for one job, as the engine's plan. */
#ifndef RECIPES_RECIPE_PLAN_H
#define RECIPES_RECIPE_PLAN_H

#include "harness/attr.h"

struct job_plan;
struct json_t;
struct recipe;

/* Expands `each`, decides `when` by 'arch' and 'runvars' (an object of texts);
 * 'plan' is fresh and everything in it is copied. */
void recipe_plan(const struct recipe *recipe, const char *arch,
                 const struct json_t *runvars, struct job_plan *plan);

#endif
