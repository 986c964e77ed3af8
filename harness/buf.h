/* harness/buf.h - the one string builder: a growing, NUL-terminated buffer. */
#ifndef HARNESS_BUF_H
#define HARNESS_BUF_H

#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct buf {
    char *data;                 /* never NULL after the first add */
    size_t len;                 /* bytes, without the NUL */
    size_t cap;
};

#define BUF_INIT { .data = NULL, .len = 0, .cap = 0 }

void buf_add(struct buf *buf, const void *data, size_t bytes);
void buf_adds(struct buf *buf, const char *s);
void buf_addc(struct buf *buf, char c);
void buf_addf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_addv(struct buf *buf, const char *fmt, va_list ap)
    PRINTF_LIKE(2, 0);
/* Bytes of the one valid UTF-8 character at the start of 'data'; 0: none. */
size_t utf8_span(const void *data, size_t bytes);
/* Appends with C0, C1, DEL and non-UTF-8 bytes as \xNN. */
void buf_add_escaped(struct buf *buf, const void *data, size_t bytes);
/* Appends with & < > " ' as entities; control bytes but newline and tab,
 * and what is not UTF-8, as U+FFFD. */
void buf_add_html(struct buf *buf, const char *s);
/* Appends 's' quoted for sh(1). */
void buf_add_shell(struct buf *buf, const char *s);
/* Forgets the text, keeps the memory. */
void buf_reset(struct buf *buf);
/* Drops the first 'bytes'. */
void buf_drop(struct buf *buf, size_t bytes);
/* The text as a C string, "" when empty; borrowed until the next call. */
const char *buf_text(const struct buf *buf);
/* The text; the caller frees it; the buffer is empty after. */
MUST_CHECK char *buf_take(struct buf *buf);
void buf_free(struct buf *buf);

/* Whole-string decimal in [min, max]; false (nothing written) otherwise. */
MUST_CHECK bool parse_int64(const char *s, int64_t min, int64_t max,
                            int64_t *out);
/* "250ms", "30s", "5m", "2h", "1d" to milliseconds; a bare number is s. */
MUST_CHECK bool parse_duration_ms(const char *s, int64_t *out_ms);
/* A finite decimal, locale independent. */
MUST_CHECK bool parse_double(const char *s, double *out);
/* [A-Za-z0-9][A-Za-z0-9._-]*, at most 'max' bytes: names that become paths. */
MUST_CHECK bool name_is_safe(const char *s, size_t max);
/* "http://lab:8077", "https://lab.example.org/assay": where people find pages,
 * without a slash at the end, and fit to stand in a mail. */
MUST_CHECK bool pages_url_is_good(const char *s);

#endif
