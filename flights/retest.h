/* flights/retest.h - the counterfactual of a flight's failures: runs them again
 * with the new and the last good version, on the host where they failed and on
 * a sibling, until results/blame.h is sure.
 *
 * What was run and found is in the database: a call that comes after a crash,
 * or from another program, goes on from there. */
#ifndef FLIGHTS_RETEST_H
#define FLIGHTS_RETEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "results/blame.h"

struct db;
struct fault;

/* Without jobs named, one failing job is always retested alone, and more when
 * they are at most this share of the flight's jobs; so many failures of
 * another kind are for people. */
#define RETEST_SHARE_PERCENT 10

typedef void retest_say_fn(void *owner, const char *text);

struct retest_options {
    const char *const *jobs;    /* NULL-ended: these alone; NULL: as above */
    struct blame_budget budget; /* of each failure */
    retest_say_fn *say;         /* a line for people; or NULL */
    void *owner;
};

struct retest_state {
    size_t failures;            /* signatures that are looked into */
    size_t running;             /* of them, those that wait for a run */
    int64_t wait_flight;        /* one of these runs; 0: nothing to wait for */
    size_t causes[BLAME_CAUSE_COUNT];   /* [BLAME_NONE]: open */
    bool too_many;              /* nothing was done: see above */
};

/* Takes what has ended, and starts what comes next; does not wait. 'flight'
 * must have ended (FAULT_CONFLICT). Failures with one signature are looked into
 * once, builds never: nothing of a build is by chance. */
MUST_CHECK bool retest_advance(struct db *db, int64_t flight,
                               const struct retest_options *options,
                               struct retest_state *state_out,
                               struct fault *why);

#endif
