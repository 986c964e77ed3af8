/* results/decide.c - judges failures by the rows of decide.h. */
#include <config.h>

#include "results/decide.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/mem.h"

#define PRIORITY_UNTESTED 10
#define PRIORITY_BLOCKED 50
#define PRIORITY_REGRESSION 100
#define PRIORITY_OTHER 170
#define PRIORITY_FAILED 180
#define PRIORITY_LIKE 190
#define PRIORITY_BUILD 600
#define PRIORITY_NO_EXCUSE 500          /* from here on row 7 does not help */

/* The history, turned from flights of cells to cells of flights. */
struct run {
    const char *job, *testid;   /* testid "": the job */
    size_t place;               /* in the history */
    enum outcome status;
};

struct runs {
    const struct run *list;
    size_t count;
};

struct judging {
    const struct decide_input *input;
    struct arena *arena;
    struct run *runs;
    size_t run_count;
    const struct decide_cell **passed;
    struct decide_failure *failures;
    size_t failure_count, failure_cap;
    const struct decide_flight **flights;   /* judged, and still to judge */
    size_t flight_count, flight_cap;
    bool baseline_tested;
};

/* Cells -------------------------------------------------------------------- */

static int
compare_names(const char *job, const char *testid, const char *other_job,
              const char *other_testid)
{
    int order = strcmp(job, other_job);

    return order != 0 ? order : strcmp(testid, other_testid);
}

static int
compare_runs(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    int order = compare_names(x->job, x->testid, y->job, y->testid);

    if (order != 0)
        return order;
    return (x->place > y->place) - (x->place < y->place);
}

static int
compare_cells(const void *a, const void *b)
{
    const struct decide_cell *const *x = a, *const *y = b;

    return compare_names((*x)->job, (*x)->testid, (*y)->job, (*y)->testid);
}

static void
index_history(struct judging *judging)
{
    const struct decide_input *input = judging->input;
    size_t count = 0, at = 0;

    for (size_t i = 0; i < input->history_count; i++) {
        const struct decide_flight *flight = &input->history[i];

        for (size_t j = 0; j < flight->job_count; j++)
            count += 1 + flight->jobs[j].step_count;
    }
    judging->runs = xcalloc(count + 1, sizeof *judging->runs);
    judging->run_count = count;
    for (size_t i = 0; i < input->history_count; i++) {
        const struct decide_flight *flight = &input->history[i];

        for (size_t j = 0; j < flight->job_count; j++) {
            const struct decide_job *job = &flight->jobs[j];

            judging->runs[at++] = (struct run){ job->name, "", i,
                                                job->status };
            for (size_t k = 0; k < job->step_count; k++)
                judging->runs[at++] = (struct run){
                    job->name, job->steps[k].testid, i, job->steps[k].status
                };
        }
    }
    qsort(judging->runs, count, sizeof *judging->runs, compare_runs);
    judging->passed = xcalloc(input->passed_count + 1,
                              sizeof(struct decide_cell *));
    for (size_t i = 0; i < input->passed_count; i++)
        judging->passed[i] = &input->passed[i];
    qsort(judging->passed, input->passed_count, sizeof *judging->passed,
          compare_cells);
}

