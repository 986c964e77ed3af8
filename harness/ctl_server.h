/* harness/ctl_server.h - the job's side of the control socket. */
#ifndef HARNESS_CTL_SERVER_H
#define HARNESS_CTL_SERVER_H

#include <stddef.h>
#include <uv.h>
#include "harness/attr.h"

struct ctl_server;
struct fault;
struct ssh_pool;

/* Gives the host for "HOST" or "ROLE", NULL with 'why' if it has none. */
typedef const char *ctl_resolve_fn(void *owner, const char *name,
                                   struct fault *why);

/* Serves at 'path' on 'loop'. The pool is borrowed. */
MUST_CHECK struct ctl_server *ctl_server_new(uv_loop_t *loop,
                                             const char *path,
                                             struct ssh_pool *pool,
                                             ctl_resolve_fn *resolve,
                                             void *owner, struct fault *why);
/* One that listens nowhere, for connections that are handed to it. */
MUST_CHECK struct ctl_server *ctl_server_new_bare(uv_loop_t *loop,
                                                  struct ssh_pool *pool,
                                                  ctl_resolve_fn *resolve,
                                                  void *owner);
/* Takes 'fd', a connected stream socket. */
void ctl_server_adopt(struct ctl_server *server, int fd);
/* Connections that it has. */
size_t ctl_server_load(const struct ctl_server *server);
/* Ends all connections and their commands; the handles close in the loop.
 * Before the pool. Ignores NULL. */
void ctl_server_free(struct ctl_server *server);

#endif
