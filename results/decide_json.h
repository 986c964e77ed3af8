/* results/decide_json.h - a decision and all that it was made from as JSON,
 * so that anyone can make it again without the database. */
#ifndef RESULTS_DECIDE_JSON_H
#define RESULTS_DECIDE_JSON_H

#include <stdbool.h>
#include <jansson.h>
#include "harness/attr.h"
#include "results/decide.h"

struct arena;
struct fault;

/* The same bytes for the same input, when dumped with sorted keys. */
MUST_CHECK json_t *decide_input_json(const struct decide_input *input);
/* Reads what decide_input_json() wrote; it checks everything, since anyone
 * may have written it. FAULT_DATA says where. 'arena' owns the result. */
MUST_CHECK bool decide_input_parse(const json_t *json, struct arena *arena,
                                   struct decide_input *out,
                                   struct fault *why);

/* Result, counts and each failure. */
MUST_CHECK json_t *decide_json(const struct decide_input *input,
                               const struct decision *decision);

#endif
