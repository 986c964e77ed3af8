/* hosts/boot_console.h - watches a host's console for signs, from its
 * power-on. */
#ifndef HOSTS_BOOT_CONSOLE_H
#define HOSTS_BOOT_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "harness/attr.h"
#include "hosts/boot_verdict.h"

struct buf;
struct console_client;
struct fault;

/* From the loop. 'line' is the line of the sign, trimmed; with BOOT_SIGN_NONE
 * it says why the console is not watched any more. The watch may be stopped in
 * there. */
typedef void boot_console_fn(void *owner, enum boot_sign sign,
                             const char *line);

/* Embedded in its owner. */
struct boot_console {
    uv_loop_t *loop;
    const char *host;           /* borrowed */
    int64_t limit_ms;
    boot_console_fn *fn;
    void *owner;
    struct console_client *client;      /* NULL: idle */
    uv_poll_t poll;
    uv_timer_t timer;
    bool started;               /* the handles were made */
};

/* Marks the place as "boot" and watches from there. A console that cannot be
 * watched is BOOT_SIGN_NONE, at once: a boot needs none to be confirmed. */
void boot_console_start(struct boot_console *console, uv_loop_t *loop,
                        const char *host, int64_t limit_ms,
                        boot_console_fn *fn, void *owner);
void boot_console_stop(struct boot_console *console);

/* The last line that is not empty, escaped, appended; nothing when unknown. */
void boot_console_last_line(const char *host, struct buf *out);

#endif
