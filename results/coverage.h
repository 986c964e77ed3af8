/* results/coverage.h - what was to be tested and was not, and what the
 * baseline covered that this flight did not. No I/O. */
#ifndef RESULTS_COVERAGE_H
#define RESULTS_COVERAGE_H

#include <stddef.h>
#include <stdint.h>
#include "results/decide.h"
#include "results/evidence.h"

struct arena;

/* Something that was to be tested and was not. */
struct coverage_gap {
    enum outcome kind;          /* skip, missing, blocked, starved, ... */
    const char *job;
    const char *what;           /* testids, ", " between; "": the whole job */
    const char *why;            /* "" when nobody said */
    size_t count;               /* of testids, also those past the named */
    size_t lost;                /* of these, covered by the baseline */
};

/* A cell is covered when it passed or failed: anything else says nothing
 * about the product. */
struct coverage {
    const struct coverage_gap *gaps;    /* by job; what was lost because this
                                         * flight does not have it is last */
    size_t gap_count;
    int64_t baseline;           /* flight compared with, 0: none */
    size_t covered;             /* cells, here */
    size_t baseline_covered;    /* cells, there */
    size_t lost, gained;
};

/* What the baseline covered, by job and testid. */
struct coverage_baseline {
    int64_t flight;
    const struct decide_cell *cells;
    size_t cell_count;
};

/* 'statuses' are those of the jobs, as judged. 'baseline' may be NULL. 'arena'
 * owns what 'out' points to; so do the evidence and the baseline. */
void coverage_of(const struct evidence *evidence,
                 const enum outcome *statuses,
                 const struct coverage_baseline *baseline,
                 struct arena *arena, struct coverage *out);

#endif
