/* harness/ssh_session.h - one ssh connection with many commands on it, by
 * libssh2 without blocking, on the loop.
 *
 * The host's key must be the one it reported itself: another is refused. TCP's
 * keepalive notices a host that is gone within SSH_GONE_MS. */
#ifndef HARNESS_SSH_SESSION_H
#define HARNESS_SSH_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "harness/attr.h"

struct fault;
struct ssh_session;
struct ssh_target;

#define SSH_CONNECT_MS 30000    /* until logged in; emulated hosts are slow */
#define SSH_GONE_MS 40000

/* Makes an unconnected TCP socket for 'address' where it is reachable. */
typedef bool ssh_socket_fn(void *owner, const char *address, int *fd_out,
                           struct fault *why);
/* An ordinary socket of this network namespace. */
bool ssh_socket_plain(void *owner, const char *address, int *fd_out,
                      struct fault *why);

/* 'gone' is called once, when the connection ended or could not be made, after
 * the 'done' of all its commands; the owner frees the session then or later. */
typedef void ssh_gone_fn(void *owner, const struct fault *why);
MUST_CHECK struct ssh_session *ssh_session_new(
    uv_loop_t *loop, const struct ssh_target *target,
    ssh_socket_fn *make_socket, void *socket_owner, ssh_gone_fn *gone,
    void *owner);
/* Ends it without a word to its commands' owners. Ignores NULL. */
void ssh_session_free(struct ssh_session *session);
bool ssh_session_is_up(const struct ssh_session *session);
bool ssh_session_is_gone(const struct ssh_session *session);
/* Commands that run or wait on it, and how many it should have at most; one
 * until it is up. */
size_t ssh_session_load(const struct ssh_session *session);
size_t ssh_session_capacity(const struct ssh_session *session);

#endif
