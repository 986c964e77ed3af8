/* results/logfile.c - opens the files of evidence, and shows parts of them. */
#include <config.h>

#include "results/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/mem.h"
#include "harness/plain.h"

#define LOGFILE_LINE_MAX 500
/* Bytes read at each end: enough for as many lines as are ever shown. */
#define LOGFILE_END_BYTES (48 * 1024)

/* 'path' below 'root', NULL when it is not there. */
static const char *
path_below(const char *root, const char *path)
{
    size_t bytes = strlen(root);

    if (path[0] != '/')
        return path;
    while (bytes > 1 && root[bytes - 1] == '/')
        bytes--;
    if (strncmp(root, path, bytes) != 0 || path[bytes] != '/')
        return NULL;
    return path + bytes + 1;
}

bool
logfile_open(const char *root, const char *path, int *fd_out,
             int64_t *bytes_out, struct fault *why)
{
    const char *rest = path_below(root, path);
    char name[256];
    struct stat info;
    int dir = -1, fd = -1;
    bool ok;

    ok = rest != NULL && rest[0] != '\0';
    if (!ok) {
        fault_set(why, FAULT_DATA, "'%s' is not below %s", path, root);
        goto out;
    }
    dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    ok = dir >= 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "open %s", root);
        goto out;
    }
    for (;;) {
        size_t bytes = strcspn(rest, "/");
        bool last = rest[bytes] == '\0';

        ok = bytes > 0 && bytes < sizeof name;
        if (ok) {
            memcpy(name, rest, bytes);
            name[bytes] = '\0';
            ok = strcmp(name, "..") != 0 && strcmp(name, ".") != 0;
        }
        if (!ok) {
            fault_set(why, FAULT_DATA, "'%s' is no path of a log", path);
            goto out;
        }
        /* Not blocking: it might be a FIFO. */
        fd = openat(dir, name, last ? O_RDONLY | O_NOFOLLOW | O_NONBLOCK
                    | O_CLOEXEC : O_PATH | O_DIRECTORY | O_NOFOLLOW
                    | O_CLOEXEC);
        ok = fd >= 0;
        if (!ok) {
            fault_errno(why, errno == ENOENT ? FAULT_NOT_FOUND : FAULT_DATA,
                        "open %s", path);
            goto out;
        }
        if (last)
            break;
        fd_close(&dir);
        dir = fd;
        fd = -1;
        rest += bytes + 1;
    }
    ok = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    if (!ok) {
        fault_set(why, FAULT_DATA, "'%s' is no regular file", path);
        goto out;
    }
    *bytes_out = info.st_size;
    *fd_out = fd;
    fd = -1;
out:
    fd_close(&fd);
    fd_close(&dir);
    return ok;
}

bool
logfile_read_at(int fd, void *data, size_t bytes, int64_t offset,
                struct fault *why)
{
    size_t done = 0;

    while (done < bytes) {
        ssize_t n = pread(fd, (char *)data + done, bytes - done,
                          (off_t)offset + (off_t)done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(why, FAULT_SYSTEM, "read a log");
        if (n == 0)
            return fault_set(why, FAULT_DATA, "a log became shorter while "
                             "it was read");
        done += (size_t)n;
    }
    return true;
}

/* Appends up to 'max' lines from the start; returns the bytes they took. */
static size_t
add_first_lines(struct buf *out, const char *data, size_t bytes, int max)
{
    size_t at = 0;

    for (int i = 0; i < max && at < bytes; i++) {
        const char *end = memchr(data + at, '\n', bytes - at);
        size_t span = end == NULL ? bytes - at : (size_t)(end - data) - at + 1;

        plain_add(out, data + at, span, LOGFILE_LINE_MAX);
        buf_addc(out, '\n');
        at += span;
    }
    return at;
}

/* Where the last 'max' lines start. */
static size_t
last_lines_start(const char *data, size_t bytes, int max)
{
    size_t at = bytes;

    for (int i = 0; i < max && at > 0; i++) {
        at--;                           /* the newline that ends the line */
        while (at > 0 && data[at - 1] != '\n')
            at--;
    }
    return at;
}

bool
logfile_view(int fd, int64_t bytes, int head_lines, int tail_lines,
             struct arena *arena, struct logfile_view *out,
             struct fault *why)
{
    struct buf text = BUF_INIT;
    char *data = NULL;
    size_t head, start, size;
    int64_t from = 0;
    bool ok;

    size = bytes < 2 * LOGFILE_END_BYTES ? (size_t)bytes : LOGFILE_END_BYTES;
    data = xmalloc(size + 1);
    ok = logfile_read_at(fd, data, size, 0, why);
    if (!ok)
        goto out;
    if ((int64_t)size == bytes
        && last_lines_start(data, size, head_lines + tail_lines) == 0) {
        (void)add_first_lines(&text, data, size, head_lines + tail_lines);
        out->head = arena_strdup(arena, buf_text(&text));
        out->tail = "";
        out->left_out_bytes = 0;
        goto out;
    }
    head = add_first_lines(&text, data, size, head_lines);
    out->head = arena_strdup(arena, buf_text(&text));
    buf_reset(&text);
    if ((int64_t)size != bytes) {
        from = bytes - (int64_t)size;
        ok = logfile_read_at(fd, data, size, from, why);
        if (!ok)
            goto out;
    }
    start = last_lines_start(data, size, tail_lines);
    if (from == 0 && start < head)
        start = head;
    (void)add_first_lines(&text, data + start, size - start, tail_lines);
    out->tail = arena_strdup(arena, buf_text(&text));
    out->left_out_bytes = from + (int64_t)start - (int64_t)head;
out:
    buf_free(&text);
    free(data);
    return ok;
}
