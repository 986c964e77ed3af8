/* harness/ssh_exec.c - one command on an ssh connection; see ssh_private.h. */
#include <config.h>

#include "harness/ssh_exec.h"

#include <inttypes.h>
#include <sys/random.h>
#include "harness/mem.h"
#include "harness/ssh_private.h"

#define MARK_NAME "ASSAY_EXEC"
#define DROPBEAR_COMMAND_BYTES 8900     /* its MAX_CMD_LEN is 9000 */

/* An error that ends the channel alone. */
static bool
is_channel_error(int rc)
{
    return rc == LIBSSH2_ERROR_CHANNEL_FAILURE ||
           rc == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED ||
           rc == LIBSSH2_ERROR_CHANNEL_UNKNOWN ||
           rc == LIBSSH2_ERROR_CHANNEL_CLOSED ||
           rc == LIBSSH2_ERROR_CHANNEL_EOF_SENT;
}

static ssize_t
call(struct ssh_exec *exec, enum op op)
{
    struct ssh_session *session = exec->session;

    switch (op) {
    case OP_OPEN:
        exec->channel = libssh2_channel_open_session(session->ssh);
        return exec->channel != NULL
                   ? 0 : libssh2_session_last_errno(session->ssh);
    case OP_REQUEST:
        return libssh2_channel_exec(exec->channel, exec->command);
    case OP_WRITE:
        return libssh2_channel_write(exec->channel, exec->in.data,
                                     exec->in.len);
    case OP_EOF:
        return libssh2_channel_send_eof(exec->channel);
    case OP_READ_OUT:
        return libssh2_channel_read(exec->channel, session->chunk,
                                    SSH_CHUNK_BYTES);
    case OP_READ_ERR:
        return libssh2_channel_read_stderr(exec->channel, session->chunk,
                                           SSH_CHUNK_BYTES);
    case OP_CLOSE:
        return libssh2_channel_close(exec->channel);
    case OP_WAIT:
        return libssh2_channel_wait_closed(exec->channel);
    case OP_FREE:
        return libssh2_channel_free(exec->channel);
    case OP_NONE:
    default:
        must_never("an operation");
    }
    return -1;
}

/* As call(), keeping the pin. */
static ssize_t
attempt(struct ssh_exec *exec, enum op op)
{
    struct ssh_session *session = exec->session;
    ssize_t rc;

    must(session->pin == NULL ||
         (session->pin == exec && session->pin_op == op));
    session->pin = NULL;
    rc = call(exec, op);
    if (rc == LIBSSH2_ERROR_EAGAIN &&
        (libssh2_session_block_directions(session->ssh) &
         LIBSSH2_SESSION_BLOCK_OUTBOUND) != 0) {
        session->pin = exec;
        session->pin_op = op;
    }
    return rc;
}

static void
exec_unlink(struct ssh_exec *exec)
{
    struct ssh_exec **link = &exec->session->execs;

    while (*link != exec)
        link = &(*link)->next;
    *link = exec->next;
    if (exec->session->opener == exec)
        exec->session->opener = NULL;
    if (exec->session->pin == exec)
        exec->session->pin = NULL;
}

void
ssh_exec_finish(struct ssh_exec *exec)
{
    exec_unlink(exec);
    exec->end.started = exec->started;
    if (!exec->cancelled && exec->ops != NULL)
        exec->ops->done(exec->owner, &exec->end);
    free(exec->command);
    buf_free(&exec->in);
    free(exec);
}

/* --- A command ----------------------------------------------------------- */

/* The channel alone has failed; the session goes on. */
static void
exec_fail(struct ssh_exec *exec, const char *what)
{
    ssh_session_error(exec->session, &exec->fault, what);
    exec->end.fault = &exec->fault;
}

