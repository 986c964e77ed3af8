/* hosts/console_ask.h - runs a short-lived helper from the loop and collects
 * what it prints: what blocks (PostgreSQL, libvirt) must not stop consoles. */
#ifndef HOSTS_CONSOLE_ASK_H
#define HOSTS_CONSOLE_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct buf;
struct console_ask;
struct fault;
struct uv_loop_s;

/* Runs once, from the loop, unless cancelled. 'why' is NULL when the helper
 * ended well. */
typedef void console_ask_fn(void *owner, const char *data, size_t bytes,
                            const struct fault *why);

/* 'argv' holds the words, each with its NUL; the first is found beside this
 * program. proc_watch_init() must have run. */
MUST_CHECK bool console_ask_start(struct uv_loop_s *loop,
                                  const struct buf *argv, int64_t limit_ms,
                                  console_ask_fn *done, void *owner,
                                  struct console_ask **ask_out,
                                  struct fault *why);
/* Stops the helper; 'done' does not run. Ignores NULL. */
void console_ask_cancel(struct console_ask *ask);

#endif
