/* results/decide_json.c - see decide_json.h. */
#include <config.h>

#include "results/decide_json.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/json_take.h"
#include "harness/mem.h"

#define FORMAT 1

/* Writing ------------------------------------------------------------------ */

static void
put(json_t *object, const char *key, json_t *value)
{
    must(json_object_set_new(object, key, value) == 0);
}

static void
add(json_t *list, json_t *value)
{
    must(json_array_append_new(list, value) == 0);
}

static void
put_outcome(json_t *object, enum outcome status, enum lane lane)
{
    json_put_text(object, "status", outcome_name(status));
    if (lane != LANE_NONE)
        json_put_text(object, "lane", lane_name(lane));
}

static json_t *
job_json(const struct decide_job *job)
{
    json_t *out = json_object(), *steps = json_array();

    json_put_text(out, "job", job->name);
    put_outcome(out, job->status, job->lane);
    json_put_int(out, "estimate_ms", job->estimate_ms);
    for (size_t i = 0; i < job->step_count; i++) {
        json_t *step = json_object();

        json_put_text(step, "testid", job->steps[i].testid);
        put_outcome(step, job->steps[i].status, job->steps[i].lane);
        add(steps, step);
    }
    put(out, "steps", steps);
    return out;
}

static json_t *
flight_json(const struct decide_flight *flight)
{
    json_t *out = json_object(), *jobs = json_array();

    json_put_int(out, "flight", flight->flight);
    json_put_text(out, "blessing", flight->blessing);
    put(out, "this", json_boolean((flight->versions & DECIDE_THIS) != 0));
    put(out, "that", json_boolean((flight->versions & DECIDE_THAT) != 0));
    for (size_t i = 0; i < flight->job_count; i++)
        add(jobs, job_json(&flight->jobs[i]));
    put(out, "jobs", jobs);
    return out;
}

static json_t *
versions_json(const struct decide_version *versions, size_t count)
{
    json_t *out = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *version = json_object();

        json_put_text(version, "tree", versions[i].tree);
        json_put_text(version, "revision", versions[i].revision);
        add(out, version);
    }
    return out;
}

static json_t *
allow_json(const struct decide_allow *allow)
{
    json_t *out = json_object();

    json_put_text(out, "job", allow->job);
    json_put_text(out, "testid", allow->testid);
    json_put_text(out, "source", allow->source);
    return out;
}

json_t *
decide_input_json(const struct decide_input *input)
{
    json_t *out = json_object(), *history = json_array();
    json_t *passed = json_array(), *allow = json_array();

    json_put_text(out, "assay", "decision-input");
    json_put_int(out, "format", FORMAT);
    json_put_text(out, "branch", input->branch);
    put(out, "flight", flight_json(&input->flight));
    for (size_t i = 0; i < input->history_count; i++)
        add(history, flight_json(&input->history[i]));
    put(out, "history", history);
    for (size_t i = 0; i < input->passed_count; i++) {
        json_t *cell = json_object();

        json_put_text(cell, "job", input->passed[i].job);
        json_put_text(cell, "testid", input->passed[i].testid);
        add(passed, cell);
    }
    put(out, "passed", passed);
    for (size_t i = 0; i < input->allow_count; i++)
        add(allow, allow_json(&input->allow[i]));
    put(out, "allow", allow);
    put(out, "this", versions_json(input->this_version, input->this_count));
    put(out, "that", versions_json(input->that_version, input->that_count));
    return out;
}

static json_t *
failure_json(const struct decide_failure *failure)
{
    json_t *out = json_object();

    json_put_int(out, "flight", failure->flight);
    json_put_text(out, "job", failure->job);
    json_put_some(out, "testid", failure->testid);
    put_outcome(out, failure->status, failure->lane);
    json_put_text(out, "why", decide_why_name(failure->why));
    json_put_int(out, "priority", failure->priority);
    if (failure->baseline != 0)
        json_put_int(out, "baseline", failure->baseline);
    if (failure->passed_in != 0)
        json_put_int(out, "passed_in", failure->passed_in);
    if (failure->passed_too != 0)
        json_put_int(out, "passed_too", failure->passed_too);
    if (failure->allow != NULL)
        put(out, "allow", allow_json(failure->allow));
    json_put_text(out, "blocker", decide_blocker_name(failure->blocker));
    json_put_text(out, "category", decide_category_name(failure->category));
    json_put_text(out, "summary", failure->summary);
    put(out, "repeated", json_boolean(failure->repeated));
    return out;
}

