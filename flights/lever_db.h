/* flights/lever_db.h - the levers of people on a branch: pulled, taken back,
 * used up. Rows are only added, so that all of it is the audit log. */
#ifndef FLIGHTS_LEVER_DB_H
#define FLIGHTS_LEVER_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "results/policy.h"

struct arena;
struct db;
struct fault;

struct lever_row {
    int64_t lever, at_ms;
    const char *kind;           /* "force", ..., "end" */
    const char *branch;
    const char *revision, *job, *testid, *until_rc;     /* "": not given */
    int64_t passes, issue;      /* 0: not given */
    int64_t ends, run;          /* 0: none */
    const char *author, *reason;
    int64_t ended_by;           /* the row that took it back; 0: none did */
};

/* Adds 'row' (lever, at_ms and ended_by are not looked at). FAULT_USAGE when
 * it has no author or reason, or a scope that its kind has not;
 * FAULT_NOT_FOUND for an unknown issue. */
MUST_CHECK bool lever_db_add(struct db *db, const struct lever_row *row,
                             int64_t *lever_out, struct fault *why);
/* Takes a lever back; by a run (0: by a person) that used it up.
 * FAULT_NOT_FOUND when there is none, FAULT_CONFLICT when that was done
 * before. */
MUST_CHECK bool lever_db_end(struct db *db, int64_t lever, int64_t run,
                             const char *author, const char *reason,
                             struct fault *why);
/* The levers of a branch that nobody took back, the oldest first, with passes
 * counted and issues looked up; 'rc_is_cut' is left to who knows the tags. */
MUST_CHECK bool lever_db_active(struct db *db, const char *branch,
                                struct arena *arena,
                                struct policy_lever **out, size_t *count_out,
                                struct fault *why);
/* All rows of a branch (NULL: of all), the oldest first. */
MUST_CHECK bool lever_db_log(struct db *db, const char *branch,
                             struct arena *arena, struct lever_row **out,
                             size_t *count_out, struct fault *why);

#endif
