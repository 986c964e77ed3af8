/* results/history.c - see history.h. */
#include <config.h>

#include "results/history.h"

#include <inttypes.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/json_take.h"
#include "harness/signals.h"
#include "results/history_check.h"

/* Reading ------------------------------------------------------------------ */

void
history_reader_init(struct history_reader *reader, const char *name,
                    history_flight_fn *each, void *owner)
{
    *reader = (struct history_reader){ .name = name, .each = each,
                                       .owner = owner };
}

void
history_reader_fini(struct history_reader *reader)
{
    json_decref(reader->flight);
    reader->flight = reader->job = NULL;
}

/* Appends 'item' to the list 'key' of 'record', making it. */
static void
append(json_t *record, const char *key, json_t *item)
{
    json_t *list = json_object_get(record, key);

    if (list == NULL) {
        list = json_array();
        must(json_object_set_new(record, key, list) == 0);
    }
    must(json_array_append(list, item) == 0);
}

static const json_t *
last_of(const json_t *record, const char *key)
{
    const json_t *list = json_object_get(record, key);
    size_t count = json_array_size(list);

    return count == 0 ? NULL : json_array_get(list, count - 1);
}

static bool
feed_begin(struct history_reader *reader, json_t *record, struct fault *why)
{
    struct words {
        const char *assay;
        int64_t format;
    } words = { .assay = "" };
    static const struct json_member MEMBERS[] = {
        { "assay", JSON_TAKE_NAME, false, offsetof(struct words, assay),
          0, 0 },
        { "format", JSON_TAKE_INT, false, offsetof(struct words, format),
          1, HISTORY_FORMAT },
        { .type = JSON_TAKE_END },
    };

    if (!json_take(record, MEMBERS, &words, why))
        return fault_context(why, "this is no history");
    if (strcmp(words.assay, "history") != 0)
        return fault_set(why, FAULT_DATA, "this is a '%s', not a history",
                         words.assay);
    reader->begun = true;
    return true;
}

static bool
feed_flight(struct history_reader *reader, json_t *record, struct fault *why)
{
    if (reader->flight != NULL)
        return fault_set(why, FAULT_DATA, "flight %" PRId64 " has no end",
                         json_int(reader->flight, "flight", 0));
    if (!history_check_flight(record, why))
        return false;
    reader->flight = json_incref(record);
    reader->job = NULL;
    reader->flight_line = reader->line;
    reader->job_count = reader->step_count = 0;
    return true;
}

static bool
feed_job(struct history_reader *reader, json_t *record, struct fault *why)
{
    if (reader->flight == NULL)
        return fault_set(why, FAULT_DATA, "a job outside of a flight");
    if (!history_check_job(record, last_of(reader->flight, "jobs"), why))
        return false;
    append(reader->flight, "jobs", record);
    reader->job = record;
    reader->job_count++;
    return true;
}

static bool
feed_step(struct history_reader *reader, json_t *record, struct fault *why)
{
    if (reader->job == NULL)
        return fault_set(why, FAULT_DATA, "a step outside of a job");
    if (!history_check_step(record, last_of(reader->job, "steps"), why))
        return false;
    append(reader->job, "steps", record);
    reader->step_count++;
    return true;
}

static bool
feed_end(struct history_reader *reader, json_t *record, struct fault *why)
{
    struct words {
        int64_t end, jobs, steps;
    } words = { .end = 0 };
    static const struct json_member MEMBERS[] = {
        { "end", JSON_TAKE_INT, false, offsetof(struct words, end), 1,
          INT64_MAX },
        { "jobs", JSON_TAKE_INT, false, offsetof(struct words, jobs), 0,
          INT64_MAX },
        { "steps", JSON_TAKE_INT, false, offsetof(struct words, steps), 0,
          INT64_MAX },
        { .type = JSON_TAKE_END },
    };
    json_t *flight = reader->flight;
    bool ok;

    if (!json_take(record, MEMBERS, &words, why))
        return false;
    if (flight == NULL || json_int(flight, "flight", 0) != words.end)
        return fault_set(why, FAULT_DATA, "the end of flight %" PRId64
                         ", which has not begun", words.end);
    if (words.jobs != reader->job_count || words.steps != reader->step_count)
        return fault_set(why, FAULT_DATA, "flight %" PRId64 " should have %"
                         PRId64 " jobs and %" PRId64 " steps, but %" PRId64
                         " and %" PRId64 " are here", words.end, words.jobs,
                         words.steps, reader->job_count, reader->step_count);
    reader->flight = reader->job = NULL;
    ok = history_check_whole(flight, why)
        && reader->each(reader->owner, flight, reader->flight_line, why);
    json_decref(flight);
    return ok;
}

static bool
feed_record(struct history_reader *reader, json_t *record, struct fault *why)
{
    static const struct {
        const char *key;
        bool (*feed)(struct history_reader *, json_t *, struct fault *);
    } KINDS[] = {
        { "step", feed_step }, { "job", feed_job }, { "end", feed_end },
        { "flight", feed_flight },
    };

    if (!reader->begun)
        return feed_begin(reader, record, why);
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        if (json_object_get(record, KINDS[i].key) != NULL)
            return KINDS[i].feed(reader, record, why);
    }
    return fault_set(why, FAULT_DATA, "neither a flight, a job, a step nor "
                     "an end");
}

/* Where it stands; what the file does wrong is its writer's matter, other
 * failures are not. */
