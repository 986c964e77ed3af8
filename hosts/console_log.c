/* hosts/console_log.c - see the header for the files. Every failure to write
 * ends in "trouble": nothing is ever thrown away silently. */
#include <config.h>

#include "hosts/console_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "hosts/console_read.h"

/* One time record a second of activity finds any line to a second. */
#define TIME_STEP_MS 1000
/* Lines that wait for room, a console. */
#define OWED_MAX_BYTES 4096
/* Less room than this is no room: a disk that is full to the last block
 * would give a new file for each handful of bytes. */
#define ROOM_BYTES (1 << 20)
#define MARKS_FILE_MAX_BYTES 65536
#define DIR_MODE 0755
#define FILE_MODE 0644

struct console_mark {
    char *name;
    int64_t offset;
};

struct console_log {
    char *dir;
    struct clock *clock;
    int64_t file_bytes_max;
    int64_t number;             /* of the newest segment; 0: none yet */
    int64_t file_start;         /* absolute offset of its first byte */
    int64_t offset;             /* of the next byte */
    int64_t lost;               /* bytes given up, ever, in this process */
    int log_fd, idx_fd, events_fd;      /* -1: opened when needed */
    int64_t timed_ms;           /* wall time of the latest time record */
    bool trouble;               /* the file system refused */
    int trouble_errno;
    int64_t since_ms;           /* mono, of the first refusal since bytes were
                                 * last written; -1: none */
    int64_t hole_bytes;         /* lost and not yet recorded, the newest */
    bool split;                 /* bytes were lost since the newest file */
    struct buf owed_idx, owed_events;
    struct console_mark *marks;
    size_t mark_count, mark_cap;
};

static char *
log_path(const struct console_log *log, const char *name)
{
    return xasprintf("%s/%s", log->dir, name);
}

static void
trouble(struct console_log *log, int error)
{
    log->trouble = true;
    log->trouble_errno = error;
    if (log->since_ms < 0)
        log->since_ms = clock_mono_ms(log->clock);
}

/* As many as the file system takes; why not more, in 'error_out'. */
static size_t
write_some(int fd, const char *data, size_t bytes, int *error_out)
{
    size_t done = 0;

    *error_out = 0;
    while (done < bytes) {
        ssize_t n = write(fd, data + done, bytes - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            *error_out = n < 0 ? errno : ENOSPC;
            break;
        }
        done += (size_t)n;
    }
    return done;
}

static bool
open_append(const struct console_log *log, const char *name, int flags,
            int *fd)
{
    char *path;

    if (*fd >= 0)
        return true;
    path = log_path(log, name);
    *fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | flags,
               FILE_MODE);
    free(path);
    return *fd >= 0;
}

/* Puts 'text' behind what waits to be written; of too much the last lines
 * are dropped, but never a loss. */
static void
owe(struct buf *owed, const struct buf *text, bool always)
{
    if (always || owed->len + text->len <= OWED_MAX_BYTES)
        buf_add(owed, text->data, text->len);
}

/* Writes what is owed; a torn line is completed by the next try. */
static bool
pay(struct console_log *log, struct buf *owed, int fd)
{
    size_t done;
    int error;

    if (owed->len == 0)
        return true;
    done = write_some(fd, owed->data, owed->len, &error);
    buf_drop(owed, done);
    if (owed->len > 0)
        trouble(log, error);
    return owed->len == 0;
}

/* Segments ---------------------------------------------------------------- */

static void
fill_line(struct console_log *log, struct console_index_line *line,
          enum console_index_kind kind, int64_t offset)
{
    memset(line, 0, sizeof(*line));
    line->kind = kind;
    line->wall_ms = clock_wall_ms(log->clock);
    line->mono_ms = clock_mono_ms(log->clock);
    line->offset = offset;
}

/* The link is for people; failing to renew it loses nothing. */
static void
point_current(const struct console_log *log, const char *name)
{
    char *link = log_path(log, "current"), *temp = log_path(log, ".current");

    (void)unlink(temp);
    if (symlink(name, temp) != 0 || rename(temp, link) != 0)
        log_debug("%s: cannot renew the link: %s", link, strerror(errno));
    free(link);
    free(temp);
}

/* Begins the next segment at the present offset. The old one stays in use
 * until the new one is whole. */
