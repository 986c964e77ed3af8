/* harness/log.c - the log sink: one line a record on standard error.
 *
 * Its state is one of the few mutable globals: whatever can fail must be able
 * to say so without being handed a logger. */
#include <config.h>

#include "harness/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/mem.h"

static const char *const level_names[] = { "error", "warn", "info", "debug" };
static_assert(ARRAY_LEN(level_names) == LOG_LEVEL_DEBUG + 1, "levels");

#define FIELD_COUNT 4
static const char *const field_names[FIELD_COUNT] = { "flight", "job", "step",
                                                      "host" };

static struct {
    const char *program;
    enum log_level level;
    bool json;
    char *context[FIELD_COUNT];
} sink = { .program = "assay", .level = LOG_LEVEL_INFO };

static const char *
field(const struct log_fields *fields, int i)
{
    switch (i) {
    case 0:
        return fields->flight;
    case 1:
        return fields->job;
    case 2:
        return fields->step;
    default:
        return fields->host;
    }
}

void
log_init(const char *program)
{
    const char *level = getenv("ASSAY_LOG");
    const char *format = getenv("ASSAY_LOG_FORMAT");
    size_t i;

    sink.program = program;
    sink.json = format != NULL && strcmp(format, "json") == 0;
    if (level == NULL)
        return;
    for (i = 0; i < ARRAY_LEN(level_names); i++) {
        if (strcmp(level, level_names[i]) == 0)
            sink.level = (enum log_level)i;
    }
}

void
log_set_context(const struct log_fields *fields)
{
    int i;

    for (i = 0; i < FIELD_COUNT; i++) {
        const char *value = field(fields, i);

        xfree_str(&sink.context[i]);
        if (value != NULL)
            sink.context[i] = xstrdup(value);
    }
}

static void
format_line(struct buf *line, enum log_level level, const char *now,
            const char *const values[], const struct buf *text)
{
    int i;

    buf_addf(line, "%s %s %s", now, sink.program, level_names[level]);
    for (i = 0; i < FIELD_COUNT; i++) {
        if (values[i] == NULL)
            continue;
        buf_addf(line, " %s=", field_names[i]);
        buf_add_escaped(line, values[i], strlen(values[i]));
    }
    buf_adds(line, ": ");
    buf_add_escaped(line, buf_text(text), text->len);
}

static void
format_json(struct buf *line, enum log_level level, const char *now,
            const char *const values[], const struct buf *text)
{
    json_t *record = json_object();
    char *dump;
    int i;

    must(record != NULL);
    json_put_text(record, "time", now);
    json_put_text(record, "program", sink.program);
    json_put_text(record, "level", level_names[level]);
    for (i = 0; i < FIELD_COUNT; i++) {
        if (values[i] != NULL)
            json_put_text(record, field_names[i], values[i]);
    }
    json_put_text(record, "text", buf_text(text));
    dump = json_dumps(record, JSON_COMPACT);
    must(dump != NULL);
    buf_adds(line, dump);
    free(dump);
    json_decref(record);
}

static PRINTF_LIKE(3, 0) void
emit(enum log_level level, const struct log_fields *fields, const char *fmt,
     va_list ap, const struct fault *why)
{
    struct buf line = BUF_INIT, text = BUF_INIT;
    const char *values[FIELD_COUNT];
    char now[32];
    int i, error = errno;
    ssize_t n;

    if (level > sink.level)
        return;
    for (i = 0; i < FIELD_COUNT; i++) {
        values[i] = fields != NULL ? field(fields, i) : NULL;
        if (values[i] == NULL)
            values[i] = sink.context[i];
    }
    buf_addv(&text, fmt, ap);
    if (why != NULL) {
        buf_addf(&text, ": %s", why->text);
        if (why->detail[0] != '\0')
            buf_addf(&text, " [%s]", why->detail);
    }
    clock_iso(clock_wall_ms(clock_system()), now);
    (sink.json ? format_json : format_line)(&line, level, now, values, &text);
    buf_addc(&line, '\n');
    /* One write a record, so that those of several processes do not mix. A
     * log that cannot be written has nobody left to tell. */
    do
        n = write(STDERR_FILENO, line.data, line.len);
    while (n < 0 && errno == EINTR);
    buf_free(&text);
    buf_free(&line);
    errno = error;
}

#define EMIT(level, fields, why) \
    do { \
        va_list ap; \
        va_start(ap, fmt); \
        emit((level), (fields), fmt, ap, (why)); \
        va_end(ap); \
    } while (0)

void
log_error(const char *fmt, ...)
{
    EMIT(LOG_LEVEL_ERROR, NULL, NULL);
}

void
log_warn(const char *fmt, ...)
{
    EMIT(LOG_LEVEL_WARN, NULL, NULL);
}

void
log_info(const char *fmt, ...)
{
    EMIT(LOG_LEVEL_INFO, NULL, NULL);
}

void
log_debug(const char *fmt, ...)
{
    EMIT(LOG_LEVEL_DEBUG, NULL, NULL);
}

void
log_with(enum log_level level, const struct log_fields *fields,
         const char *fmt, ...)
{
    EMIT(level, fields, NULL);
}

void
log_fault(enum log_level level, const struct fault *why, const char *fmt, ...)
{
    EMIT(level, NULL, why);
}
