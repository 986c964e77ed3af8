/* tests/fuzz/pattern-fuzz.c - any bytes as a console: the stream means what its
 * lines mean one by one, whatever pieces it comes in. */
#include <config.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/pattern.h"
#include "harness/pattern_scan.h"
#include "tests/fuzz/fuzz.h"

/* Kept from one input to the next, and reachable, so that it is no leak. */
static struct pattern_set *set;
static struct pattern_code *code;

static void
on_found(void *owner, const struct pattern *pattern, int64_t offset,
         const char *line, size_t bytes)
{
    must(bytes <= PATTERN_LINE_MAX && memchr(line, '\n', bytes) == NULL);
    buf_addf(owner, "%s@%d ", pattern->name, (int)offset);
}

static void
by_stream(const char *text, size_t bytes, size_t piece, struct buf *out)
{
    struct pattern_scan *scan = pattern_scan_new(code, on_found, out);

    for (size_t at = 0; at < bytes; at += piece)
        pattern_scan_feed(scan, text + at,
                          bytes - at < piece ? bytes - at : piece);
    pattern_scan_flush(scan);
    pattern_scan_free(scan);
}

static void
by_line(const char *text, size_t bytes, struct buf *out)
{
    const char *end;

    for (size_t at = 0; at < bytes; at += (size_t)(end - (text + at)) + 1) {
        const struct pattern *pattern;

        end = memchr(text + at, '\n', bytes - at);
        if (end == NULL)
            end = text + bytes;
        pattern = pattern_code_line(code, text + at,
                                    (size_t)(end - (text + at)));
        if (pattern != NULL)
            buf_addf(out, "%s@%d ", pattern->name, (int)at);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const char *text = (const char *)data;
    struct buf whole = BUF_INIT, pieces = BUF_INIT, lines = BUF_INIT;
    struct fault why = FAULT_INIT;

    if (code == NULL)
        must(pattern_set_load_from(ASSAY_SRCDIR "/results/patterns", NULL,
                                   &set, &why)
             && (code = pattern_code_new(set, &why)) != NULL);
    by_stream(text, bytes, bytes + 1, &whole);
    by_stream(text, bytes, 1 + bytes % 7, &pieces);
    by_line(text, bytes, &lines);
    must(strcmp(buf_text(&whole), buf_text(&pieces)) == 0);
    must(strcmp(buf_text(&whole), buf_text(&lines)) == 0);
    buf_free(&whole);
    buf_free(&pieces);
    buf_free(&lines);
    return 0;
}
