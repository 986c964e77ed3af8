/* flights/retest_db.h - the SQL behind retest.h. */
#ifndef FLIGHTS_RETEST_DB_H
#define FLIGHTS_RETEST_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/outcome.h"
#include "results/blame.h"

struct arena;
struct db;
struct fault;

/* One failure that is looked into. */
struct retest_case {
    int64_t flight;
    const char *job, *testid, *signature;
    const char *branch;
};

/* What the history knows of it. */
struct retest_past {
    int64_t good_flight;        /* 0: it never passed with another version */
    bool seen_before;           /* the signature, up to the good flight */
    /* The same in this flight on another host; NULL: no. In the arena. */
    const char *other_job, *other_host;
    enum outcome other_status;
    const char *good_hosts;     /* of the job in the good flight; "" */
    double fails, runs;         /* of the test, up to the good flight */
};
MUST_CHECK bool retest_db_past(struct db *db, const struct retest_case *it,
                               struct arena *arena,
                               struct retest_past *out, struct fault *why);

/* Hosts of the class of 'host' that could do in its place, the ones with the
 * fewest marks first, without 'host' itself. In the arena, NULL-ended. */
MUST_CHECK bool retest_db_siblings(struct db *db, const char *host,
                                   struct arena *arena,
                                   const char *const **out,
                                   struct fault *why);

struct retest_run {
    enum blame_cell cell;
    const char *source;
    int64_t run_flight;
    const char *run_job, *host;
    enum outcome status;        /* of the test; not final: it runs */
    bool alike, starved;
    bool unstarted;             /* made, and not handed to assayd */
    int64_t host_ms;
};
MUST_CHECK bool retest_db_runs(struct db *db, const struct retest_case *it,
                               struct arena *arena, struct retest_run **out,
                               size_t *count_out, struct fault *why);
/* The next number; 'status' and 'alike' are those of a run that has ended. */
MUST_CHECK bool retest_db_add_run(struct db *db, const struct retest_case *it,
                                  const struct retest_run *run,
                                  struct fault *why);
/* Notes how ended runs ended. */
MUST_CHECK bool retest_db_take(struct db *db, const struct retest_case *it,
                               struct fault *why);

/* Flights of runs of this case that have ended and whose failures nobody has
 * looked at may be asked for by failure_record(). */
MUST_CHECK bool retest_db_ended(struct db *db, const struct retest_case *it,
                                struct arena *arena, int64_t **out,
                                size_t *count_out, struct fault *why);

struct retest_result {
    bool open;
    struct blame_judgement judgement;
    int64_t good_flight, host_ms;
    int runs;
    const char *reason;
};
MUST_CHECK bool retest_db_keep(struct db *db, const struct retest_case *it,
                               const struct retest_result *result,
                               struct fault *why);
/* Is it decided already? '*cause_out' then. */
MUST_CHECK bool retest_db_decided(struct db *db, const struct retest_case *it,
                                  bool *decided_out,
                                  enum blame_cause *cause_out,
                                  struct fault *why);
/* The host did not do its part in that job; once a job. */
MUST_CHECK bool retest_db_mark(struct db *db, const char *host,
                               int64_t flight, const char *job,
                               const char *reason, struct fault *why);

#endif
