/* results/issue_db.h - known issues in the database. */
#ifndef RESULTS_ISSUE_DB_H
#define RESULTS_ISSUE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;
struct issue_answer;

struct issue {
    int64_t issue;              /* 0 for issue_add() */
    const char *title, *reference, *owner, *lane;
    const char *state;          /* open, fixed, closed */
    const char *close_reason;   /* "" unless closed */
    const char *branches, *unfixed;     /* that showed it; without the fix */
    const char *regressed;      /* of those, that had it */
    int64_t failures, flights;
    int64_t first_flight, last_flight;  /* 0: never seen */
    int64_t opened_ms, last_ms;         /* -1: never */
};

/* What identifies it: a signature, or the failure FLIGHT/JOB[/TESTID], whose
 * signature is taken. FAULT_NOT_FOUND, FAULT_USAGE. */
MUST_CHECK bool issue_signature(struct db *db, const char *what,
                                struct arena *arena, const char **out,
                                struct fault *why);
/* With its first signature, in one statement. */
MUST_CHECK bool issue_add(struct db *db, const struct issue *issue,
                          const char *signature, int64_t *number_out,
                          struct fault *why);
/* One more signature of it. FAULT_NOT_FOUND. */
MUST_CHECK bool issue_attach(struct db *db, int64_t issue,
                             const char *signature, struct fault *why);
/* 'issue' 0: all that are open, or all. */
MUST_CHECK bool issue_list(struct db *db, int64_t issue, bool all,
                           struct arena *arena, struct issue **out,
                           size_t *count_out, struct fault *why);

struct issue_line {
    const char *kind;           /* signature, fix, commit, tested, seen */
    const char *name;           /* the signature, the branch, TREE, the branch,
                                 * FLIGHT/JOB */
    const char *text;           /* its title, the revision, what git says of
                                 * the last tested revision, the line */
};
/* Signatures, fixes, commits with each branch, and the last 'limit'
 * failures. */
MUST_CHECK bool issue_details(struct db *db, int64_t issue, int limit,
                              struct arena *arena, struct issue_line **out,
                              size_t *count_out, struct fault *why);

/* 'branch' has the fix from 'revision' on, says 'author'. FAULT_NOT_FOUND. */
MUST_CHECK bool issue_fix(struct db *db, int64_t issue, const char *branch,
                          const char *revision, const char *author,
                          struct fault *why);
/* The whole name of a commit that fixes it: for results/issue_reach.h.
 * FAULT_NOT_FOUND, FAULT_CONFLICT. */
MUST_CHECK bool issue_commit(struct db *db, int64_t issue, const char *tree,
                             const char *revision, const char *author,
                             struct fault *why);
/* What git was not asked yet of this issue, or with 0 of all that are not
 * closed, at most 1000. */
MUST_CHECK bool issue_asks(struct db *db, int64_t issue, struct arena *arena,
                           struct issue_answer **out, size_t *count_out,
                           struct fault *why);
MUST_CHECK bool issue_reached(struct db *db,
                              const struct issue_answer *answer,
                              struct fault *why);
/* Not by a fix: it is none, or is another one. FAULT_CONFLICT if closed. */
MUST_CHECK bool issue_close(struct db *db, int64_t issue, const char *reason,
                            struct fault *why);

#endif
