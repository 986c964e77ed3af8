/* results/console_slice.c - what a host's console said in a span of time. */
#include <config.h>

#include "results/console_slice.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/mem.h"
#include "results/logfile.h"

#define INDEX_BYTES_MAX (16u << 20)
#define FILES_MAX 999999
#define COUNT_PIECE (256u << 10)

static bool
read_whole(const char *root, const char *path, struct buf *out,
           struct fault *why)
{
    int64_t bytes = 0;
    char *data = NULL;
    int fd = -1;
    bool ok;

    ok = logfile_open(root, path, &fd, &bytes, why);
    if (!ok)
        goto out;
    if (bytes > INDEX_BYTES_MAX)
        bytes = INDEX_BYTES_MAX;
    data = xmalloc((size_t)bytes + 1);
    ok = logfile_read_at(fd, data, (size_t)bytes, 0, why);
    if (ok)
        buf_add(out, data, (size_t)bytes);
out:
    free(data);
    fd_close(&fd);
    return ok;
}

/* "KIND WALL MONO OFFSET ..."; false for a torn or foreign line. */
static bool
index_line(const char *line, char *kind_out, int64_t *wall_out,
           int64_t *offset_out)
{
    char wall[24], mono[24], offset[24];

    return sscanf(line, "%c %23[0-9] %23[0-9] %23[0-9]", kind_out, wall, mono,
                  offset) == 4
        && parse_int64(wall, 0, INT64_MAX, wall_out)
        && parse_int64(offset, 0, INT64_MAX, offset_out);
}

/* The offsets within its file of what came in the span. */
static void
index_span(const char *index, int64_t from_ms, int64_t to_ms,
           int64_t *begin_out, int64_t *end_out)
{
    int64_t base = 0, begin = -1, end = -1, wall, offset;
    char line[512], kind;

    while (*index != '\0') {
        size_t bytes = strcspn(index, "\n");

        if (bytes < sizeof line) {
            memcpy(line, index, bytes);
            line[bytes] = '\0';
            if (index_line(line, &kind, &wall, &offset)) {
                if (kind == 'f')
                    base = offset;
                else if (kind == 't' && begin < 0 && wall >= from_ms
                         && wall <= to_ms)
                    begin = offset - base;
                else if (kind == 't' && wall > to_ms && end < 0)
                    end = offset - base;
            }
        }
        index += bytes;
        index += *index == '\n';
    }
    *begin_out = begin;
    *end_out = end;             /* -1: to the end of the file */
}

/* Newlines before 'offset'. */
static bool
lines_before(int fd, int64_t offset, int64_t *count_out, struct fault *why)
{
    char *piece = xmalloc(COUNT_PIECE);
    int64_t at = 0, count = 0;
    bool ok = true;

    while (ok && at < offset) {
        size_t n = offset - at < (int64_t)COUNT_PIECE ? (size_t)(offset - at)
                                                      : COUNT_PIECE;
        const char *p = piece;

        ok = logfile_read_at(fd, piece, n, at, why);
        while (ok && (p = memchr(p, '\n', n - (size_t)(p - piece))) != NULL) {
            count++;
            p++;
        }
        at += (int64_t)n;
    }
    free(piece);
    *count_out = count;
    return ok;
}

static bool
read_span(const char *root, const char *path, int64_t begin, int64_t end,
          size_t max, struct arena *arena, struct console_slice *out,
          struct fault *why)
{
    int64_t bytes = 0, before = 0;
    char *data;
    int fd = -1;
    bool ok;

    ok = logfile_open(root, path, &fd, &bytes, why);
    if (!ok)
        goto out;
    if (end < 0 || end > bytes)
        end = bytes;
    if (begin > end)
        begin = end;
    if (end - begin > (int64_t)max)
        begin = end - (int64_t)max;
    ok = lines_before(fd, begin, &before, why);
    if (!ok)
        goto out;
    data = arena_alloc(arena, (size_t)(end - begin) + 1);
    ok = logfile_read_at(fd, data, (size_t)(end - begin), begin, why);
    if (ok) {
        out->file = path;
        out->line = before + 1;
        out->offset = begin;
        out->data = data;
        out->bytes = (size_t)(end - begin);
    }
out:
    fd_close(&fd);
    return ok;
}

bool
console_slice_read(const char *root, const char *host, int64_t from_ms,
                   int64_t to_ms, size_t max, struct arena *arena,
                   struct console_slice *out, struct fault *why)
{
    struct buf index = BUF_INIT;
    int64_t best = 0, best_begin = 0, best_end = 0;
    bool ok = true, any = false;

    *out = (struct console_slice){ .file = "" };
    if (!name_is_safe(host, 100))
        return fault_set(why, FAULT_DATA, "'%s' is no name of a host", host);
    /* The first files may have been deleted to make room, but then the
     * numbers go on: a gap at the start is passed over. */
    for (int64_t number = 1, missing = 0; number <= FILES_MAX; number++) {
        int64_t begin, end;

        buf_reset(&index);
        ok = read_whole(root, arena_printf(arena, "consoles/%s/%06" PRId64
                                           ".idx", host, number),
                        &index, why);
        if (!ok && why->kind == FAULT_NOT_FOUND && !any && ++missing < 1000)
            continue;
        if (!ok)
            break;
        any = true;
        index_span(buf_text(&index), from_ms, to_ms, &begin, &end);
        if (begin >= 0) {
            best = number;
            best_begin = begin;
            best_end = end;
        }
    }
    if (!ok && any && why->kind == FAULT_NOT_FOUND)
        ok = true;
    if (ok && best > 0)
        ok = read_span(root, arena_printf(arena, "consoles/%s/%06" PRId64
                                          ".log", host, best),
                       best_begin, best_end, max, arena, out, why);
    buf_free(&index);
    return ok;
}
