/* harness/step_log.h - the log of one step: bytes from a pipe to a file. */
#ifndef HARNESS_STEP_LOG_H
#define HARNESS_STEP_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/buf.h"

struct evp_md_ctx_st;
struct fault;

struct step_log {
    int fd;                     /* the file, -1: none */
    int64_t max_bytes;          /* 0: no limit */
    int64_t bytes;              /* written */
    int64_t dropped_bytes;
    int64_t lines;              /* newlines written */
    int error;                  /* errno of the first failed write, or 0 */
    struct evp_md_ctx_st *sha;
    struct buf tail;            /* the last bytes, for step_log_last_line() */
};

#define STEP_LOG_INIT { .fd = -1, .tail = BUF_INIT }

/* Makes the file; it must not exist. */
MUST_CHECK bool step_log_open(struct step_log *log, const char *path,
                              int64_t max_bytes, struct fault *why);
/* Writes, or counts as dropped; never fails. */
void step_log_write(struct step_log *log, const char *data, size_t bytes);
/* Says in the file what was dropped, closes it, gives the hash of all that
 * is in it. */
void step_log_close(struct step_log *log, char sha256[static 65]);
/* The last line that is not blank, escaped, at most 300 bytes; "" if none. Its
 * number into 'line_out'. */
void step_log_last_line(const struct step_log *log, struct buf *text,
                        int64_t *line_out);
void step_log_fini(struct step_log *log);

#endif
