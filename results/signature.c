/* results/signature.c - see signature.h. */
#include <config.h>

#include "results/signature.h"

#include <ctype.h>

#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/mem.h"
#include "harness/pattern.h"

#define FRAMES_MAX 6
#define TRACE_LINES 60          /* looked at on either side of the line */
#define LINE_MAX_BYTES 400
#define NAME_MAX_BYTES 80
#define ID_HEX_MIN 8            /* so many hexadecimal digits are an id */

static bool
is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Length of the name of a host at 's' that is a word of its own. */
static size_t
name_span(const char *s, size_t bytes, const char *const *names)
{
    size_t best = 0;

    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        size_t n = strlen(names[i]);

        if (n > best && n <= bytes && memcmp(s, names[i], n) == 0
            && (n == bytes || !is_word(s[n])))
            best = n;
    }
    return best;
}

/* Length of a number, version, address, date or id at 's', which begins a
 * word: digits and what stands between digits; or many hexadecimal ones. */
static size_t
number_span(const char *s, size_t bytes)
{
    size_t n = 0, digits = 0;

    while (n < bytes && isxdigit((unsigned char)s[n])) {
        digits += isdigit((unsigned char)s[n]) != 0;
        n++;
    }
    if (n >= ID_HEX_MIN && digits > 0 && (n == bytes || !is_word(s[n])))
        return n;
    if (bytes > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')
        && isxdigit((unsigned char)s[2])) {
        n = 2;
        while (n < bytes && isxdigit((unsigned char)s[n]))
            n++;
        return n;
    }
    if (!isdigit((unsigned char)s[0]))
        return 0;
    n = 1;
    while (n < bytes
           && (isdigit((unsigned char)s[n])
               || (strchr(".:-+/", s[n]) != NULL && n + 1 < bytes
                   && isdigit((unsigned char)s[n + 1]))))
        n++;
    return n;
}

/* What stands at the start of a line of Xen and Linux: "[  12.3] (XEN) ". */
static size_t
stamp_span(const char *line, size_t bytes)
{
    static const char XEN[] = "(XEN)";
    size_t at = 0, end;

    for (;;) {
        while (at < bytes && (unsigned char)line[at] <= ' ')
            at++;
        if (bytes - at >= sizeof XEN - 1
            && memcmp(line + at, XEN, sizeof XEN - 1) == 0) {
            at += sizeof XEN - 1;
            continue;
        }
        if (at >= bytes || line[at] != '[')
            return at;
        end = at + 1;
        while (end < bytes && strchr(" .:-0123456789TZ", line[end]) != NULL
               && line[end] != '\0')
            end++;
        if (end >= bytes || line[end] != ']' || end == at + 1)
            return at;
        at = end + 1;
    }
}

void
signature_line(const char *line, size_t bytes, const char *const *names,
               struct buf *out)
{
    size_t at = stamp_span(line, bytes), start = out->len, n;
    bool in_word = false;
    char c;

    while (at < bytes && out->len - start < LINE_MAX_BYTES) {
        c = line[at];
        n = in_word ? 0 : name_span(line + at, bytes - at, names);
        if (n == 0 && !in_word)
            n = number_span(line + at, bytes - at);
        /* Digits at the end of a word are its number: "d0v1", "eth0". */
        if (n == 0 && isdigit((unsigned char)c))
            n = 1;
        if (n > 0) {
            if (out->len == start || out->data[out->len - 1] != '#')
                buf_addc(out, '#');
            at += n;
            in_word = at < bytes && is_word(line[at])
                && isalpha((unsigned char)line[at]);
            continue;
        }
        at++;
        in_word = is_word(c);
        if ((unsigned char)c > ' ' && (unsigned char)c < 0x7f)
            buf_addc(out, c);
        else if (out->len > start && out->data[out->len - 1] != ' ')
            buf_addc(out, ' ');
    }
    while (out->len > start && out->data[out->len - 1] == ' ')
        out->data[--out->len] = '\0';
}

/* Traces ------------------------------------------------------------------- */

struct line {
    const char *text;
    size_t bytes;
};

static struct line
line_at(const char *data, size_t bytes, size_t at)
{
    const char *end = memchr(data + at, '\n', bytes - at);

    return (struct line){ data + at, end == NULL ? bytes - at
                          : (size_t)(end - data) - at };
}

static size_t
line_next(const char *data, size_t bytes, size_t at)
{
    size_t next = at + line_at(data, bytes, at).bytes + 1;

    return next < bytes ? next : bytes;
}

static size_t
line_before(const char *data, size_t at)
{
    if (at > 0)
        at--;
    while (at > 0 && data[at - 1] != '\n')
        at--;
    return at;
}

static bool
line_has(struct line line, const char *text)
{
    return memmem(line.text, line.bytes, text, strlen(text)) != NULL;
}

/* "symbol" of "symbol+0x12/0x34"; frames that the unwinder only guesses
 * ("? symbol", Xen's "S symbol") are none. */