static bool
segment_begin(struct console_log *log)
{
    char log_name[CONSOLE_FILE_BYTES], idx_name[CONSOLE_FILE_BYTES];
    struct console_index_line line;
    struct buf text = BUF_INIT;
    int log_fd = -1, idx_fd = -1, error = 0;
    char *path;
    bool ok;

    console_index_log_name(log->number + 1, log_name);
    console_index_idx_name(log->number + 1, idx_name);
    fill_line(log, &line, CONSOLE_INDEX_FILE, log->offset);
    (void)snprintf(line.text, sizeof(line.text), "%s", log_name);
    console_index_add(&text, &line);
    /* The index first: a log without its start could not be placed. */
    ok = open_append(log, idx_name, O_TRUNC, &idx_fd) &&
         write_some(idx_fd, text.data, text.len, &error) == text.len &&
         open_append(log, log_name, O_EXCL, &log_fd);
    if (!ok) {
        error = error != 0 ? error : errno;
        path = log_path(log, idx_name);
        if (idx_fd >= 0 && log_fd < 0)
            (void)unlink(path);
        free(path);
        fd_close(&idx_fd);
        trouble(log, error);
        goto out;
    }
    fd_close(&log->log_fd);
    fd_close(&log->idx_fd);
    log->log_fd = log_fd;
    log->idx_fd = idx_fd;
    log->number++;
    log->file_start = log->offset;
    log->timed_ms = 0;
    point_current(log, log_name);
out:
    buf_free(&text);
    return ok;
}

/* The newest segment's files are open for appending. */
static bool
segment_ready(struct console_log *log)
{
    char name[CONSOLE_FILE_BYTES];

    if (log->log_fd >= 0 && log->idx_fd >= 0)
        return true;
    if (log->number == 0)
        return segment_begin(log);
    console_index_log_name(log->number, name);
    if (!open_append(log, name, 0, &log->log_fd)) {
        trouble(log, errno);
        return false;
    }
    console_index_idx_name(log->number, name);
    if (!open_append(log, name, 0, &log->idx_fd)) {
        trouble(log, errno);
        return false;
    }
    return true;
}

/* Opening ----------------------------------------------------------------- */

static struct console_mark *
mark_find(const struct console_log *log, const char *name)
{
    for (size_t i = 0; i < log->mark_count; i++)
        if (strcmp(log->marks[i].name, name) == 0)
            return &log->marks[i];
    return NULL;
}

static void
mark_set(struct console_log *log, const char *name, int64_t offset)
{
    struct console_mark *mark = mark_find(log, name);

    if (mark == NULL && log->mark_count == CONSOLE_MARKS_MAX) {
        free(log->marks[0].name);
        memmove(log->marks, log->marks + 1,
                (--log->mark_count) * sizeof(*log->marks));
    }
    if (mark == NULL) {
        log->marks = xgrow(log->marks, &log->mark_cap, log->mark_count,
                           sizeof(*log->marks));
        mark = &log->marks[log->mark_count++];
        mark->name = xstrdup(name);
    }
    mark->offset = offset;
}

static void
read_marks(struct console_log *log)
{
    char *path = log_path(log, "marks");
    struct buf text = BUF_INIT;
    struct console_index_line line;
    struct fault ignored = FAULT_INIT;
    const char *at, *end, *newline;

    if (!fs_exists(path))
        goto out;
    if (!fs_read_file(path, 16 * MARKS_FILE_MAX_BYTES, &text, &ignored)) {
        log_fault(LOG_LEVEL_WARN, &ignored, "marks of %s", log->dir);
        goto out;
    }
    end = buf_text(&text) + text.len;
    for (at = buf_text(&text); at < end; at = newline + 1) {
        newline = memchr(at, '\n', (size_t)(end - at));
        if (newline == NULL)
            break;
        if (console_index_parse(at, (size_t)(newline - at), &line) &&
            line.kind == CONSOLE_INDEX_MARK && line.text[0] != '\0')
            mark_set(log, line.text, line.offset);
    }
    if (text.len > MARKS_FILE_MAX_BYTES) {
        buf_reset(&text);
        for (size_t i = 0; i < log->mark_count; i++) {
            fill_line(log, &line, CONSOLE_INDEX_MARK, log->marks[i].offset);
            (void)snprintf(line.text, sizeof(line.text), "%s",
                           log->marks[i].name);
            console_index_add(&text, &line);
        }
        if (!fs_write_file(path, FILE_MODE, buf_text(&text), text.len,
                           &ignored))
            log_fault(LOG_LEVEL_WARN, &ignored, "marks of %s", log->dir);
    }
out:
    buf_free(&text);
    free(path);
}

