/* hosts/console_read.h - reads a console log by absolute offset, over all of
 * its files; also while it is being written, by whatever process. */
#ifndef HOSTS_CONSOLE_READ_H
#define HOSTS_CONSOLE_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct console_reader;
struct fault;

/* 'dir' need not exist yet: then the log is empty. */
MUST_CHECK struct console_reader *console_reader_new(const char *dir);
void console_reader_free(struct console_reader *reader);    /* ignores NULL */

/* Reads at most 'size' bytes at '*offset'; '*got_out' 0 means that nothing is
 * there yet. Where bytes are missing, '*offset' is moved to the next that
 * exist and '*skipped_out' says by how many. Does not advance '*offset' over
 * what it returns. */
MUST_CHECK bool console_reader_get(struct console_reader *reader,
                                   int64_t *offset, char *data, size_t size,
                                   size_t *got_out, int64_t *skipped_out,
                                   struct fault *why);
struct console_span {
    int64_t first, end;         /* the first byte, and after the last */
    int64_t newest;             /* number of the newest segment; 0: none */
    int64_t newest_start;
};
MUST_CHECK bool console_reader_span(struct console_reader *reader,
                                    struct console_span *span_out,
                                    struct fault *why);
/* Where the last 'lines' lines begin; an unfinished one counts. */
MUST_CHECK bool console_reader_tail(struct console_reader *reader,
                                    int64_t lines, int64_t *offset_out,
                                    struct fault *why);
/* The file that has 'offset', and where in it. FAULT_NOT_FOUND: none has. */
struct console_spot {
    int64_t number;             /* of the segment */
    int64_t byte, line;         /* from 0, from 1 */
};
MUST_CHECK bool console_reader_spot(struct console_reader *reader,
                                    int64_t offset,
                                    struct console_spot *spot_out,
                                    struct fault *why);
/* The last offset at which the index knows that bytes came before 'wall_ms'
 * or at it: reading from there misses nothing that came later. */
MUST_CHECK bool console_reader_at_time(struct console_reader *reader,
                                       int64_t wall_ms, int64_t *offset_out,
                                       struct fault *why);

#endif