static enum drive
drive_open(struct ssh_exec *exec, struct fault *why)
{
    struct ssh_session *session = exec->session;
    ssize_t rc;

    if (exec->cancelled && session->opener != exec) {
        ssh_exec_finish(exec);
        return DRIVE_ENDED;
    }
    if (session->opener != NULL && session->opener != exec)
        return DRIVE_IDLE;
    session->opener = exec;
    rc = attempt(exec, OP_OPEN);
    if (rc == LIBSSH2_ERROR_EAGAIN)
        return DRIVE_IDLE;
    if (rc == 0) {
        exec->state = EXEC_REQUEST;
        return DRIVE_PROGRESS;
    }
    session->opener = NULL;
    if (!is_channel_error((int)rc)) {
        ssh_session_error(session, why, "open a channel");
        return DRIVE_DEAD;
    }
    exec_fail(exec, "open a channel");
    ssh_exec_finish(exec);
    return DRIVE_ENDED;
}

static enum drive
drive_request(struct ssh_exec *exec, struct fault *why)
{
    struct ssh_session *session = exec->session;
    ssize_t rc;

    if (exec->cancelled && !exec->started) {
        session->opener = NULL;
        exec->state = EXEC_CLOSE;
        return DRIVE_PROGRESS;
    }
    /* dropbear would end the whole connection. */
    if (strlen(exec->command) > DROPBEAR_COMMAND_BYTES &&
        ssh_session_is_dropbear(session)) {
        session->opener = NULL;
        fault_set(&exec->fault, FAULT_USAGE, "a command of %zu bytes is too "
                  "long for dropbear (at most %d)", strlen(exec->command),
                  DROPBEAR_COMMAND_BYTES);
        fault_hint(&exec->fault, "put a script on the host and run that");
        exec->end.fault = &exec->fault;
        exec->state = EXEC_CLOSE;
        return DRIVE_PROGRESS;
    }
    exec->started = true;       /* from now on nobody can know */
    rc = attempt(exec, OP_REQUEST);
    if (rc == LIBSSH2_ERROR_EAGAIN)
        return DRIVE_IDLE;
    session->opener = NULL;
    if (rc == 0) {
        exec->state = EXEC_RUNS;
        if (!exec->cancelled && exec->ops != NULL &&
            exec->ops->started != NULL)
            exec->ops->started(exec->owner);
        return DRIVE_PROGRESS;
    }
    if (!is_channel_error((int)rc)) {
        ssh_session_error(session, why, "start the command");
        return DRIVE_DEAD;
    }
    exec_fail(exec, "start the command");
    exec->state = EXEC_CLOSE;
    return DRIVE_PROGRESS;
}

static enum drive
drive_write(struct ssh_exec *exec, struct fault *why)
{
    ssize_t rc;

    if (exec->cancelled && exec->session->pin == NULL) {
        buf_reset(&exec->in);           /* nobody reads it any more */
        exec->in_end = true;
    }
    if (exec->in.len > 0) {
        rc = attempt(exec, OP_WRITE);
        if (rc > 0) {
            buf_drop(&exec->in, (size_t)rc);
            if (exec->in.len == 0 && exec->in_full) {
                exec->in_full = false;
                if (!exec->cancelled && exec->ops->drained != NULL)
                    exec->ops->drained(exec->owner);
            }
            return DRIVE_PROGRESS;
        }
    } else if (exec->in_end && !exec->in_end_sent) {
        rc = attempt(exec, OP_EOF);
        if (rc == 0) {
            exec->in_end_sent = true;
            return DRIVE_PROGRESS;
        }
    } else {
        return DRIVE_IDLE;
    }
    if (rc == LIBSSH2_ERROR_EAGAIN || rc == 0)
        return DRIVE_IDLE;
    if (is_channel_error((int)rc)) {
        /* It reads no more; what it said and its status still come. */
        buf_reset(&exec->in);
        exec->in_end_sent = exec->in_end = true;
        return DRIVE_PROGRESS;
    }
    ssh_session_error(exec->session, why, "send input");
    return DRIVE_DEAD;
}

