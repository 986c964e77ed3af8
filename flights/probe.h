/* flights/probe.h - one test of a bisection in the lab: a job of a flight once
 * more, with other revisions, in a flight of its own. */
#ifndef FLIGHTS_PROBE_H
#define FLIGHTS_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include "flights/plan.h"
#include "harness/attr.h"

struct arena;
struct db;
struct fault;
struct pattern_code;

struct probe_revision {
    const char *tree, *commit;  /* a full name */
};

struct probe_order {
    int64_t flight;             /* its job is run again, by its definition */
    const char *job;
    const struct probe_revision *trees;         /* that are set; those that are
                                                 * not named stay */
    size_t tree_count;          /* 0: with the very candidate that it had */
    const char *recipe;         /* file of the build, or NULL */
    const char *const *hosts;   /* by role, NULL-ended; NULL: any that fit */
    const char *source;         /* where it comes from, for people; or NULL */
};

/* A flight to be. */
struct probe {
    struct plan plan;
    const char *failed;         /* why there is no candidate of these revisions:
                                 * then there is nothing to fly; or NULL */
    int64_t build;              /* that the candidate is of; 0: none */
    char definition[65];        /* SHA-256: equal ones test the same */
};

/* Builds the candidate as that of the job was built, unless that has been
 * done. FAULT_NOT_FOUND when there is no such flight, job or recipe. What
 * says nothing of the revisions (a full disk) is a fault. */
MUST_CHECK bool probe_make(struct db *db, const struct probe_order *order,
                           struct arena *arena, struct probe *out,
                           struct fault *why);
/* Whether candidates of other revisions can be made as that of the job was:
 * FAULT_CONFIG when every revision would be tested with the same one. */
MUST_CHECK bool probe_check(struct db *db, const struct probe_order *order,
                            struct arena *arena, struct fault *why);
/* SHA-256 of the job, whatever revisions it tests. */
MUST_CHECK bool probe_definition(struct db *db, int64_t flight,
                                 const char *job, char out[static 65],
                                 struct fault *why);

enum probe_end {
    PROBE_NONE = 0,
    PROBE_PASS,                 /* the test passed */
    PROBE_FAIL,                 /* it failed as in the flight asked about */
    PROBE_OTHER,                /* it failed in another way, or before; or
                                 * there is no such cell */
    PROBE_BROKEN                /* nothing was learned of the revision */
};

/* Begins the reason of what is PROBE_OTHER. */
#define PROBE_OTHER_TEXT "another failure"

struct probe_answer {
    enum probe_end end;
    const char *text;           /* for people, in the arena */
    const char *output;         /* the log that tells, below ASSAY_HOME; "" */
};

/* What the cell 'testid' (a step, or STEP/CASE) of 'job' said in 'flight',
 * which has ended. A failure is the same as that in 'like' when both have one
 * signature, or one reason but for numbers, addresses and names of hosts;
 * 'like' 0: any failure of that cell. 'code' may be NULL. */
MUST_CHECK bool probe_judge(struct db *db, int64_t flight, const char *job,
                            const char *testid, int64_t like,
                            struct pattern_code *code, struct arena *arena,
                            struct probe_answer *out, struct fault *why);

#endif
