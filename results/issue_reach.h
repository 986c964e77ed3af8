/* results/issue_reach.h - asks git which tested revisions contain the fixes of
 * known issues, and keeps the answers. */
#ifndef RESULTS_ISSUE_REACH_H
#define RESULTS_ISSUE_REACH_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;

/* 'revision' of 'tree', perhaps a short one, fixes the issue, says 'author'. It
 * must be in a clone that is here. FAULT_NOT_FOUND, FAULT_USAGE,
 * FAULT_CONFLICT when the issue is closed. */
MUST_CHECK bool issue_reach_add(struct db *db, int64_t issue,
                                const char *tree, const char *revision,
                                const char *author, struct fault *why);

/* What there is to say of one question. */
struct issue_answer {
    int64_t issue, flight;
    const char *branch, *tree, *commit, *tested;
    bool known, contains;
    const char *note;           /* why it is not known */
};
/* Asks what is not known yet of 'issue', or with 0 of all that are not closed.
 * What git cannot tell stays open and is among the answers. */
MUST_CHECK bool issue_reach_ask(struct db *db, int64_t issue,
                                struct arena *arena,
                                struct issue_answer **out, size_t *count_out,
                                struct fault *why);

#endif