bool
console_log_open(const char *dir, int64_t file_bytes, struct clock *clock,
                 struct console_log **log_out, struct fault *why)
{
    struct console_log *log = xcalloc(1, sizeof(*log));
    struct console_reader *reader = console_reader_new(dir);
    struct console_span span;
    struct fault later = FAULT_INIT;
    bool ok;

    log->dir = xstrdup(dir);
    log->clock = clock;
    log->file_bytes_max = file_bytes;
    log->log_fd = log->idx_fd = log->events_fd = -1;
    log->since_ms = -1;
    /* A full disk must not keep a console from being served. */
    if (!fs_mkdirs(dir, DIR_MODE, &later)) {
        log_fault(LOG_LEVEL_ERROR, &later, "console log %s", dir);
        trouble(log, ENOSPC);
    }
    ok = console_reader_span(reader, &span, why);
    console_reader_free(reader);
    if (!ok) {
        console_log_close(log);
        return false;
    }
    log->number = span.newest;
    log->file_start = span.newest_start;
    log->offset = span.end;
    read_marks(log);
    *log_out = log;
    return true;
}

void
console_log_close(struct console_log *log)
{
    if (log == NULL)
        return;
    if (log->trouble)
        (void)console_log_mend(log);
    fd_close(&log->log_fd);
    fd_close(&log->idx_fd);
    fd_close(&log->events_fd);
    buf_free(&log->owed_idx);
    buf_free(&log->owed_events);
    for (size_t i = 0; i < log->mark_count; i++)
        free(log->marks[i].name);
    free(log->marks);
    free(log->dir);
    free(log);
}

int64_t
console_log_offset(const struct console_log *log)
{
    return log->offset;
}

int64_t
console_log_lost(const struct console_log *log)
{
    return log->lost;
}

const char *
console_log_dir(const struct console_log *log)
{
    return log->dir;
}

/* Lines ------------------------------------------------------------------- */

static bool
pay_all(struct console_log *log)
{
    if (log->owed_idx.len > 0 &&
        !(segment_ready(log) && pay(log, &log->owed_idx, log->idx_fd)))
        return false;
    if (log->owed_events.len == 0)
        return true;
    if (!open_append(log, "events", 0, &log->events_fd)) {
        trouble(log, errno);
        return false;
    }
    return pay(log, &log->owed_events, log->events_fd);
}

/* The line as people read it. */
static void
add_event(struct buf *text, const struct console_index_line *line)
{
    static const struct {
        enum console_index_kind kind;
        const char *text;
    } words[] = {
        { CONSOLE_INDEX_UP, "connected" },
        { CONSOLE_INDEX_GAP, "disconnected" },
        { CONSOLE_INDEX_LOST, "lost" },
        { CONSOLE_INDEX_MARK, "mark" },
        { CONSOLE_INDEX_NOTE, "note" },
    };
    const char *word = "";
    char when[32];

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (words[i].kind == line->kind)
            word = words[i].text;
    clock_iso(line->wall_ms, when);
    buf_addf(text, "%s offset %" PRId64 ": %s", when, line->offset, word);
    if (line->text[0] != '\0') {
        buf_adds(text, ": ");
        buf_add_escaped(text, line->text, strlen(line->text));
    }
    buf_addc(text, '\n');
}

static void
owe_line(struct console_log *log, const struct console_index_line *line)
{
    bool always = line->kind == CONSOLE_INDEX_LOST;
    struct buf text = BUF_INIT;

    console_index_add(&text, line);
    owe(&log->owed_idx, &text, always);
    if (line->kind != CONSOLE_INDEX_TIME) {
        buf_reset(&text);
        add_event(&text, line);
        owe(&log->owed_events, &text, always);
    }
    buf_free(&text);
}

