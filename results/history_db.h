/* results/history_db.h - flights between results/history.h and the database.
 *
 * A flight is known by the name of the database that ran it and its number
 * there, wherever it is. One that is here is never changed. */
#ifndef RESULTS_HISTORY_DB_H
#define RESULTS_HISTORY_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;

/* Name of this database, as the origin of its flights; the arena's. */
MUST_CHECK bool history_db_origin(struct db *db, struct arena *arena,
                                  const char **origin_out,
                                  struct fault *why);

/* Numbers of the flights that have ended, with those that they need, in order;
 * 'branch' NULL: of all branches; 'flights': only these, unless
 * 'flight_count' is 0. FAULT_NOT_FOUND; FAULT_CONFLICT when one of them has
 * not ended. */
MUST_CHECK bool history_db_list(struct db *db, const char *branch,
                                const int64_t *flights, size_t flight_count,
                                struct arena *arena, int64_t **out,
                                size_t *count_out, struct fault *why);

/* One flight, checked as history_check() does; the caller owns it. */
MUST_CHECK bool history_db_read(struct db *db, int64_t flight,
                                json_t **out, struct fault *why);

/* The number here of a flight; 0 when it is not here. */
MUST_CHECK bool history_db_find(struct db *db, const char *origin,
                                int64_t number, int64_t *flight_out,
                                struct fault *why);
/* 'job' is one of that flight. */
MUST_CHECK bool history_db_has_job(struct db *db, int64_t flight,
                                   const char *job, bool *has_out,
                                   struct fault *why);

/* Adds a flight that is not here, in one transaction. It keeps its number when
 * this database has never given out one as high, and always when this is its
 * origin; else it gets the next one. Logs are where an operator may put the
 * other ASSAY_HOME: below imported/ORIGIN. */
MUST_CHECK bool history_db_add(struct db *db, const json_t *flight,
                               int64_t *flight_out, struct fault *why);

#endif