static bool
locate(const struct history_reader *reader, struct fault *why)
{
    if (why->kind == FAULT_DATA)
        why->kind = FAULT_CONFIG;
    return fault_context(why, "%s:%" PRId64, reader->name, reader->line);
}

bool
history_feed(struct history_reader *reader, const char *line, size_t bytes,
             struct fault *why)
{
    json_error_t error;
    json_t *record;
    bool ok;

    reader->line++;
    if (bytes > HISTORY_LINE_MAX) {
        fault_set(why, FAULT_DATA, "the line is longer than %d bytes",
                  HISTORY_LINE_MAX);
        return locate(reader, why);
    }
    record = json_loadb(line, bytes, JSON_REJECT_DUPLICATES, &error);
    if (record == NULL) {
        fault_set(why, FAULT_DATA, "column %d: %s", error.column, error.text);
        return locate(reader, why);
    }
    ok = json_is_object(record)
        || fault_set(why, FAULT_DATA, "a line is one JSON object");
    ok = ok && feed_record(reader, record, why);
    json_decref(record);
    return ok || locate(reader, why);
}

bool
history_end(struct history_reader *reader, struct fault *why)
{
    if (!reader->begun)
        return fault_set(why, FAULT_CONFIG, "%s: it is empty: this is no "
                         "history", reader->name);
    if (reader->flight != NULL)
        return fault_set(why, FAULT_CONFIG, "%s:%" PRId64 ": the file ends "
                         "inside of flight %" PRId64, reader->name,
                         reader->line,
                         json_int(reader->flight, "flight", 0));
    return true;
}

/* The next line with its newline; false at the end of the input. One that is
 * too long is cut there. */
static bool
next_line(FILE *from, struct buf *line)
{
    int c;

    buf_reset(line);
    while ((c = getc_unlocked(from)) != EOF) {
        buf_addc(line, (char)c);
        if (c == '\n' || line->len > HISTORY_LINE_MAX + 1)
            break;
    }
    return line->len > 0;
}

bool
history_read(FILE *from, const char *name, history_flight_fn *each,
             void *owner, struct fault *why)
{
    struct history_reader reader;
    struct buf line = BUF_INIT;
    bool ok = true;

    history_reader_init(&reader, name, each, owner);
    while (ok && next_line(from, &line)) {
        bool whole = line.data[line.len - 1] == '\n';

        ok = signals_check(why)
            && history_feed(&reader, line.data, line.len - whole, why);
        if (ok && !whole)
            ok = fault_set(why, FAULT_CONFIG, "%s:%" PRId64 ": the last line "
                           "has no end", name, reader.line);
    }
    if (ok && ferror(from))
        ok = fault_errno(why, FAULT_SYSTEM, "read %s", name);
    ok = ok && history_end(&reader, why);
    history_reader_fini(&reader);
    buf_free(&line);
    return ok;
}

/* Writing ------------------------------------------------------------------ */

static void
write_line(json_t *record, struct buf *out)
{
    char *text = json_dumps(record, JSON_COMPACT | JSON_SORT_KEYS);

    must(text != NULL);
    buf_adds(out, text);
    buf_addc(out, '\n');
    free(text);
}

void
history_write_begin(struct buf *out)
{
    buf_addf(out, "{\"assay\":\"history\",\"format\":%d}\n", HISTORY_FORMAT);
}

/* 'record' without its list 'key'. */
static void
write_without(const json_t *record, const char *key, struct buf *out)
{
    /* A shallow copy: jansson counts the references, though it is const. */
    json_t *copy = json_copy((json_t *)(uintptr_t)record);

    must(copy != NULL);
    json_object_del(copy, key);
    write_line(copy, out);
    json_decref(copy);
}

void
history_write(const json_t *flight, struct buf *out)
{
    const json_t *jobs = json_object_get(flight, "jobs");
    size_t steps = 0;

    write_without(flight, "jobs", out);
    for (size_t i = 0; i < json_array_size(jobs); i++) {
        const json_t *job = json_array_get(jobs, i);
        const json_t *list = json_object_get(job, "steps");

        write_without(job, "steps", out);
        for (size_t j = 0; j < json_array_size(list); j++)
            write_line(json_array_get(list, j), out);
        steps += json_array_size(list);
    }
    buf_addf(out, "{\"end\":%" PRId64 ",\"jobs\":%zu,\"steps\":%zu}\n",
             json_int(flight, "flight", 0), json_array_size(jobs), steps);
}

bool
history_check(json_t *flight, struct fault *why)
{
    json_t *jobs = json_object_get(flight, "jobs"), *job, *step;
    json_t *last = NULL;
    size_t i, j;

    json_incref(jobs);
    json_object_del(flight, "jobs");
    if (!history_check_flight(flight, why))
        goto bad;
    json_array_foreach(jobs, i, job) {
        json_t *steps = json_incref(json_object_get(job, "steps"));
        json_t *last_step = NULL;
        bool ok;

        json_object_del(job, "steps");
        ok = history_check_job(job, last, why);
        json_array_foreach(steps, j, step) {
            ok = ok && history_check_step(step, last_step, why);
            last_step = step;
        }
        if (json_array_size(steps) > 0)
            must(json_object_set(job, "steps", steps) == 0);
        json_decref(steps);
        if (!ok) {
            fault_context(why, "job %s", json_text(job, "job"));
            goto bad;
        }
        last = job;
    }
    if (json_array_size(jobs) > 0)
        must(json_object_set(flight, "jobs", jobs) == 0);
    json_decref(jobs);
    return history_check_whole(flight, why);
bad:
    json_decref(jobs);
    return false;
}
