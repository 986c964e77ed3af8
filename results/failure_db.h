/* results/failure_db.h - the SQL behind failure.h. */
#ifndef RESULTS_FAILURE_DB_H
#define RESULTS_FAILURE_DB_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/outcome.h"

struct db;
struct fault;
struct pattern;
struct signature;

struct failure_row {
    int64_t flight;
    const char *job, *testid;
    enum lane lane;
    const char *file, *text;    /* "" when there is none */
    int64_t line;               /* 0: unknown */
    int64_t byte;               /* where it begins in the file; -1: unknown */
};

/* '*known_out': it is kept already. */
MUST_CHECK bool failure_db_known(struct db *db, const struct failure_row *row,
                                 bool *known_out, struct fault *why);
/* One transaction; a second time it changes nothing. 'pattern' may be NULL. */
MUST_CHECK bool failure_db_add(struct db *db, const struct failure_row *row,
                               const struct signature *signature,
                               const struct pattern *pattern,
                               struct fault *why);

#endif
