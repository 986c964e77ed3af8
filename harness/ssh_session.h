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
#include "harness/fault.h"

struct ssh_exec;                /* one command */
struct ssh_session;
struct ssh_target;

#define SSH_CONNECT_MS 30000    /* until logged in; emulated hosts are slow */
#define SSH_GONE_MS 40000
#define SSH_INPUT_MAX (256 * 1024)      /* waiting to be sent */

/* Makes an unconnected TCP socket for 'address' where it is reachable. */
typedef bool ssh_socket_fn(void *owner, const char *address, int *fd_out,
                           struct fault *why);
/* An ordinary socket of this network namespace. */
bool ssh_socket_plain(void *owner, const char *address, int *fd_out,
                      struct fault *why);

/* How a command ended. Without 'fault' it has 'status', or was killed by
 * 'signal' ("TERM"). */
struct ssh_end {
    bool started;               /* it may have had an effect */
    int status;
    char signal[24];            /* "" for none */
    const struct fault *fault;  /* the transport failed; NULL */
};

/* All from the loop, never inside a call of the owner's. */
struct ssh_exec_ops {
    void (*started)(void *owner);
    void (*data)(void *owner, int stream, const char *data, size_t bytes);
    /* What ssh_exec_write() took has been sent. */
    void (*drained)(void *owner);
    /* Once, the last call; 'exec' is gone after it. */
    void (*done)(void *owner, const struct ssh_end *end);
};

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
/* Commands that run or wait on it. */
size_t ssh_session_load(const struct ssh_session *session);

/* 'command' is for the shell of the remote user. May be called at once after
 * ssh_session_new(): it waits for the log-in. */
struct ssh_exec *ssh_exec_start(struct ssh_session *session,
                                const char *command,
                                const struct ssh_exec_ops *ops, void *owner);
/* Input; all is taken. False: over SSH_INPUT_MAX waits, pause until
 * 'drained'. */
bool ssh_exec_write(struct ssh_exec *exec, const void *data, size_t bytes);
/* End of the input, after what was written. */
void ssh_exec_end_input(struct ssh_exec *exec);
/* While paused no 'data' is called, and the far side is held back. */
void ssh_exec_pause(struct ssh_exec *exec, bool paused);
/* The owner has lost interest: nothing is called any more, the channel is
 * closed and the remote processes of this command are killed. */
void ssh_exec_cancel(struct ssh_exec *exec);

#endif
