/* results/decide.h - may this version replace the baseline? OSSTest's decision
 * about the failures of a flight, as a library without I/O.
 *
 * Each failure goes through these rows; the first that fits decides.
 *
 *  1 the job did not pass and no step says why    ''          broken
 *  2 blocked, starved                             n/a         -
 *  3 queued, preparing, running                   ''          unfinished
 *  4 neither fail nor broken                      [st=..!]    broken
 *  5 (job, testid) never passed on this branch    never pass  -
 *  6 otherwise every run of the baseline's version is looked at, and the one
 *    of the highest priority says it (the first of equals):
 *      10 there is none with the job    baseline untested   -
 *      50 it has the job, not the step  blocked in N        -
 *     100 it passed there               REGR. vs. N         regression, or
 *         (600 if the job is build*)                        broken if that
 *                                                           is it here
 *     170 any other status X            X in N              -
 *     180 broken here, fail there       failed in N         -
 *     190 the same status               like N              -
 *    So a baseline is as bad as its worst run.
 *  7 what blocks, below 500, is excused by a run M of this version in which
 *    the step passed (pass in M): but then the failures of M are judged too,
 *    by the same rows, each flight once ("fail in M ..."). Without that,
 *    retrying until each test has passed once would be a pass.
 *  8 what still blocks is excused if a pattern allows it
 *
 * Where that leaves room, here it is so: a skip is no failure but a gap in
 * coverage. A job of row 1 that was blocked, or has not ended, is judged by row
 * 2 or 3; a case that is missing because its step did not pass, by row 2. A
 * build blocks whenever it failed or broke, in rows 5 and 6 too
 * (blocker 'build'), and row 7 never excuses it. A job of row 1 is excused in
 * row 7 by a run in which the whole job passed. What has not ended is excused
 * by nothing. A flight in which nothing passed is not perfect.
 *
 * Source: the documented behaviour of OSSTest's sg-report-flight. */
#ifndef RESULTS_DECIDE_H
#define RESULTS_DECIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/outcome.h"

struct arena;
struct buf;
struct fault;

/* What is asked ------------------------------------------------------------ */

/* A cell of a job: a step, or "STEP/ID" for a case that a step reported. */
struct decide_step {
    const char *testid;
    enum outcome status;
    enum lane lane;
};

struct decide_job {
    const char *name;
    enum outcome status;        /* as judged, not merely as recorded */
    enum lane lane;
    int64_t estimate_ms;        /* how long such a job takes; 0: unknown */
    const struct decide_step *steps;    /* in order of start */
    size_t step_count;
};

/* Whose version a flight tested; the two may be the same. */
enum { DECIDE_THIS = 1, DECIDE_THAT = 2 };

struct decide_flight {
    int64_t flight;
    const char *blessing;
    unsigned versions;          /* DECIDE_THIS | DECIDE_THAT */
    const struct decide_job *jobs;      /* names are unique */
    size_t job_count;
};

struct decide_cell {
    const char *job, *testid;   /* testid "": the job as a whole */
};

struct decide_version {
    const char *tree, *revision;
};

/* A line of an allow file, or a waiver. '@' stands for one word (any bytes but
 * space and !"#$%&'()*+,-./), '@@' for anything. */
struct decide_allow {
    const char *job, *testid;   /* patterns */
    const char *source;         /* "allow.all:12", "waiver 7" */
};

/* 'history' is in order of preference (blessing, then newest first) and may
 * hold the judged flight too: then its passes excuse others' failures. Of its
 * flights of this version, every job and step that did not pass must be there,
 * since a flight that excuses is judged itself; of all its flights, every
 * (job, testid) that failed in any flight of this version, with its job. More
 * changes nothing. 'passed' likewise names the failing cells that have passed
 * on this branch, whatever the version and whenever. */
struct decide_input {
    const char *branch;
    struct decide_flight flight;        /* the one that is judged, whole */
    const struct decide_flight *history;
    size_t history_count;
    const struct decide_cell *passed;
    size_t passed_count;
    const struct decide_allow *allow;
    size_t allow_count;
    const struct decide_version *this_version;
    size_t this_count;
    const struct decide_version *that_version;  /* the baseline; may be none */
    size_t that_count;
};

/* What is answered --------------------------------------------------------- */

/* The row that fitted. */
enum decide_why {
    DECIDE_WHY_NONE = 0,
    DECIDE_WHY_NO_STEP,         /* 1 */
    DECIDE_WHY_NOT_RUN,         /* 2 */
    DECIDE_WHY_UNFINISHED,      /* 3 */
    DECIDE_WHY_ODD,             /* 4 */
    DECIDE_WHY_NEVER_PASSED,    /* 5 */
    DECIDE_WHY_UNTESTED,        /* 6, each */
    DECIDE_WHY_BLOCKED_THERE,
    DECIDE_WHY_PASSED_THERE,
    DECIDE_WHY_OTHER_THERE,
    DECIDE_WHY_FAILED_THERE,
    DECIDE_WHY_LIKE,
    DECIDE_WHY_COUNT
};

