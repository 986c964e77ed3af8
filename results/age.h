/* results/age.h - how long the branch of a flight has waited for a good one. */
#ifndef RESULTS_AGE_H
#define RESULTS_AGE_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct db;
struct fault;

/* A row of flights of the branch that ends with the flight in question: the
 * first of them, when it began, and how many have run. */
struct report_since {
    int64_t flight;             /* 0: there is none */
    int64_t at_ms;
    int64_t attempts;
};

struct report_age {
    int64_t now_ms;             /* when the flight in question ended */
    struct report_since good;   /* the last one before that passed whole;
                                 * attempts: 1 */
    struct report_since failing;    /* since then none passed */
    struct report_since same;   /* all with this flight's revisions */
};

/* Looks at flights of the same branch and intent that came before. */
MUST_CHECK bool age_read(struct db *db, int64_t flight,
                         struct report_age *out, struct fault *why);

#endif
