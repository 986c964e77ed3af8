/* flights/gate_db.h - the runs of the gate, and what it asks of history. */
#ifndef FLIGHTS_GATE_DB_H
#define FLIGHTS_GATE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "results/policy.h"

struct arena;
struct db;
struct fault;

enum gate_state {
    GATE_STATE_NONE = 0,
    GATE_BEGUN,                 /* what is tested is fixed */
    GATE_SMOKE,                 /* the smoke flight is made */
    GATE_FULL,                  /* the flight is made */
    GATE_RETEST,                /* some of it is run once more */
    GATE_DECIDED,               /* to push */
    GATE_PUSHED,                /* these and the rest are ends */
    GATE_HELD,
    GATE_TESTED,                /* the baseline: there was nothing to push */
    GATE_LOST,                  /* somebody else set the output */
    GATE_ABORTED,               /* its flight was */
    GATE_FAILED,                /* there was nothing to test */
    GATE_STATE_COUNT
};
const char *gate_state_name(enum gate_state state);
bool gate_state_is_end(enum gate_state state);

/* Texts are never NULL, "" when absent; numbers are 0, moments -1. */
struct gate_run {
    int64_t run;
    const char *branch;
    enum policy_purpose purpose;
    enum gate_state state;
    const char *source, *definition;
    const char *tree, *revision, *old, *baseline;
    const char *trees;          /* JSON: {"xen": REVISION, ...} */
    int64_t candidate, smoke_flight, flight, retest_flight, again;
    const char *result, *summary, *ruling, *ruling_sha256;
    const char *author;
    int64_t begun_ms, decided_ms, finished_ms;
};

/* A run to be: of 'run' everything up to 'again' is used. FAULT_CONFLICT when
 * the branch has an open one. */
MUST_CHECK bool gate_db_begin(struct db *db, const struct gate_run *run,
                              int64_t *run_out, struct fault *why);
/* FAULT_NOT_FOUND. */
MUST_CHECK bool gate_db_read(struct db *db, int64_t run, struct arena *arena,
                             struct gate_run *out, struct fault *why);
/* The latest run of each branch, or (one branch) the latest 'limit' of it, the
 * newest first. */
MUST_CHECK bool gate_db_latest(struct db *db, struct arena *arena,
                               struct gate_run **out, size_t *count_out,
                               struct fault *why);
MUST_CHECK bool gate_db_runs(struct db *db, const char *branch, int limit,
                             struct arena *arena, struct gate_run **out,
                             size_t *count_out, struct fault *why);

/* Each of these is one step of one run; FAULT_CONFLICT when the run is not
 * where the step begins, because another process has taken it. */
MUST_CHECK bool gate_db_set_candidate(struct db *db, int64_t run,
                                      int64_t candidate, struct fault *why);
/* To GATE_SMOKE, GATE_FULL or GATE_RETEST. */
MUST_CHECK bool gate_db_set_flight(struct db *db, int64_t run,
                                   enum gate_state from, enum gate_state to,
                                   int64_t flight, struct fault *why);
struct gate_decided {
    enum gate_state state;      /* DECIDED, HELD or TESTED */
    const char *result, *summary, *ruling, *ruling_sha256;
    const char *allow;          /* results/gated_db.h */
};
MUST_CHECK bool gate_db_decide(struct db *db, int64_t run,
                               enum gate_state from,
                               const struct gate_decided *decided,
                               struct fault *why);
/* To an end. 'summary' NULL: it stays. */
MUST_CHECK bool gate_db_finish(struct db *db, int64_t run,
                               enum gate_state from, enum gate_state to,
                               const char *summary, struct fault *why);

/* 0 when there is none of the name. */
MUST_CHECK bool gate_db_candidate(struct db *db, const char *name,
                                  int64_t *candidate_out, struct fault *why);
/* Whether the branch has a flight, not of smoke alone, that ended and in which
 * something passed with this revision. */
MUST_CHECK bool gate_db_is_tested(struct db *db, const char *branch,
                                  const char *tree, const char *revision,
                                  bool *tested_out, struct fault *why);
/* Revisions that the gate of a branch has pushed, the latest first. */
MUST_CHECK bool gate_db_pushed(struct db *db, const char *branch,
                               const char *tree, struct arena *arena,
                               char ***revisions_out, struct fault *why);
/* What a flight is to be worth. FAULT_NOT_FOUND. */
MUST_CHECK bool gate_db_intended(struct db *db, int64_t flight,
                                 struct arena *arena,
                                 const char **intended_out,
                                 struct fault *why);
/* The latest flight of the baseline that was made from the same file as
 * 'flight'; 0: there is none. */
MUST_CHECK bool gate_db_baseline(struct db *db, int64_t flight,
                                 const char *tree, const char *baseline,
                                 int64_t *baseline_out, struct fault *why);
/* Whether somebody pulled or took back a lever of the branch after 'run' was
 * decided. */
MUST_CHECK bool gate_db_levers_since(struct db *db, const char *branch,
                                     int64_t run, bool *any_out,
                                     struct fault *why);

#endif
