/* harness/ssh_session.c - one ssh connection; see the header.
 *
 * libssh2 without blocking has one rule that shapes this file: a call that
 * could not send all it had (EAGAIN, outbound) must be made again, the same
 * one, before any other call that sends. That call is the "pin". */
#include <config.h>

#include "harness/ssh_session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <libssh2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/ssh_target.h"

#define CHUNK_BYTES 32768
#define KEEP_IDLE_S 5
#define KEEP_INTERVAL_S 5
#define KEEP_COUNT 6
#define MARK_NAME "ASSAY_EXEC"

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
    struct ssh_exec *opener;            /* libssh2 opens one at a time */
    struct ssh_exec *pin;
    enum op pin_op;
    ssh_gone_fn *gone;
    void *owner;
    bool freed, pumping, free_later;
    char chunk[CHUNK_BYTES];
};

bool
ssh_socket_plain(void *owner UNUSED, const char *address, int *fd_out,
                 struct fault *why)
{
    int family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;

    *fd_out = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return *fd_out >= 0 ||
           fault_errno(why, FAULT_SYSTEM, "make a socket for ssh");
}

static void
kick(struct ssh_session *session);

/* --- One libssh2 call ----------------------------------------------------- */

static void
say_error(const struct ssh_session *session, struct fault *why,
          const char *what)
{
    char *text = NULL;

    (void)libssh2_session_last_error(session->ssh, &text, NULL, 0);
    fault_set(why, FAULT_PEER, "ssh to %s: %s: %s", session->where, what,
              text != NULL && text[0] != '\0' ? text : "unknown error");
}

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
                                    CHUNK_BYTES);
    case OP_READ_ERR:
        return libssh2_channel_read_stderr(exec->channel, session->chunk,
                                           CHUNK_BYTES);
    case OP_CLOSE:
        return libssh2_channel_close(exec->channel);
    case OP_WAIT:
        return libssh2_channel_wait_closed(exec->channel);
    case OP_FREE:
        return libssh2_channel_free(exec->channel);
    case OP_NONE:
    default:
        must(!"an operation");
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

/* --- The end of things ---------------------------------------------------- */

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

static void
exec_finish(struct ssh_exec *exec)
{
    exec_unlink(exec);
    exec->end.started = exec->started;
    if (!exec->cancelled && exec->ops != NULL)
        exec->ops->done(exec->owner, &exec->end);
    free(exec->command);
    buf_free(&exec->in);
    free(exec);
}

static void
on_closed(uv_handle_t *handle)
{
    struct ssh_session *session = handle->data;

    if (--session->open_handles > 0)
        return;
    free(session->user);
    free(session->key);
    free(session->hostkey);
    free(session->where);
    free(session);
}

/* The socket goes first: then libssh2 cannot wait for anything. */
static void
close_ssh(struct ssh_session *session)
{
    if (session->fd >= 0)
        (void)shutdown(session->fd, SHUT_RDWR);
    while (session->ssh != NULL &&
           libssh2_session_free(session->ssh) == LIBSSH2_ERROR_EAGAIN)
        continue;
    session->ssh = NULL;
    if (session->fd >= 0)
        (void)uv_poll_stop(&session->poll);
}

static void
session_end(struct ssh_session *session, const struct fault *why)
{
    struct ssh_exec *exec;

    if (session->state == SESSION_GONE)
        return;
    session->state = SESSION_GONE;
    (void)uv_timer_stop(&session->limit);
    close_ssh(session);
    session->pin = NULL;
    while ((exec = session->execs) != NULL) {
        if (exec->end.fault == NULL)
            exec->end.fault = why;
        exec_finish(exec);
    }
    if (!session->freed)
        session->gone(session->owner, why);
}

