/* results/verdict_db.h - reads a flight and what it is compared with, and
 * judges it: the one way to a verdict, for the command line, reports, pages and
 * the gate alike. Writes nothing. */
#ifndef RESULTS_VERDICT_DB_H
#define RESULTS_VERDICT_DB_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"
#include "results/decide_db.h"
#include "results/evidence.h"
#include "results/verdict.h"

struct arena;
struct db;
struct fault;

/* 'request' NULL: the flight's own version against the last good one. As of
 * one moment; not inside a transaction that has read before. Fails as
 * evidence_read() and decide_read(). 'arena' owns all that is read. */
MUST_CHECK bool verdict_read(struct db *db, int64_t flight,
                             const struct decide_request *request,
                             struct arena *arena, struct evidence *evidence,
                             struct verdict *out, struct fault *why);

#endif
