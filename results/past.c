/* results/past.c - how often something passed, as text and as JSON. */
#include <config.h>

#include "results/past.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/json.h"
#include "harness/plain.h"

#define ITEM_MAX 300

void
past_rate_add(struct past_rate *rate, enum outcome status)
{
    switch (status) {
    case OUTCOME_PASS:
        rate->pass++;
        break;
    case OUTCOME_FAIL:
        rate->fail++;
        break;
    case OUTCOME_BROKEN:
    case OUTCOME_TRUNCATED:
    case OUTCOME_MISSING:
        rate->broken++;
        break;
    case OUTCOME_NONE:
    case OUTCOME_QUEUED:
    case OUTCOME_PREPARING:
    case OUTCOME_RUNNING:
    case OUTCOME_BLOCKED:
    case OUTCOME_SKIP:
    case OUTCOME_REUSED:
    case OUTCOME_STARVED:
    case OUTCOME_ABORTED:
    case OUTCOME_COUNT:
        rate->other++;
        break;
    }
}

/* E. B. Wilson, "Probable inference, the law of succession, and statistical
 * inference", JASA 22 (1927): right also for few runs and rates near 1. */
void
past_rate_close(struct past_rate *rate)
{
    const double z = 1.959963984540054;
    double n = (double)(rate->pass + rate->fail), p, middle, half;

    rate->rate = rate->low = rate->high = -1;
    if (n <= 0)
        return;
    p = (double)rate->pass / n;
    middle = (p + z * z / (2 * n)) / (1 + z * z / n);
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n);
    rate->rate = p;
    rate->low = rate->pass == 0 ? 0 : middle - half;
    rate->high = rate->fail == 0 ? 1 : middle + half;
}

const char *
past_rate_text(const struct past_rate *rate, struct arena *arena)
{
    size_t told = rate->pass + rate->fail;
    const char *text = "no run passed or failed";

    if (told > 0)
        text = arena_printf(arena, "%.0f %% (%.0f to %.0f %%) of %zu run%s",
                            rate->rate * 100, rate->low * 100,
                            rate->high * 100, told, told == 1 ? "" : "s");
    if (rate->broken > 0)
        text = arena_printf(arena, "%s, %zu broke", text, rate->broken);
    return text;
}

/* Text --------------------------------------------------------------------- */

/* One letter a run, the oldest first; '.' for a pass, so that the rest is
 * seen. */
static char
letter(enum outcome status)
{
    static const char LETTERS[] = {
        [OUTCOME_NONE] = ' ', [OUTCOME_QUEUED] = 'q',
        [OUTCOME_PREPARING] = 'q', [OUTCOME_RUNNING] = 'r',
        [OUTCOME_PASS] = '.', [OUTCOME_FAIL] = 'F', [OUTCOME_BROKEN] = 'B',
        [OUTCOME_BLOCKED] = '-', [OUTCOME_SKIP] = 's',
        [OUTCOME_STARVED] = '*', [OUTCOME_TRUNCATED] = 't',
        [OUTCOME_ABORTED] = 'a', [OUTCOME_MISSING] = '?',
        [OUTCOME_REUSED] = '=',
    };
    static_assert(ARRAY_LEN(LETTERS) == OUTCOME_COUNT, "a letter for each");

    return LETTERS[(unsigned)status < OUTCOME_COUNT ? status : OUTCOME_NONE];
}

#define STRIP_MAX 60

static void
add_run(const struct past *past, const struct past_run *run, struct buf *out)
{
    char iso[32], took[32] = "-";

    clock_iso(run->started_ms < 0 ? 0 : run->started_ms, iso);
    if (run->took_ms >= 0)
        clock_human(run->took_ms, took);
    buf_addf(out, "  %6" PRId64 " %.10s ", run->flight,
             run->started_ms < 0 ? "-         " : iso);
    plain_cell(out, outcome_name(run->status), ITEM_MAX, 8);
    if (past->is_host)
        plain_cell(out, run->job, ITEM_MAX, 20);
    else
        plain_cell(out, run->hosts, ITEM_MAX, 20);
    buf_addf(out, "%12s  ", took);
    plain_cell(out, run->reason, ITEM_MAX, 0);
    plain_end(out);
}

