/* tests/results/perf-test.c - measurements over flights: what is worse, what is
 * noise, and what the decision makes of it; then from a real database. */
#include <config.h>

#include <math.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "results/decide.h"
#include "results/decide_db.h"
#include "results/evidence.h"
#include "results/perf.h"
#include "results/plot.h"
#include "results/series.h"
#include "results/verdict.h"
#include "results/verdict_db.h"
#include "tests/tap.h"
#include "tests/pgfix.h"

static struct arena arena = ARENA_INIT;
static uint64_t state = 7;

static double
uniform(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) * 0x1p-53;
}

static double
normal(void)
{
    double u = uniform() + 1e-300, v = uniform();

    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* 'count' flights about 100 with noise of 1 %, the last one at 'last'. */
static enum perf_change
judge(size_t count, double last, bool higher, double step)
{
    struct series_point points[64];
    struct series series = {
        .job = "perf", .testid = "switch", .name = "latency", .unit = "us",
        .higher_is_better = higher, .points = points, .count = count,
    };
    struct perf perf;

    for (size_t i = 0; i < count; i++)
        points[i] = (struct series_point){
            .flight = (int64_t)i + 1, .repeats = 5, .place = "x",
            .value = (i < count / 2 ? 100 - step : 100) + normal(),
        };
    points[count - 1].value = last;
    perf_judge(&series, &arena, &perf);
    return perf.change;
}

static void
test_judge(void)
{
    int called = 0, found = 0;

    is_int(judge(8, 200, false, 0), PERF_UNKNOWN, "seven flights are few");
    is_int(judge(30, 110, false, 0), PERF_WORSE, "10 %% slower is worse");
    is_int(judge(30, 110, true, 0), PERF_BETTER, "or better, if more is");
    is_int(judge(30, 90, true, 0), PERF_WORSE, "10 %% less is worse then");
    is_int(judge(30, 101, false, 0), PERF_SAME, "1 %% is noise");
    is_int(judge(13, 100, false, 30), PERF_SAME, "a level of six flights is "
           "one");
    is_int(judge(40, 100, false, 20), PERF_SAME, "a level of its own: since "
           "the last change point");
    for (int i = 0; i < 2000; i++) {
        called += judge(30, 100 + normal(), false, 0) != PERF_SAME;
        found += judge(30, 110 + normal(), false, 0) == PERF_WORSE;
    }
    diag("of 2000 with noise alone %d called, of 2000 slower by 10 %% %d "
         "found", called, found);
    ok(called <= 20, "at most 1 %% of quiet ones are called");
    ok(found >= 1980, "99 %% of the slower ones are found");
}

static void
test_apply(void)
{
    const struct decide_step step = { "switch", OUTCOME_PASS, LANE_NONE };
    const struct decide_job job = {
        .name = "perf", .status = OUTCOME_PASS, .steps = &step,
        .step_count = 1,
    };
    const struct decide_flight before = {
        .flight = 1, .blessing = "real", .versions = DECIDE_THAT,
        .jobs = &job, .job_count = 1,
    };
    const struct decide_version this = { "xen", "b" }, that = { "xen", "a" };
    struct decide_input input = {
        .branch = "x",
        .flight = { .flight = 2, .blessing = "real",
                    .versions = DECIDE_THIS, .jobs = &job, .job_count = 1 },
        .history = &before, .history_count = 1, .this_version = &this,
        .this_count = 1, .that_version = &that, .that_count = 1,
    };
    struct series_point point = { .flight = 1, .value = 10 };
    const struct series series = { .job = "perf", .testid = "switch",
                                   .points = &point, .count = 1 };
    const struct perf perfs[] = {
        { .series = &series, .change = PERF_BETTER, .testid = "switch/a" },
        { .series = &series, .change = PERF_WORSE, .testid = "switch/b",
          .value = 20, .limit = 5 },
    };
    struct decision decision;

    decide(&input, &arena, &decision);
    is_int(decision.result, DECIDE_RESULT_PERFECT, "without measurements");
    perf_apply(perfs, 1, &arena, &input);
    decide(&input, &arena, &decision);
    is_int(decision.result, DECIDE_RESULT_PERFECT, "a better one");
    perf_apply(perfs, 2, &arena, &input);
    decide(&input, &arena, &decision);
    is_int(decision.result, DECIDE_RESULT_REGRESSIONS, "a worse one");
    if (decision.failure_count == 1) {
        is_str(decision.failures[0].testid, "switch/b", "which is named");
        is_str(decision.failures[0].summary, "REGR. vs. 1", "REGR.");
    }
    point.value = 19;
    input.history = &before;
    input.flight.jobs = &job;
    perf_apply(perfs, 2, &arena, &input);
    decide(&input, &arena, &decision);
    ok(decision.failure_count == 1
       && strcmp(decision.failures[0].summary, "like 1") == 0,
       "not against one that was as slow");
    point.flight = 9;
    input.history = &before;
    input.flight.jobs = &job;
    perf_apply(perfs, 2, &arena, &input);
    decide(&input, &arena, &decision);
    ok(decision.failure_count == 1
       && strcmp(decision.failures[0].summary, "REGR. vs. 1") != 0,
       "not against a flight that did not measure it");
}

static void
test_plot(void)
{
    static const double values[] = { 1, 2, 1, 5, 6 };
    static const size_t changes[] = { 3 };
    struct buf out = BUF_INIT;

    plot_svg(&(struct plot){ .values = values, .count = 5,
                             .changes = changes, .change_count = 1,
                             .title = "<a & b>", .unit = "\"s" }, &out);
    has_str(buf_text(&out), "&lt;a &amp; b&gt;", "a picture escapes");
    ok(strstr(buf_text(&out), "nan") == NULL
       && strstr(buf_text(&out), "inf") == NULL, "and has places");
    buf_reset(&out);
    plot_svg(&(struct plot){ .count = 0, .title = "", .unit = "" }, &out);
    has_str(buf_text(&out), "</svg>", "of nothing too");
    buf_free(&out);
}

/* 30 flights of two versions; the last is slower by a fifth; half way the
 * harness changed, and with it the level. */
static const char WORLD[] =
    "insert into assay.flight (branch, intended, blessing, harness)"
    " select 'b', 'real', 'real', 'h' from generate_series(1, 30);"
    "insert into assay.flight_tree select f, 'xen', case when f < 30 then"
    " repeat('a', 40) else repeat('b', 40) end from generate_series(1, 30) f;"
    "insert into assay.job (flight, job, recipe, status, arch, started_at,"
    "  finished_at) select f, 'perf', 'r', 'pass', 'amd64', now(), now()"
    " from generate_series(1, 30) f;"
    "insert into assay.step (flight, job, step, program, testid, status,"
    "  exit_code, harness, finished_at) select f, 'perf', 1, 'p', 'switch',"
    "  'pass', 0, case when f <= 15 then 'h1' else 'h2' end, now()"
    " from generate_series(1, 30) f;"
    "insert into assay.measurement (flight, job, step, name, value, unit,"
    "  better) select f, 'perf', 1, 'latency', case when f <= 15 then 50"
    "  when f < 30 then 100 else 120 end + (f * 7 % 5) * 0.2 + r * 0.1, 'us',"
    "  'lower' from generate_series(1, 30) f, generate_series(-1, 1) r;"
    "update assay.flight set finished_at = now(), outcome = 'pass';";

static void
test_database(struct db *db)
{
    const struct series_request request = {
        .job = "perf", .testid = "switch", .name = "latency", .flights = 100,
    };
    struct fault why = FAULT_INIT;
    struct series *list = NULL, last;
    struct evidence evidence;
    struct verdict verdict;
    size_t count = 0;

    ok_fault(series_read(db, &request, &arena, &list, &count, &why), &why,
             "a series");
    is_int((int)count, 1, "one");
    if (count != 1)
        return;
    is_int((int)list[0].count, 30, "a number a flight");
    ok(list[0].points[0].repeats == 3
       && fabs(list[0].points[0].value - 50.4) < 1e-9,
       "the median of its repeats");
    series_of_last_place(&list[0], &arena, &last);
    is_int((int)last.count, 15, "another harness is another series");
    ok_fault(verdict_read(db, 30, NULL, &arena, &evidence, &verdict, &why),
             &why, "the verdict");
    is_int(verdict.decision.result, DECIDE_RESULT_REGRESSIONS,
           "is a regression");
    if (verdict.decision.failure_count == 1) {
        is_str(verdict.decision.failures[0].testid, "switch/latency",
               "of the measurement");
        is_str(verdict.decision.failures[0].summary, "REGR. vs. 29",
               "against the baseline");
        has_str(verdict.facts[0].reason, "worse: 120", "with its numbers");
    }
    pgfix_script("insert into assay.quarantine (job, testid, owner, reason,"
                 " until) values ('perf', '*', 'me', 'noise',"
                 " now() + interval '1 day')");
    ok_fault(verdict_read(db, 30, NULL, &arena, &evidence, &verdict, &why),
             &why, "in quarantine");
    is_int(verdict.decision.result, DECIDE_RESULT_TOLERABLE,
           "it does not block");
    if (verdict.decision.failure_count == 1
        && verdict.decision.failures[0].allow != NULL)
        is_str(verdict.decision.failures[0].allow->source,
               "quarantine 1 (me)", "and who lets it pass is named");
    ok_fault(verdict_read(db, 29, NULL, &arena, &evidence, &verdict, &why),
             &why, "the flight before");
    is_int((int)verdict.decision.failure_count, 0, "is none");
}

int
main(void)
{
    struct pgfix fix;
    struct db *db;

    test_judge();
    test_apply();
    test_plot();
    pgfix_start(&fix);
    db = pgfix_open("assay");
    pgfix_script(WORLD);
    test_database(db);
    db_close(db);
    arena_free(&arena);
    return pgfix_done(&fix);
}
