/* hosts/console_relay.h - starts assay-relay for a console whose socket nobody
 * is connected to, again and again, each time a bit later.
 *
 * A relay outlives this process as its connection does (which the descriptor
 * store keeps): it is not stopped when we end, only when it is of no use. */
#ifndef HOSTS_CONSOLE_RELAY_H
#define HOSTS_CONSOLE_RELAY_H

#include <stdint.h>
#include <sys/types.h>
#include <jansson.h>
#include "harness/attr.h"

struct clock;
struct console_port;

/* Embedded in its owner; zeroed. */
struct console_relay {
    pid_t pid;                  /* 0: none of ours runs */
    int err;                    /* what it says, a file in memory */
    int64_t next_ms;            /* mono; not before */
    int64_t step_ms;
    char *why;                  /* why the last one ended, or NULL */
};

/* Four times a second. 'config' is the host's "console" object. */
void console_relay_tick(struct console_relay *relay, struct clock *clock,
                        struct console_port *port, const json_t *config);
/* TERM to ours; the connection that it carries ends with it. */
void console_relay_stop(struct console_relay *relay);
/* Forgets it, and lets it run. */
void console_relay_fini(struct console_relay *relay);

#endif
