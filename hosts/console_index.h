/* hosts/console_index.h - the line format of a console log's time index, its
 * events and its marks. assay-console-log(5) documents it.
 *
 *   KIND WALL_MS MONO_MS OFFSET [TEXT]
 *
 * OFFSET is absolute: it counts the bytes the console ever gave. */
#ifndef HOSTS_CONSOLE_INDEX_H
#define HOSTS_CONSOLE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct buf;

enum console_index_kind {
    CONSOLE_INDEX_NONE = 0,     /* not a line of ours */
    CONSOLE_INDEX_FILE = 'f',   /* the log file begins at OFFSET */
    CONSOLE_INDEX_TIME = 't',   /* bytes from OFFSET on came at this time */
    CONSOLE_INDEX_UP = 'c',     /* connected */
    CONSOLE_INDEX_GAP = 'g',    /* disconnected: bytes may be missing here */
    CONSOLE_INDEX_LOST = 'l',   /* TEXT begins with the count of bytes from
                                 * OFFSET on that no file has */
    CONSOLE_INDEX_MARK = 'm',   /* TEXT is the mark's name */
    CONSOLE_INDEX_NOTE = 'n',   /* anything else worth knowing */
};

#define CONSOLE_INDEX_TEXT_MAX 200
struct console_index_line {
    enum console_index_kind kind;
    int64_t wall_ms, mono_ms, offset;
    char text[CONSOLE_INDEX_TEXT_MAX + 1];      /* control bytes escaped */
};

/* Appends the line and its newline. */
void console_index_add(struct buf *buf, const struct console_index_line *line);
/* One line without its newline; false when it is none of ours (a torn or
 * foreign one), which readers skip. */
MUST_CHECK bool console_index_parse(const char *data, size_t bytes,
                                    struct console_index_line *line_out);

/* Names of the files of segment 'number' (1, 2, ...): "000001.log". */
#define CONSOLE_FILE_BYTES 24
void console_index_log_name(int64_t number,
                            char name[static CONSOLE_FILE_BYTES]);
void console_index_idx_name(int64_t number,
                            char name[static CONSOLE_FILE_BYTES]);
/* The number of a segment's log or index file name, 0 if it is neither. */
int64_t console_index_number(const char *name);

#endif
