/* flights/probe_db.h - what a cell (a step, or STEP/CASE) of a job said. */
#ifndef FLIGHTS_PROBE_DB_H
#define FLIGHTS_PROBE_DB_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/outcome.h"

struct arena;
struct db;
struct fault;

/* Texts are never NULL. */
struct probe_cell {
    bool flight_ended, known;   /* known: there is such a cell */
    enum outcome status;
    enum lane lane;             /* of the step */
    const char *reason, *signature;     /* "": none */
    const char *output;         /* the log that tells, below ASSAY_HOME */
    enum outcome job_status;
    const char *job_reason;
    const char *testids;        /* of the job, ", " between */
};
/* FAULT_NOT_FOUND when there is no such flight or job. */
MUST_CHECK bool probe_db_cell(struct db *db, int64_t flight, const char *job,
                              const char *testid, struct arena *arena,
                              struct probe_cell *out, struct fault *why);

/* The branch's file that a run of the gate made 'flight' with; texts are ""
 * when the gate did not. */
struct probe_gate {
    const char *source, *definition, *trees;
};
MUST_CHECK bool probe_db_gate(struct db *db, int64_t flight,
                              struct arena *arena, struct probe_gate *out,
                              struct fault *why);

#endif
