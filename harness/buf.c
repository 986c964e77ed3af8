/* harness/buf.c - the one string builder, and the parsers of small texts. */
#include <config.h>

#include "harness/buf.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/mem.h"

static void
buf_room(struct buf *buf, size_t bytes)
{
    must(bytes < SIZE_MAX - buf->len - 1);
    buf->data = xgrow(buf->data, &buf->cap, buf->len + bytes, 1);
}

void
buf_add(struct buf *buf, const void *data, size_t bytes)
{
    buf_room(buf, bytes);
    if (bytes != 0)
        memcpy(buf->data + buf->len, data, bytes);
    buf->len += bytes;
    buf->data[buf->len] = '\0';
}

void
buf_adds(struct buf *buf, const char *s)
{
    buf_add(buf, s, strlen(s));
}

void
buf_addc(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void
buf_addf(struct buf *buf, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_addv(buf, fmt, ap);
    va_end(ap);
}

void
buf_addv(struct buf *buf, const char *fmt, va_list ap)
{
    va_list again;
    int n;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    must(n >= 0);
    buf_room(buf, (size_t)n);
    vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, again);
    va_end(again);
    buf->len += (size_t)n;
}

/* Overlong forms, surrogates and anything past U+10FFFF are not UTF-8. */
size_t
utf8_span(const void *data, size_t bytes)
{
    const unsigned char *p = data;
    uint32_t c;
    size_t i, n;

    if (bytes == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        n = 2;
        c = p[0] & 0x1fu;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        n = 3;
        c = p[0] & 0x0fu;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        n = 4;
        c = p[0] & 0x07u;
    } else {
        return 0;
    }
    if (bytes < n)
        return 0;
    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3fu);
    }
    if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || c > 0x10ffff
        || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    return n;
}

/* C0, DEL, and the C1 controls that some terminals obey. */
static bool
is_control(const unsigned char *p, size_t span)
{
    if (span == 1)
        return p[0] < 0x20 || p[0] == 0x7f;
    return span == 2 && p[0] == 0xc2 && p[1] < 0xa0;
}

void
buf_add_escaped(struct buf *buf, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    size_t i, j, n;

    for (i = 0; i < bytes; i += n) {
        n = utf8_span(p + i, bytes - i);
        if (n != 0 && !is_control(p + i, n)) {
            buf_add(buf, p + i, n);
            continue;
        }
        if (n == 0)
            n = 1;
        for (j = 0; j < n; j++)
            buf_addf(buf, "\\x%02x", p[i + j]);
    }
}

void
buf_add_html(struct buf *buf, const char *s)
{
    size_t bytes = strlen(s), i, n;

    for (i = 0; i < bytes; i += n) {
        n = utf8_span(s + i, bytes - i);
        switch (s[i]) {
        case '&':
            buf_adds(buf, "&amp;");
            continue;
        case '<':
            buf_adds(buf, "&lt;");
            continue;
        case '>':
            buf_adds(buf, "&gt;");
            continue;
        case '"':
            buf_adds(buf, "&quot;");
            continue;
        case '\'':
            buf_adds(buf, "&#39;");
            continue;
        case '\n':
        case '\t':
            buf_addc(buf, s[i]);
            continue;
        default:
            break;
        }
        if (n != 0 && !is_control((const unsigned char *)s + i, n))
            buf_add(buf, s + i, n);
        else
            buf_adds(buf, "\xef\xbf\xbd");
        if (n == 0)
            n = 1;
    }
}

void
buf_add_shell(struct buf *buf, const char *s)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-";

    if (s[0] != '\0' && s[strspn(s, plain)] == '\0') {
        buf_adds(buf, s);
        return;
    }
    buf_addc(buf, '\'');
    for (; *s != '\0'; s++) {
        if (*s == '\'')
            buf_adds(buf, "'\\''");
        else
            buf_addc(buf, *s);
    }
    buf_addc(buf, '\'');
}

void
buf_reset(struct buf *buf)
{
    buf->len = 0;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

void
buf_drop(struct buf *buf, size_t bytes)
{
    must(bytes <= buf->len);
    if (bytes == 0)
        return;
    memmove(buf->data, buf->data + bytes, buf->len - bytes + 1);
    buf->len -= bytes;
}

const char *
buf_text(const struct buf *buf)
{
    return buf->data != NULL ? buf->data : "";
}

char *
buf_take(struct buf *buf)
{
    char *text = buf->data != NULL ? buf->data : xstrdup("");

    *buf = (struct buf)BUF_INIT;
    return text;
}

void
buf_free(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf)BUF_INIT;
}

bool
parse_int64(const char *s, int64_t min, int64_t max, int64_t *out)
{
    const char *digits = s[0] == '-' ? s + 1 : s;
    char *end;
    long long v;

    static_assert(sizeof(long long) == sizeof(int64_t), "int64");
    if (digits[0] < '0' || digits[0] > '9')
        return false;           /* strtoll() would skip space and take "+" */
    errno = 0;
    v = strtoll(s, &end, 10);
    if (errno != 0 || *end != '\0' || v < min || v > max)
        return false;
    *out = v;
    return true;
}

bool
parse_duration_ms(const char *s, int64_t *out_ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {
        { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 },
        { "h", 3600000 }, { "d", 86400000 },
    };
    char digits[20];
    size_t len = strspn(s, "0123456789"), i;
    int64_t n;

    if (len == 0 || len >= sizeof(digits))
        return false;
    memcpy(digits, s, len);
    digits[len] = '\0';
    if (!parse_int64(digits, 0, INT64_MAX, &n))
        return false;
    for (i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(s + len, units[i].name) == 0) {
            if (n > INT64_MAX / units[i].ms)
                return false;
            *out_ms = n * units[i].ms;
            return true;
        }
    }
    return false;
}

bool
parse_double(const char *s, double *out)
{
    locale_t c;
    char *end;
    double v;

    if (s[0] == '\0' || s[strspn(s, "0123456789.eE+-")] != '\0')
        return false;           /* no space, hexadecimal, inf or nan */
    c = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    must(c != (locale_t)0);
    v = strtod_l(s, &end, c);
    freelocale(c);
    if (*end != '\0' || !isfinite(v))
        return false;
    *out = v;
    return true;
}

bool
name_is_safe(const char *s, size_t max)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz"
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char rest[] = "abcdefghijklmnopqrstuvwxyz"
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t len = strnlen(s, max + 1);

    return len > 0 && len <= max && strchr(first, s[0]) != NULL
        && strspn(s, rest) == len;
}

bool
pages_url_is_good(const char *s)
{
    static const char *const schemes[] = { "http://", "https://" };
    size_t begin = 0, len = strlen(s);

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (strncmp(s, schemes[i], strlen(schemes[i])) == 0)
            begin = strlen(schemes[i]);
    if (begin == 0 || len == begin || len > 500 || s[len - 1] == '/')
        return false;
    for (size_t i = begin; i < len; i++)
        if ((unsigned char)s[i] <= 0x20 || (unsigned char)s[i] >= 0x7f
            || strchr("\"<>", s[i]) != NULL)
            return false;
    return true;
}
