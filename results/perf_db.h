/* results/perf_db.h - judges what a flight measured, from the database. */
#ifndef RESULTS_PERF_DB_H
#define RESULTS_PERF_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct decide_input;
struct fault;
struct perf;

/* Every measurement of the flight, judged, and those that are worse put into
 * 'input' (perf_apply()). 'arena' owns all of 'out'. */
MUST_CHECK bool perf_read(struct db *db, int64_t flight, struct arena *arena,
                          struct decide_input *input, struct perf **out,
                          size_t *count_out, struct fault *why);

#endif