enum decide_blocker {
    DECIDE_BLOCKER_NONE = 0,    /* not judged: blocks */
    DECIDE_BLOCKER_REGRESSION,
    DECIDE_BLOCKER_BUILD,
    DECIDE_BLOCKER_BROKEN,
    DECIDE_BLOCKER_UNFINISHED,
    DECIDE_BLOCKER_FREE,        /* does not block */
    DECIDE_BLOCKER_COUNT
};

/* Where a report lists it, the gravest first. */
enum decide_category {
    DECIDE_CATEGORY_NONE = 0,
    DECIDE_CATEGORY_BLOCKING,
    DECIDE_CATEGORY_HEISENBUG,  /* excused by row 7 */
    DECIDE_CATEGORY_ALLOWABLE,  /* excused by row 8 */
    DECIDE_CATEGORY_NONBLOCKING,
    DECIDE_CATEGORY_COUNT
};

struct decide_failure {
    int64_t flight;             /* where it failed: 'flight' of the input, or
                                 * a flight that row 7 used */
    const char *job;
    const char *testid;         /* "": the job as a whole */
    enum outcome status;
    enum lane lane;
    enum decide_why why;
    int priority;               /* of row 6; 0 in others */
    int64_t baseline;           /* N of the summary; 0: none */
    int64_t passed_in;          /* M of row 7; 0: none */
    int64_t passed_too;         /* such a run, of what other rows excuse */
    const struct decide_allow *allow;   /* row 8; NULL: none */
    enum decide_blocker blocker;
    enum decide_category category;
    const char *summary;        /* "REGR. vs. 12", "fail in 13 pass in 14" */
    bool repeated;              /* the cell is listed before, as grave or
                                 * graver: reports leave it out */
};

/* PERFECT and TOLERABLE alone may be pushed. */
enum decide_result {
    DECIDE_RESULT_NONE = 0,
    DECIDE_RESULT_PERFECT,      /* no failures */
    DECIDE_RESULT_TOLERABLE,    /* failures, but nothing blocks */
    DECIDE_RESULT_UNTESTED,     /* nothing blocks, only because no run of the
                                 * baseline's version is known */
    DECIDE_RESULT_REGRESSIONS,
    DECIDE_RESULT_PROBLEMS,     /* something blocks; no regression */
    DECIDE_RESULT_EMPTY,        /* nothing passed: nothing was tested */
    DECIDE_RESULT_COUNT
};

struct decision {
    enum decide_result result;
    const struct decide_failure *failures;  /* by category, then in the order
                                             * in which they were judged */
    size_t failure_count;
    size_t blocker_count;       /* cells that block, each once */
    size_t job_count;           /* of the flight that was judged */
    const int64_t *flights;     /* judged: the one asked for comes first, then
                                 * those that row 7 used */
    size_t flight_count;
    bool baseline_tested;       /* a run of the baseline's version is known */
};

/* 'arena' owns all that 'out' points to; so does the input. */
void decide(const struct decide_input *input, struct arena *arena,
            struct decision *out);

/* "perfect", "tolerable", "untested", "regressions", "problems", "empty";
 * "none" for anything else. */
const char *decide_result_name(enum decide_result result);
/* "Perfect :-)" and its like: the sentence that OSSTest's users know. */
const char *decide_result_text(enum decide_result result);
bool decide_result_may_push(enum decide_result result);
const char *decide_blocker_name(enum decide_blocker blocker);
const char *decide_why_name(enum decide_why why);
const char *decide_category_name(enum decide_category category);
/* "<job status>" for a job as a whole. */
const char *decide_testid_text(const char *testid);

/* OSSTest's machine-readable lines:
 *   flight N
 *   perfect, tolerable        (the first comes with the second)
 *   regression JOB TESTID REF
 *   broken-job JOB STATUS, broken-step JOB TESTID, broken JOB TESTID STATUS
 *   never-passed JOB TESTID STATUS, blocked JOB TESTID, running JOB TESTID
 *   version this|that TREE REVISION
 *   nblockers N, njobs N
 * and, Assay's own, "untested" when the baseline was never tested. */
void decide_lines(const struct decide_input *input,
                  const struct decision *decision, struct buf *out);

/* Allow files: "JOB [TESTID]" a line, '#' comments; a missing testid means
 * all; "!LINE" removes an earlier identical line. Appends to *allow, an array
 * in 'arena' of *count elements. FAULT_CONFIG, "name:line: what is wrong":
 * then nothing has changed. */
MUST_CHECK bool decide_allow_parse(const char *text, size_t bytes,
                                   const char *name, struct arena *arena,
                                   const struct decide_allow **allow,
                                   size_t *count, struct fault *why);
bool decide_pattern_matches(const char *pattern, const char *text);

#endif
