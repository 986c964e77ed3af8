/* results/logfile.h - opens the files of evidence, and shows parts of them. */
#ifndef RESULTS_LOGFILE_H
#define RESULTS_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct fault;

/* Opens the regular file 'path' below directory 'root' for reading. 'path'
 * is relative, or absolute below 'root'. No part of it may be "..", and no
 * part below 'root' a symbolic link: what a step wrote must not make us show
 * another file. FAULT_NOT_FOUND when it is missing, FAULT_DATA when it is not
 * such a file. */
MUST_CHECK bool logfile_open(const char *root, const char *path, int *fd_out,
                             int64_t *bytes_out, struct fault *why);

/* The first and the last lines of a log, as plain text (harness/plain.h) with
 * newlines. When all fits, all is in 'head' and left_out is 0. */
struct logfile_view {
    const char *head, *tail;    /* "" when empty; owned by the arena */
    int64_t left_out_bytes;     /* between them */
};
MUST_CHECK bool logfile_view(int fd, int64_t bytes, int head_lines,
                             int tail_lines, struct arena *arena,
                             struct logfile_view *out, struct fault *why);

/* Reads exactly 'bytes' at 'offset'; FAULT_DATA when the file is shorter. */
MUST_CHECK bool logfile_read_at(int fd, void *data, size_t bytes,
                                int64_t offset, struct fault *why);

#endif