static enum drive
drive_read(struct ssh_exec *exec, enum op op, struct fault *why)
{
    ssize_t rc = attempt(exec, op);

    if (rc > 0) {
        if (!exec->cancelled && exec->ops != NULL)
            exec->ops->data(exec->owner, op == OP_READ_OUT ? 1 : 2,
                            exec->session->chunk, (size_t)rc);
        return DRIVE_PROGRESS;
    }
    if (rc == 0 || rc == LIBSSH2_ERROR_EAGAIN || is_channel_error((int)rc))
        return DRIVE_IDLE;
    ssh_session_error(exec->session, why, "read output");
    return DRIVE_DEAD;
}

static enum drive
drive_runs(struct ssh_exec *exec, struct fault *why)
{
    struct ssh_session *session = exec->session;
    enum drive done = DRIVE_IDLE, one;

    one = drive_write(exec, why);
    if (one == DRIVE_DEAD || session->pin != NULL)
        return one;
    done = one;
    if (!exec->paused) {
        one = drive_read(exec, OP_READ_OUT, why);
        if (one == DRIVE_DEAD || session->pin != NULL)
            return one;
        done = one == DRIVE_PROGRESS ? one : done;
    }
    if (!exec->paused) {
        one = drive_read(exec, OP_READ_ERR, why);
        if (one == DRIVE_DEAD || session->pin != NULL)
            return one;
        done = one == DRIVE_PROGRESS ? one : done;
    }
    if (done == DRIVE_IDLE && libssh2_channel_eof(exec->channel) == 1) {
        exec->state = EXEC_WAIT;
        return DRIVE_PROGRESS;
    }
    return done;
}

/* A status of 0 on the wire is what libssh2 says when none came: the wrapper
 * adds one to the command's, so that it never means success. */
static void
take_status(struct ssh_exec *exec)
{
    char *signal = NULL;
    size_t len = 0;
    int status = libssh2_channel_get_exit_status(exec->channel);

    (void)libssh2_channel_get_exit_signal(exec->channel, &signal, &len, NULL,
                                          NULL, NULL, NULL);
    if (signal != NULL && len > 0) {
        (void)snprintf(exec->end.signal, sizeof(exec->end.signal), "%.*s",
                       (int)len, signal);
    } else if (status == 0) {
        fault_set(&exec->fault, FAULT_PEER, "ssh to %s: the command's "
                  "channel ended without an exit status",
                  exec->session->where);
        exec->end.fault = &exec->fault;
    } else {
        exec->end.status = (status - 1) & 255;
    }
    if (signal != NULL)
        libssh2_free(exec->session->ssh, signal);
}

/* The far side closes first, after its output has ended and its command too:
 * dropbear fails an assertion when a channel is closed before. */
static enum drive
drive_end(struct ssh_exec *exec, struct fault *why)
{
    enum op op = exec->state == EXEC_CLOSE  ? OP_CLOSE
                 : exec->state == EXEC_WAIT ? OP_WAIT : OP_FREE;
    ssize_t rc = attempt(exec, op);

    if (rc == LIBSSH2_ERROR_EAGAIN)
        return DRIVE_IDLE;
    if (rc < 0 && !is_channel_error((int)rc)) {
        ssh_session_error(exec->session, why, "close a channel");
        return DRIVE_DEAD;
    }
    if (op == OP_WAIT) {
        take_status(exec);
        exec->state = EXEC_CLOSE;
        return DRIVE_PROGRESS;
    }
    if (op == OP_CLOSE) {
        exec->state = EXEC_FREE;
        return DRIVE_PROGRESS;
    }
    exec->channel = NULL;
    ssh_exec_finish(exec);
    return DRIVE_ENDED;
}

enum drive
ssh_exec_drive(struct ssh_exec *exec, struct fault *why)
{
    switch (exec->state) {
    case EXEC_OPEN:
        return drive_open(exec, why);
    case EXEC_REQUEST:
        return drive_request(exec, why);
    case EXEC_RUNS:
        return drive_runs(exec, why);
    case EXEC_CLOSE:
    case EXEC_WAIT:
    case EXEC_FREE:
        return drive_end(exec, why);
    case EXEC_DONE:
    default:
        return DRIVE_IDLE;
    }
}

