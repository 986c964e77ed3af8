/* harness/step_result.c - all that is recorded of one step that was run. */
#include <config.h>

#include "harness/step_result.h"

#include <jansson.h>

void
step_result_init(struct step_result *result)
{
    *result = (struct step_result){
        .exit_code = -1, .cases = json_array(), .metrics = json_array(),
        .sets = json_object(), .attached = json_array(),
        .evidence = json_object(),
    };
    must(result->cases != NULL && result->metrics != NULL &&
         result->sets != NULL && result->attached != NULL &&
         result->evidence != NULL);
}

void
step_result_fini(struct step_result *result)
{
    json_decref(result->cases);
    json_decref(result->metrics);
    json_decref(result->sets);
    json_decref(result->attached);
    json_decref(result->evidence);
    free(result->progress);
    *result = (struct step_result){.progress = NULL};
}

void
step_result_move(struct step_result *to, struct step_result *from)
{
    step_result_fini(to);
    *to = *from;
    step_result_init(from);
}
