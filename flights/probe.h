/* flights/probe.h - one test of a bisection in the lab: a job of a flight once
 * more, with other revisions, in a flight of its own. */
#ifndef FLIGHTS_PROBE_H
#define FLIGHTS_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;
struct plan;

struct probe_revision {
    const char *tree, *url;     /* url: "" when nobody knows */
    const char *commit;         /* a full name */
};

enum probe_end {
    PROBE_NONE = 0,
    PROBE_PASS,                 /* the test passed */
    PROBE_FAIL,                 /* it failed as in the flight asked about */
    PROBE_OTHER,                /* it failed in another way, or before */
    PROBE_BROKEN                /* nothing was learned of the revision */
};

/* Makes the plan of 'flight', read back, one of 'job' alone at these revisions:
 * what steps have set is not copied, and what the job needs is what that
 * flight has. 'candidate' replaces its own unless NULL. FAULT_USAGE when there
 * is no such job. */
MUST_CHECK bool probe_clone(struct plan *plan, struct arena *arena,
                            int64_t flight, const char *job,
                            const struct probe_revision *revisions,
                            int revision_count, const char *candidate,
                            struct fault *why);

/* What the step 'testid' of 'job' said in 'flight', which has ended; a failure
 * is the same as that of 'like' when its reason is, but for numbers, addresses
 * and names of hosts. 'like' 0: any failure of that step. '*text_out' is for
 * people, in the arena. */
MUST_CHECK bool probe_judge(struct db *db, int64_t flight, const char *job,
                            const char *testid, int64_t like,
                            struct arena *arena, enum probe_end *end_out,
                            const char **text_out, struct fault *why);

#endif