static bool
frame_of(struct line line, struct line *symbol_out)
{
    const char *end = line.text + line.bytes, *plus = line.text, *start;

    do {
        plus = memmem(plus, (size_t)(end - plus), "+0x", 3);
        if (plus == NULL)
            return false;
        start = plus;
        plus += 3;
        while (plus < end && isxdigit((unsigned char)*plus))
            plus++;
    } while (plus == end || *plus != '/');
    end = start;
    while (start > line.text && (is_word(start[-1]) || start[-1] == '.'
                                 || start[-1] == '#'))
        start--;
    *symbol_out = (struct line){ start, (size_t)(end - start) };
    if (start == end || end - start > NAME_MAX_BYTES)
        return false;
    while (start > line.text && start[-1] == ' ')
        start--;
    if (start == line.text)
        return true;
    return start[-1] != '?'
        && !(start[-1] == 'S' && start - line.text > 1 && start[-2] == ' ');
}

static bool
begins_trace(struct line line)
{
    return line_has(line, "all trace:") || line_has(line, "all Trace:");
}

/* Where the trace that belongs to the line at 'at' begins: Linux prints it
 * below, Xen above. SIZE_MAX: there is none. */
static size_t
find_trace(const char *data, size_t bytes, size_t at)
{
    size_t here = at;

    for (int i = 0; i < TRACE_LINES && here < bytes; i++) {
        if (begins_trace(line_at(data, bytes, here)))
            return line_next(data, bytes, here);
        here = line_next(data, bytes, here);
    }
    here = at;
    for (int i = 0; i < TRACE_LINES && here > 0; i++) {
        here = line_before(data, here);
        if (begins_trace(line_at(data, bytes, here)))
            return line_next(data, bytes, here);
    }
    return SIZE_MAX;
}

/* Of "file.c#foo.isra.0", what the compiler made of foo, that name. */
static void
add_symbol(struct line symbol, struct buf *body)
{
    const char *hash = memrchr(symbol.text, '#', symbol.bytes), *dot;

    if (hash != NULL) {
        symbol.bytes -= (size_t)(hash + 1 - symbol.text);
        symbol.text = hash + 1;
    }
    dot = memchr(symbol.text, '.', symbol.bytes);
    buf_add(body, symbol.text, dot == NULL ? symbol.bytes
            : (size_t)(dot - symbol.text));
    buf_addc(body, '\n');
}

static void
add_trace(const char *data, size_t bytes, size_t at, struct buf *body)
{
    size_t here = find_trace(data, bytes, at);
    struct line symbol;
    int frames = 0;

    for (int i = 0; i < TRACE_LINES && here < bytes && frames < FRAMES_MAX;
         i++) {
        struct line line = line_at(data, bytes, here);

        here = line_next(data, bytes, here);
        if (frame_of(line, &symbol)) {
            add_symbol(symbol, body);
            frames++;
        } else if (frames > 0 && !line_has(line, "+0x")) {
            return;
        }
    }
}

/* The first line below 'at' that says something: not stars, not blank. */
static void
add_reason(const char *data, size_t bytes, size_t at,
           const char *const *names, struct buf *out)
{
    size_t here = at;

    for (int i = 0; i < 3 && here < bytes; i++) {
        struct line line;
        struct buf text = BUF_INIT;

        here = line_next(data, bytes, here);
        line = line_at(data, bytes, here);
        signature_line(line.text, line.bytes, names, &text);
        if (text.len > 0 && text.data[0] != '*') {
            buf_addc(out, ' ');
            buf_add(out, text.data, text.len);
            i = 3;
        }
        buf_free(&text);
    }
}

static void
finish(const char *sign, const struct buf *line, struct buf *body,
       struct signature *out)
{
    char hex[SHA256_HEX_BYTES];

    sha256_hex(buf_text(body), body->len, hex);
    memcpy(out->id, hex, SIGNATURE_BYTES - 1);
    out->id[SIGNATURE_BYTES - 1] = '\0';
    out->title = sign == NULL ? xstrdup(buf_text(line))
        : xasprintf("%s: %s", sign, buf_text(line));
    out->body = buf_take(body);
}

void
signature_of_crash(const struct pattern *pattern, const char *data,
                   size_t bytes, size_t at, const char *const *names,
                   struct signature *out)
{
    struct buf body = BUF_INIT, text = BUF_INIT;
    struct line line;

    must(at <= bytes);
    line = line_at(data, bytes, at);
    signature_line(line.text, line.bytes, names, &text);
    if (text.len > 0 && text.data[text.len - 1] == ':')
        add_reason(data, bytes, at, names, &text);
    buf_addf(&body, "%s\n%s\n", pattern->name, buf_text(&text));
    add_trace(data, bytes, at, &body);
    finish(pattern->sign, &text, &body, out);
    buf_free(&text);
}

void
signature_of_line(const struct pattern *pattern, const char *line,
                  const char *testid, const char *const *names,
                  struct signature *out)
{
    struct buf body = BUF_INIT, text = BUF_INIT;

    signature_line(line, strlen(line), names, &text);
    buf_addf(&body, "%s\n%.*s\n%s\n", pattern == NULL ? "" : pattern->name,
             (int)strcspn(testid, "/"), testid, buf_text(&text));
    if (text.len == 0)
        buf_addf(&text, "%s says nothing", testid[0] == '\0' ? "it" : testid);
    finish(NULL, &text, &body, out);
    buf_free(&text);
}

void
signature_fini(struct signature *signature)
{
    free(signature->title);
    free(signature->body);
    *signature = (struct signature){ .title = NULL };
}
