/* results/report_words.c - the sentences of the first screen. */
#include <config.h>

#include "results/report_words.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "results/age.h"
#include "results/decide.h"
#include "results/evidence.h"
#include "results/report.h"
#include "results/verdict.h"

#define DAY_MS 86400000

static const char *
plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

/* What is in the way, in numbers. */
static const char *
blocking(const struct decision *decision, struct arena *arena)
{
    size_t broken = 0, regressed = 0;
    const char *first = "", *second = "";

    for (size_t i = 0; i < decision->failure_count; i++) {
        const struct decide_failure *failure = &decision->failures[i];

        if (failure->category != DECIDE_CATEGORY_BLOCKING
            || failure->repeated)
            continue;
        if (failure->blocker == DECIDE_BLOCKER_REGRESSION
            || failure->blocker == DECIDE_BLOCKER_BUILD)
            regressed++;
        else
            broken++;
    }
    if (regressed > 0)
        first = arena_printf(arena, "%zu test%s regressed", regressed,
                             plural((int64_t)regressed));
    if (broken > 0)
        second = arena_printf(arena, "%zu test%s did not come to a result "
                              "that could be compared", broken,
                              plural((int64_t)broken));
    return arena_printf(arena, "%s%s%s", first,
                        regressed > 0 && broken > 0 ? ", and " : "", second);
}

const char *
words_advice(const struct report *report, struct arena *arena)
{
    if (report->decision == NULL)
        return "";
    switch (report->decision->result) {
    case DECIDE_RESULT_PERFECT:
        return "Everything passed: this may be released.";
    case DECIDE_RESULT_TOLERABLE:
        if (!report->decision->baseline_tested)
            return "What failed has never passed on this branch, and no run "
                "of a baseline is known: there is nothing to compare it "
                "with.";
        return "Nothing that failed is worse than the baseline: this may be "
            "released.";
    case DECIDE_RESULT_UNTESTED:
        return "No run of the baseline is known, so nothing speaks against "
            "this or for it: do not release it yet.";
    case DECIDE_RESULT_REGRESSIONS:
    case DECIDE_RESULT_PROBLEMS:
        return arena_printf(arena, "Do not release this: %s.",
                            blocking(report->decision, arena));
    case DECIDE_RESULT_EMPTY:
        return "Nothing passed, so nothing was tested: do not release this.";
    case DECIDE_RESULT_NONE:
    case DECIDE_RESULT_COUNT:
        break;
    }
    return "There is no decision: do not release this.";
}

const char *
words_against(const struct report *report, struct arena *arena)
{
    const struct decide_input *asked = report->asked;
    const char *against = "";

    if (asked == NULL)
        return "";
    if (report->verdict->baseline != NULL
        && report->verdict->baseline[0] != '\0')
        return report->verdict->baseline;
    for (size_t i = 0; i < asked->that_count; i++)
        against = arena_printf(arena, "%s%s%s %s", against,
                               i == 0 ? "" : ", ",
                               asked->that_version[i].tree,
                               asked->that_version[i].revision);
    return against[0] != '\0' ? against : "nothing: no baseline is known";
}

/* "1 job, 2 tests" that ended so. */
static void
add_kind(const struct verdict *verdict, enum outcome kind, struct buf *text)
{
    size_t tests = verdict->steps[kind] + verdict->cases[kind];
    size_t jobs = verdict->jobs[kind];

    if (jobs > 0)
        buf_addf(text, "%zu job%s%s", jobs, plural((int64_t)jobs),
                 tests > 0 ? ", " : "");
    if (tests > 0)
        buf_addf(text, "%zu test%s", tests, plural((int64_t)tests));
}

const char *
words_coverage(const struct report *report, struct arena *arena)
{
    const struct verdict *verdict = report->verdict;
    const struct coverage *coverage = &verdict->coverage;
    size_t told = verdict->jobs[OUTCOME_PASS] + verdict->jobs[OUTCOME_FAIL];
    struct buf text = BUF_INIT;
    const char *copy, *between = " Of the others, ";

    buf_addf(&text, "%zu of %zu jobs and %zu of %zu tests said something of "
             "the product.", told, report->evidence->job_count,
             coverage->covered, coverage->cells);
    if (coverage->baseline != 0 && coverage->lost > 0)
        buf_addf(&text, " NOT COVERED, though the baseline (flight %" PRId64
                 ") did: %zu test%s.", coverage->baseline, coverage->lost,
                 plural((int64_t)coverage->lost));
    if (coverage->eroded > 0)
        buf_addf(&text, " NOT COVERED, nor by the baseline, though flight %"
                 PRId64 " did: %zu test%s.", coverage->eroded_since,
                 coverage->eroded, plural((int64_t)coverage->eroded));
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        if (i == OUTCOME_PASS || i == OUTCOME_FAIL
            || verdict->steps[i] + verdict->cases[i] + verdict->jobs[i] == 0)
            continue;
        buf_addf(&text, "%s%s: ", between, outcome_name((enum outcome)i));
        add_kind(verdict, (enum outcome)i, &text);
        between = "; ";
    }
    if (between[0] == ';')
        buf_addc(&text, '.');
    copy = arena_strdup(arena, buf_text(&text));
    buf_free(&text);
    return copy;
}

const char *
words_day(int64_t wall_ms, struct arena *arena)
{
    char iso[32];

    if (wall_ms < 0)
        return "-";
    clock_iso(wall_ms, iso);
    return arena_printf(arena, "%.10s", iso);
}

const char *
words_good(const struct report_age *age, struct arena *arena)
{
    int64_t days = (age->now_ms - age->good.at_ms) / DAY_MS;

    if (age->good.flight == 0)
        return "no earlier flight of this branch passed whole";
    return arena_printf(arena, "flight %" PRId64 " of %s, %" PRId64 " day%s "
                        "ago", age->good.flight,
                        words_day(age->good.at_ms, arena), days,
                        plural(days));
}

const char *
words_since(const struct report_age *age, const struct report_since *since,
            struct arena *arena)
{
    int64_t days = (age->now_ms - since->at_ms) / DAY_MS;

    if (since->flight == 0)
        return "";
    return arena_printf(arena, "since flight %" PRId64 " of %s, %" PRId64
                        " day%s, %" PRId64 " attempt%s", since->flight,
                        words_day(since->at_ms, arena), days, plural(days),
                        since->attempts, plural(since->attempts));
}
