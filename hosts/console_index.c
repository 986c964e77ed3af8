/* hosts/console_index.c - formats and parses index lines. */
#include <config.h>

#include "hosts/console_index.h"

#include <inttypes.h>
#include <stdio.h>

#include "harness/buf.h"

static const char kinds[] = "ftcglmn";

void
console_index_add(struct buf *buf, const struct console_index_line *line)
{
    buf_addf(buf, "%c %" PRId64 " %" PRId64 " %" PRId64, (char)line->kind,
             line->wall_ms, line->mono_ms, line->offset);
    if (line->text[0] != '\0') {
        size_t start;

        buf_addc(buf, ' ');
        start = buf->len;
        buf_add_escaped(buf, line->text, strlen(line->text));
        if (buf->len - start > CONSOLE_INDEX_TEXT_MAX)
            buf->len = start + CONSOLE_INDEX_TEXT_MAX;
    }
    buf_addc(buf, '\n');
}

/* Takes "DIGITS" and the blank after it, or the end. */
static bool
take_number(const char **at, const char *end, int64_t *out)
{
    char digits[24];
    size_t n = 0;

    while (*at + n < end && (*at)[n] != ' ' && n < sizeof(digits) - 1) {
        digits[n] = (*at)[n];
        n++;
    }
    digits[n] = '\0';
    if (!parse_int64(digits, 0, INT64_MAX, out))
        return false;
    *at += n;
    if (*at < end) {
        if (**at != ' ')
            return false;
        (*at)++;
    }
    return true;
}

bool
console_index_parse(const char *data, size_t bytes,
                    struct console_index_line *line_out)
{
    const char *at, *end = data + bytes;
    size_t left;

    memset(line_out, 0, sizeof(*line_out));
    if (bytes < 7 || data[0] == '\0' || strchr(kinds, data[0]) == NULL ||
        data[1] != ' ')
        return false;
    at = data + 2;
    if (!take_number(&at, end, &line_out->wall_ms) ||
        !take_number(&at, end, &line_out->mono_ms) ||
        !take_number(&at, end, &line_out->offset))
        return false;
    left = (size_t)(end - at);
    if (left > CONSOLE_INDEX_TEXT_MAX || memchr(at, '\0', left) != NULL)
        return false;
    memcpy(line_out->text, at, left);
    line_out->kind = (enum console_index_kind)data[0];
    return true;
}

void
console_index_log_name(int64_t number, char name[static CONSOLE_FILE_BYTES])
{
    (void)snprintf(name, CONSOLE_FILE_BYTES, "%06" PRId64 ".log", number);
}

void
console_index_idx_name(int64_t number, char name[static CONSOLE_FILE_BYTES])
{
    (void)snprintf(name, CONSOLE_FILE_BYTES, "%06" PRId64 ".idx", number);
}

int64_t
console_index_number(const char *name)
{
    const char *dot = strchr(name, '.');
    char digits[20];
    int64_t number;

    if (dot == NULL || dot - name < 6 || dot - name > 15 ||
        (strcmp(dot, ".log") != 0 && strcmp(dot, ".idx") != 0))
        return 0;
    memcpy(digits, name, (size_t)(dot - name));
    digits[dot - name] = '\0';
    if (!parse_int64(digits, 1, INT64_MAX, &number))
        return 0;
    return number;
}
