/* harness/fdstore.c - both sides of the descriptor store. It knows nothing of
 * what the descriptors are. */
#include <config.h>

#include "harness/fdstore.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/service.h"

#define MESSAGE_MAX (FDSTORE_NAME_MAX + 16)

/* The socket is full, or too many descriptors are under way: later. */
static bool
is_for_later(int error)
{
    return error == EAGAIN || error == ETOOMANYREFS;
}

/* One message; false with errno when it could not be sent at once. */
static bool
message_send(int link, const char *text, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = { .iov_len = strlen(text) };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    char copy[MESSAGE_MAX];
    ssize_t sent;

    must(iov.iov_len < sizeof(copy));
    memcpy(copy, text, iov.iov_len);
    iov.iov_base = copy;
    if (fd >= 0) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof(control.bytes);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    }
    do
        sent = sendmsg(link, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

/* One message into 'text', its descriptor or -1. Returns 1, 0 at the end, or
 * -1 with errno. More descriptors than one are closed. */
static int
message_receive(int link, char text[static MESSAGE_MAX], int *fd_out)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec iov = { .iov_base = text, .iov_len = MESSAGE_MAX - 1 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof(control.bytes) };
    ssize_t got;

    *fd_out = -1;
    do
        got = recvmsg(link, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return got < 0 ? -1 : 0;
    text[got] = '\0';
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL;
         c = CMSG_NXTHDR(&msg, c)) {
        size_t bytes = c->cmsg_len - CMSG_LEN(0);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
            if (*fd_out < 0)
                *fd_out = fd;
            else
                fd_close(&fd);
        }
    }
    return 1;
}

static bool
fdstore_name_is_valid(const char *name)
{
    size_t bytes = strlen(name);

    for (size_t i = 0; i < bytes; i++)
        if (name[i] <= ' ' || name[i] > '~')
            return false;
    return bytes > 0 && bytes <= FDSTORE_NAME_MAX;
}

/* Holder ------------------------------------------------------------------ */

struct fdstore_held {
    char *name;
    int fd;
};

/* One client's end. On the heap by itself, since libuv closes handles later
 * and the next client may come before that. */
struct fdstore_link {
    uv_poll_t poll;
    struct fdstore *store;      /* NULL: closing */
    int fd;
    bool taking;                /* answering a take ... */
    size_t next;                /* ... and this one is to be sent */
};

struct fdstore {
    uv_loop_t *loop;
    struct fdstore_link *link;  /* NULL: no client */
    struct fdstore_held *held;
    size_t count, cap;
};

static void on_link(uv_poll_t *poll, int status, int events);

struct fdstore *
fdstore_new(struct uv_loop_s *loop)
{
    struct fdstore *store = xcalloc(1, sizeof(*store));
    struct rlimit limit;

    store->loop = loop;
    /* Two thousand consoles are more than the usual soft limit. */
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
        limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    return store;
}

static void
link_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void
link_close(struct fdstore_link *link)
{
    (void)uv_poll_stop(&link->poll);
    fd_close(&link->fd);
    if (link->store != NULL && link->store->link == link)
        link->store->link = NULL;
    link->store = NULL;
    uv_close((uv_handle_t *)&link->poll, link_closed);
}

static struct fdstore_held *
store_find(struct fdstore *store, const char *name)
{
    for (size_t i = 0; i < store->count; i++)
        if (strcmp(store->held[i].name, name) == 0)
            return &store->held[i];
    return NULL;
}

static void
store_put(struct fdstore *store, const char *name, int fd)
{
    struct fdstore_held *held = store_find(store, name);

    if (fd < 0 || !fdstore_name_is_valid(name)) {
        log_warn("descriptor store: nothing usable came with \"%s\"", name);
        fd_close(&fd);
    } else if (held != NULL) {
        fd_close(&held->fd);
        held->fd = fd;
    } else if (store->count >= FDSTORE_FDS_MAX) {
        log_warn("descriptor store: full, \"%s\" is not kept", name);
        fd_close(&fd);
    } else {
        store->held = xgrow(store->held, &store->cap, store->count,
                            sizeof(*store->held));
        store->held[store->count++] =
            (struct fdstore_held){ .name = xstrdup(name), .fd = fd };
    }
}

static void
store_drop(struct fdstore *store, const char *name)
{
    struct fdstore_held *held = store_find(store, name);

    if (held == NULL)
        return;
    fd_close(&held->fd);
    free(held->name);
    *held = store->held[--store->count];
}

static void
store_message(struct fdstore_link *link, const char *text, int fd)
{
    if (strncmp(text, "put ", 4) == 0) {
        store_put(link->store, text + 4, fd);
        return;
    }
    if (strncmp(text, "drop ", 5) == 0) {
        store_drop(link->store, text + 5);
    } else if (strcmp(text, "take") == 0) {
        link->taking = true;
        link->next = 0;
    } else {
        log_warn("descriptor store: message \"%s\" is not known", text);
    }
    fd_close(&fd);
}

