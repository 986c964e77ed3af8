/* tests/fuzz/history-fuzz.c - any bytes as a history: what is accepted is
 * written as lines that read as the same. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "harness/buf.h"
#include "harness/fault.h"
#include "results/history.h"

static bool
keep(void *owner, json_t *flight, int64_t line, struct fault *why)
{
    struct buf *out = owner;

    (void)why;
    must(line > 0);
    history_write(flight, out);
    return true;
}

/* Every line of 'data'; what was accepted is appended to 'out'. */
static bool
read_all(const char *data, size_t bytes, struct buf *out)
{
    struct fault why = FAULT_INIT;
    struct history_reader reader;
    bool ok = true;

    history_reader_init(&reader, "f", keep, out);
    while (ok && bytes > 0) {
        const char *end = memchr(data, '\n', bytes);
        size_t line = end == NULL ? bytes : (size_t)(end - data);

        ok = history_feed(&reader, data, line, &why);
        line += end != NULL;
        data += line;
        bytes -= line;
    }
    ok = ok && history_end(&reader, &why);
    if (!ok) {
        must(why.kind == FAULT_CONFIG);
        must(strncmp(why.text, "f:", 2) == 0);
    }
    history_reader_fini(&reader);
    return ok;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct buf first = BUF_INIT, second = BUF_INIT;
    size_t begin;

    history_write_begin(&first);
    begin = first.len;
    (void)read_all((const char *)data, bytes, &first);
    if (first.len > begin) {
        history_write_begin(&second);
        must(read_all(buf_text(&first), first.len, &second));
        must(strcmp(buf_text(&first), buf_text(&second)) == 0);
    }
    buf_free(&first);
    buf_free(&second);
    return 0;
}
