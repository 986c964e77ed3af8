/* harness/db_migrate.h - numbered forward-only schema files. */
#ifndef HARNESS_DB_MIGRATE_H
#define HARNESS_DB_MIGRATE_H

#include <stdbool.h>
#include "harness/attr.h"

struct db;
struct fault;

/* The schema files are compiled in (generated from harness/schema), so that
 * a binary always carries its own. */
int db_schema_wanted(void);
MUST_CHECK bool db_schema_current(struct db *db, int *number_out,
                                  struct fault *why);
/* Applies what is missing, each file in its own transaction, under an
 * advisory lock. */
MUST_CHECK bool db_migrate(struct db *db, int *applied_out,
                           struct fault *why);

#endif
