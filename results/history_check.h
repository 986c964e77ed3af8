/* results/history_check.h - what each record of a history must be. Each call
 * fails with FAULT_DATA, without saying where, and drops lists that are empty
 * from the record, so that equal records look the same. */
#ifndef RESULTS_HISTORY_CHECK_H
#define RESULTS_HISTORY_CHECK_H

#include <stdbool.h>
#include <jansson.h>
#include "harness/attr.h"

struct fault;

MUST_CHECK bool history_check_flight(json_t *flight, struct fault *why);
/* 'last' is the job before it, NULL for the first. */
MUST_CHECK bool history_check_job(json_t *job, const json_t *last,
                                  struct fault *why);
MUST_CHECK bool history_check_step(json_t *step, const json_t *last,
                                   struct fault *why);
/* What only all of a flight shows, with its jobs and steps in it. */
MUST_CHECK bool history_check_whole(const json_t *flight, struct fault *why);

#endif