void
console_log_note(struct console_log *log, enum console_index_kind kind,
                 const char *fmt, ...)
{
    struct console_index_line line;
    va_list ap;

    fill_line(log, &line, kind, log->offset);
    va_start(ap, fmt);
    (void)vsnprintf(line.text, sizeof(line.text), fmt, ap);
    va_end(ap);
    owe_line(log, &line);
    if (!log->trouble)
        (void)pay_all(log);
}

/* Bytes ------------------------------------------------------------------- */

static void
time_record(struct console_log *log)
{
    struct console_index_line line;
    int64_t wall_ms = clock_wall_ms(log->clock);

    /* Also when the wall clock was set back. */
    if (wall_ms >= log->timed_ms && wall_ms < log->timed_ms + TIME_STEP_MS)
        return;
    fill_line(log, &line, CONSOLE_INDEX_TIME, log->offset);
    owe_line(log, &line);
    log->timed_ms = wall_ms;
    (void)pay_all(log);
}

size_t
console_log_append(struct console_log *log, const char *data, size_t bytes)
{
    size_t done = 0, part, n;
    int64_t room;
    int error;

    while (done < bytes && !log->trouble) {
        if (!segment_ready(log))
            break;
        room = log->file_start + log->file_bytes_max - log->offset;
        if (room <= 0) {
            if (!segment_begin(log))
                break;
            continue;
        }
        time_record(log);
        if (log->trouble)
            break;
        part = bytes - done;
        if ((int64_t)part > room)
            part = (size_t)room;
        n = write_some(log->log_fd, data + done, part, &error);
        log->offset += (int64_t)n;
        done += n;
        if (n < part)
            trouble(log, error);
        else
            log->since_ms = -1;
    }
    return done;
}

void
console_log_lose(struct console_log *log, size_t bytes)
{
    must(log->trouble);
    log->offset += (int64_t)bytes;
    log->lost += (int64_t)bytes;
    log->hole_bytes += (int64_t)bytes;
    log->split = true;
}

bool
console_log_in_trouble(const struct console_log *log, int64_t *since_ms_out,
                       int *error_out)
{
    *since_ms_out = log->since_ms;
    *error_out = log->trouble_errno;
    return log->trouble;
}

bool
console_log_mend(struct console_log *log)
{
    struct console_index_line line;
    struct fault why = FAULT_INIT;
    int64_t free_bytes;

    if (!log->trouble)
        return true;
    free_bytes = fs_free_bytes(log->dir);
    if (log->trouble_errno == ENOSPC && free_bytes >= 0 &&
        free_bytes < ROOM_BYTES)
        return false;
    if (!fs_mkdirs(log->dir, DIR_MODE, &why))
        return false;
    log->trouble = false;
    if (log->hole_bytes > 0) {
        fill_line(log, &line, CONSOLE_INDEX_LOST,
                  log->offset - log->hole_bytes);
        (void)snprintf(line.text, sizeof(line.text), "%" PRId64 " bytes: %s",
                       log->hole_bytes, strerror(log->trouble_errno));
        owe_line(log, &line);
        log->hole_bytes = 0;
    }
    /* What follows a hole begins a file of its own. */
    if (pay_all(log) && (!log->split || segment_begin(log))) {
        log->split = false;
        return true;
    }
    must(log->trouble);
    return false;
}

/* Marks ------------------------------------------------------------------- */

void
console_log_mark(struct console_log *log, const char *name, int64_t offset)
{
    struct console_index_line line;
    struct buf text = BUF_INIT;
    int fd = -1, error = 0;

    if (offset < 0)
        offset = log->offset;
    mark_set(log, name, offset);
    fill_line(log, &line, CONSOLE_INDEX_MARK, offset);
    (void)snprintf(line.text, sizeof(line.text), "%s", name);
    console_index_add(&text, &line);
    /* The mark itself is in memory; only a later process may miss it. */
    if (!open_append(log, "marks", 0, &fd) ||
        write_some(fd, text.data, text.len, &error) != text.len)
        log_warn("%s/marks: %s", log->dir,
                 strerror(error != 0 ? error : errno));
    fd_close(&fd);
    buf_free(&text);
}

bool
console_log_find_mark(const struct console_log *log, const char *name,
                      int64_t *offset_out)
{
    const struct console_mark *mark = mark_find(log, name);

    if (mark == NULL)
        return false;
    *offset_out = mark->offset;
    return true;
}