json_t *
decide_json(const struct decide_input *input, const struct decision *decision)
{
    json_t *out = json_object(), *failures = json_array();
    json_t *flights = json_array();

    json_put_text(out, "result", decide_result_name(decision->result));
    json_put_text(out, "text", decide_result_text(decision->result));
    put(out, "may_push",
        json_boolean(decide_result_may_push(decision->result)));
    put(out, "baseline_tested", json_boolean(decision->baseline_tested));
    json_put_int(out, "blockers", (int64_t)decision->blocker_count);
    json_put_int(out, "jobs", (int64_t)decision->job_count);
    put(out, "this", versions_json(input->this_version, input->this_count));
    put(out, "that", versions_json(input->that_version, input->that_count));
    for (size_t i = 0; i < decision->flight_count; i++)
        add(flights, json_integer(decision->flights[i]));
    put(out, "flights", flights);
    for (size_t i = 0; i < decision->failure_count; i++)
        add(failures, failure_json(&decision->failures[i]));
    put(out, "failures", failures);
    return out;
}

/* Reading ------------------------------------------------------------------ */

struct reading {
    struct arena *arena;
    struct fault *why;
};

/* Takes one element of a list. */
typedef bool element_fn(struct reading *reading, const json_t *json,
                        void *out);

static bool
read_list(struct reading *reading, const json_t *json, const char *what,
          size_t bytes, element_fn *element, const void **out,
          size_t *count_out)
{
    size_t count = json_array_size(json);
    char *list = arena_alloc(reading->arena, count * bytes + 1);

    for (size_t i = 0; i < count; i++) {
        if (!element(reading, json_array_get(json, i), list + i * bytes))
            return fault_context(reading->why, "%s %zu", what, i + 1);
    }
    *out = list;
    *count_out = count;
    return true;
}

static int
compare_texts(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;

    return strcmp(*x, *y);
}

/* A name at the same place in each of 'count' elements occurs once. */
static bool
names_differ(struct reading *reading, const void *list, size_t count,
             size_t bytes, size_t offset)
{
    const char **names = xcalloc(count + 1, sizeof(char *));
    const char *same = NULL;

    for (size_t i = 0; i < count; i++)
        memcpy(&names[i], (const char *)list + i * bytes + offset,
               sizeof names[i]);
    qsort(names, count, sizeof *names, compare_texts);
    for (size_t i = 1; i < count && same == NULL; i++) {
        if (strcmp(names[i - 1], names[i]) == 0)
            same = names[i];
    }
    free(names);
    return same == NULL
        || fault_set(reading->why, FAULT_DATA, "'%s' occurs twice", same);
}

static bool
read_outcome(struct reading *reading, const char *status, const char *lane,
             enum outcome *status_out, enum lane *lane_out)
{
    *status_out = outcome_parse(status);
    *lane_out = lane_parse(lane);
    if (*status_out == OUTCOME_NONE && strcmp(status, "none") != 0)
        return fault_set(reading->why, FAULT_DATA, "there is no status '%s'",
                         status);
    if (*lane_out == LANE_NONE && lane != NULL)
        return fault_set(reading->why, FAULT_DATA, "there is no lane '%s'",
                         lane);
    return true;
}

static bool
read_step(struct reading *reading, const json_t *json, void *out)
{
    struct words {
        const char *testid, *status, *lane;
    } words = { .lane = NULL };
    static const struct json_member MEMBERS[] = {
        { "testid", JSON_TAKE_NAME, false, offsetof(struct words, testid),
          0, 0 },
        { "status", JSON_TAKE_NAME, false, offsetof(struct words, status),
          0, 0 },
        { "lane", JSON_TAKE_NAME, true, offsetof(struct words, lane), 0, 0 },
        { .type = JSON_TAKE_END },
    };
    struct decide_step *step = out;

    if (!json_take(json, MEMBERS, &words, reading->why)
        || !read_outcome(reading, words.status, words.lane, &step->status,
                         &step->lane))
        return false;
    step->testid = arena_strdup(reading->arena, words.testid);
    return true;
}

