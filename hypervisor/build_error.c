/* hypervisor/build_error.c - the first error in the log of a build. Pure. */
#include <config.h>

#include <stdbool.h>
#include <string.h>

#include "harness/buf.h"
#include "hypervisor/build.h"

#define LINE_BYTES 400          /* of one that is shown */

/* In order of trust: compilers and linkers name the place, make only that
 * there is one. */
static const char *const signs[] = {
    ": error: ", ": fatal error: ", "undefined reference to ",
    "multiple definition of ", "error: ", "Error: ", "]: *** ",
    "make: *** ", "not found",
};

static bool
holds(const char *line, size_t bytes, const char *part)
{
    return memmem(line, bytes, part, strlen(part)) != NULL;
}

static size_t
line_bytes(const char *at, const char *end)
{
    const char *newline = memchr(at, '\n', (size_t)(end - at));

    return (size_t)((newline == NULL ? end : newline) - at);
}

static void
add_line(struct buf *out, const char *line, size_t bytes)
{
    while (bytes > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        bytes--;
    }
    while (bytes > 0 && (line[bytes - 1] == '\r' || line[bytes - 1] == ' '))
        bytes--;
    buf_add_escaped(out, line, bytes > LINE_BYTES ? LINE_BYTES : bytes);
}

void
build_first_error(const char *log, size_t bytes, struct buf *out)
{
    const char *end = log + bytes, *at, *last = NULL;
    const char *first[sizeof(signs) / sizeof(signs[0])] = { NULL };
    size_t i, len;

    for (at = log; at < end; at += len + 1) {
        len = line_bytes(at, end);
        if (len > 0)
            last = at;
        for (i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
            if (first[i] == NULL && holds(at, len, signs[i]))
                first[i] = at;
    }
    for (i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (first[i] != NULL)
            break;
    at = i < sizeof(signs) / sizeof(signs[0]) ? first[i] : last;
    if (at != NULL)
        add_line(out, at, line_bytes(at, end));
}
