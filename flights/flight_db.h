/* flights/flight_db.h - flights in the database: made, started, aborted.
 * Watching is flight_state_db.h's, what they showed results/evidence_db.h's. */
#ifndef FLIGHTS_FLIGHT_DB_H
#define FLIGHTS_FLIGHT_DB_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct db;
struct fault;
struct plan;

/* What only the database knows: candidates and that they have something for
 * each job's architecture, named hosts, needed jobs of other flights.
 * FAULT_CONFIG, "file:line: what". */
MUST_CHECK bool flight_db_check(struct db *db, const struct plan *plan,
                                struct fault *why);

/* One transaction; blessing "constructing": nobody runs it yet. */
MUST_CHECK bool flight_db_create(struct db *db, const struct plan *plan,
                                 int64_t *flight_out, struct fault *why);
/* Hands a flight to whoever leads the queue; one that runs is left alone.
 * FAULT_NOT_FOUND, FAULT_CONFLICT when it has ended. */
MUST_CHECK bool flight_db_start(struct db *db, int64_t flight,
                                struct fault *why);
/* Asks for its end; the first reason stays. As flight_db_start(). */
MUST_CHECK bool flight_db_abort(struct db *db, int64_t flight,
                                const char *reason, struct fault *why);

/* Number of a step by its number or testid. FAULT_NOT_FOUND names the testids
 * that there are. */
MUST_CHECK bool flight_db_find_step(struct db *db, int64_t flight,
                                    const char *job, const char *step,
                                    int *number_out, struct fault *why);
MUST_CHECK bool flight_db_step_ended(struct db *db, int64_t flight,
                                     const char *job, int step,
                                     bool *ended_out, struct fault *why);

#endif
