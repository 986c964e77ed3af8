/* results/decide_text.c - words of decisions, and OSSTest's lines. */
#include <config.h>

#include "results/decide.h"

#include <inttypes.h>

#include "harness/buf.h"

static const struct {
    const char *name, *text;
} RESULTS[] = {
    [DECIDE_RESULT_NONE] = { "none", "Not judged." },
    [DECIDE_RESULT_PERFECT] = { "perfect", "Perfect :-)" },
    [DECIDE_RESULT_TOLERABLE] = { "tolerable",
                                  "Failures :-/ but no regressions." },
    [DECIDE_RESULT_UNTESTED] = { "untested", "Failures, and no test of the "
                                 "baseline to compare them with." },
    [DECIDE_RESULT_REGRESSIONS] = { "regressions", "Regressions :-(" },
    [DECIDE_RESULT_PROBLEMS] = { "problems",
                                 "Failures and problems with tests :-(" },
    [DECIDE_RESULT_EMPTY] = { "empty", "Nothing passed: nothing was tested." },
};
static_assert(ARRAY_LEN(RESULTS) == DECIDE_RESULT_COUNT, "a name for each");

static const char *const BLOCKERS[] = {
    [DECIDE_BLOCKER_NONE] = "none",
    [DECIDE_BLOCKER_REGRESSION] = "regression",
    [DECIDE_BLOCKER_BUILD] = "build",
    [DECIDE_BLOCKER_BROKEN] = "broken",
    [DECIDE_BLOCKER_UNFINISHED] = "unfinished",
    [DECIDE_BLOCKER_FREE] = "free",
};
static_assert(ARRAY_LEN(BLOCKERS) == DECIDE_BLOCKER_COUNT, "a name for each");

static const char *const WHYS[] = {
    [DECIDE_WHY_NONE] = "none",
    [DECIDE_WHY_NO_STEP] = "no-step",
    [DECIDE_WHY_NOT_RUN] = "not-run",
    [DECIDE_WHY_UNFINISHED] = "unfinished",
    [DECIDE_WHY_ODD] = "odd-status",
    [DECIDE_WHY_NEVER_PASSED] = "never-passed",
    [DECIDE_WHY_UNTESTED] = "baseline-untested",
    [DECIDE_WHY_BLOCKED_THERE] = "baseline-blocked",
    [DECIDE_WHY_PASSED_THERE] = "baseline-passed",
    [DECIDE_WHY_OTHER_THERE] = "baseline-other",
    [DECIDE_WHY_FAILED_THERE] = "baseline-failed",
    [DECIDE_WHY_LIKE] = "baseline-like",
};
static_assert(ARRAY_LEN(WHYS) == DECIDE_WHY_COUNT, "a name for each");

static const char *const CATEGORIES[] = {
    [DECIDE_CATEGORY_NONE] = "none",
    [DECIDE_CATEGORY_BLOCKING] = "blocking",
    [DECIDE_CATEGORY_HEISENBUG] = "heisenbug",
    [DECIDE_CATEGORY_ALLOWABLE] = "allowable",
    [DECIDE_CATEGORY_NONBLOCKING] = "nonblocking",
};
static_assert(ARRAY_LEN(CATEGORIES) == DECIDE_CATEGORY_COUNT,
              "a name for each");

const char *
decide_result_name(enum decide_result result)
{
    if ((unsigned)result >= DECIDE_RESULT_COUNT)
        result = DECIDE_RESULT_NONE;
    return RESULTS[result].name;
}

const char *
decide_result_text(enum decide_result result)
{
    if ((unsigned)result >= DECIDE_RESULT_COUNT)
        result = DECIDE_RESULT_NONE;
    return RESULTS[result].text;
}

bool
decide_result_may_push(enum decide_result result)
{
    return result == DECIDE_RESULT_PERFECT
        || result == DECIDE_RESULT_TOLERABLE;
}

const char *
decide_blocker_name(enum decide_blocker blocker)
{
    if ((unsigned)blocker >= DECIDE_BLOCKER_COUNT)
        blocker = DECIDE_BLOCKER_NONE;
    return BLOCKERS[blocker];
}

