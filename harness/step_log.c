/* harness/step_log.c - the log of one step: bytes from a pipe to a file. */
#include <config.h>

#include "harness/step_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <unistd.h>
#include "harness/fault.h"
#include "harness/fs.h"

#define TAIL_BYTES 2048
#define LINE_BYTES 300

bool
step_log_open(struct step_log *log, const char *path, int64_t max_bytes,
              struct fault *why)
{
    *log = (struct step_log)STEP_LOG_INIT;
    log->max_bytes = max_bytes;
    log->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (log->fd < 0)
        return fault_errno(why, FAULT_SYSTEM, "create log %s", path);
    log->sha = EVP_MD_CTX_new();
    must(log->sha != NULL);
    must(EVP_DigestInit_ex(log->sha, EVP_sha256(), NULL) == 1);
    return true;
}

/* As much as the disk takes. */
static size_t
put(struct step_log *log, const char *data, size_t bytes)
{
    size_t done = 0, i;
    ssize_t n;

    while (done < bytes) {
        n = write(log->fd, data + done, bytes - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (log->error == 0)
                log->error = n < 0 ? errno : ENOSPC;
            break;
        }
        done += (size_t)n;
    }
    must(EVP_DigestUpdate(log->sha, data, done) == 1);
    log->bytes += (int64_t)done;
    for (i = 0; i < done; i++)
        log->lines += data[i] == '\n';
    return done;
}

static void
keep_tail(struct step_log *log, const char *data, size_t bytes)
{
    if (bytes > TAIL_BYTES) {
        data += bytes - TAIL_BYTES;
        bytes = TAIL_BYTES;
    }
    buf_add(&log->tail, data, bytes);
    if (log->tail.len > TAIL_BYTES)
        buf_drop(&log->tail, log->tail.len - TAIL_BYTES);
}

void
step_log_write(struct step_log *log, const char *data, size_t bytes)
{
    size_t room = bytes, done = 0;

    if (log->max_bytes > 0 &&
        log->bytes + (int64_t)bytes > log->max_bytes)
        room = (size_t)(log->max_bytes - log->bytes);
    /* After a failed write later bytes would stand in the wrong place. */
    if (log->fd >= 0 && log->error == 0 && log->dropped_bytes == 0)
        done = put(log, data, room);
    log->dropped_bytes += (int64_t)(bytes - done);
    keep_tail(log, data, bytes);        /* also what was dropped */
}

void
step_log_close(struct step_log *log, char sha256[static 65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_bytes = 0, i;
    struct buf text = BUF_INIT;

    sha256[0] = '\0';
    if (log->fd < 0)
        return;
    if (log->dropped_bytes > 0 && log->error == 0) {
        buf_addf(&text, "\n[assay: %" PRId64 " more bytes were dropped: the "
                 "log may have %" PRId64 "]\n", log->dropped_bytes,
                 log->max_bytes);
        (void)put(log, text.data, text.len);
        buf_free(&text);
    }
    must(EVP_DigestFinal_ex(log->sha, digest, &digest_bytes) == 1);
    for (i = 0; i < digest_bytes && i < 32; i++)
        (void)snprintf(sha256 + 2 * i, 3, "%02x", digest[i]);
    /* Some file systems tell of a full disk only here. */
    if (close(log->fd) != 0 && log->error == 0)
        log->error = errno;
    log->fd = -1;
}

void
step_log_last_line(const struct step_log *log, struct buf *text,
                   int64_t *line_out)
{
    const char *data = log->tail.data;
    size_t end = log->tail.len, start;
    int64_t after = 0;

    while (end > 0 && strchr(" \t\r\n", data[end - 1]) != NULL) {
        after += data[end - 1] == '\n';
        end--;
    }
    start = end;
    while (start > 0 && data[start - 1] != '\n')
        start--;
    if (end - start > LINE_BYTES)
        end = start + LINE_BYTES;
    if (end > start)
        buf_add_escaped(text, data + start, end - start);
    *line_out = end > start && log->dropped_bytes == 0
                    ? log->lines - after + 1 : 0;
}

void
step_log_fini(struct step_log *log)
{
    fd_close(&log->fd);
    EVP_MD_CTX_free(log->sha);
    log->sha = NULL;
    buf_free(&log->tail);
}
