/* results/perf.h - is what a flight measured worse than before? And what a
 * decision makes of it. No I/O. */
#ifndef RESULTS_PERF_H
#define RESULTS_PERF_H

#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct decide_input;
struct series;

enum perf_change { PERF_UNKNOWN = 0 /* too little to compare with */,
                   PERF_SAME, PERF_WORSE, PERF_BETTER };

/* A change of less than this share of the level is none. */
#define PERF_THRESHOLD 0.03
/* Nor is one on fewer flights before. */
#define PERF_FLIGHTS_MIN 8

struct perf {
    const struct series *series;        /* of one place, the flight last */
    enum perf_change change;
    double before, value;       /* the level since it last changed, and now */
    double noise;               /* robust standard deviation about the level */
    double limit;               /* what a difference must exceed to count */
    double share;               /* (value - before) / |before| */
    const char *testid;         /* of the cell: "STEP/NAME" */
    const char *text;           /* one line, for people; "" for SAME */
};

/* Judges the last point against those before it, from the last change point
 * on. */
void perf_judge(const struct series *series, struct arena *arena,
                struct perf *out);

/* Each that is worse becomes a case of its step, which failed in the flight
 * that is judged, and in the flights of the baseline's version that measured
 * no better; in those that measured better it passed: so that it is a
 * regression against them, or not, by the rules of every other case. */
void perf_apply(const struct perf *perfs, size_t count, struct arena *arena,
                struct decide_input *input);

#endif
