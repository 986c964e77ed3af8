/* results/gated_db.h - what the gate made of a flight, for all who read it. */
#ifndef RESULTS_GATED_DB_H
#define RESULTS_GATED_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"

struct arena;
struct db;
struct decide_allow;
struct fault;
struct report_gate;

/* As gate_run.allow keeps it. */
MUST_CHECK json_t *gated_allow_json(const struct decide_allow *allow,
                                    size_t count);
/* To what is given come the quarantines of today. When nothing is ('*allow'
 * NULL) and the gate has decided on 'flight', it is what that decision was made
 * with, so that every page shows the same. 'arena' owns the list. */
MUST_CHECK bool gated_allow(struct db *db, int64_t flight,
                            struct arena *arena,
                            const struct decide_allow **allow, size_t *count,
                            struct fault *why);
/* Its last decision on the flight, NULL when there is none. */
MUST_CHECK bool gated_answer(struct db *db, int64_t flight,
                             struct arena *arena,
                             const struct report_gate **out,
                             struct fault *why);

#endif
