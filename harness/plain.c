/* harness/plain.c - outside bytes as harmless text. */
#include <config.h>

#include "harness/plain.h"

#include "harness/buf.h"

/* Bytes of the terminal sequence at the start of 'p', 0 if there is none:
 * ESC [ ... final, ESC ] ... BEL or ESC \, ESC with one character. One that
 * is cut off by the end of the line is no sequence. */
static size_t
sequence_span(const unsigned char *p, size_t bytes)
{
    size_t i;

    if (bytes < 2 || p[0] != 0x1b)
        return 0;
    if (p[1] == '[') {
        for (i = 2; i < bytes && p[i] >= 0x20 && p[i] <= 0x3f; i++)
            continue;
        return i < bytes && p[i] >= 0x40 && p[i] <= 0x7e ? i + 1 : 0;
    }
    if (p[1] == ']') {
        for (i = 2; i < bytes; i++) {
            if (p[i] == 0x07)
                return i + 1;
            if (p[i] == 0x1b)
                return i + 1 < bytes && p[i + 1] == '\\' ? i + 2 : 0;
        }
        return 0;
    }
    if (p[1] >= 0x20 && p[1] <= 0x2f)           /* ESC ( B and its like */
        return bytes >= 3 && p[2] >= 0x30 && p[2] <= 0x7e ? 3 : 0;
    return p[1] >= 0x30 && p[1] <= 0x7e ? 2 : 0;
}

bool
plain_is_deceptive(const void *data, size_t span)
{
    const unsigned char *p = data;
    unsigned code;

    if (span != 3 || (p[0] != 0xe2 && p[0] != 0xef))
        return false;
    code = (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    return (code >= 0x200b && code <= 0x200f)
        || (code >= 0x2028 && code <= 0x202e)
        || (code >= 0x2060 && code <= 0x206f) || code == 0xfeff
        || code >= 0xfffe;              /* no characters, and not in XML */
}

void
plain_add(struct buf *out, const void *data, size_t bytes, size_t max)
{
    const unsigned char *p = data;
    size_t start = out->len, i = 0;

    while (bytes > 0 && (p[bytes - 1] == '\n' || p[bytes - 1] == '\r'))
        bytes--;
    while (i < bytes) {
        size_t n = sequence_span(p + i, bytes - i);

        if (n > 0) {
            i += n;
            continue;
        }
        if (out->len - start >= max) {
            buf_adds(out, "...");
            return;
        }
        n = utf8_span(p + i, bytes - i);
        if (n == 3 && plain_is_deceptive(p + i, n))
            buf_addf(out, "\\u%04x", (p[i] & 0x0fu) << 12
                     | (p[i + 1] & 0x3fu) << 6 | (p[i + 2] & 0x3fu));
        else if (p[i] == '\t')
            buf_addc(out, ' ');
        else
            buf_add_escaped(out, p + i, n > 0 ? n : 1);
        i += n > 0 ? n : 1;
    }
}

#define WIDTH 78

void
plain_wrap(struct buf *out, const char *text, size_t max, int column,
           int indent)
{
    struct buf plain = BUF_INIT;
    bool after = column > indent;       /* a word */
    const char *p;

    plain_add(&plain, text, strlen(text), max);
    for (p = buf_text(&plain); *p != '\0'; after = true) {
        int bytes = (int)strcspn(p, " ");

        if (after && column + 1 + bytes > WIDTH) {
            buf_addf(out, "\n%*s", indent, "");
            column = indent;
        } else if (after) {
            buf_addc(out, ' ');
            column++;
        }
        buf_add(out, p, (size_t)bytes);
        column += bytes;
        p += bytes;
        p += strspn(p, " ");
    }
    buf_addc(out, '\n');
    buf_free(&plain);
}

void
plain_cell(struct buf *out, const char *text, size_t max, size_t width)
{
    size_t start = out->len;

    plain_add(out, text, strlen(text), max);
    while (out->len - start < width)
        buf_addc(out, ' ');
    buf_addc(out, ' ');
}

void
plain_end(struct buf *out)
{
    while (out->len > 0 && out->data[out->len - 1] == ' ')
        out->data[--out->len] = '\0';
    buf_addc(out, '\n');
}