static bool
read_job(struct reading *reading, const json_t *json, void *out)
{
    struct words {
        const char *job, *status, *lane;
        int64_t estimate_ms;
        const json_t *steps;
    } words = { .lane = NULL };
    static const struct json_member MEMBERS[] = {
        { "job", JSON_TAKE_NAME, false, offsetof(struct words, job), 0, 0 },
        { "status", JSON_TAKE_NAME, false, offsetof(struct words, status),
          0, 0 },
        { "lane", JSON_TAKE_NAME, true, offsetof(struct words, lane), 0, 0 },
        { "estimate_ms", JSON_TAKE_INT, false,
          offsetof(struct words, estimate_ms), 0, INT64_MAX },
        { "steps", JSON_TAKE_LIST, false, offsetof(struct words, steps),
          0, 0 },
        { .type = JSON_TAKE_END },
    };
    struct decide_job *job = out;
    const void *steps = NULL;

    if (!json_take(json, MEMBERS, &words, reading->why)
        || !read_outcome(reading, words.status, words.lane, &job->status,
                         &job->lane)
        || !read_list(reading, words.steps, "step", sizeof *job->steps,
                      read_step, &steps, &job->step_count)
        || !names_differ(reading, steps, job->step_count, sizeof *job->steps,
                         offsetof(struct decide_step, testid)))
        return false;
    job->name = arena_strdup(reading->arena, words.job);
    job->estimate_ms = words.estimate_ms;
    job->steps = steps;
    return true;
}

static bool
read_flight(struct reading *reading, const json_t *json, void *out)
{
    struct words {
        const char *blessing;
        int64_t flight;
        bool this, that;
        const json_t *jobs;
    } words = { .flight = 0 };
    static const struct json_member MEMBERS[] = {
        { "flight", JSON_TAKE_INT, false, offsetof(struct words, flight),
          1, INT64_MAX },
        { "blessing", JSON_TAKE_TEXT, false,
          offsetof(struct words, blessing), 0, 0 },
        { "this", JSON_TAKE_FLAG, false, offsetof(struct words, this), 0, 0 },
        { "that", JSON_TAKE_FLAG, false, offsetof(struct words, that), 0, 0 },
        { "jobs", JSON_TAKE_LIST, false, offsetof(struct words, jobs), 0, 0 },
        { .type = JSON_TAKE_END },
    };
    struct decide_flight *flight = out;
    const void *jobs = NULL;

    if (!json_take(json, MEMBERS, &words, reading->why)
        || !read_list(reading, words.jobs, "job", sizeof *flight->jobs,
                      read_job, &jobs, &flight->job_count)
        || !names_differ(reading, jobs, flight->job_count,
                         sizeof *flight->jobs,
                         offsetof(struct decide_job, name)))
        return false;
    flight->flight = words.flight;
    flight->blessing = arena_strdup(reading->arena, words.blessing);
    flight->versions = (words.this ? DECIDE_THIS : 0u)
        | (words.that ? DECIDE_THAT : 0u);
    flight->jobs = jobs;
    return true;
}

static bool
read_cell(struct reading *reading, const json_t *json, void *out)
{
    static const struct json_member MEMBERS[] = {
        { "job", JSON_TAKE_NAME, false, offsetof(struct decide_cell, job),
          0, 0 },
        { "testid", JSON_TAKE_TEXT, false,
          offsetof(struct decide_cell, testid), 0, 0 },
        { .type = JSON_TAKE_END },
    };
    struct decide_cell *cell = out;

    if (!json_take(json, MEMBERS, cell, reading->why))
        return false;
    cell->job = arena_strdup(reading->arena, cell->job);
    cell->testid = arena_strdup(reading->arena, cell->testid);
    return true;
}

static bool
read_allow(struct reading *reading, const json_t *json, void *out)
{
    static const struct json_member MEMBERS[] = {
        { "job", JSON_TAKE_NAME, false, offsetof(struct decide_allow, job),
          0, 0 },
        { "testid", JSON_TAKE_NAME, false,
          offsetof(struct decide_allow, testid), 0, 0 },
        { "source", JSON_TAKE_TEXT, false,
          offsetof(struct decide_allow, source), 0, 0 },
        { .type = JSON_TAKE_END },
    };
    struct decide_allow *allow = out;

    if (!json_take(json, MEMBERS, allow, reading->why))
        return false;
    allow->job = arena_strdup(reading->arena, allow->job);
    allow->testid = arena_strdup(reading->arena, allow->testid);
    allow->source = arena_strdup(reading->arena, allow->source);
    return true;
}

