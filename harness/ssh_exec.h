/* harness/ssh_exec.h - one command on an ssh connection. */
#ifndef HARNESS_SSH_EXEC_H
#define HARNESS_SSH_EXEC_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct fault;
struct ssh_exec;                /* one command */
struct ssh_session;

#define SSH_INPUT_MAX (256 * 1024)      /* waiting to be sent */

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
/* The owner has lost interest: nothing is called any more, and the remote
 * processes of this command are killed. */
void ssh_exec_cancel(struct ssh_exec *exec);

#endif
