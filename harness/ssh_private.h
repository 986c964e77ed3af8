/* harness/ssh_private.h - what ssh_session.c and ssh_exec.c share.
 *
 * libssh2 without blocking has one rule that shapes both: a call that could
 * not send all it had (EAGAIN, outbound) must be made again, the same one,
 * before any other call that sends. That call is the "pin". */
#ifndef HARNESS_SSH_PRIVATE_H
#define HARNESS_SSH_PRIVATE_H

#include <libssh2.h>
#include <uv.h>
#include "harness/attr.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/ssh_exec.h"
#include "harness/ssh_session.h"

#define SSH_CHUNK_BYTES 32768

enum session_state { SESSION_CONNECTING = 0, SESSION_HANDSHAKE,
                     SESSION_AUTH, SESSION_UP, SESSION_GONE };
enum exec_state { EXEC_OPEN = 0, EXEC_REQUEST, EXEC_RUNS, EXEC_CLOSE,
                  EXEC_WAIT, EXEC_FREE, EXEC_DONE };
enum op { OP_NONE = 0, OP_OPEN, OP_REQUEST, OP_WRITE, OP_EOF, OP_READ_OUT,
          OP_READ_ERR, OP_CLOSE, OP_WAIT, OP_FREE };

struct ssh_exec {
    struct ssh_session *session;
    const struct ssh_exec_ops *ops;     /* NULL: nobody is interested */
    void *owner;
    char *command;                      /* as sent */
    char mark[64];                      /* "ASSAY_EXEC=..." */
    enum exec_state state;
    LIBSSH2_CHANNEL *channel;
    struct buf in;
    bool in_end, in_end_sent, in_full;
    bool paused, cancelled, started;
    struct ssh_end end;
    struct fault fault;                 /* what end.fault points to */
    struct ssh_exec *next;
};

struct ssh_session {
    uv_loop_t *loop;
    uv_poll_t poll;
    uv_timer_t limit;                   /* until it is up */
    uv_timer_t kick;                    /* pump soon */
    int open_handles;
    int fd;
    enum session_state state;
    LIBSSH2_SESSION *ssh;
    char *user, *key, *hostkey, *where;
    struct ssh_exec *execs;
    /* One at a time opens its channel and sends its request: libssh2 takes the
     * answer to another channel's for the failure of its own. */
    struct ssh_exec *opener;
    struct ssh_exec *pin;
    enum op pin_op;
    ssh_gone_fn *gone;
    void *owner;
    bool freed, pumping, free_later;
    char chunk[SSH_CHUNK_BYTES];
};

/* What came of working on a command. */
enum drive { DRIVE_IDLE = 0, DRIVE_PROGRESS, DRIVE_ENDED,
             DRIVE_DEAD /* the session is: 'why' says it */ };

/* Works on it as far as it goes without waiting. ENDED: it is freed. */
enum drive ssh_exec_drive(struct ssh_exec *exec, struct fault *why);
/* Makes the pinned call again. */
enum drive ssh_exec_drive_pin(struct ssh_session *session,
                              struct fault *why);
/* Tells the end and frees. */
void ssh_exec_finish(struct ssh_exec *exec);

/* Pumps soon, from the loop. */
void ssh_session_kick(struct ssh_session *session);
bool ssh_session_is_dropbear(const struct ssh_session *session);
/* "ssh to WHERE: WHAT: libssh2's last error". */
void ssh_session_error(const struct ssh_session *session, struct fault *why,
                       const char *what);

#endif
