/* results/coverage.h - what was to be tested and was not, and what the
 * baseline, or a flight before it, covered that this one did not.
 *
 * A baseline that lost coverage must not ask less of what comes after it, or
 * coverage would go away flight by flight and nobody would be told. So a flight
 * is held to all that its baseline covered, and, of each job that it has, to
 * what the last run up to the baseline in which that job passed covered, or
 * skipped though it had passed before. What is lost stays lost, then, until it
 * is covered again, or the flight's file drops the job, or the job passes
 * without having the test any more. */
#ifndef RESULTS_COVERAGE_H
#define RESULTS_COVERAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/outcome.h"
#include "results/evidence.h"

struct arena;
struct db;
struct fault;

/* Something that was to be tested and was not. */
struct coverage_gap {
    enum outcome kind;          /* skip, missing, blocked, starved, ... */
    const char *job;
    const char *what;           /* testids, ", " between; "": the whole job */
    const char *why;            /* "" when nobody said */
    size_t count;               /* of testids, also those past the named */
    size_t lost;                /* of these, covered by the baseline or by
                                 * a flight before it */
    int64_t since;              /* the first of those flights; 0: none */
};

/* A cell is covered when it passed or failed: anything else says nothing
 * about the product. */
struct coverage {
    const struct coverage_gap *gaps;    /* by job; what was lost because this
                                         * flight does not have it is last */
    size_t gap_count;
    int64_t baseline;           /* flight compared with, 0: none */
    size_t cells;               /* here, but for those that are no test */
    size_t covered;             /* of these */
    size_t baseline_covered;    /* cells, there */
    size_t lost, gained;        /* against those */
    size_t eroded;              /* lost before: covered neither here nor by
                                 * the baseline */
    int64_t eroded_since;       /* the first flight that covered one of them */
};

struct coverage_cell {
    const char *job, *testid;
    int64_t flight;             /* the baseline, or an older one: then the
                                 * baseline did not cover it */
    bool passed;                /* there; else it failed */
};

/* What a flight is held to, by job and testid. */
struct coverage_baseline {
    int64_t flight;             /* 0: there is none */
    const struct coverage_cell *cells;
    size_t cell_count;
};

/* 'statuses' are those of the jobs, as judged. 'baseline' may be NULL. 'arena'
 * owns what 'out' points to; so do the evidence and the baseline. */
void coverage_of(const struct evidence *evidence,
                 const enum outcome *statuses,
                 const struct coverage_baseline *baseline,
                 struct arena *arena, struct coverage *out);

/* What 'flight' is held to when 'baseline' (0: none) is its baseline; only
 * flights of the baseline's branch, file and blessing count, and of them the
 * newest 1000. 'arena' owns 'out'. coverage_db.c */
MUST_CHECK bool coverage_read(struct db *db, int64_t baseline, int64_t flight,
                              struct arena *arena,
                              struct coverage_baseline *out,
                              struct fault *why);

#endif