/* All that has come; false when the client has gone. */
static bool
link_receive(struct fdstore_link *link)
{
    char text[MESSAGE_MAX];
    int fd, got;

    while ((got = message_receive(link->fd, text, &fd)) > 0)
        store_message(link, text, fd);
    return got < 0 && is_for_later(errno);
}

/* Goes on answering a take; false when the client has gone. */
static bool
link_answer(struct fdstore_link *link)
{
    struct fdstore *store = link->store;
    char text[MESSAGE_MAX];

    for (; link->next < store->count; link->next++) {
        (void)snprintf(text, sizeof(text), "fd %s",
                       store->held[link->next].name);
        if (!message_send(link->fd, text, store->held[link->next].fd))
            return is_for_later(errno);
    }
    (void)snprintf(text, sizeof(text), "end %zu", store->count);
    if (!message_send(link->fd, text, -1))
        return is_for_later(errno);
    link->taking = false;
    return true;
}

static bool
link_arm(struct fdstore_link *link)
{
    int events = UV_READABLE | (link->taking ? UV_WRITABLE : 0);

    return uv_poll_start(&link->poll, events, on_link) == 0;
}

static void
on_link(uv_poll_t *poll, int status, int events UNUSED)
{
    struct fdstore_link *link = poll->data;
    bool ok = status >= 0 && link_receive(link);

    if (ok && link->taking)
        ok = link_answer(link);
    if (!ok || !link_arm(link))
        link_close(link);
}

bool
fdstore_serve(struct fdstore *store, int *child_fd_out, struct fault *why)
{
    struct fdstore_link *link = NULL;
    int pair[2] = { -1, -1 };
    bool ok;

    if (store->link != NULL) {
        (void)link_receive(store->link);
        link_close(store->link);
    }
    ok = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "make the descriptor store's socket");
        goto out;
    }
    link = xcalloc(1, sizeof(*link));
    link->fd = pair[0];
    link->poll.data = link;
    ok = uv_poll_init(store->loop, &link->poll, link->fd) == 0;
    if (!ok) {
        free(link);
        fault_set(why, FAULT_SYSTEM, "watch the descriptor store's socket");
        goto out;
    }
    pair[0] = -1;
    link->store = store;
    store->link = link;
    ok = link_arm(link);
    if (!ok) {
        link_close(link);
        fault_set(why, FAULT_SYSTEM, "watch the descriptor store's socket");
        goto out;
    }
    *child_fd_out = pair[1];
    pair[1] = -1;
out:
    fd_close(&pair[0]);
    fd_close(&pair[1]);
    return ok;
}

size_t
fdstore_count(const struct fdstore *store)
{
    return store->count;
}

void
fdstore_free(struct fdstore *store)
{
    if (store == NULL)
        return;
    if (store->link != NULL)
        link_close(store->link);
    for (size_t i = 0; i < store->count; i++) {
        fd_close(&store->held[i].fd);
        free(store->held[i].name);
    }
    free(store->held);
    free(store);
}

/* Client ------------------------------------------------------------------ */

struct fdstore_waiting {
    struct fdstore_waiting *next;
    int fd;
    char text[];
};

struct fdstore_client {
    uv_poll_t poll;
    bool started;               /* poll is initialised */
    int fd;                     /* -1: the holder has gone */
    struct fdstore_waiting *head, **tail;
};

bool
fdstore_client_open(struct fdstore_client **client_out, struct fault *why)
{
    const char *number = getenv(SERVICE_STORE_ENV);
    struct fdstore_client *client;
    socklen_t bytes = sizeof(int);
    int64_t fd;
    int type = 0;

    *client_out = NULL;
    if (number == NULL || *number == '\0')
        return true;
    if (!parse_int64(number, 3, INT32_MAX, &fd) ||
        getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &bytes) != 0 ||
        type != SOCK_SEQPACKET)
        return fault_set(why, FAULT_CONFIG,
                         SERVICE_STORE_ENV "=%s is no descriptor store",
                         number);
    if (!fd_set_cloexec((int)fd, true, why) ||
        !fd_set_nonblock((int)fd, why))
        return false;
    client = xcalloc(1, sizeof(*client));
    client->fd = (int)fd;
    client->tail = &client->head;
    *client_out = client;
    return true;
}

