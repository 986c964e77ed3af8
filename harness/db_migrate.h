/* harness/db_migrate.h - numbered forward-only schema files.
 *
 * The files harness/schema/NNNN-what.sql are compiled in, so that a binary
 * always carries its own. Table assay.migration says which ones a database
 * has. A file is never edited once merged: a database that has another text
 * under the same number is refused.
 *
 * A program works with the schema it knows and with the next one, so that two
 * adjacent versions may share a database. */
#ifndef HARNESS_DB_MIGRATE_H
#define HARNESS_DB_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct db;
struct fault;

struct schema_file {
    int number;                 /* 1, 2, ... without a gap */
    const char *name;           /* "0001-base.sql" */
    const char *text;
};

int db_schema_wanted(void);
/* The number of the database's schema, 0 for none. FAULT_CONFLICT when a file
 * was edited after it was applied. */
MUST_CHECK bool db_schema_current(struct db *db, int *number_out,
                                  struct fault *why);
/* FAULT_CONFLICT, with a hint, unless 'current' is wanted or one more. */
MUST_CHECK bool db_schema_check(int current, struct fault *why);
/* Applies what is missing, each file in its own transaction, under an
 * advisory lock. A newer schema is left alone, and checked. */
MUST_CHECK bool db_migrate(struct db *db, int *applied_out,
                           struct fault *why);

/* The same with another list of files: for tests. */
struct schema_list {
    const struct schema_file *files;
    int count;
};
MUST_CHECK bool db_migrate_list(struct db *db, const struct schema_list *list,
                                int *applied_out, struct fault *why);
const struct schema_list *db_schema_list(void);

#endif
