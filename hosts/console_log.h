/* hosts/console_log.h - writes one console's log: byte-exact files, a time
 * index beside each, events and marks.
 *
 *   HOST/000001.log     the bytes, nothing else
 *   HOST/000001.idx     console_index lines about that file
 *   HOST/current        symbolic link to the newest log file
 *   HOST/events         connects, gaps, losses: for people
 *   HOST/marks          console_index lines of kind CONSOLE_INDEX_MARK
 *
 * Files rotate by size; offsets go on over them. A file has no hole: bytes
 * that could not be written are counted, and what comes after them begins a new
 * file. Writing blocks as a disk does, which the page cache hides. */
#ifndef HOSTS_CONSOLE_LOG_H
#define HOSTS_CONSOLE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hosts/console_index.h"
#include "harness/attr.h"

struct clock;
struct console_log;
struct fault;

#define CONSOLE_LOG_FILE_BYTES (64 << 20)
#define CONSOLE_MARKS_MAX 64            /* the oldest is forgotten */
#define CONSOLE_MARK_LAST "last"

/* Goes on where the log in 'dir' ends, or begins one; 'dir' is made. No file
 * is opened before there is something to write. */
MUST_CHECK bool console_log_open(const char *dir, int64_t file_bytes,
                                 struct clock *clock,
                                 struct console_log **log_out,
                                 struct fault *why);
void console_log_close(struct console_log *log);        /* ignores NULL */

/* Absolute offset of the next byte, lost ones counted. */
int64_t console_log_offset(const struct console_log *log);
int64_t console_log_lost(const struct console_log *log);
const char *console_log_dir(const struct console_log *log);

/* Returns how many of the bytes are in the log now; fewer than given when the
 * file system refuses: then the log is in trouble until console_log_mend(). */
MUST_CHECK size_t console_log_append(struct console_log *log,
                                     const char *data, size_t bytes);
/* Gives bytes up: counts them, and says so in index and events as soon as
 * something can be written. */
void console_log_lose(struct console_log *log, size_t bytes);
/* True since the file system refused; 'error' errno, 'since' (mono ms) when it
 * first did since bytes were last written. */
bool console_log_in_trouble(const struct console_log *log,
                            int64_t *since_ms_out, int *error_out);
/* Tries to write again what is owed; true when the trouble is over, as far as
 * that can be known before the next bytes. */
bool console_log_mend(struct console_log *log);

/* A line about this moment, in the index and the events. Never fails: what
 * cannot be written waits, and of too many such lines the last are dropped. */
void console_log_note(struct console_log *log, enum console_index_kind kind,
                      const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Sets a mark, at 'offset', or at the present one if it is negative. */
void console_log_mark(struct console_log *log, const char *name,
                      int64_t offset);
MUST_CHECK bool console_log_find_mark(const struct console_log *log,
                                      const char *name, int64_t *offset_out);

#endif
