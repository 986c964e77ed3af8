/* hosts/console_read.c - finds the file that holds an offset, and reads it. */
#include <config.h>

#include "hosts/console_read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/mem.h"
#include "hosts/console_index.h"

#define INDEX_MAX_BYTES (16 << 20)
#define TAIL_STEP_BYTES 8192

struct segment {
    int64_t number, start;      /* start -1: its index was not read yet */
};

struct console_reader {
    char *dir;
    struct segment *segments;   /* by number */
    size_t count, cap;
    int fd;                     /* of segment 'open', or -1 */
    int64_t open;
};

struct console_reader *
console_reader_new(const char *dir)
{
    struct console_reader *reader = xcalloc(1, sizeof(*reader));

    reader->dir = xstrdup(dir);
    reader->fd = -1;
    return reader;
}

void
console_reader_free(struct console_reader *reader)
{
    if (reader == NULL)
        return;
    fd_close(&reader->fd);
    free(reader->segments);
    free(reader->dir);
    free(reader);
}

static int
by_number(const void *a, const void *b)
{
    const struct segment *x = a, *y = b;

    return x->number < y->number ? -1 : x->number > y->number;
}

/* Lists the segments anew; starts that are known stay. */
static bool
list_segments(struct console_reader *reader, struct fault *why)
{
    struct segment *fresh = NULL;
    size_t count = 0, cap = 0;
    struct dirent *entry;
    DIR *dir = opendir(reader->dir);

    if (dir == NULL) {
        reader->count = 0;
        return errno == ENOENT ||
               fault_errno(why, FAULT_SYSTEM, "open %s", reader->dir);
    }
    while ((entry = readdir(dir)) != NULL) {
        int64_t number = console_index_number(entry->d_name);

        if (number == 0 || strstr(entry->d_name, ".log") == NULL)
            continue;
        fresh = xgrow(fresh, &cap, count, sizeof(*fresh));
        fresh[count++] = (struct segment){ .number = number, .start = -1 };
    }
    closedir(dir);
    if (count > 0)
        qsort(fresh, count, sizeof(*fresh), by_number);
    for (size_t i = 0, j = 0; i < count; i++) {
        while (j < reader->count &&
               reader->segments[j].number < fresh[i].number)
            j++;
        if (j < reader->count &&
            reader->segments[j].number == fresh[i].number)
            fresh[i].start = reader->segments[j].start;
    }
    free(reader->segments);
    reader->segments = fresh;
    reader->count = count;
    reader->cap = cap;
    return true;
}

