/* hosts/console_client.h - talks to the site's assay-console.
 *
 * Blocking, for command-line programs and steps. A client is one connection;
 * a lost one is FAULT_LOST, and the caller may open another. Absolute offsets
 * count the bytes that a console ever gave, over all files of its log.
 *
 * A place ('from') is a mark's name, "start", "now", "last" (where the latest
 * mark was set or expect matched, else now) or a decimal offset. */
#ifndef HOSTS_CONSOLE_CLIENT_H
#define HOSTS_CONSOLE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"

struct fault;
struct console_client;

/* FAULT_CONFLICT, with a hint, when no assay-console serves this home. */
MUST_CHECK bool console_client_open(struct console_client **client_out,
                                    struct fault *why);
void console_client_close(struct console_client *client);  /* ignores NULL */

/* Has the list of hosts read again; returns when it is in force and new
 * listening sockets exist. */
MUST_CHECK bool console_client_reload(struct console_client *client,
                                      struct fault *why);
/* Object of one host (host, driver, state, offset, path, readers, writer,
 * lost, why), or with 'host' NULL an array of all. The caller owns it.
 * FAULT_NOT_FOUND: assay-console does not know the host. */
MUST_CHECK bool console_client_status(struct console_client *client,
                                      const char *host, json_t **status_out,
                                      struct fault *why);
/* Bytes that the console gave so far. */
MUST_CHECK bool console_client_log_offset(struct console_client *client,
                                          const char *host,
                                          int64_t *offset_out,
                                          struct fault *why);
/* Names the present offset; an older mark of that name is forgotten.
 * 'offset_out' may be NULL. */
MUST_CHECK bool console_client_mark(struct console_client *client,
                                    const char *host, const char *name,
                                    int64_t *offset_out, struct fault *why);
/* Types 'data'. FAULT_CONFLICT when somebody is attached for writing and not
 * 'force', or when the console is not connected. */
MUST_CHECK bool console_client_send(struct console_client *client,
                                    const char *host, const void *data,
                                    size_t bytes, bool force,
                                    struct fault *why);

/* Patterns are regular expressions as libhs takes them; ^ and $ match at line
 * ends ("\r" is a byte like others). The earliest end wins, then the lowest
 * index. */
struct console_expect {
    const char *host;
    const char *from;           /* a place; NULL: "last" */
    const char *const *patterns;
    size_t pattern_count;
    int64_t timeout_ms;         /* from now on; 0: only what is there already */
};
struct console_match {
    int index;                  /* of the pattern; -1: time-out */
    int64_t end;                /* offset after the match; time-out: of the
                                 * line that is not complete, to go on from */
    char line[1024];            /* the line that it ended in, escaped */
};
/* Waits for the first match. A time-out is success with index -1. */
MUST_CHECK bool console_client_expect(struct console_client *client,
                                      const struct console_expect *expect,
                                      struct console_match *match_out,
                                      struct fault *why);
/* The same in two parts, for those who wait for other things too: one at a
 * time; console_client_close() cancels. _poll() waits at most 'wait_ms' and
 * sets '*done_out'. */
MUST_CHECK bool console_client_expect_start(struct console_client *client,
                                            const struct console_expect *expect,
                                            struct fault *why);
MUST_CHECK bool console_client_expect_poll(struct console_client *client,
                                           int64_t wait_ms, bool *done_out,
                                           struct console_match *match_out,
                                           struct fault *why);
/* To be polled for reading together with other descriptors. */
int console_client_fd(const struct console_client *client);

/* Attached: the console's bytes from 'from' (NULL: "now") on. ------------- */

struct console_attach {
    const char *host;
    const char *from;
    bool write;                 /* type too; FAULT_CONFLICT if somebody does */
    bool force;                 /* take it from whoever types now */
    const char *who;            /* shown to the others; may be NULL */
};
/* After this the client does nothing else. 'offset_out' may be NULL. */
MUST_CHECK bool console_client_attach(struct console_client *client,
                                      const struct console_attach *attach,
                                      int64_t *offset_out,
                                      struct fault *why);

enum console_event { CONSOLE_EVENT_NONE = 0, /* nothing within wait_ms */
                     CONSOLE_EVENT_DATA,     /* console bytes */
                     CONSOLE_EVENT_NOTE };   /* text for people */
/* The next piece; borrowed until the next call. FAULT_LOST when
 * assay-console has gone. */
MUST_CHECK bool console_client_read(struct console_client *client,
                                    int64_t wait_ms,
                                    enum console_event *event_out,
                                    const char **data_out,
                                    size_t *bytes_out, struct fault *why);
/* After the bytes that were given last. */
int64_t console_client_offset(const struct console_client *client);
MUST_CHECK bool console_client_write(struct console_client *client,
                                     const void *data, size_t bytes,
                                     struct fault *why);

#endif