void
ssh_session_free(struct ssh_session *session)
{
    struct ssh_exec *exec;

    if (session == NULL || session->freed)
        return;
    if (session->pumping) {             /* not under our own feet */
        session->free_later = true;
        return;
    }
    session->freed = true;
    if (session->state != SESSION_GONE) {
        for (exec = session->execs; exec != NULL; exec = exec->next)
            exec->cancelled = true;
        session_end(session, NULL);
    }
    uv_close((uv_handle_t *)&session->limit, on_closed);
    uv_close((uv_handle_t *)&session->kick, on_closed);
    if (session->fd >= 0)
        uv_close((uv_handle_t *)&session->poll, on_closed);
    fd_close(&session->fd);
}

/* --- A command ------------------------------------------------------------ */

enum drive { DRIVE_IDLE = 0, DRIVE_PROGRESS, DRIVE_ENDED, DRIVE_DEAD };

/* The channel alone has failed; the session goes on. */
static void
exec_fail(struct ssh_exec *exec, const char *what)
{
    say_error(exec->session, &exec->fault, what);
    exec->end.fault = &exec->fault;
}

static enum drive
drive_open(struct ssh_exec *exec, struct fault *why)
{
    struct ssh_session *session = exec->session;
    ssize_t rc;

    if (exec->cancelled && session->opener != exec) {
        exec_finish(exec);
        return DRIVE_ENDED;
    }
    if (session->opener != NULL && session->opener != exec)
        return DRIVE_IDLE;
    session->opener = exec;
    rc = attempt(exec, OP_OPEN);
    if (rc == LIBSSH2_ERROR_EAGAIN)
        return DRIVE_IDLE;
    session->opener = NULL;
    if (rc == 0) {
        exec->state = exec->cancelled ? EXEC_CLOSE : EXEC_REQUEST;
        return DRIVE_PROGRESS;
    }
    if (!is_channel_error((int)rc)) {
        say_error(session, why, "open a channel");
        return DRIVE_DEAD;
    }
    exec_fail(exec, "open a channel");
    exec_finish(exec);
    return DRIVE_ENDED;
}

