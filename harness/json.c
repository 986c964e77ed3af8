/* harness/json.c - small helpers over jansson. */
#include <config.h>

#include "harness/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"

bool
json_parse(const char *data, size_t bytes, json_t **out, struct fault *why)
{
    json_error_t error;
    json_t *value;

    value = json_loadb(data, bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
                       &error);
    if (value == NULL)
        return fault_set(why, FAULT_DATA, "JSON line %d column %d: %s",
                         error.line, error.column, error.text);
    *out = value;
    return true;
}

const char *
json_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

int64_t
json_int(const json_t *object, const char *key, int64_t missing)
{
    const json_t *value = json_object_get(object, key);

    return json_is_integer(value) ? json_integer_value(value) : missing;
}

bool
json_flag(const json_t *object, const char *key, bool missing)
{
    const json_t *value = json_object_get(object, key);

    return json_is_boolean(value) ? json_is_true(value) : missing;
}

void
json_put_text(json_t *object, const char *key, const char *text)
{
    struct buf clean = BUF_INIT;
    size_t bytes, i, n;
    json_t *value;

    if (text == NULL) {
        must(json_object_set_new(object, key, json_null()) == 0);
        return;
    }
    bytes = strlen(text);
    for (i = 0; i < bytes; i += n) {
        n = utf8_span(text + i, bytes - i);
        if (n != 0) {
            buf_add(&clean, text + i, n);
        } else {
            buf_adds(&clean, "\xef\xbf\xbd");
            n = 1;
        }
    }
    value = json_stringn(buf_text(&clean), clean.len);
    must(value != NULL);
    must(json_object_set_new(object, key, value) == 0);
    buf_free(&clean);
}

void
json_put_int(json_t *object, const char *key, int64_t value)
{
    must(json_object_set_new(object, key, json_integer(value)) == 0);
}

void
json_put_some(json_t *object, const char *key, const char *text)
{
    json_put_text(object, key, text[0] == '\0' ? NULL : text);
}

void
json_put_count(json_t *object, const char *key, int64_t value)
{
    if (value < 0)
        json_put_text(object, key, NULL);
    else
        json_put_int(object, key, value);
}

void
json_put_time(json_t *object, const char *key, int64_t wall_ms)
{
    char iso[32];

    if (wall_ms >= 0)
        clock_iso(wall_ms, iso);
    json_put_text(object, key, wall_ms >= 0 ? iso : NULL);
}

bool
json_print(const json_t *value, FILE *to, struct fault *why)
{
    char *dump;
    bool ok;

    dump = json_dumps(value, JSON_INDENT(2) | JSON_SORT_KEYS
                                 | JSON_ENCODE_ANY);
    must(dump != NULL);
    ok = fputs(dump, to) != EOF && fputc('\n', to) != EOF
        && fflush(to) == 0;
    if (!ok)
        fault_errno(why, FAULT_SYSTEM, "write JSON");
    free(dump);
    return ok;
}
