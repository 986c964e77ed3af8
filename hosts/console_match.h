/* hosts/console_match.h - the first of several patterns in a stream of console
 * bytes, across whatever borders the pieces have. */
#ifndef HOSTS_CONSOLE_MATCH_H
#define HOSTS_CONSOLE_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/buf.h"

struct console_match_set;       /* compiled patterns and a stream */
struct fault;

#define CONSOLE_PATTERNS_MAX 256
#define CONSOLE_MATCH_LINE_MAX 240      /* bytes of the line that are kept */

/* Regular expressions in libhs's syntax (PCRE without what needs to look
 * back); ^ and $ are line borders. FAULT_USAGE names the one that is wrong. */
MUST_CHECK struct console_match_set *
console_match_new(const char *const *patterns, size_t count,
                  struct fault *why);
void console_match_free(struct console_match_set *set);     /* ignores NULL */

/* The next bytes, of which the first is at absolute 'offset'. True when a
 * pattern has matched, then or before: the earliest end wins, then the lowest
 * index. Bytes after a match only complete the line. A jump in 'offset'
 * begins the stream anew: nothing matches across missing bytes. */
MUST_CHECK bool console_match_feed(struct console_match_set *set,
                                   int64_t offset, const char *data,
                                   size_t bytes);
int console_match_index(const struct console_match_set *set);   /* -1: none */
int64_t console_match_end(const struct console_match_set *set);
/* The line in which the match ended has ended itself. */
bool console_match_line_is_whole(const struct console_match_set *set);
/* That line as far as it is known, escaped, without its end; of a long one
 * the part around the match. */
void console_match_line(const struct console_match_set *set,
                        struct buf *out);
/* Offset at which the line that is not complete begins. */
int64_t console_match_line_start(const struct console_match_set *set);

#endif
