/* bisector/lab_db.h - which flights a bisection in the lab is between. */
#ifndef BISECTOR_LAB_DB_H
#define BISECTOR_LAB_DB_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;

struct lab_tree {
    const char *tree, *good, *bad;
};

/* '*failed_out': the step failed in 'flight', and nothing was broken. */
MUST_CHECK bool lab_db_failed(struct db *db, int64_t flight, const char *job,
                              const char *testid, bool *failed_out,
                              struct fault *why);
/* The last flight of the same branch before 'flight' in which the step passed,
 * 0 when there is none. */
MUST_CHECK bool lab_db_basis(struct db *db, int64_t flight, const char *job,
                             const char *testid, int64_t *basis_out,
                             struct fault *why);
/* Trees of both, in the arena, by name. */
MUST_CHECK bool lab_db_trees(struct db *db, int64_t good, int64_t bad,
                             struct arena *arena, struct lab_tree **out,
                             int *count_out, struct fault *why);

#endif
