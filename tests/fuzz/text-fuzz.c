/* tests/fuzz/text-fuzz.c - any bytes as a console's or a step's: what is shown
 * of them is harmless text, and the lines that matter are found in it. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/html.h"
#include "harness/mem.h"
#include "harness/pattern.h"
#include "harness/pattern_scan.h"
#include "harness/plain.h"
#include "results/excerpt.h"

/* One line of valid UTF-8 that no terminal obeys. */
static void
check_plain(const char *text, size_t bytes)
{
    for (size_t i = 0, n; i < bytes; i += n) {
        unsigned char c = (unsigned char)text[i];

        n = utf8_span(text + i, bytes - i);
        must(n > 0);
        must(c >= 0x20 && c != 0x7f);
        must(n != 2 || c != 0xc2 || (unsigned char)text[i + 1] >= 0xa0);
    }
}

/* Kept from one input to the next, and reachable, so that it is no leak. */
static struct pattern_set *set;
static struct pattern_code *code;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const char *text = (const char *)data;
    struct arena arena = ARENA_INIT;
    struct buf out = BUF_INIT;
    struct excerpt excerpt;
    struct fault why = FAULT_INIT;
    char *copy;

    if (code == NULL)
        must(pattern_set_load_from(ASSAY_SRCDIR "/results/patterns", NULL,
                                   &set, &why)
             && (code = pattern_code_new(set, &why)) != NULL);
    plain_add(&out, text, bytes, 5000);
    check_plain(buf_text(&out), out.len);
    must(out.len <= 5000 + 16);
    buf_reset(&out);
    copy = xstrndup(text, bytes);
    html_text(&out, copy);
    must(strpbrk(buf_text(&out), "<>\"'") == NULL);
    check_plain(buf_text(&out), out.len);
    free(copy);
    for (int64_t want = 0; want < 4; want++) {
        int marked = 0;

        excerpt_data(code, text, bytes, 1, want, &arena, &excerpt);
        must(excerpt.count >= 0 && excerpt.count <= EXCERPT_LINES);
        must(excerpt.sign != NULL && excerpt.weight >= 0);
        for (int i = 0; i < excerpt.count; i++) {
            check_plain(excerpt.lines[i].text, strlen(excerpt.lines[i].text));
            must(excerpt.lines[i].number >= 1);
            must(i == 0
                 || excerpt.lines[i].number > excerpt.lines[i - 1].number);
            marked += excerpt.lines[i].marked;
        }
        must(marked <= 1);
    }
    buf_free(&out);
    arena_free(&arena);
    return 0;
}