static int
open_segment(const struct console_reader *reader, int64_t number,
             void (*name_of)(int64_t, char[static CONSOLE_FILE_BYTES]))
{
    char name[CONSOLE_FILE_BYTES], *path;
    int fd;

    name_of(number, name);
    path = xasprintf("%s/%s", reader->dir, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    free(path);
    return fd;
}

static int64_t
segment_size(const struct console_reader *reader, int64_t number)
{
    char name[CONSOLE_FILE_BYTES], *path;
    struct stat st;
    int64_t size;

    console_index_log_name(number, name);
    path = xasprintf("%s/%s", reader->dir, name);
    size = stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
    free(path);
    return size;
}

/* Where segment i begins: its index's first line, or the end of the one
 * before when the index is not readable. */
static int64_t
segment_start(struct console_reader *reader, size_t i)
{
    struct segment *segment = &reader->segments[i];
    struct console_index_line line;
    char head[320], *newline;
    ssize_t got = -1;
    int fd;

    if (segment->start >= 0)
        return segment->start;
    fd = open_segment(reader, segment->number, console_index_idx_name);
    if (fd >= 0)
        got = pread(fd, head, sizeof(head), 0);
    fd_close(&fd);
    newline = got > 0 ? memchr(head, '\n', (size_t)got) : NULL;
    if (newline != NULL &&
        console_index_parse(head, (size_t)(newline - head), &line) &&
        line.kind == CONSOLE_INDEX_FILE)
        segment->start = line.offset;
    else if (i == 0)
        segment->start = 0;
    else
        segment->start = segment_start(reader, i - 1) +
                         segment_size(reader, segment[-1].number);
    return segment->start;
}

/* The last segment that begins at or before 'offset'; the first if none. */
static size_t
segment_of(struct console_reader *reader, int64_t offset)
{
    size_t low = 0, high = reader->count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (segment_start(reader, middle) <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static bool
read_segment(struct console_reader *reader, size_t i, int64_t at, char *data,
             size_t size, size_t *got_out, struct fault *why)
{
    int64_t number = reader->segments[i].number;
    ssize_t got;

    if (reader->fd < 0 || reader->open != number) {
        fd_close(&reader->fd);
        reader->fd = open_segment(reader, number, console_index_log_name);
        reader->open = number;
        if (reader->fd < 0)
            return fault_errno(why, FAULT_SYSTEM,
                               "open segment %lld of %s", (long long)number,
                               reader->dir);
    }
    do
        got = pread(reader->fd, data, size, (off_t)at);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return fault_errno(why, FAULT_SYSTEM, "read segment %lld of %s",
                           (long long)number, reader->dir);
    *got_out = (size_t)got;
    return true;
}

bool
console_reader_get(struct console_reader *reader, int64_t *offset,
                   char *data, size_t size, size_t *got_out,
                   int64_t *skipped_out, struct fault *why)
{
    bool fresh = false;
    int64_t start;
    size_t i;

    *got_out = 0;
    *skipped_out = 0;
    for (;;) {
        if (reader->count > 0) {
            i = segment_of(reader, *offset);
            start = segment_start(reader, i);
            if (*offset < start) {
                *skipped_out += start - *offset;
                *offset = start;
            }
            if (!read_segment(reader, i, *offset - start, data, size,
                              got_out, why))
                return false;
            if (*got_out > 0)
                return true;
            /* Its end. Another file after it? Then whatever lies between
             * is missing. */
            if (i + 1 < reader->count) {
                int64_t next = segment_start(reader, i + 1);

                if (next < *offset)
                    return fault_set(why, FAULT_DATA,
                                     "%s: segment %lld overlaps the one "
                                     "before it", reader->dir, (long long)
                                     reader->segments[i + 1].number);
                /* The writer may have added to it before it went on. */
                if (next > *offset &&
                    !read_segment(reader, i, *offset - start, data, size,
                                  got_out, why))
                    return false;
                if (*got_out > 0)
                    return true;
                *skipped_out += next - *offset;
                *offset = next;
                continue;
            }
        }
        if (fresh)
            return true;
        if (!list_segments(reader, why))
            return false;
        fresh = true;
    }
}

bool
console_reader_span(struct console_reader *reader,
                    struct console_span *span_out, struct fault *why)
{
    const struct segment *last;

    memset(span_out, 0, sizeof(*span_out));
    if (!list_segments(reader, why))
        return false;
    if (reader->count == 0)
        return true;
    last = &reader->segments[reader->count - 1];
    span_out->first = segment_start(reader, 0);
    span_out->newest = last->number;
    span_out->newest_start = segment_start(reader, reader->count - 1);
    span_out->end = span_out->newest_start +
                    segment_size(reader, last->number);
    return true;
}

/* [begin, end), over the borders of files; holes read as zeroes. */
static bool
read_range(struct console_reader *reader, int64_t begin, int64_t end,
           char data[static TAIL_STEP_BYTES], struct fault *why)
{
    char piece[TAIL_STEP_BYTES];
    int64_t at = begin, skipped;
    size_t got;

    must(end - begin <= TAIL_STEP_BYTES);
    memset(data, 0, TAIL_STEP_BYTES);
    while (at < end) {
        if (!console_reader_get(reader, &at, piece, (size_t)(end - at), &got,
                                &skipped, why))
            return false;
        if (got == 0)
            break;
        for (size_t i = 0; i < got && at < end; i++, at++)
            data[at - begin] = piece[i];
    }
    return true;
}

bool
console_reader_tail(struct console_reader *reader, int64_t lines,
                    int64_t *offset_out, struct fault *why)
{
    struct console_span span;
    char data[TAIL_STEP_BYTES];
    int64_t begin, end;

    if (!console_reader_span(reader, &span, why))
        return false;
    *offset_out = span.end;
    for (end = span.end; lines > 0 && end > span.first; end = begin) {
        begin = end - TAIL_STEP_BYTES;
        if (begin < span.first)
            begin = span.first;
        if (!read_range(reader, begin, end, data, why))
            return false;
        *offset_out = begin;
        for (int64_t at = end; at-- > begin;)
            if (data[at - begin] == '\n' && at + 1 < span.end &&
                --lines == 0) {
                *offset_out = at + 1;
                break;
            }
    }
    return true;
}

bool
console_reader_spot(struct console_reader *reader, int64_t offset,
                    struct console_spot *spot_out, struct fault *why)
{
    struct console_span span;
    char data[TAIL_STEP_BYTES];
    int64_t start, at = 0;
    size_t i, got;

    if (!console_reader_span(reader, &span, why))
        return false;
    i = segment_of(reader, offset);
    start = reader->count == 0 ? 0 : segment_start(reader, i);
    if (reader->count == 0 || offset < start ||
        offset >= start + segment_size(reader, reader->segments[i].number))
        return fault_set(why, FAULT_NOT_FOUND, "%s: no file has offset %lld",
                         reader->dir, (long long)offset);
    *spot_out = (struct console_spot){
        .number = reader->segments[i].number, .byte = offset - start,
        .line = 1,
    };
    while (at < spot_out->byte) {
        size_t want = spot_out->byte - at < (int64_t)sizeof(data)
                          ? (size_t)(spot_out->byte - at) : sizeof(data);

        if (!read_segment(reader, i, at, data, want, &got, why))
            return false;
        if (got == 0)
            return fault_set(why, FAULT_DATA, "%s: segment %lld became "
                             "shorter", reader->dir,
                             (long long)spot_out->number);
        for (size_t k = 0; k < got; k++)
            spot_out->line += data[k] == '\n';
        at += (int64_t)got;
    }
    return true;
}

/* Looks at the index of segment i for the last offset whose time is at most
 * 'wall_ms'; not found if all of it is later. */
static bool
search_index(struct console_reader *reader, size_t i, int64_t wall_ms,
             bool *found_out, int64_t *offset_out, struct fault *why)
{
    struct console_index_line line;
    struct buf text = BUF_INIT;
    char name[CONSOLE_FILE_BYTES], *path;
    const char *at, *end, *newline;
    bool ok;

    console_index_idx_name(reader->segments[i].number, name);
    path = xasprintf("%s/%s", reader->dir, name);
    ok = !fs_exists(path) ||
         fs_read_file(path, INDEX_MAX_BYTES, &text, why);
    free(path);
    if (!ok)
        return false;
    *found_out = false;
    end = buf_text(&text) + text.len;
    for (at = buf_text(&text); at < end; at = newline + 1) {
        newline = memchr(at, '\n', (size_t)(end - at));
        if (newline == NULL)
            break;
        if (!console_index_parse(at, (size_t)(newline - at), &line))
            continue;
        if (line.wall_ms > wall_ms)
            break;
        *found_out = true;
        *offset_out = line.offset;
    }
    buf_free(&text);
    return true;
}

bool
console_reader_at_time(struct console_reader *reader, int64_t wall_ms,
                       int64_t *offset_out, struct fault *why)
{
    bool found = false;

    *offset_out = 0;
    if (!list_segments(reader, why))
        return false;
    for (size_t i = reader->count; i-- > 0 && !found;)
        if (!search_index(reader, i, wall_ms, &found, offset_out, why))
            return false;
    if (!found && reader->count > 0)
        *offset_out = segment_start(reader, 0);
    return true;
}
