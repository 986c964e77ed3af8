/* bisector/account.h - the runs of a search, as its journal tells them. */
#ifndef BISECTOR_ACCOUNT_H
#define BISECTOR_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include "bisector/search.h"
#include "harness/attr.h"

struct fault;
struct graph;
struct journal;

struct account_run {
    struct search_test at;
    enum search_result result;  /* SEARCH_RESULT_NONE: a number, no verdict */
    double value;               /* NAN: none */
    int64_t ms, wall_ms;        /* -1: not known */
    const char *reason, *output;        /* or NULL; the journal's */
};
struct account {
    struct account_run *runs;   /* in their order */
    size_t count, cap;
    int64_t ms;                 /* of all together */
    int64_t timed;              /* runs whose time is known */
    int64_t different;          /* failed in another way */
};

/* Borrows from 'journal'. */
MUST_CHECK bool account_read(const struct journal *journal,
                             const struct graph *graph, struct account *out,
                             struct fault *why);
void account_fini(struct account *account);

/* What 'runs' more may take, -1: nobody knows. */
int64_t account_left_ms(const struct account *account, double runs);

/* The last run with this result at 'node' of 'tree', or if there is none the
 * last with this result at all; NULL: none. */
const struct account_run *account_last(const struct account *account,
                                       enum search_result result, size_t tree,
                                       uint32_t node);

/* Reason of runs that failed, but not as was asked. */
#define ACCOUNT_DIFFERENT "another failure"

#endif
