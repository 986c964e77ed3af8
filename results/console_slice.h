/* results/console_slice.h - what a host's console said in a span of time.
 *
 * Reads the files that assay-console writes (assay-console-log(5)):
 * consoles/HOST/NNNNNN.log, and NNNNNN.idx with "KIND WALL_MS MONO_MS OFFSET"
 * a line, where kind 'f' says at which absolute offset the log file begins
 * and 't' that the bytes from there on came at that time. */
#ifndef RESULTS_CONSOLE_SLICE_H
#define RESULTS_CONSOLE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct buf;
struct fault;

struct console_slice {
    const char *file;           /* below 'root', that 'data' starts in */
    int64_t line;               /* number of the first line of 'data' in it */
    int64_t offset;             /* of 'data' in it */
    const char *data;           /* the arena's */
    size_t bytes;
};

/* Bytes of one log file that came in [from_ms, to_ms], wall time; of the
 * files that have any, the last. At most 'max' bytes, the last ones. bytes is
 * 0 when there are none. FAULT_NOT_FOUND when the host has no console log. */
MUST_CHECK bool console_slice_read(const char *root, const char *host,
                                   int64_t from_ms, int64_t to_ms, size_t max,
                                   struct arena *arena,
                                   struct console_slice *out,
                                   struct fault *why);

#endif
