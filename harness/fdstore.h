/* harness/fdstore.h - a supervisor keeps a child's descriptors for it.
 *
 * The holder (assayd) has one end of a SOCK_SEQPACKET pair, the client
 * (assay-console) inherits the other, named in SERVICE_STORE_ENV. Whatever the
 * client put is open in the holder too, so that the client's death closes no
 * socket and the kernel keeps what is in it; the next client takes it all
 * back by name. What was sent before a SIGKILL is received after it.
 *
 * A message is text, with at most one descriptor: "put NAME" (replaces),
 * "drop NAME" and "take" go to the holder; "fd NAME" (many) and "end COUNT"
 * answer a take. */
#ifndef HARNESS_FDSTORE_H
#define HARNESS_FDSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct fault;
struct uv_loop_s;
struct fdstore;                 /* holder */
struct fdstore_client;

#define FDSTORE_NAME_MAX 120    /* bytes; printable ASCII without blanks */
#define FDSTORE_FDS_MAX 16384   /* further ones are refused, with a warning */

/* Holder ------------------------------------------------------------------ */

MUST_CHECK struct fdstore *fdstore_new(struct uv_loop_s *loop);
/* Makes a fresh pair for the next client, after reading all that the one
 * before it (which must have ended) had still sent. The caller gives
 * '*child_fd_out' (CLOEXEC) to the child and closes its own copy. */
MUST_CHECK bool fdstore_serve(struct fdstore *store, int *child_fd_out,
                              struct fault *why);
size_t fdstore_count(const struct fdstore *store);
/* Closes all that is held; from the loop, or after it has ended. The handle
 * finishes closing in the loop's next turns. Ignores NULL. */
void fdstore_free(struct fdstore *store);

/* Client ------------------------------------------------------------------ */

/* The store that SERVICE_STORE_ENV names; *client_out is NULL, with success,
 * when there is none: every call below then does nothing. */
MUST_CHECK bool fdstore_client_open(struct fdstore_client **client_out,
                                    struct fault *why);
/* Calls 'each' for everything that is held; 'fd' (CLOEXEC) is the callee's.
 * Blocks at most 'limit_ms': before the loop runs, once. */
typedef void fdstore_take_fn(void *owner, const char *name, int fd);
MUST_CHECK bool fdstore_client_take(struct fdstore_client *client,
                                    int limit_ms, fdstore_take_fn *each,
                                    void *owner, struct fault *why);
/* Sends what must be sent from the loop from now on. */
MUST_CHECK bool fdstore_client_start(struct fdstore_client *client,
                                     struct uv_loop_s *loop,
                                     struct fault *why);
/* Neither blocks: what the socket does not take at once waits (holding a
 * duplicate) until the loop has sent it, in order. */
void fdstore_client_put(struct fdstore_client *client, const char *name,
                        int fd);
void fdstore_client_drop(struct fdstore_client *client, const char *name);
/* As fdstore_free(). Ignores NULL. */
void fdstore_client_free(struct fdstore_client *client);

#endif
