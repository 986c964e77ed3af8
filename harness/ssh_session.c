/* harness/ssh_session.c - one ssh connection; see the header. */
#include <config.h>

#include "harness/ssh_session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <unistd.h>
#include "harness/fs.h"
#include "harness/mem.h"
#include "harness/ssh_exec.h"
#include "harness/ssh_private.h"
#include "harness/ssh_target.h"

#define CAPACITY 8              /* sshd's default limit is 10 channels */
#define KEEP_IDLE_S 5
#define KEEP_INTERVAL_S 5
#define KEEP_COUNT 6

bool
ssh_socket_plain(void *owner UNUSED, const char *address, int *fd_out,
                 struct fault *why)
{
    int family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;

    *fd_out = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return *fd_out >= 0 ||
           fault_errno(why, FAULT_SYSTEM, "make a socket for ssh");
}

void
ssh_session_error(const struct ssh_session *session, struct fault *why,
          const char *what)
{
    char *text = NULL;

    (void)libssh2_session_last_error(session->ssh, &text, NULL, 0);
    fault_set(why, FAULT_PEER, "ssh to %s: %s: %s", session->where, what,
              text != NULL && text[0] != '\0' ? text : "unknown error");
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
        ssh_exec_finish(exec);
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

/* --- The session --------------------------------------------------------- */

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
            ssh_session_error(session, why, "handshake");
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
            ssh_session_error(session, why, "log in");
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
    bool progress = true;

    while (progress) {
        progress = false;
        if (session->pin != NULL) {
            if (ssh_exec_drive_pin(session, why) == DRIVE_DEAD)
                return false;
            if (session->pin != NULL)
                return true;
            progress = true;
        }
        for (exec = session->execs; exec != NULL; exec = next) {
            next = exec->next;
            done = ssh_exec_drive(exec, why);
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

void
ssh_session_kick(struct ssh_session *session)
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

static const char *
dropbear_banner(const struct ssh_session *session)
{
    const char *banner = libssh2_session_banner_get(session->ssh);

    return banner != NULL ? strstr(banner, "dropbear") : NULL;
}

bool
ssh_session_is_dropbear(const struct ssh_session *session)
{
    return dropbear_banner(session) != NULL;
}

/* dropbear before 2025 closes a channel at once when a command of another one
 * ends between its opening and its request, and then ends the connection on a
 * failed assertion (its issues 173 and 321): one command at a time. */
static bool
is_old_dropbear(const struct ssh_session *session)
{
    static const char NAME[] = "dropbear_";
    const char *at = dropbear_banner(session);
    char digits[5] = "";
    int64_t year;

    if (at == NULL)
        return false;
    if (strncmp(at, NAME, strlen(NAME)) == 0)
        (void)snprintf(digits, sizeof(digits), "%.4s", at + strlen(NAME));
    return !parse_int64(digits, 0, 9999, &year) || year < 2025;
}

size_t
ssh_session_capacity(const struct ssh_session *session)
{
    if (session->state != SESSION_UP || is_old_dropbear(session))
        return 1;
    return CAPACITY;
}
