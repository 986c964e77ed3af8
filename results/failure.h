/* results/failure.h - takes the signatures of a flight's failures, and keeps
 * them: what cause.h reads. */
#ifndef RESULTS_FAILURE_H
#define RESULTS_FAILURE_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct db;
struct fault;
struct pattern_code;

/* Of each step that failed or broke in 'flight' (in 'job' alone, unless NULL),
 * and of each such job that no step speaks for; those that are kept already
 * are left alone. Reads the consoles and logs below ASSAY_HOME: a crash on a
 * console while the step ran says most, then the step's log, then its reason.
 * 'code' may be NULL. '*count_out' (or NULL): how many were added. */
MUST_CHECK bool failure_record(struct db *db, int64_t flight,
                               const char *job, struct pattern_code *code,
                               int *count_out, struct fault *why);

#endif
