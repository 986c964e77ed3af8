/* bisector/lab.h - a bisection whose tests are flights.
 *
 * All that it knows is in the database (bisection_db.h). lab_advance() takes
 * what has ended and starts what comes next: whoever is killed in between is
 * followed by somebody who goes on from the rows, and the flights that are
 * under way then are those that are waited for. */
#ifndef BISECTOR_LAB_H
#define BISECTOR_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bisector/bisection_db.h"
#include "bisector/journal.h"
#include "bisector/setup.h"
#include "harness/arena.h"
#include "harness/attr.h"

struct db;
struct fault;
struct search;

/* A line for people: what was just learned, or begun. */
typedef void lab_say_fn(void *owner, const char *text);

struct lab_opts {
    lab_say_fn *say;            /* or NULL */
    void *owner;
};

enum lab_next {
    LAB_NEXT_NONE = 0,
    LAB_WAIT,                   /* call again when a flight has ended */
    LAB_OVER                    /* it is at its end, or stopped */
};

/* The caller has bisection_db_lock(). May take as long as a build does. What
 * only people can mend stops the bisection, with the reason in its row, and is
 * the fault. */
MUST_CHECK bool lab_advance(struct db *db, int64_t bisection,
                            const struct lab_opts *opts,
                            enum lab_next *next_out, struct fault *why);

/* Read back, for those who tell of it. 'it' and 'runs' always; a bisection
 * without trees (nothing but the surroundings differ) has no search. */
struct lab {
    struct db *db;
    const struct lab_opts *opts;
    struct arena arena;
    struct bisection it;
    struct bisection_run *runs;
    size_t run_count;
    struct setup setup;
    struct journal journal;     /* its runs as lines; of no file */
    struct search *search;      /* NULL: it has no trees */
};
#define LAB_INIT { .arena = ARENA_INIT, .setup = SETUP_INIT, \
                   .journal = JOURNAL_INIT }
MUST_CHECK bool lab_load(struct lab *lab, struct db *db, int64_t bisection,
                         struct fault *why);
/* Runs, journal and search once more, after a change of them. */
MUST_CHECK bool lab_reload(struct lab *lab, struct fault *why);
void lab_fini(struct lab *lab);

/* Ends what is under way for a bisection that is stopped or at its end: flights
 * only that no other one waits for. */
MUST_CHECK bool lab_abandon(struct db *db, int64_t bisection,
                            struct fault *why);

/* Beginning one ------------------------------------------------------------ */

struct lab_start {
    int64_t flight, basis;      /* basis 0: it is looked for */
    const char *job, *testid;
    const char *recipe;         /* or NULL */
    const char *author;
    const char *const *people;  /* NULL-ended, or NULL */
    int parallel;               /* 0: as many as there are hosts, at most 4 */
    double confidence;
    int64_t max_runs;
};
/* Says what is wrong before the first test, where that can be known:
 * FAULT_USAGE and its like. FAULT_CONFLICT when the failure is looked into
 * already. */
MUST_CHECK bool lab_start(struct db *db, const struct lab_start *start,
                          int64_t *bisection_out, struct fault *why);

/* Bisections of all regressions that nobody has looked at, and what newer
 * flights say of those that there are. */
MUST_CHECK bool lab_due(struct db *db, const struct lab_opts *opts,
                        struct fault *why);

/* A line with the state for people: candidates left, expected runs and time. */
struct buf;
void lab_progress(const struct lab *lab, struct buf *out);

#endif