void
past_text(const struct past *past, struct buf *out)
{
    struct arena arena = ARENA_INIT;
    size_t shown = past->run_count < STRIP_MAX ? past->run_count : STRIP_MAX;

    buf_addf(out, "%s ", past->is_host ? "host" : "job");
    plain_cell(out, past->name, ITEM_MAX, 0);
    out->data[--out->len] = '\0';
    buf_addf(out, ": %s\n", past_rate_text(&past->rate, &arena));
    if (past->is_host)
        plain_wrap(out, past->what, ITEM_MAX, 0, 0);
    buf_adds(out, "\n  . pass, F fail, B broken, - not run; the newest is "
             "last\n\n  ");
    plain_cell(out, past->is_host ? "all jobs" : "the job", ITEM_MAX, 28);
    for (size_t i = shown; i-- > 0;)
        buf_addc(out, letter(past->runs[i].status));
    plain_end(out);
    for (size_t i = 0; i < past->test_count; i++) {
        const struct past_test *test = &past->tests[i];

        buf_adds(out, "  ");
        plain_cell(out, test->testid, ITEM_MAX, 28);
        for (size_t j = shown; j-- > 0;)
            buf_addc(out, letter(test->statuses[j]));
        if (test->rate.fail + test->rate.broken > 0)
            buf_addf(out, "  %s", past_rate_text(&test->rate, &arena));
        plain_end(out);
    }
    for (size_t i = 0; i < past->mark_count; i++) {
        const struct past_mark *mark = &past->marks[i];

        if (i == 0)
            buf_adds(out, "\nIt did not do its part:\n");
        buf_addf(out, "  %6" PRId64 " ", mark->flight);
        plain_cell(out, mark->job, ITEM_MAX, 20);
        plain_cell(out, mark->reason, ITEM_MAX, 0);
        plain_end(out);
    }
    buf_adds(out, "\nRuns:\n");
    for (size_t i = 0; i < past->run_count; i++)
        add_run(past, &past->runs[i], out);
    if (past->more)
        buf_adds(out, "  ... and older ones\n");
    arena_free(&arena);
}

/* JSON --------------------------------------------------------------------- */

static json_t *
rate_json(const struct past_rate *rate)
{
    json_t *object = json_object();

    json_put_int(object, "pass", (int64_t)rate->pass);
    json_put_int(object, "fail", (int64_t)rate->fail);
    json_put_int(object, "broken", (int64_t)rate->broken);
    json_put_int(object, "other", (int64_t)rate->other);
    json_object_set_new(object, "rate", rate->rate < 0 ? json_null()
                        : json_real(rate->rate));
    json_object_set_new(object, "low", rate->rate < 0 ? json_null()
                        : json_real(rate->low));
    json_object_set_new(object, "high", rate->rate < 0 ? json_null()
                        : json_real(rate->high));
    return object;
}

