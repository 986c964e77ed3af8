/* results/allow_db.h - what excuses the failures of a flight. */
#ifndef RESULTS_ALLOW_DB_H
#define RESULTS_ALLOW_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"

struct arena;
struct db;
struct decide_allow;
struct fault;

/* As gate_run.allow keeps it. */
MUST_CHECK json_t *allow_json(const struct decide_allow *allow, size_t count);
/* To what is given come the quarantines of today. When nothing is ('*allow'
 * NULL) and the gate has decided on 'flight', it is what that decision was made
 * with, so that every page shows the same. 'arena' owns the list. */
MUST_CHECK bool allow_db_fill(struct db *db, int64_t flight,
                              struct arena *arena,
                              const struct decide_allow **allow,
                              size_t *count, struct fault *why);

#endif
