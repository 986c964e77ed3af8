/* harness/swf.c - see swf.h. */
#include <config.h>

#include "harness/swf.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/mem.h"

#define FIELDS 18
#define LINE_MAX_BYTES 1000
/* Nothing that is summed may overflow: 300 years, a million processors. */
#define SECONDS_MAX INT64_C(10000000000)
#define PROCS_MAX 1000000

enum field {
    FIELD_ID = 0, FIELD_SUBMIT = 1, FIELD_RUN = 3, FIELD_PROCS = 4,
    FIELD_PROCS_WANTED = 7, FIELD_ESTIMATE = 8, FIELD_USER = 11
};

struct parser {
    const char *name;
    int line;
    struct swf *swf;
    struct swf_job *jobs;
    size_t cap;
    struct fault *why;
};

static bool
bad(struct parser *p, const char *what)
{
    return fault_set(p->why, FAULT_CONFIG, "%s:%d: %s", p->name, p->line,
                     what);
}

/* "; MaxProcs: 128" */
static void
read_header(struct parser *p, char *text)
{
    static const char *const keys[] = { "MaxProcs:", "MaxNodes:" };
    int64_t value;

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char *at = text + 1 + strspn(text + 1, " \t"), *end;

        if (strncmp(at, keys[i], strlen(keys[i])) != 0)
            continue;
        at += strlen(keys[i]);
        at += strspn(at, " \t");
        end = at + strcspn(at, " \t");
        *end = '\0';
        if (!parse_int64(at, 1, PROCS_MAX, &value))
            continue;           /* a remark, not data */
        if (i == 0 || p->swf->procs_max == 0)
            p->swf->procs_max = (int)value;
    }
}

static bool
read_fields(struct parser *p, char *text, int64_t *values)
{
    char *rest = text, *word, message[80];
    int count = 0;

    while ((word = strsep(&rest, " \t")) != NULL) {
        double decimal;

        if (word[0] == '\0')
            continue;
        if (count == FIELDS)
            return bad(p, "more than 18 fields");
        if (!parse_int64(word, -SECONDS_MAX, SECONDS_MAX, &values[count])) {
            if (!parse_double(word, &decimal) || decimal < -1e10
                || decimal > 1e10) {
                snprintf(message, sizeof message,
                         "field %d is not a number in range", count + 1);
                return bad(p, message);
            }
            values[count] = (int64_t)decimal;
        }
        count++;
    }
    if (count == FIELDS)
        return true;
    snprintf(message, sizeof message, "%d fields, not 18", count);
    return bad(p, message);
}

static bool
read_job(struct parser *p, const int64_t *values)
{
    struct swf_job job = {
        .id = values[FIELD_ID], .submit_s = values[FIELD_SUBMIT],
        .run_s = values[FIELD_RUN], .estimate_s = values[FIELD_ESTIMATE],
        .user = -1,
    };
    int64_t procs = values[FIELD_PROCS_WANTED] > 0
        ? values[FIELD_PROCS_WANTED] : values[FIELD_PROCS];

    if (job.submit_s < 0)
        return bad(p, "field 2: submitted before the beginning");
    if (job.run_s <= 0 || procs <= 0) {
        p->swf->skipped++;
        return true;
    }
    if (procs > PROCS_MAX)
        return bad(p, "more than a million processors");
    job.procs = (int)procs;
    if (values[FIELD_USER] >= 0 && values[FIELD_USER] <= INT32_MAX)
        job.user = (int)values[FIELD_USER];
    /* The machine ends a job at its estimate. */
    if (job.estimate_s <= 0)
        job.estimate_s = job.run_s;
    if (job.run_s > job.estimate_s)
        job.run_s = job.estimate_s;
    if (p->swf->count >= p->cap)
        p->jobs = xgrow(p->jobs, &p->cap, p->swf->count, sizeof *p->jobs);
    p->jobs[p->swf->count++] = job;
    return true;
}

static bool
read_line(struct parser *p, const char *line, size_t bytes)
{
    char text[LINE_MAX_BYTES + 1];
    int64_t values[FIELDS] = { 0 };

    if (bytes > 0 && line[bytes - 1] == '\r')
        bytes--;
    if (bytes > 0 && line[0] == ';' && bytes > LINE_MAX_BYTES)
        bytes = LINE_MAX_BYTES; /* a long remark */
    if (bytes > LINE_MAX_BYTES)
        return bad(p, "longer than any job's line");
    if (memchr(line, '\0', bytes) != NULL)
        return bad(p, "a zero byte");
    memcpy(text, line, bytes);
    text[bytes] = '\0';
    if (text[strspn(text, " \t")] == '\0')
        return true;
    if (text[0] == ';') {
        read_header(p, text);
        return true;
    }
    return read_fields(p, text, values) && read_job(p, values);
}

static int
compare_jobs(const void *left, const void *right)
{
    const struct swf_job *a = left, *b = right;

    if (a->submit_s != b->submit_s)
        return a->submit_s < b->submit_s ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

bool
swf_parse(const char *name, const char *data, size_t bytes,
          struct arena *arena, struct swf *swf_out, struct fault *why)
{
    struct parser parser = { .name = name, .swf = swf_out, .why = why };
    size_t at = 0;
    bool ok = true;

    *swf_out = (struct swf){ 0 };
    while (at < bytes && ok) {
        const char *end = memchr(data + at, '\n', bytes - at);
        size_t length = end != NULL ? (size_t)(end - data) - at : bytes - at;

        parser.line++;
        ok = read_line(&parser, data + at, length);
        at += length + 1;
    }
    if (ok && swf_out->count == 0)
        ok = fault_set(why, FAULT_CONFIG, "%s: no job in it ran", name);
    if (ok) {
        qsort(parser.jobs, swf_out->count, sizeof *parser.jobs,
              compare_jobs);
        swf_out->jobs = arena_alloc(arena, swf_out->count
                                           * sizeof *parser.jobs);
        memcpy(swf_out->jobs, parser.jobs,
               swf_out->count * sizeof *parser.jobs);
    }
    free(parser.jobs);
    return ok;
}