static json_t *
runs_json(const struct past *past)
{
    json_t *list = json_array();

    for (size_t i = 0; i < past->run_count; i++) {
        const struct past_run *run = &past->runs[i];
        json_t *object = json_object();

        json_put_int(object, "flight", run->flight);
        json_put_text(object, "job", run->job);
        json_put_text(object, "recipe", run->recipe);
        json_put_text(object, "branch", run->branch);
        json_put_some(object, "hosts", run->hosts);
        json_put_some(object, "tested", run->tested);
        json_put_text(object, "status", outcome_name(run->status));
        json_put_text(object, "lane", run->lane == LANE_NONE ? NULL
                      : lane_name(run->lane));
        json_put_some(object, "reason", run->reason);
        json_put_time(object, "started_at", run->started_ms);
        json_object_set_new(object, "elapsed_ms", run->took_ms < 0
                            ? json_null() : json_integer(run->took_ms));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *
tests_json(const struct past *past)
{
    json_t *list = json_array();

    for (size_t i = 0; i < past->test_count; i++) {
        const struct past_test *test = &past->tests[i];
        json_t *object = json_object(), *statuses = json_array();

        for (size_t j = 0; j < past->run_count; j++)
            json_array_append_new(statuses, test->statuses[j] == OUTCOME_NONE
                                  ? json_null()
                                  : json_string(outcome_name(
                                        test->statuses[j])));
        json_put_text(object, "testid", test->testid);
        json_object_set_new(object, "rate", rate_json(&test->rate));
        json_object_set_new(object, "statuses", statuses);
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *
series_json(const struct past *past)
{
    json_t *list = json_array();

    for (size_t i = 0; i < past->series_count; i++) {
        const struct past_series *series = &past->series[i];
        json_t *object = json_object(), *values = json_array();

        for (size_t j = 0; j < past->run_count; j++)
            json_array_append_new(values, series->known[j]
                                  ? json_real(series->values[j])
                                  : json_null());
        json_put_text(object, "testid", series->testid);
        json_put_text(object, "name", series->name);
        json_put_text(object, "unit", series->unit);
        json_put_text(object, "better",
                      series->higher_is_better ? "higher" : "lower");
        json_object_set_new(object, "medians", values);
        json_array_append_new(list, object);
    }
    return list;
}

static void
put_host(const struct past *past, json_t *object)
{
    json_t *boots = json_array(), *marks = json_array();
    json_t *served = json_array(), *health = json_array();

    for (size_t i = 0; i < past->boot_count; i++) {
        json_t *one = json_object();

        if (past->boots[i].flight != 0)
            json_put_int(one, "flight", past->boots[i].flight);
        json_put_some(one, "job", past->boots[i].job);
        json_put_text(one, "status", past->boots[i].status);
        json_put_some(one, "reason", past->boots[i].reason);
        json_put_time(one, "armed_at", past->boots[i].armed_ms);
        json_put_time(one, "up_at", past->boots[i].up_ms);
        json_array_append_new(boots, one);
    }
    for (size_t i = 0; i < past->mark_count; i++) {
        json_t *one = json_object();

        json_put_int(one, "flight", past->marks[i].flight);
        json_put_text(one, "job", past->marks[i].job);
        json_put_text(one, "reason", past->marks[i].reason);
        json_put_time(one, "at", past->marks[i].at_ms);
        json_array_append_new(marks, one);
    }
    for (size_t i = 0; i < past->served_count; i++) {
        json_t *one = json_object();

        json_put_time(one, "at", past->served[i].at_ms);
        json_put_text(one, "way", past->served[i].way);
        json_put_text(one, "vendor", past->served[i].vendor);
        json_put_text(one, "file", past->served[i].file);
        json_array_append_new(served, one);
    }
    for (size_t i = 0; i < past->health_count; i++) {
        json_t *one = json_object();

        json_put_time(one, "at", past->health[i].at_ms);
        json_put_text(one, "state", past->health[i].state);
        json_put_text(one, "who", past->health[i].who);
        json_put_text(one, "why", past->health[i].why);
        json_array_append_new(health, one);
    }
    json_object_set_new(object, "boots", boots);
    json_object_set_new(object, "served", served);
    json_object_set_new(object, "health", health);
    json_object_set_new(object, "marks", marks);
}

json_t *
past_json(const struct past *past)
{
    json_t *object = json_object();

    json_put_text(object, past->is_host ? "host" : "job", past->name);
    json_put_some(object, "branch", past->branch);
    json_object_set_new(object, "rate", rate_json(&past->rate));
    json_object_set_new(object, "runs", runs_json(past));
    if (past->is_host) {
        put_host(past, object);
    } else {
        json_object_set_new(object, "tests", tests_json(past));
        json_object_set_new(object, "measurements", series_json(past));
    }
    return object;
}
