/* hosts/console_mux.h - when each console is read.
 *
 * A socket keeps its bytes while we do not look, whatever becomes of us, so
 * that many consoles and many bytes of each are served in one round. Most are
 * calm: looked at every CONSOLE_CALM_MS at most. A console that somebody
 * watches, or that says much, is hot: looked at every CONSOLE_HOT_MS, because
 * a machine that sends byte by byte fills its socket with some hundred bytes
 * and then stands still. */
#ifndef HOSTS_CONSOLE_MUX_H
#define HOSTS_CONSOLE_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct console_mux;
struct fault;
struct uv_loop_s;

#define CONSOLE_CALM_MS 100
#define CONSOLE_HOT_MS 2

/* One descriptor at a time of one console; embedded in its owner, zeroed and
 * with 'fd' -1 before use. */
struct console_mux_item {
    /* epoll events; returns how many bytes were read. */
    size_t (*ready)(struct console_mux_item *item, uint32_t events);
    int fd;                     /* -1: none */
    uint32_t events;
    bool hot, pinned, looked;   /* looked: waits for the second look */
    size_t tick_bytes;
    int quiet_ticks;
    struct console_mux_item *next;      /* hot, or waiting for the look */
};

MUST_CHECK bool console_mux_new(struct uv_loop_s *loop,
                                struct console_mux **mux_out,
                                struct fault *why);
/* Reports 'events' of 'fd' from now on, instead of what was before; -1
 * nothing. Must be -1 before the descriptor is closed. */
void console_mux_poll(struct console_mux *mux, struct console_mux_item *item,
                      int fd, uint32_t events);
/* Somebody watches: it stays hot. */
void console_mux_pin(struct console_mux *mux, struct console_mux_item *item,
                     bool pinned);
/* Four times a second: lets cool what has become quiet. */
void console_mux_tick(struct console_mux *mux);
/* All items must be gone. The handles finish closing in the loop's next
 * turns. Ignores NULL. */
void console_mux_free(struct console_mux *mux);

#endif