/* All runs of one cell, in the order of the history. */
static struct runs
runs_of(const struct judging *judging, const char *job, const char *testid)
{
    size_t low = 0, high = judging->run_count;
    struct runs runs;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct run *run = &judging->runs[middle];

        if (compare_names(run->job, run->testid, job, testid) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    runs.list = &judging->runs[low];
    while (high < judging->run_count
           && compare_names(judging->runs[high].job,
                            judging->runs[high].testid, job, testid) == 0)
        high++;
    runs.count = high - low;
    return runs;
}

/* On this branch, whatever the version. */
static bool
ever_passed(const struct judging *judging, const char *job,
            const char *testid)
{
    const struct decide_cell cell = { job, testid }, *key = &cell;
    struct runs runs = runs_of(judging, job, testid);

    for (size_t i = 0; i < runs.count; i++) {
        if (runs.list[i].status == OUTCOME_PASS)
            return true;
    }
    return judging->input->passed_count > 0
        && bsearch(&key, judging->passed, judging->input->passed_count,
                   sizeof *judging->passed, compare_cells) != NULL;
}

/* The rows ----------------------------------------------------------------- */

static bool
is_build(const char *job)
{
    return strncmp(job, "build", 5) == 0;
}

static const char *
flight_label(struct arena *arena, const struct decide_flight *flight)
{
    static const char RETEST[] = "-retest";
    size_t bytes = strlen(flight->blessing), tail = sizeof RETEST - 1;
    bool retest = bytes >= tail
        && strcmp(flight->blessing + bytes - tail, RETEST) == 0;

    return arena_printf(arena, "%" PRId64 "%s", flight->flight,
                        retest ? RETEST : "");
}

/* What one run of the baseline's version says of a failure here. */
static int
weigh_run(const char *job, enum outcome here, enum outcome there,
          enum decide_why *why)
{
    if (there == OUTCOME_PASS) {
        *why = DECIDE_WHY_PASSED_THERE;
        return is_build(job) ? PRIORITY_BUILD : PRIORITY_REGRESSION;
    }
    if (there == here) {
        *why = DECIDE_WHY_LIKE;
        return PRIORITY_LIKE;
    }
    if (here == OUTCOME_BROKEN && there == OUTCOME_FAIL) {
        *why = DECIDE_WHY_FAILED_THERE;
        return PRIORITY_FAILED;
    }
    *why = DECIDE_WHY_OTHER_THERE;
    return PRIORITY_OTHER;
}

static const char *
baseline_text(struct arena *arena, enum decide_why why, enum outcome there,
              const char *label)
{
    switch (why) {
    case DECIDE_WHY_BLOCKED_THERE:
        return arena_printf(arena, "blocked in %s", label);
    case DECIDE_WHY_PASSED_THERE:
        return arena_printf(arena, "REGR. vs. %s", label);
    case DECIDE_WHY_OTHER_THERE:
        return arena_printf(arena, "%s in %s", outcome_name(there), label);
    case DECIDE_WHY_FAILED_THERE:
        return arena_printf(arena, "failed in %s", label);
    case DECIDE_WHY_LIKE:
        return arena_printf(arena, "like %s", label);
    case DECIDE_WHY_NONE:
    case DECIDE_WHY_NO_STEP:
    case DECIDE_WHY_NOT_RUN:
    case DECIDE_WHY_UNFINISHED:
    case DECIDE_WHY_ODD:
    case DECIDE_WHY_NEVER_PASSED:
    case DECIDE_WHY_UNTESTED:
    case DECIDE_WHY_COUNT:
        break;
    }
    return "baseline untested";
}

/* Row 6. */
static void
compare_baseline(struct judging *judging, struct decide_failure *failure)
{
    struct runs jobs = runs_of(judging, failure->job, "");
    struct runs steps = runs_of(judging, failure->job, failure->testid);
    const struct decide_flight *worst = NULL;
    enum outcome worst_status = OUTCOME_NONE;
    size_t at = 0;

    failure->priority = PRIORITY_UNTESTED;
    failure->why = DECIDE_WHY_UNTESTED;
    for (size_t i = 0; i < jobs.count; i++) {
        size_t place = jobs.list[i].place;
        const struct decide_flight *flight
            = &judging->input->history[place];
        enum decide_why why = DECIDE_WHY_BLOCKED_THERE;
        enum outcome there = OUTCOME_NONE;
        int priority = PRIORITY_BLOCKED;

        if ((flight->versions & DECIDE_THAT) == 0
            || flight->flight == failure->flight)
            continue;
        while (at < steps.count && steps.list[at].place < place)
            at++;
        if (at < steps.count && steps.list[at].place == place) {
            there = steps.list[at].status;
            priority = weigh_run(failure->job, failure->status, there, &why);
        }
        if (priority <= failure->priority)
            continue;
        failure->priority = priority;
        failure->why = why;
        worst = flight;
        worst_status = there;
    }
    failure->baseline = worst == NULL ? 0 : worst->flight;
    failure->summary = baseline_text(judging->arena, failure->why,
                                     worst_status, worst == NULL ? ""
                                     : flight_label(judging->arena, worst));
    if (failure->why == DECIDE_WHY_PASSED_THERE)
        failure->blocker = failure->status == OUTCOME_BROKEN
            ? DECIDE_BLOCKER_BROKEN : DECIDE_BLOCKER_REGRESSION;
    else
        failure->blocker = DECIDE_BLOCKER_FREE;
}

/* Rows 1 to 6. 'follows': from another failure of the job. */
static void
judge_rows(struct judging *judging, struct decide_failure *failure,
           bool follows)
{
    enum outcome status = failure->status;

    failure->summary = "";
    if (status == OUTCOME_BLOCKED || status == OUTCOME_STARVED || follows) {
        failure->why = DECIDE_WHY_NOT_RUN;
        failure->blocker = DECIDE_BLOCKER_FREE;
        failure->summary = "n/a";
    } else if (status == OUTCOME_QUEUED || status == OUTCOME_PREPARING
               || status == OUTCOME_RUNNING) {
        failure->why = DECIDE_WHY_UNFINISHED;
        failure->blocker = DECIDE_BLOCKER_UNFINISHED;
    } else if (failure->testid[0] == '\0') {
        failure->why = DECIDE_WHY_NO_STEP;
        failure->blocker = DECIDE_BLOCKER_BROKEN;
    } else if (status != OUTCOME_FAIL && status != OUTCOME_BROKEN) {
        failure->why = DECIDE_WHY_ODD;
        failure->blocker = DECIDE_BLOCKER_BROKEN;
        failure->summary = arena_printf(judging->arena, "[st=%s!]",
                                        outcome_name(status));
    } else if (!ever_passed(judging, failure->job, failure->testid)) {
        failure->why = DECIDE_WHY_NEVER_PASSED;
        failure->blocker = DECIDE_BLOCKER_FREE;
        failure->summary = "never pass";
    } else {
        compare_baseline(judging, failure);
    }
    if (failure->blocker == DECIDE_BLOCKER_FREE
        && failure->why != DECIDE_WHY_NOT_RUN && is_build(failure->job))
        failure->blocker = DECIDE_BLOCKER_BUILD;
}

static void
judge_later(struct judging *judging, const struct decide_flight *flight)
{
    for (size_t i = 0; i < judging->flight_count; i++) {
        if (judging->flights[i]->flight == flight->flight)
            return;
    }
    judging->flights = xgrow(judging->flights, &judging->flight_cap,
                             judging->flight_count,
                             sizeof(struct decide_flight *));
    judging->flights[judging->flight_count++] = flight;
}

/* A run of this version, other than the failure's own, in which it passed;
 * NULL when there is none. */
static const struct decide_flight *
passing_run(struct judging *judging, const struct decide_failure *failure)
{
    struct runs runs = runs_of(judging, failure->job, failure->testid);

    for (size_t i = 0; i < runs.count; i++) {
        const struct decide_flight *flight
            = &judging->input->history[runs.list[i].place];

        if (runs.list[i].status == OUTCOME_PASS
            && (flight->versions & DECIDE_THIS) != 0
            && flight->flight != failure->flight)
            return flight;
    }
    return NULL;
}

/* Row 7. */
static void
excuse_heisenbug(struct judging *judging, struct decide_failure *failure)
{
    const struct decide_flight *flight;

    if (failure->blocker == DECIDE_BLOCKER_UNFINISHED
        || failure->priority >= PRIORITY_NO_EXCUSE || is_build(failure->job))
        return;
    flight = passing_run(judging, failure);
    if (flight == NULL)
        return;
    if (failure->blocker == DECIDE_BLOCKER_FREE) {
        failure->passed_too = flight->flight;
        return;
    }
    failure->passed_in = flight->flight;
    failure->blocker = DECIDE_BLOCKER_FREE;
    failure->summary = arena_printf(judging->arena, "pass in %s",
                                    flight_label(judging->arena, flight));
    judge_later(judging, flight);
}

/* Row 8. */
static void
excuse_allowed(struct judging *judging, struct decide_failure *failure)
{
    const struct decide_input *input = judging->input;
    const char *testid = decide_testid_text(failure->testid);

    if (failure->blocker == DECIDE_BLOCKER_FREE
        || failure->blocker == DECIDE_BLOCKER_UNFINISHED)
        return;
    for (size_t i = 0; i < input->allow_count; i++) {
        const struct decide_allow *allow = &input->allow[i];

        if (!decide_pattern_matches(allow->job, failure->job)
            || !decide_pattern_matches(allow->testid, testid))
            continue;
        failure->allow = allow;
        failure->blocker = DECIDE_BLOCKER_FREE;
        return;
    }
}

static enum decide_category
category_of(const struct decide_failure *failure)
{
    if (failure->blocker != DECIDE_BLOCKER_FREE)
        return DECIDE_CATEGORY_BLOCKING;
    if (failure->passed_in != 0)
        return DECIDE_CATEGORY_HEISENBUG;
    return failure->allow != NULL ? DECIDE_CATEGORY_ALLOWABLE
                                  : DECIDE_CATEGORY_NONBLOCKING;
}

static void
judge(struct judging *judging, const struct decide_flight *flight,
      struct decide_failure failure, bool follows)
{
    failure.flight = flight->flight;
    judge_rows(judging, &failure, follows);
    excuse_heisenbug(judging, &failure);
    excuse_allowed(judging, &failure);
    failure.category = category_of(&failure);
    if (flight->flight != judging->input->flight.flight)
        failure.summary = arena_printf(
            judging->arena, "%s in %s%s%s", outcome_name(failure.status),
            flight_label(judging->arena, flight),
            failure.summary[0] == '\0' ? "" : " ", failure.summary);
    judging->failures = xgrow(judging->failures, &judging->failure_cap,
                              judging->failure_count,
                              sizeof *judging->failures);
    judging->failures[judging->failure_count++] = failure;
}

/* What failed in a flight -------------------------------------------------- */

static bool
is_failure(enum outcome status)
{
    return !outcome_is_good(status);
}

static bool
is_unrun(enum outcome status)
{
    return status == OUTCOME_BLOCKED || status == OUTCOME_STARVED;
}

/* Missing, because the step that was to report it did not pass. */
static bool
follows_step(const struct decide_job *job, const struct decide_step *item)
{
    for (size_t i = 0; item->status == OUTCOME_MISSING
         && i < job->step_count; i++) {
        const struct decide_step *step = &job->steps[i];
        size_t bytes = strlen(step->testid);

        if (is_failure(step->status) && step->status != OUTCOME_MISSING
            && strncmp(item->testid, step->testid, bytes) == 0
            && item->testid[bytes] == '/')
            return true;
    }
    return false;
}

/* A step of the job accounts for the job's own status: for one that has not
 * ended, a step that has not; else one that failed, and for what is more than
 * blocked, one that is more than blocked too. */
static bool
step_explains(const struct decide_job *job)
{
    bool ended = outcome_is_final(job->status) || job->status == OUTCOME_NONE;

    for (size_t i = 0; i < job->step_count; i++) {
        enum outcome status = job->steps[i].status;

        if (!is_failure(status) || follows_step(job, &job->steps[i]))
            continue;
        if (!ended && !outcome_is_final(status) && status != OUTCOME_NONE)
            return true;
        if (ended && (is_unrun(job->status) || !is_unrun(status)))
            return true;
    }
    return false;
}

static int
compare_jobs(const void *a, const void *b)
{
    const struct decide_job *const *x = a, *const *y = b;

    if ((*x)->estimate_ms != (*y)->estimate_ms)
        return (*x)->estimate_ms < (*y)->estimate_ms ? -1 : 1;
    return strcmp((*x)->name, (*y)->name);
}

static void
judge_flight(struct judging *judging, const struct decide_flight *flight)
{
    const struct decide_job **jobs = xcalloc(flight->job_count + 1,
                                             sizeof(struct decide_job *));

    for (size_t i = 0; i < flight->job_count; i++)
        jobs[i] = &flight->jobs[i];
    qsort(jobs, flight->job_count, sizeof *jobs, compare_jobs);
    for (size_t i = 0; i < flight->job_count; i++) {
        const struct decide_job *job = jobs[i];

        for (size_t j = 0; j < job->step_count; j++) {
            const struct decide_step *step = &job->steps[j];

            if (is_failure(step->status))
                judge(judging, flight, (struct decide_failure){
                    .job = job->name, .testid = step->testid,
                    .status = step->status, .lane = step->lane },
                    follows_step(job, step));
        }
        if (is_failure(job->status) && !step_explains(job))
            judge(judging, flight, (struct decide_failure){
                .job = job->name, .testid = "", .status = job->status,
                .lane = job->lane }, false);
    }
    free(jobs);
}

/* The whole ---------------------------------------------------------------- */

struct listed {
    const struct decide_failure *failure;
    size_t place;
};

static int
compare_listed(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;

    if (x->failure->category != y->failure->category)
        return x->failure->category < y->failure->category ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static int
compare_listed_cells(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;
    int order = compare_names(x->failure->job, x->failure->testid,
                              y->failure->job, y->failure->testid);

    return order != 0 ? order : compare_listed(a, b);
}

/* Sorts the failures by category and marks the repeated ones. */
static void
list_failures(struct judging *judging, struct decision *out)
{
    size_t count = judging->failure_count;
    struct decide_failure *list
        = arena_alloc(judging->arena, count * sizeof *list + 1);
    struct listed *order = xcalloc(count + 1, sizeof *order);

    for (size_t i = 0; i < count; i++)
        order[i] = (struct listed){ &judging->failures[i], i };
    qsort(order, count, sizeof *order, compare_listed_cells);
    for (size_t i = 1; i < count; i++) {
        const struct decide_failure *last = order[i - 1].failure;
        struct decide_failure *failure = &judging->failures[order[i].place];

        failure->repeated = compare_names(last->job, last->testid,
                                          failure->job, failure->testid)
            == 0;
    }
    qsort(order, count, sizeof *order, compare_listed);
    for (size_t i = 0; i < count; i++) {
        list[i] = *order[i].failure;
        if (list[i].category == DECIDE_CATEGORY_BLOCKING && !list[i].repeated)
            out->blocker_count++;
    }
    out->failures = list;
    out->failure_count = count;
    free(order);
}

static bool
anything_passed(const struct decide_flight *flight)
{
    for (size_t i = 0; i < flight->job_count; i++) {
        const struct decide_job *job = &flight->jobs[i];

        for (size_t j = 0; j < job->step_count; j++) {
            if (job->steps[j].status == OUTCOME_PASS)
                return true;
        }
    }
    return false;
}

static enum decide_result
result_of(const struct judging *judging, const struct decision *out)
{
    bool regression = false, untested = false;

    for (size_t i = 0; i < out->failure_count; i++) {
        const struct decide_failure *failure = &out->failures[i];

        regression = regression
            || failure->blocker == DECIDE_BLOCKER_REGRESSION;
        untested = untested || (failure->why == DECIDE_WHY_UNTESTED
                                && !out->baseline_tested
                                && failure->allow == NULL);
    }
    if (regression)
        return DECIDE_RESULT_REGRESSIONS;
    if (out->blocker_count > 0)
        return DECIDE_RESULT_PROBLEMS;
    if (!anything_passed(&judging->input->flight))
        return DECIDE_RESULT_EMPTY;
    if (untested)
        return DECIDE_RESULT_UNTESTED;
    return out->failure_count > 0 ? DECIDE_RESULT_TOLERABLE
                                  : DECIDE_RESULT_PERFECT;
}

void
decide(const struct decide_input *input, struct arena *arena,
       struct decision *out)
{
    struct judging judging = { .input = input, .arena = arena };
    int64_t *flights;

    *out = (struct decision){ .result = DECIDE_RESULT_NONE,
                              .job_count = input->flight.job_count };
    index_history(&judging);
    for (size_t i = 0; i < input->history_count; i++) {
        const struct decide_flight *flight = &input->history[i];

        if ((flight->versions & DECIDE_THAT) != 0
            && flight->flight != input->flight.flight)
            out->baseline_tested = true;
    }
    judge_later(&judging, &input->flight);
    for (size_t i = 0; i < judging.flight_count; i++)
        judge_flight(&judging, judging.flights[i]);
    list_failures(&judging, out);
    out->result = result_of(&judging, out);
    flights = arena_alloc(arena, judging.flight_count * sizeof *flights);
    for (size_t i = 0; i < judging.flight_count; i++)
        flights[i] = judging.flights[i]->flight;
    out->flights = flights;
    out->flight_count = judging.flight_count;
    free(judging.runs);
    free(judging.passed);
    free(judging.failures);
    free(judging.flights);
}
