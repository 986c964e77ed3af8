/* results/stats.h - do two samples differ; where did a series change.
 *
 * No I/O, no clock, no randomness: the same numbers give the same answer.
 * Methods, sources and error rates are in assay-stats(7);
 * tests/bench/stats-bench.c measures them. */
#ifndef RESULTS_STATS_H
#define RESULTS_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

/* Comparison ---------------------------------------------------------------
 *
 * A group-sequential Mann-Whitney test: it may be asked after each new pair
 * of values, and over all those looks calls a difference where there is none
 * in at most 1 % of cases, whatever the distribution. */

#define STATS_CAP 36            /* values a side: after these it decides */

enum stats_verdict { STATS_NONE = 0, STATS_UNKNOWN /* more values needed */,
                     STATS_SAME, STATS_DIFFERENT };
const char *stats_verdict_name(enum stats_verdict verdict);

struct stats_comparison {
    enum stats_verdict verdict;
    double median_a, median_b;
    double shift, low, high;    /* B - A: Hodges-Lehmann, with its interval */
    double z;                   /* standardised rank sum, B above A positive */
    double size;                /* effective values a side */
    double margin;              /* shifts within +-margin count as the same */
};

/* 'margin' is the least shift that matters, in the unit of the values;
 * 0 means the pooled interquartile range. Values must be finite. With fewer
 * than two on a side the verdict is UNKNOWN and the rest zero. */
void stats_compare(const double *a, size_t a_count, const double *b,
                   size_t b_count, double margin,
                   struct stats_comparison *out);

/* Change points ------------------------------------------------------------ */

struct stats_change {
    size_t at;                  /* index of the first value after the change */
    double before, after;       /* medians of the stretches on either side */
    double z;                   /* evidence, sign as after - before */
};

struct stats_changes {
    struct stats_change *list;  /* in order of 'at'; stats_changes_fini() */
    size_t count;
    double noise;               /* robust standard deviation about the levels */
};

/* At most one quiet series in twenty gets any change point. O(n). */
void stats_changepoints(const double *values, size_t count,
                        struct stats_changes *out);
/* Was there a change that only the latest values show? Looks at the end of
 * the series alone, in time that does not grow with it: what to call when a
 * value was appended. False: none. */
bool stats_change_at_end(const double *values, size_t count,
                         struct stats_change *out);
void stats_changes_fini(struct stats_changes *changes);

/* Of 'values', which are sorted in place; NAN when there are none. */
double stats_median(double *values, size_t count);

#endif