const char *
decide_why_name(enum decide_why why)
{
    if ((unsigned)why >= DECIDE_WHY_COUNT)
        why = DECIDE_WHY_NONE;
    return WHYS[why];
}

const char *
decide_category_name(enum decide_category category)
{
    if ((unsigned)category >= DECIDE_CATEGORY_COUNT)
        category = DECIDE_CATEGORY_NONE;
    return CATEGORIES[category];
}

const char *
decide_testid_text(const char *testid)
{
    return testid[0] == '\0' ? "<job status>" : testid;
}

#define JOB_STATUS "<job-status>"       /* as decide_testid_text(), one word */

/* One word of a line: names come from outside and must not end it. */
static void
add_word(struct buf *out, const char *word)
{
    buf_addc(out, ' ');
    for (;;) {
        size_t bytes = strcspn(word, " ");

        buf_add_escaped(out, word, bytes);
        word += bytes;
        if (*word == '\0')
            break;
        buf_adds(out, "\\x20");
        word++;
    }
}

static void
add_line(struct buf *out, const char *what, const char *job,
         const char *testid, const char *rest)
{
    buf_adds(out, what);
    add_word(out, job);
    if (testid != NULL)
        add_word(out, testid);
    if (rest != NULL)
        add_word(out, rest);
    buf_addc(out, '\n');
}

static void
add_blocker(struct buf *out, const struct decide_failure *failure)
{
    const char *status = outcome_name(failure->status);
    char baseline[24];

    if (failure->testid[0] == '\0') {
        if (failure->blocker == DECIDE_BLOCKER_UNFINISHED)
            add_line(out, "running", failure->job, JOB_STATUS, NULL);
        else
            add_line(out, "broken-job", failure->job, NULL, status);
    } else if (failure->blocker == DECIDE_BLOCKER_REGRESSION) {
        (void)snprintf(baseline, sizeof baseline, "%" PRId64,
                       failure->baseline);
        add_line(out, "regression", failure->job, failure->testid, baseline);
    } else if (failure->blocker == DECIDE_BLOCKER_UNFINISHED) {
        add_line(out, "running", failure->job, failure->testid, NULL);
    } else if (failure->why == DECIDE_WHY_PASSED_THERE) {
        add_line(out, "broken-step", failure->job, failure->testid, NULL);
    } else {
        add_line(out, "broken", failure->job, failure->testid, status);
    }
}

static void
add_versions(struct buf *out, const char *which,
             const struct decide_version *versions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_addf(out, "version %s", which);
        add_word(out, versions[i].tree);
        add_word(out, versions[i].revision);
        buf_addc(out, '\n');
    }
}

void
decide_lines(const struct decide_input *input,
             const struct decision *decision, struct buf *out)
{
    buf_addf(out, "flight %" PRId64 "\n", input->flight.flight);
    if (decision->result == DECIDE_RESULT_PERFECT)
        buf_adds(out, "perfect\n");
    if (decide_result_may_push(decision->result))
        buf_adds(out, "tolerable\n");
    if (decision->result == DECIDE_RESULT_UNTESTED)
        buf_adds(out, "untested\n");
    for (size_t i = 0; i < decision->failure_count; i++) {
        const struct decide_failure *failure = &decision->failures[i];

        if (failure->repeated)
            continue;
        if (failure->category == DECIDE_CATEGORY_BLOCKING)
            add_blocker(out, failure);
        else if (failure->category != DECIDE_CATEGORY_NONBLOCKING)
            continue;
        else if (failure->why == DECIDE_WHY_NEVER_PASSED)
            add_line(out, "never-passed", failure->job, failure->testid,
                     outcome_name(failure->status));
        else if (failure->why == DECIDE_WHY_NOT_RUN)
            add_line(out, "blocked", failure->job,
                     failure->testid[0] == '\0' ? JOB_STATUS
                                                : failure->testid, NULL);
    }
    add_versions(out, "this", input->this_version, input->this_count);
    add_versions(out, "that", input->that_version, input->that_count);
    buf_addf(out, "nblockers %zu\nnjobs %zu\n", decision->blocker_count,
             decision->job_count);
}
