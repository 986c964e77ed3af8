/* harness/fault.c - why a call failed: a kind for machines, text for people. */
#include <config.h>

#include "harness/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness/buf.h"

static const struct {
    const char *name;
    int exit_status;
} kinds[] = {
    [FAULT_NONE] = { "none", 75 },
    [FAULT_USAGE] = { "usage", 2 },
    [FAULT_CONFIG] = { "config", 2 },
    [FAULT_NOT_FOUND] = { "not-found", 2 },
    [FAULT_CONFLICT] = { "conflict", 1 },
    [FAULT_SYSTEM] = { "system", 75 },
    [FAULT_PEER] = { "peer", 75 },
    [FAULT_TIMEOUT] = { "timeout", 75 },
    [FAULT_LOST] = { "lost", 75 },
    [FAULT_DATA] = { "data", 1 },
    [FAULT_CANCELLED] = { "cancelled", 130 },
};
static_assert(ARRAY_LEN(kinds) == FAULT_KIND_COUNT, "a row for each kind");

/* Copies to a field, cutting at a character and ending in "..." if it must. */
static void
put_cut(char *to, size_t cap, const char *text, size_t bytes)
{
    size_t n = 0, span;

    if (bytes >= cap) {
        while (n < bytes) {
            span = utf8_span(text + n, bytes - n);
            if (span == 0)
                span = 1;
            if (n + span > cap - 4)
                break;
            n += span;
        }
        memcpy(to, text, n);
        memcpy(to + n, "...", 4);
        return;
    }
    memcpy(to, text, bytes);
    to[bytes] = '\0';
}

static PRINTF_LIKE(3, 0) void
put_format(char *to, size_t cap, const char *fmt, va_list ap, const char *tail)
{
    struct buf raw = BUF_INIT, text = BUF_INIT;

    buf_addv(&raw, fmt, ap);
    buf_adds(&raw, tail);
    buf_add_escaped(&text, buf_text(&raw), raw.len);
    put_cut(to, cap, buf_text(&text), text.len);
    buf_free(&text);
    buf_free(&raw);
}

static void
start(struct fault *why, enum fault_kind kind)
{
    must(kind > FAULT_NONE && kind < FAULT_KIND_COUNT);
    why->kind = kind;
    why->detail[0] = '\0';
    why->hint[0] = '\0';
}

bool
fault_set(struct fault *why, enum fault_kind kind, const char *fmt, ...)
{
    va_list ap;

    if (why == NULL)
        return false;
    start(why, kind);
    va_start(ap, fmt);
    put_format(why->text, sizeof(why->text), fmt, ap, "");
    va_end(ap);
    return false;
}

bool
fault_errno(struct fault *why, enum fault_kind kind, const char *fmt, ...)
{
    char tail[160], store[120];
    int error = errno;
    va_list ap;

    if (why == NULL)
        return false;
    start(why, kind);
    snprintf(tail, sizeof(tail), ": %s",
             strerror_r(error, store, sizeof(store)));
    va_start(ap, fmt);
    put_format(why->text, sizeof(why->text), fmt, ap, tail);
    va_end(ap);
    errno = error;
    return false;
}

bool
fault_context(struct fault *why, const char *fmt, ...)
{
    char old[sizeof(why->text)];
    struct buf text = BUF_INIT;
    va_list ap;

    if (why == NULL)
        return false;
    memcpy(old, why->text, sizeof(old));
    va_start(ap, fmt);
    put_format(why->text, sizeof(why->text), fmt, ap, ": ");
    va_end(ap);
    buf_adds(&text, why->text);
    buf_adds(&text, old);
    put_cut(why->text, sizeof(why->text), buf_text(&text), text.len);
    buf_free(&text);
    return false;
}

/* The end of a tool's output says what went wrong, so the end is kept. Lines
 * stay lines; other control characters are escaped. */
bool
fault_detail(struct fault *why, const char *data, size_t bytes)
{
    struct buf text = BUF_INIT;
    const char *p = data, *end = data + bytes, *nl;
    size_t skip = 0;

    if (why == NULL)
        return false;
    while (p < end) {
        nl = memchr(p, '\n', (size_t)(end - p));
        buf_add_escaped(&text, p, (size_t)((nl != NULL ? nl : end) - p));
        if (nl == NULL)
            break;
        buf_addc(&text, '\n');
        p = nl + 1;
    }
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        text.data[--text.len] = '\0';
    if (text.len >= sizeof(why->detail)) {
        skip = text.len - (sizeof(why->detail) - 4);
        while (skip < text.len && utf8_span(text.data + skip, text.len - skip)
                                      == 0)
            skip++;
        snprintf(why->detail, sizeof(why->detail), "...%s",
                 buf_text(&text) + skip);
    } else {
        memcpy(why->detail, buf_text(&text), text.len + 1);
    }
    buf_free(&text);
    return false;
}

bool
fault_hint(struct fault *why, const char *fmt, ...)
{
    va_list ap;

    if (why == NULL)
        return false;
    va_start(ap, fmt);
    put_format(why->hint, sizeof(why->hint), fmt, ap, "");
    va_end(ap);
    return false;
}

void
fault_print(const struct fault *why)
{
    const char *line = why->detail, *nl;

    fprintf(stderr, "%s: %s\n", program_invocation_short_name, why->text);
    while (*line != '\0') {
        nl = strchr(line, '\n');
        fprintf(stderr, "    %.*s\n",
                nl != NULL ? (int)(nl - line) : (int)strlen(line), line);
        if (nl == NULL)
            break;
        line = nl + 1;
    }
    if (why->hint[0] != '\0')
        fprintf(stderr, "hint: %s\n", why->hint);
}

const char *
fault_kind_name(enum fault_kind kind)
{
    must(kind >= FAULT_NONE && kind < FAULT_KIND_COUNT);
    return kinds[kind].name;
}

int
fault_exit_status(const struct fault *why)
{
    must(why->kind < FAULT_KIND_COUNT);
    return kinds[why->kind].exit_status;
}