bool
fdstore_client_take(struct fdstore_client *client, int limit_ms,
                    fdstore_take_fn *each, void *owner, struct fault *why)
{
    char text[MESSAGE_MAX];
    int fd, got;

    if (client == NULL)
        return true;
    if (!message_send(client->fd, "take", -1))
        return fault_errno(why, FAULT_PEER, "ask the descriptor store");
    for (;;) {
        struct pollfd wait = { .fd = client->fd, .events = POLLIN };

        got = message_receive(client->fd, text, &fd);
        if (got == 0)
            return fault_set(why, FAULT_PEER,
                             "the descriptor store has gone");
        if (got < 0 && !is_for_later(errno))
            return fault_errno(why, FAULT_PEER, "read the descriptor store");
        if (got < 0) {
            int ready = poll(&wait, 1, limit_ms);

            if (ready == 0)
                return fault_set(why, FAULT_TIMEOUT,
                                 "the descriptor store does not answer");
            if (ready < 0 && errno != EINTR)
                return fault_errno(why, FAULT_SYSTEM,
                                   "wait for the descriptor store");
            continue;
        }
        if (strncmp(text, "fd ", 3) == 0 && fd >= 0) {
            each(owner, text + 3, fd);
            continue;
        }
        fd_close(&fd);
        if (strncmp(text, "end ", 4) == 0)
            return true;
        if (strncmp(text, "fd ", 3) != 0)
            return fault_set(why, FAULT_PEER,
                             "the descriptor store says \"%s\"", text);
        /* The descriptor itself did not fit: we have too many open. */
        log_warn("descriptor store: \"%s\" came without its descriptor",
                 text + 3);
    }
}

static void
client_forget(struct fdstore_client *client)
{
    struct fdstore_waiting *next;

    for (struct fdstore_waiting *w = client->head; w != NULL; w = next) {
        next = w->next;
        fd_close(&w->fd);
        free(w);
    }
    client->head = NULL;
    client->tail = &client->head;
}

static void
client_lost(struct fdstore_client *client, const char *error)
{
    log_warn("descriptor store: gone (%s); from now on a crash of this "
             "process closes its consoles", error);
    if (client->started)
        (void)uv_poll_stop(&client->poll);
    fd_close(&client->fd);
    client_forget(client);
}

/* False when the socket is full. */
static bool
client_send(struct fdstore_client *client, const char *text, int fd)
{
    if (message_send(client->fd, text, fd))
        return true;
    if (is_for_later(errno))
        return false;
    client_lost(client, strerror(errno));
    return true;
}

static void
on_client(uv_poll_t *poll, int status, int events)
{
    struct fdstore_client *client = poll->data;
    char text[MESSAGE_MAX];
    int fd;

    if (status < 0) {
        client_lost(client, uv_strerror(status));
        return;
    }
    if ((events & UV_READABLE) != 0) {
        /* The holder has nothing to say now: this is its end. */
        if (message_receive(client->fd, text, &fd) == 0) {
            client_lost(client, "closed by its holder");
            return;
        }
        fd_close(&fd);
    }
    while (client->fd >= 0 && client->head != NULL) {
        struct fdstore_waiting *first = client->head;

        if (!client_send(client, first->text, first->fd))
            return;
        if (client->fd < 0)     /* lost: the list is gone with it */
            return;
        client->head = first->next;
        if (client->head == NULL)
            client->tail = &client->head;
        fd_close(&first->fd);
        free(first);
    }
    if (client->fd >= 0)
        (void)uv_poll_start(&client->poll, UV_READABLE, on_client);
}

bool
fdstore_client_start(struct fdstore_client *client, struct uv_loop_s *loop,
                     struct fault *why)
{
    if (client == NULL || client->fd < 0)
        return true;
    if (uv_poll_init(loop, &client->poll, client->fd) != 0)
        return fault_set(why, FAULT_SYSTEM, "watch the descriptor store");
    client->started = true;
    client->poll.data = client;
    if (uv_poll_start(&client->poll, UV_READABLE |
                      (client->head != NULL ? UV_WRITABLE : 0),
                      on_client) != 0)
        return fault_set(why, FAULT_SYSTEM, "watch the descriptor store");
    return true;
}

static void
client_tell(struct fdstore_client *client, const char *verb,
            const char *name, int fd)
{
    struct fdstore_waiting *wait;
    char text[MESSAGE_MAX];

    if (client == NULL || client->fd < 0)
        return;
    must(fdstore_name_is_valid(name));
    (void)snprintf(text, sizeof(text), "%s %s", verb, name);
    if (client->head == NULL && client_send(client, text, fd))
        return;
    wait = xmalloc(sizeof(*wait) + strlen(text) + 1);
    wait->next = NULL;
    memcpy(wait->text, text, strlen(text) + 1);
    wait->fd = fd < 0 ? -1 : dup(fd);   /* the caller may close his */
    *client->tail = wait;
    client->tail = &wait->next;
    if (client->started)
        (void)uv_poll_start(&client->poll, UV_READABLE | UV_WRITABLE,
                            on_client);
}

void
fdstore_client_put(struct fdstore_client *client, const char *name, int fd)
{
    must(fd >= 0);
    client_tell(client, "put", name, fd);
}

void
fdstore_client_drop(struct fdstore_client *client, const char *name)
{
    client_tell(client, "drop", name, -1);
}

static void
client_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void
fdstore_client_free(struct fdstore_client *client)
{
    if (client == NULL)
        return;
    client_forget(client);
    if (!client->started) {
        fd_close(&client->fd);
        free(client);
        return;
    }
    (void)uv_poll_stop(&client->poll);
    fd_close(&client->fd);
    uv_close((uv_handle_t *)&client->poll, client_closed);
}
