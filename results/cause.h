/* results/cause.h - what is known of why the jobs of a flight did not pass:
 * signatures, known issues, the four cells. For reports and gates. */
#ifndef RESULTS_CAUSE_H
#define RESULTS_CAUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/outcome.h"
#include "results/blame.h"
#include "results/evidence.h"

struct arena;
struct db;
struct fault;

/* One run that speaks for a cell. */
struct cause_run {
    enum blame_cell cell;
    const char *source;         /* "flight", "history", "retest" */
    int64_t flight;
    const char *job, *host;
    enum outcome status;        /* of the testid; not final: it still runs */
    bool alike;                 /* a non-pass, and in the same way */
};

/* The counterfactual of one failure, shared by all of its signature in the
 * flight. */
struct cause_blame {
    const char *job;            /* that was run again */
    bool open;                  /* more runs are wanted, or run now */
    enum blame_cause cause;     /* BLAME_NONE: not known (yet) */
    double split[BLAME_CAUSE_COUNT];
    struct blame_count cells[BLAME_CELL_COUNT];
    int64_t good_flight;        /* 0: there is no last good version */
    int run_count_spent;
    int64_t host_ms;
    const char *reason;         /* one line, for people */
    const struct cause_run *runs;
    size_t run_count;
};

struct cause_issue {
    int64_t issue;
    const char *title, *reference, *owner;
    enum lane lane;
    bool closed;                /* and yet it is here */
    bool regressed;             /* it was fixed on this branch */
    int64_t changed_s;          /* when somebody last said more of it, since
                                 * the Unix epoch */
};

/* One failing step of one job; texts are never NULL. */
struct cause {
    const char *job, *testid;   /* testid "": the job as a whole */
    enum lane lane;
    struct evidence_pointer pointer;
    size_t group;               /* index into the groups */
};

/* Failures of the flight with one signature. */
struct cause_group {
    const char *signature;      /* 16 hexadecimal digits */
    const char *title, *component, *pattern;
    enum lane lane;
    size_t count;               /* failures of this flight */
    const char *first_job, *first_testid;
    /* Over all flights, this one included. */
    int64_t seen_count, seen_flights, first_flight, last_flight;
    int64_t last_seen_ms;
    const struct cause_issue *issue;    /* known issue, or NULL */
    const struct cause_blame *blame;    /* or NULL: not retested */
};

struct causes {
    const struct cause *list;           /* by job, testid */
    size_t count;
    const struct cause_group *groups;   /* the largest first */
    size_t group_count;
};

/* What is stored, in three round trips; a flight without failures has none.
 * 'arena' owns all that 'out' points to. */
MUST_CHECK bool causes_read(struct db *db, int64_t flight,
                            struct arena *arena, struct causes *out,
                            struct fault *why);
/* The failure of a cell of the flight; NULL when there is none. */
const struct cause *causes_find(const struct causes *causes, const char *job,
                                const char *testid);

#endif