static bool
read_version(struct reading *reading, const json_t *json, void *out)
{
    static const struct json_member MEMBERS[] = {
        { "tree", JSON_TAKE_NAME, false,
          offsetof(struct decide_version, tree), 0, 0 },
        { "revision", JSON_TAKE_NAME, false,
          offsetof(struct decide_version, revision), 0, 0 },
        { .type = JSON_TAKE_END },
    };
    struct decide_version *version = out;

    if (!json_take(json, MEMBERS, version, reading->why))
        return false;
    version->tree = arena_strdup(reading->arena, version->tree);
    version->revision = arena_strdup(reading->arena, version->revision);
    return true;
}

static int
compare_flights(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static bool
flights_differ(struct reading *reading, const struct decide_flight *list,
               size_t count)
{
    int64_t *numbers = xcalloc(count + 1, sizeof *numbers);
    bool ok = true;

    for (size_t i = 0; i < count; i++)
        numbers[i] = list[i].flight;
    qsort(numbers, count, sizeof *numbers, compare_flights);
    for (size_t i = 1; i < count && ok; i++) {
        if (numbers[i - 1] == numbers[i])
            ok = fault_set(reading->why, FAULT_DATA, "flight %" PRId64
                           " occurs twice in the history", numbers[i]);
    }
    free(numbers);
    return ok;
}

struct input_words {
    const char *assay, *branch;
    int64_t format;
    const json_t *flight, *history, *passed, *allow, *this, *that;
};

static bool
read_lists(struct reading *reading, const struct input_words *words,
           struct decide_input *out)
{
    const void *history = NULL, *passed = NULL, *allow = NULL;
    const void *this = NULL, *that = NULL;

    if (!read_list(reading, words->history, "history", sizeof *out->history,
                   read_flight, &history, &out->history_count)
        || !read_list(reading, words->passed, "passed", sizeof *out->passed,
                      read_cell, &passed, &out->passed_count)
        || !read_list(reading, words->allow, "allow", sizeof *out->allow,
                      read_allow, &allow, &out->allow_count)
        || !read_list(reading, words->this, "this",
                      sizeof *out->this_version, read_version, &this,
                      &out->this_count)
        || !read_list(reading, words->that, "that",
                      sizeof *out->that_version, read_version, &that,
                      &out->that_count)
        || !flights_differ(reading, history, out->history_count))
        return false;
    out->history = history;
    out->passed = passed;
    out->allow = allow;
    out->this_version = this;
    out->that_version = that;
    return true;
}

bool
decide_input_parse(const json_t *json, struct arena *arena,
                   struct decide_input *out, struct fault *why)
{
#define MEMBER(name, type) \
    { #name, type, false, offsetof(struct input_words, name), 0, 0 }
    static const struct json_member MEMBERS[] = {
        MEMBER(assay, JSON_TAKE_NAME), MEMBER(branch, JSON_TAKE_TEXT),
        { "format", JSON_TAKE_INT, false,
          offsetof(struct input_words, format), FORMAT, FORMAT },
        MEMBER(flight, JSON_TAKE_MAP), MEMBER(history, JSON_TAKE_LIST),
        MEMBER(passed, JSON_TAKE_LIST), MEMBER(allow, JSON_TAKE_LIST),
        MEMBER(this, JSON_TAKE_LIST), MEMBER(that, JSON_TAKE_LIST),
        { .type = JSON_TAKE_END },
    };
#undef MEMBER
    struct reading reading = { arena, why };
    struct input_words words = { .format = 0 };

    *out = (struct decide_input){ .branch = "" };
    if (!json_take(json, MEMBERS, &words, why))
        return false;
    if (strcmp(words.assay, "decision-input") != 0)
        return fault_set(why, FAULT_DATA, "this is a '%s', not a "
                         "decision-input", words.assay);
    if (!read_flight(&reading, words.flight, &out->flight))
        return fault_context(why, "flight");
    out->branch = arena_strdup(arena, words.branch);
    return read_lists(&reading, &words, out);
}
