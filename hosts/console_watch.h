/* hosts/console_watch.h - watches a host's console for the patterns of the
 * library, from a loop. */
#ifndef HOSTS_CONSOLE_WATCH_H
#define HOSTS_CONSOLE_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "harness/attr.h"
#include "harness/buf.h"

struct console_client;
struct fault;
struct pattern;
struct pattern_code;
struct pattern_scan;

/* From the loop. 'line' is the line that 'pattern' matched, trimmed and
 * escaped; of a headline ("Panic on CPU 0:") with what stands below it. It
 * begins at the absolute 'offset' of the console's log. With pattern NULL it
 * says why the console is not watched any more. The watch may be stopped in
 * there. */
typedef void console_watch_fn(void *owner, const struct pattern *pattern,
                              int64_t offset, const char *line);

/* Embedded in its owner; zeroed before the first use. */
struct console_watch {
    uv_loop_t *loop;
    const char *host;           /* borrowed */
    console_watch_fn *fn;
    void *owner;
    struct console_client *client;      /* NULL: idle */
    struct pattern_scan *scan;
    uv_poll_t *poll;            /* of this client; the loop frees it */
    uv_timer_t timer;
    bool started;               /* the timer was made */
    int64_t base;               /* offset of what the scan counts as 0 */
    int64_t fed;                /* bytes that the scan got */
    struct buf line;            /* of the stream, not ended */
    int64_t quiet_ms;           /* how long nothing came */
    const struct pattern *headline;     /* its reason is awaited; or NULL */
    struct buf head;
    int64_t head_at;            /* its offset */
    int64_t head_ms;            /* how long */
};

/* Watches what comes from now on; with 'mark' that place gets its name. A
 * console that cannot be watched is told at once. 'host' and 'code' are
 * borrowed until console_watch_stop(). */
void console_watch_start(struct console_watch *watch, uv_loop_t *loop,
                         const char *host, const char *mark,
                         struct pattern_code *code, console_watch_fn *fn,
                         void *owner);
void console_watch_stop(struct console_watch *watch);   /* idempotent */

/* The last line that is not empty, escaped, appended; nothing when unknown. */
void console_last_line(const char *host, struct buf *out);

#endif
