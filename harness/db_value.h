/* harness/db_value.h - statements whose answer is one value, or one column of
 * numbers. */
#ifndef HARNESS_DB_VALUE_H
#define HARNESS_DB_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;
struct query;

/* The first row's; 'missing' for null, and when there is no row. */
MUST_CHECK bool db_value_int(struct db *db, const struct query *query,
                             const char *const params[], int64_t missing,
                             int64_t *out, struct fault *why);
/* The same of a statement that always has a row; false for null. */
MUST_CHECK bool db_value_bool(struct db *db, const struct query *query,
                              const char *const params[], bool *out,
                              struct fault *why);
/* Of all rows, in 'arena'; 0 for null. */
MUST_CHECK bool db_value_list(struct db *db, const struct query *query,
                              const char *const params[],
                              struct arena *arena, int64_t **out,
                              size_t *count_out, struct fault *why);
/* How many rows a command touched. */
MUST_CHECK bool db_value_changed(struct db *db, const struct query *query,
                                 const char *const params[],
                                 int64_t *changed_out, struct fault *why);

#endif
