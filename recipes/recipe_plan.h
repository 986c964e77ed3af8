/* recipes/recipe_plan.h - a recipe, for one job, as the engine's plan. */
#ifndef RECIPES_RECIPE_PLAN_H
#define RECIPES_RECIPE_PLAN_H

#include <stdbool.h>
#include "harness/attr.h"

struct job_plan;
struct json_t;
struct fault;
struct recipe;

/* Expands `each`, decides `when` by 'arch' and 'runvars' (an object of texts);
 * 'plan' is fresh and everything in it is copied. */
void recipe_plan(const struct recipe *recipe, const char *arch,
                 const struct json_t *runvars, struct job_plan *plan);

/* A digest of all that the job's preparation works with and that is no matter
 * of a host: its steps, their programs, the candidate ("" for none) and the
 * runvars of the definition that it looks at. Jobs with the same one may share
 * a prepared host. The recipe must share. */
MUST_CHECK bool recipe_setup(const struct recipe *recipe, const char *arch,
                             const char *candidate,
                             const struct json_t *runvars,
                             char hex_out[static 65], struct fault *why);

#endif
