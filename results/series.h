/* results/series.h - a measurement over flights: one number a flight, the
 * median of its repeats, with what it was measured on. */
#ifndef RESULTS_SERIES_H
#define RESULTS_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;

struct series_point {
    int64_t flight;
    double value;
    int64_t repeats;
    /* Class of the host, debug build, harness: numbers of different ones are
     * not compared. */
    const char *place;
};

struct series {
    const char *job, *testid, *name, *unit;
    bool higher_is_better;
    struct series_point *points;        /* by flight */
    size_t count;
};

struct series_request {
    int64_t flight;             /* up to this one, which counts although it may
                                 * not have ended; 0: all */
    const char *branch;         /* NULL: that of 'flight', or any */
    /* All NULL: every measurement of 'flight', which must not be 0. */
    const char *job, *testid, *name;
    int flights;                /* the last so many of the branch */
};
/* By job, testid and name. Passes alone count. */
MUST_CHECK bool series_read(struct db *db,
                            const struct series_request *request,
                            struct arena *arena, struct series **out,
                            size_t *count_out, struct fault *why);

/* Those of one place: the last flight's. In the arena; points to the same
 * texts. */
void series_of_last_place(const struct series *series, struct arena *arena,
                          struct series *out);

#endif
