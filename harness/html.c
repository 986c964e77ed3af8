/* harness/html.c - the pieces that pages and the report are made of. */
#include <config.h>

#include "harness/html.h"

#include <assert.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/plain.h"
#include "harness/style.h"

#define HTML_TEXT_MAX 2000

void
html_begin(struct buf *out, const char *title)
{
    buf_adds(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
             "<meta charset=\"utf-8\">\n"
             "<meta http-equiv=\"Content-Security-Policy\" content=\""
             HTML_POLICY "\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, "
             "initial-scale=1\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n"
             "<title>");
    html_text(out, title);
    buf_adds(out, "</title>\n<style>\n");
    style_add(out);
    buf_adds(out, "</style>\n</head>\n<body>\n");
}

void
html_end(struct buf *out)
{
    buf_adds(out, "</body>\n</html>\n");
}

void
html_text(struct buf *out, const char *text)
{
    struct buf plain = BUF_INIT;

    plain_add(&plain, text, strlen(text), HTML_TEXT_MAX);
    buf_add_html(out, buf_text(&plain));
    buf_free(&plain);
}

void
html_cell(struct buf *out, const char *class, const char *text)
{
    if (class == NULL)
        buf_adds(out, "<td>");
    else
        buf_addf(out, "<td class=\"%s\">", class);
    html_text(out, text);
}

void
html_pre(struct buf *out, const char *plain)
{
    buf_add_html(out, plain);
}

void
html_path(struct buf *out, const char *path)
{
    for (const char *p = path; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || strchr("._~/+-", c) != NULL)
            buf_addc(out, *p);
        else
            buf_addf(out, "%%%02X", c);
    }
}

void
html_duration(struct buf *out, int64_t ms)
{
    char text[32];

    clock_human(ms, text);
    buf_adds(out, text);
}

void
html_time(struct buf *out, int64_t wall_ms)
{
    char text[32];

    if (wall_ms < 0) {
        buf_adds(out, "-");
        return;
    }
    clock_iso(wall_ms, text);
    buf_addf(out, "%.10s %.8s UTC", text, text + 11);
}

void
html_bytes(struct buf *out, int64_t bytes)
{
    if (bytes < 0)
        buf_adds(out, "-");
    else if (bytes < 1000)
        buf_addf(out, "%d B", (int)bytes);
    else if (bytes < 1000000)
        buf_addf(out, "%.1f kB", (double)bytes / 1e3);
    else if (bytes < 1000000000)
        buf_addf(out, "%.1f MB", (double)bytes / 1e6);
    else
        buf_addf(out, "%.1f GB", (double)bytes / 1e9);
}

static const struct {
    const char *class, *symbol;
} LOOKS[] = {
    [OUTCOME_NONE] = { "none", "?" },
    [OUTCOME_QUEUED] = { "wait", "\xc2\xb7" },
    [OUTCOME_PREPARING] = { "wait", "\xe2\x80\xa6" },
    [OUTCOME_RUNNING] = { "wait", "\xe2\x96\xb8" },
    [OUTCOME_PASS] = { "pass", "\xe2\x9c\x93" },
    [OUTCOME_FAIL] = { "fail", "\xe2\x9c\x97" },
    [OUTCOME_BROKEN] = { "broken", "!" },
    [OUTCOME_BLOCKED] = { "skip", "\xe2\x8a\x98" },
    [OUTCOME_SKIP] = { "skip", "\xe2\x80\x93" },
    [OUTCOME_STARVED] = { "skip", "\xe2\x88\x85" },
    [OUTCOME_TRUNCATED] = { "broken", "\xe2\x8b\xaf" },
    [OUTCOME_ABORTED] = { "broken", "\xe2\x96\xa0" },
    [OUTCOME_MISSING] = { "broken", "?" },
    [OUTCOME_REUSED] = { "skip", "\xe2\x86\xba" },
};
static_assert(ARRAY_LEN(LOOKS) == OUTCOME_COUNT, "a look for each");

const char *
html_class(enum outcome outcome)
{
    return LOOKS[(unsigned)outcome < OUTCOME_COUNT ? outcome : 0].class;
}

const char *
html_symbol(enum outcome outcome)
{
    return LOOKS[(unsigned)outcome < OUTCOME_COUNT ? outcome : 0].symbol;
}

void
html_chip(struct buf *out, enum outcome outcome)
{
    buf_addf(out, "<b class=\"chip %s\">%s</b>", html_class(outcome),
             outcome_name(outcome));
}