enum drive
ssh_exec_drive_pin(struct ssh_session *session, struct fault *why)
{
    struct ssh_exec *exec = session->pin;

    switch (session->pin_op) {
    case OP_WRITE:
    case OP_EOF:
        return drive_write(exec, why);
    case OP_READ_OUT:
    case OP_READ_ERR:
        return drive_read(exec, session->pin_op, why);
    case OP_OPEN:
    case OP_REQUEST:
    case OP_CLOSE:
    case OP_WAIT:
    case OP_FREE:
    case OP_NONE:
    default:
        return ssh_exec_drive(exec, why);
    }
}

/* --- Commands, from outside ---------------------------------------------- */

static struct ssh_exec *
exec_new(struct ssh_session *session, const struct ssh_exec_ops *ops,
         void *owner)
{
    struct ssh_exec *exec = xcalloc(1, sizeof(*exec)), **link;

    exec->session = session;
    exec->ops = ops;
    exec->owner = owner;
    for (link = &session->execs; *link != NULL; link = &(*link)->next)
        continue;
    *link = exec;
    ssh_session_kick(session);
    return exec;
}

/* The command by a shell of its own, whose environment names it and all that
 * it starts; its status plus one, see take_status(). */
static char *
wrap(const char *command, const char *mark)
{
    struct buf text = BUF_INIT;

    buf_addf(&text, "%s sh -c ", mark);
    buf_add_shell(&text, command);
    buf_adds(&text, "; exit $((($?+1)&255))");
    return buf_take(&text);
}

struct ssh_exec *
ssh_exec_start(struct ssh_session *session, const char *command,
               const struct ssh_exec_ops *ops, void *owner)
{
    struct ssh_exec *exec;
    uint64_t id[2];

    must(session->state != SESSION_GONE && !session->freed);
    exec = exec_new(session, ops, owner);
    must(getrandom(id, sizeof(id), 0) == (ssize_t)sizeof(id));
    (void)snprintf(exec->mark, sizeof(exec->mark),
                   MARK_NAME "=%016" PRIx64 "%016" PRIx64, id[0], id[1]);
    exec->command = wrap(command, exec->mark);
    return exec;
}

bool
ssh_exec_write(struct ssh_exec *exec, const void *data, size_t bytes)
{
    must(!exec->in_end);
    buf_add(&exec->in, data, bytes);
    if (exec->in.len > SSH_INPUT_MAX)
        exec->in_full = true;
    ssh_session_kick(exec->session);
    return !exec->in_full;
}

void
ssh_exec_end_input(struct ssh_exec *exec)
{
    exec->in_end = true;
    ssh_session_kick(exec->session);
}

void
ssh_exec_pause(struct ssh_exec *exec, bool paused)
{
    exec->paused = paused;
    if (!paused)
        ssh_session_kick(exec->session);
}

/* Closing the channel would kill nothing: a command that neither reads nor
 * writes would go on. So its processes are killed, and the channel ends by
 * itself. The bracket keeps the search from finding itself. */
static void
kill_remote(struct ssh_session *session, const char *mark)
{
    struct ssh_exec *exec = exec_new(session, NULL, NULL);

    exec->command = xasprintf(
        "for p in /proc/[0-9]*; do "
        "tr '\\0' '\\n' <$p/environ | grep -q '^ASSAY_EXE[C]%s$' && "
        "kill -KILL ${p#/proc/}; done 2>/dev/null",
        mark + strlen(MARK_NAME));
    exec->in_end = true;
}

void
ssh_exec_cancel(struct ssh_exec *exec)
{
    struct ssh_session *session = exec->session;

    if (exec->cancelled)
        return;
    exec->cancelled = true;
    exec->paused = false;
    if (exec->started && session->state == SESSION_UP)
        kill_remote(session, exec->mark);
    ssh_session_kick(session);
}