static enum drive
drive_request(struct ssh_exec *exec, struct fault *why)
{
    struct ssh_session *session = exec->session;
    ssize_t rc;

    exec->started = true;       /* from now on nobody can know */
    rc = attempt(exec, OP_REQUEST);
    if (rc == LIBSSH2_ERROR_EAGAIN)
        return DRIVE_IDLE;
    if (rc == 0) {
        exec->state = EXEC_RUNS;
        if (!exec->cancelled && exec->ops != NULL &&
            exec->ops->started != NULL)
            exec->ops->started(exec->owner);
        return DRIVE_PROGRESS;
    }
    if (!is_channel_error((int)rc)) {
        say_error(session, why, "start the command");
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
    say_error(exec->session, why, "send input");
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
    say_error(exec->session, why, "read output");
    return DRIVE_DEAD;
}

static enum drive
drive_runs(struct ssh_exec *exec, struct fault *why)
{
    struct ssh_session *session = exec->session;
    enum drive done = DRIVE_IDLE, one;

    if (exec->cancelled) {
        exec->state = EXEC_CLOSE;
        return DRIVE_PROGRESS;
    }
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
        exec->state = EXEC_CLOSE;
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

static enum drive
drive_end(struct ssh_exec *exec, struct fault *why)
{
    enum op op = exec->state == EXEC_CLOSE  ? OP_CLOSE
                 : exec->state == EXEC_WAIT ? OP_WAIT : OP_FREE;
    ssize_t rc = attempt(exec, op);

    if (rc == LIBSSH2_ERROR_EAGAIN)
        return DRIVE_IDLE;
    if (rc < 0 && !is_channel_error((int)rc)) {
        say_error(exec->session, why, "close a channel");
        return DRIVE_DEAD;
    }
    if (op == OP_CLOSE) {
        /* What has not begun, or is of no interest, has no status. */
        exec->state = exec->cancelled || exec->end.fault != NULL ? EXEC_FREE
                                                                 : EXEC_WAIT;
        return DRIVE_PROGRESS;
    }
    if (op == OP_WAIT) {
        take_status(exec);
        exec->state = EXEC_FREE;
        return DRIVE_PROGRESS;
    }
    exec->channel = NULL;
    exec_finish(exec);
    return DRIVE_ENDED;
}

static enum drive
drive(struct ssh_exec *exec, struct fault *why)
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

/* Makes the pinned call again; false while it still cannot send. */
static bool
drive_pin(struct ssh_session *session, struct fault *why, bool *dead_out)
{
    struct ssh_exec *exec = session->pin;
    enum drive done;

    switch (session->pin_op) {
    case OP_WRITE:
    case OP_EOF:
        done = drive_write(exec, why);
        break;
    case OP_READ_OUT:
    case OP_READ_ERR:
        done = drive_read(exec, session->pin_op, why);
        break;
    case OP_OPEN:
    case OP_REQUEST:
    case OP_CLOSE:
    case OP_WAIT:
    case OP_FREE:
    case OP_NONE:
    default:
        done = drive(exec, why);
        break;
    }
    *dead_out = done == DRIVE_DEAD;
    return session->pin == NULL;
}

/* --- The session ---------------------------------------------------------- */

static bool
check_hostkey(struct ssh_session *session, struct fault *why)
{
    const char *want = strchr(session->hostkey, ' '), *key;
    unsigned char *text;
    size_t len = 0, want_len;
    int type = 0, n;
    bool same;

    key = libssh2_session_hostkey(session->ssh, &len, &type);
    if (key == NULL || len > 65536)
        return fault_set(why, FAULT_PEER, "ssh to %s: no host key",
                         session->where);
    must(want != NULL);
    want += strspn(want, " ");
    want_len = strcspn(want, " \t\r\n");
    text = xmalloc(4 * (len / 3 + 1) + 1);
    n = EVP_EncodeBlock(text, (const unsigned char *)key, (int)len);
    same = n > 0 && (size_t)n == want_len &&
           memcmp(text, want, want_len) == 0;
    if (!same)
        fault_set(why, FAULT_PEER, "ssh to %s: it has another host key than "
                  "the host reported (%s)", session->where, text);
    free(text);
    return same;
}

static bool
begin_ssh(struct ssh_session *session, struct fault *why)
{
    char type[64];

    session->ssh = libssh2_session_init();
    must(session->ssh != NULL);
    libssh2_session_set_blocking(session->ssh, 0);
    /* Ask for the kind of key that we know. */
    (void)snprintf(type, sizeof(type), "%.*s",
                   (int)strcspn(session->hostkey, " "), session->hostkey);
    if (libssh2_session_method_pref(session->ssh, LIBSSH2_METHOD_HOSTKEY,
                                    type) != 0)
        return fault_set(why, FAULT_DATA, "ssh to %s: host keys of type %s "
                         "are not known here", session->where, type);
    session->state = SESSION_HANDSHAKE;
    return true;
}

/* Until it is up: false with 'why' when it cannot be. */
static bool
advance(struct ssh_session *session, struct fault *why)
{
    socklen_t len = sizeof(int);
    int rc, error = 0;

    if (session->state == SESSION_CONNECTING) {
        if (getsockopt(session->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
            error = errno;
        if (error != 0)
            return fault_set(why, FAULT_PEER, "ssh to %s: %s",
                             session->where, strerror(error));
        if (!begin_ssh(session, why))
            return false;
    }
    if (session->state == SESSION_HANDSHAKE) {
        rc = libssh2_session_handshake(session->ssh, session->fd);
        if (rc == LIBSSH2_ERROR_EAGAIN)
            return true;
        if (rc != 0) {
            say_error(session, why, "handshake");
            return false;
        }
        if (!check_hostkey(session, why))
            return false;
        session->state = SESSION_AUTH;
    }
    if (session->state == SESSION_AUTH) {
        rc = libssh2_userauth_publickey_fromfile(session->ssh, session->user,
                                                 NULL, session->key, NULL);
        if (rc == LIBSSH2_ERROR_EAGAIN)
            return true;
        if (rc != 0) {
            say_error(session, why, "log in");
            return false;
        }
        session->state = SESSION_UP;
        (void)uv_timer_stop(&session->limit);
    }
    return true;
}

static bool
pump_execs(struct ssh_session *session, struct fault *why)
{
    struct ssh_exec *exec, *next;
    enum drive done;
    bool progress = true, dead = false;

    while (progress) {
        progress = false;
        if (session->pin != NULL) {
            if (!drive_pin(session, why, &dead))
                return !dead;
            if (dead)
                return false;
            progress = true;
        }
        for (exec = session->execs; exec != NULL; exec = next) {
            next = exec->next;
            done = drive(exec, why);
            if (done == DRIVE_DEAD)
                return false;
            progress = progress || done != DRIVE_IDLE;
            if (session->pin != NULL)
                break;
        }
        if (session->pin != NULL)
            return true;        /* the socket is full */
    }
    return true;
}

/* Who would read what comes? Where nobody would, a socket that stays readable
 * must not wake us for ever; without a command only its end is of interest. */
static int
wanted_events(const struct ssh_session *session)
{
    const struct ssh_exec *exec;
    int events = session->execs == NULL ? UV_DISCONNECT : 0;

    if (session->state != SESSION_UP || session->pin != NULL)
        events |= UV_READABLE;
    for (exec = session->execs; exec != NULL; exec = exec->next)
        if (exec->state != EXEC_RUNS || !exec->paused || exec->in.len > 0)
            events |= UV_READABLE;
    if ((libssh2_session_block_directions(session->ssh) &
         LIBSSH2_SESSION_BLOCK_OUTBOUND) != 0)
        events |= UV_WRITABLE;
    return events;
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void
pump(struct ssh_session *session)
{
    struct fault why = FAULT_INIT;
    bool ok;

    if (session->pumping || session->state == SESSION_GONE)
        return;
    session->pumping = true;
    ok = advance(session, &why);
    if (ok && session->state == SESSION_UP)
        ok = pump_execs(session, &why);
    session->pumping = false;
    if (session->free_later) {
        ssh_session_free(session);
        return;
    }
    if (!ok) {
        session_end(session, &why);
        return;
    }
    must(uv_poll_start(&session->poll, wanted_events(session), on_poll) == 0);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
    struct ssh_session *session = poll->data;
    struct fault why = FAULT_INIT;
    socklen_t len = sizeof(int);
    int error = 0;
    bool idle = session->state == SESSION_UP && session->execs == NULL;

    /* Broken, or closed by the host while nobody reads. */
    if (session->state != SESSION_CONNECTING &&
        (status < 0 || ((events & UV_DISCONNECT) != 0 && idle))) {
        (void)getsockopt(session->fd, SOL_SOCKET, SO_ERROR, &error, &len);
        fault_set(&why, FAULT_PEER, "ssh to %s: %s", session->where,
                  error != 0 ? strerror(error) : "the host has closed it");
        session_end(session, &why);
        return;
    }
    pump(session);
}

static void
on_kick(uv_timer_t *timer)
{
    struct ssh_session *session = timer->data;

    if (session->state == SESSION_UP)
        pump(session);
}

static void
kick(struct ssh_session *session)
{
    if (!session->freed && session->state == SESSION_UP)
        must(uv_timer_start(&session->kick, on_kick, 0, 0) == 0);
}

static void
on_limit(uv_timer_t *timer)
{
    struct ssh_session *session = timer->data;
    struct fault why = FAULT_INIT;

    fault_set(&why, FAULT_TIMEOUT, "ssh to %s: not logged in within %d s",
              session->where, SSH_CONNECT_MS / 1000);
    session_end(session, &why);
}

static void
set_options(int fd)
{
    const int on = 1, idle = KEEP_IDLE_S, interval = KEEP_INTERVAL_S,
              count = KEEP_COUNT;
    const unsigned gone = SSH_GONE_MS;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval,
                     sizeof(interval));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &gone, sizeof(gone));
}

static bool
connect_to(int fd, const struct ssh_target *target, struct fault *why)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    int rc;

    if (inet_pton(AF_INET, target->address, &in.sin_addr) == 1) {
        in.sin_port = htons((uint16_t)target->port);
        rc = connect(fd, (const struct sockaddr *)&in, sizeof(in));
    } else if (inet_pton(AF_INET6, target->address, &in6.sin6_addr) == 1) {
        in6.sin6_port = htons((uint16_t)target->port);
        rc = connect(fd, (const struct sockaddr *)&in6, sizeof(in6));
    } else {
        return fault_set(why, FAULT_DATA, "ssh: %s is no address",
                         target->address);
    }
    return rc == 0 || errno == EINPROGRESS ||
           fault_errno(why, FAULT_PEER, "ssh to %s", target->address);
}

/* An address that nobody has is told from the loop, like all that follows. */
static void
on_refused(uv_timer_t *timer)
{
    struct ssh_session *session = timer->data;
    struct fault why = FAULT_INIT;

    fault_set(&why, FAULT_PEER, "ssh to %s: %s", session->where,
              session->chunk);
    session_end(session, &why);
}

struct ssh_session *
ssh_session_new(uv_loop_t *loop, const struct ssh_target *target,
                ssh_socket_fn *make_socket, void *socket_owner,
                ssh_gone_fn *gone, void *owner)
{
    struct ssh_session *session = xcalloc(1, sizeof(*session));
    struct fault why = FAULT_INIT;
    bool ok;

    must(libssh2_init(0) == 0);
    session->loop = loop;
    session->user = xstrdup(target->user);
    session->key = xstrdup(target->key);
    session->hostkey = xstrdup(target->hostkey);
    session->where = xasprintf("%s:%d", target->address, target->port);
    session->gone = gone;
    session->owner = owner;
    session->fd = -1;
    session->limit.data = session->kick.data = session->poll.data = session;
    must(uv_timer_init(loop, &session->limit) == 0);
    must(uv_timer_init(loop, &session->kick) == 0);
    session->open_handles = 2;
    uv_update_time(loop);
    ok = make_socket(socket_owner, target->address, &session->fd, &why) &&
         fd_set_nonblock(session->fd, &why) &&
         connect_to(session->fd, target, &why);
    if (!ok) {
        fd_close(&session->fd);
        (void)snprintf(session->chunk, sizeof(session->chunk), "%s",
                       why.text);
        must(uv_timer_start(&session->limit, on_refused, 0, 0) == 0);
        return session;
    }
    set_options(session->fd);
    must(uv_poll_init(loop, &session->poll, session->fd) == 0);
    session->open_handles++;
    must(uv_poll_start(&session->poll, UV_WRITABLE, on_poll) == 0);
    must(uv_timer_start(&session->limit, on_limit, SSH_CONNECT_MS, 0) == 0);
    return session;
}

bool
ssh_session_is_up(const struct ssh_session *session)
{
    return session->state == SESSION_UP;
}

bool
ssh_session_is_gone(const struct ssh_session *session)
{
    return session->state == SESSION_GONE;
}

size_t
ssh_session_load(const struct ssh_session *session)
{
    const struct ssh_exec *exec;
    size_t count = 0;

    for (exec = session->execs; exec != NULL; exec = exec->next)
        count++;
    return count;
}

/* --- Commands, from outside ----------------------------------------------- */

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
    kick(session);
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
    kick(exec->session);
    return !exec->in_full;
}

void
ssh_exec_end_input(struct ssh_exec *exec)
{
    exec->in_end = true;
    kick(exec->session);
}

void
ssh_exec_pause(struct ssh_exec *exec, bool paused)
{
    exec->paused = paused;
    if (!paused)
        kick(exec->session);
}

/* Closing the channel alone kills nothing: a command that neither reads nor
 * writes would go on. The bracket keeps the search from finding itself. */
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
    if (exec->started && session->state == SESSION_UP)
        kill_remote(session, exec->mark);
    kick(session);
}
