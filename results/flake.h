/* results/flake.h - how often a test passes, as numbers: per job, testid, class
 * of host and version, the older the less it counts; and the tests that are
 * not believed for a while. For gates, bisections and people. */
#ifndef RESULTS_FLAKE_H
#define RESULTS_FLAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct decide_allow;
struct fault;

/* A run counts half after so long. */
#define FLAKE_HALF_LIFE_DAYS 30

struct flake_rate {
    double rate, low, high;     /* of passes, with its 95 % interval */
};
/* The interval of Wilson (1927) for weighted counts; of nothing it is 0 to 1,
 * with the middle as the rate. No I/O. */
void flake_rate_of(double passes, double fails, struct flake_rate *out);

struct flake {
    const char *job, *testid, *class;   /* class "": it has no host */
    const char *version;        /* "xen=89abcdef ..."; "": unknown */
    int64_t pass_count, fail_count;
    double passes, fails;       /* weighted by age */
    struct flake_rate rate;
    int64_t last_flight;        /* that failed; 0: none */
    bool quarantined;
};

struct flake_request {
    const char *branch;         /* NULL: all */
    const char *job, *testid;   /* NULL: all */
    int flights;                /* the last so many */
    bool flaky;                 /* only what passed and failed alike: with one
                                 * version on one class of hosts */
};
/* The worst first. Failures of hosts and of the harness are not the test's, and
 * do not count. */
MUST_CHECK bool flake_read(struct db *db, const struct flake_request *request,
                           struct arena *arena, struct flake **out,
                           size_t *count_out, struct fault *why);

/* Hosts that a counterfactual found at fault, the last days' worst first. */
struct flake_host {
    const char *host, *state, *reason;  /* the last mark's */
    int64_t count, flight;              /* the last mark's */
    const char *job;
    int64_t last_ms;
};
MUST_CHECK bool flake_hosts(struct db *db, int days, struct arena *arena,
                            struct flake_host **out, size_t *count_out,
                            struct fault *why);

/* Quarantine --------------------------------------------------------------- */

struct flake_quarantine {
    int64_t number;
    const char *job, *testid;   /* "*": any */
    const char *owner, *reason;
    int64_t begun_ms, until_ms;
};
/* Those in force now. */
MUST_CHECK bool flake_quarantines(struct db *db, struct arena *arena,
                                  struct flake_quarantine **out,
                                  size_t *count_out, struct fault *why);
/* Is this test believed? By the list above. */
bool flake_is_quarantined(const struct flake_quarantine *list, size_t count,
                          const char *job, const char *testid);
/* Adds to the allow patterns of a decision a line for each, named
 * "quarantine 3 (me)": what is not believed does not block, and is listed with
 * who lets it pass. */
MUST_CHECK bool flake_allow(struct db *db, struct arena *arena,
                            const struct decide_allow **allow,
                            size_t *count, struct fault *why);
/* Owner and reason must not be empty. */
MUST_CHECK bool flake_quarantine_begin(struct db *db,
                                       const struct flake_quarantine *what,
                                       int64_t for_ms, int64_t *number_out,
                                       struct fault *why);
/* FAULT_NOT_FOUND when none is in force for it. */
MUST_CHECK bool flake_quarantine_end(struct db *db, const char *job,
                                     const char *testid, struct fault *why);

#endif
