/* harness/ssh_pool.h - the kept-open connections of a job to its hosts.
 *
 * A command takes the host's open session, or a new one when there is none,
 * when all are full, or when the host has booted anew since (its ssh file says
 * so); beyond SSH_POOL_PER_HOST sessions it waits for one. If the kept session
 * turns out to be dead before the command has started, it is tried once more
 * on a fresh one; after it started, never. */
#ifndef HARNESS_SSH_POOL_H
#define HARNESS_SSH_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>
#include "harness/attr.h"
#include "harness/ssh_exec.h"
#include "harness/ssh_session.h"

struct ssh_call;                /* one command through the pool */
struct ssh_pool;

#define SSH_POOL_PER_HOST 8
/* Connecting at once to one host: dropbear refuses more than five. */
#define SSH_POOL_CONNECTING 3

/* 'dir' has a file for each host that has come up (harness/ssh_target.h). */
MUST_CHECK struct ssh_pool *ssh_pool_new(uv_loop_t *loop, const char *dir,
                                         ssh_socket_fn *make_socket,
                                         void *socket_owner);
/* Ends all without a word. Ignores NULL. */
void ssh_pool_free(struct ssh_pool *pool);

/* Commands that run or wait, those included that only kill others. */
size_t ssh_pool_load(const struct ssh_pool *pool);

/* As ssh_exec_start(); all failures come through ops->done, from the loop. */
struct ssh_call *ssh_call_start(struct ssh_pool *pool, const char *host,
                                const char *command,
                                const struct ssh_exec_ops *ops, void *owner);
/* These only after ops->started: input that a repetition would need again
 * must not be here before. */
bool ssh_call_write(struct ssh_call *call, const void *data, size_t bytes);
void ssh_call_end_input(struct ssh_call *call);
void ssh_call_pause(struct ssh_call *call, bool paused);
/* At any time until 'done'. */
void ssh_call_cancel(struct ssh_call *call);

#endif
