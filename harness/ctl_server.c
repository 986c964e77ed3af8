/* harness/ctl_server.c - the job's side of the control socket.
 *
 * A connection is a command. What the client sends is not read faster than
 * the host takes it, and the host is not read faster than the client. */
#include <config.h>

#include "harness/ctl_server.h"

#include <errno.h>
#include <jansson.h>
#include <sys/socket.h>
#include <unistd.h>
#include "harness/buf.h"
#include "harness/ctl_proto.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/ssh_pool.h"

#define READ_BYTES (64 * 1024)
#define QUEUE_HIGH (256 * 1024)         /* bytes for a slow client */
#define QUEUE_LOW (64 * 1024)

struct peer {
    struct ctl_server *server;
    uv_pipe_t pipe;
    struct buf in;
    struct ssh_call *call;      /* NULL: none yet, or it has ended */
    bool requested, going, ending;
    bool reading, paused, closed;
    char chunk[READ_BYTES];
    struct peer *next;
};

struct ctl_server {
    uv_loop_t *loop;
    struct ssh_pool *pool;
    ctl_resolve_fn *resolve;
    void *owner;
    uv_poll_t poll;
    int fd;                     /* -1: listens nowhere */
    char *path;
    struct peer *peers;
};

static void on_read(uv_stream_t *stream, ssize_t bytes, const uv_buf_t *buf);

static void
on_peer_closed(uv_handle_t *handle)
{
    struct peer *peer = handle->data;

    buf_free(&peer->in);
    free(peer);
}

static void
peer_close(struct peer *peer)
{
    struct peer **at;

    if (peer->closed)
        return;
    peer->closed = true;
    if (peer->call != NULL)
        ssh_call_cancel(peer->call);
    peer->call = NULL;
    if (peer->server != NULL) {
        for (at = &peer->server->peers; *at != peer; at = &(*at)->next)
            continue;
        *at = peer->next;
    }
    uv_close((uv_handle_t *)&peer->pipe, on_peer_closed);
}

/* --- To the client ------------------------------------------------------- */

struct send {
    uv_write_t write;
    struct buf data;
    bool last;
};

static void
on_sent(uv_write_t *write, int status)
{
    struct send *send = write->data;
    struct peer *peer = write->handle->data;
    bool last = send->last;

    buf_free(&send->data);
    free(send);
    if (peer->closed)
        return;
    if (status != 0 || last) {
        peer_close(peer);
        return;
    }
    if (peer->paused && peer->call != NULL &&
        uv_stream_get_write_queue_size((uv_stream_t *)&peer->pipe) <
            QUEUE_LOW) {
        peer->paused = false;
        ssh_call_pause(peer->call, false);
    }
}

/* 'data' is taken. */
static void
peer_send(struct peer *peer, struct buf *data, bool last)
{
    struct send *send = xcalloc(1, sizeof(*send));
    uv_buf_t part;

    send->data = *data;
    *data = (struct buf)BUF_INIT;
    send->last = last;
    send->write.data = send;
    part = uv_buf_init(send->data.data, (unsigned)send->data.len);
    if (uv_write(&send->write, (uv_stream_t *)&peer->pipe, &part, 1,
                 on_sent) != 0) {
        buf_free(&send->data);
        free(send);
        peer_close(peer);
    }
}

static void
peer_fault(struct peer *peer, const struct fault *why, bool started)
{
    json_t *object = json_object();
    struct buf out = BUF_INIT;

    json_put_int(object, "kind", why->kind);
    json_put_text(object, "text", why->text);
    json_put_text(object, "hint", why->hint);
    must(json_object_set_new(object, "started", json_boolean(started)) == 0);
    ctl_add_json(&out, CTL_FAULT, object);
    json_decref(object);
    peer_send(peer, &out, true);
}

/* --- From the host ------------------------------------------------------- */

static void take_frames(struct peer *peer);

static void
on_started(void *owner)
{
    struct peer *peer = owner;
    struct buf out = BUF_INIT;

    peer->going = true;
    ctl_add(&out, CTL_GO, "", 0);
    peer_send(peer, &out, false);
}

static void
on_data(void *owner, int stream, const char *data, size_t bytes)
{
    struct peer *peer = owner;
    struct buf out = BUF_INIT;

    ctl_add(&out, stream == 1 ? CTL_OUT : CTL_ERR, data, bytes);
    peer_send(peer, &out, false);
    if (peer->closed || peer->paused)
        return;
    if (uv_stream_get_write_queue_size((uv_stream_t *)&peer->pipe) >
        QUEUE_HIGH) {
        peer->paused = true;
        ssh_call_pause(peer->call, true);
    }
}

static void
on_alloc(uv_handle_t *handle, size_t suggested UNUSED, uv_buf_t *buf)
{
    struct peer *peer = handle->data;

    *buf = uv_buf_init(peer->chunk, READ_BYTES);
}

static void
peer_read(struct peer *peer, bool on)
{
    if (peer->closed || peer->reading == on)
        return;
    peer->reading = on;
    if (on)
        must(uv_read_start((uv_stream_t *)&peer->pipe, on_alloc, on_read) ==
             0);
    else
        (void)uv_read_stop((uv_stream_t *)&peer->pipe);
}

static void
on_drained(void *owner)
{
    struct peer *peer = owner;

    peer_read(peer, true);
    take_frames(peer);
}

static void
on_done(void *owner, const struct ssh_end *end)
{
    struct peer *peer = owner;
    struct buf out = BUF_INIT;
    json_t *object;

    peer->call = NULL;
    if (end->fault != NULL) {
        peer_fault(peer, end->fault, end->started);
        return;
    }
    object = json_object();
    json_put_int(object, "status", end->status);
    json_put_text(object, "signal", end->signal);
    ctl_add_json(&out, CTL_EXIT, object);
    json_decref(object);
    peer_send(peer, &out, true);
}

static const struct ssh_exec_ops CALL_OPS = {
    .started = on_started, .data = on_data, .drained = on_drained,
    .done = on_done,
};

/* --- From the client ----------------------------------------------------- */

static bool
take_request(struct peer *peer, const struct ctl_frame *frame,
             struct fault *why)
{
    json_t *object = NULL;
    const char *host, *command;
    bool ok;

    ok = json_parse(frame->data, frame->bytes, &object, why);
    if (!ok)
        goto out;
    host = json_text(object, "host");
    command = json_text(object, "command");
    ok = host != NULL && command != NULL;
    if (!ok) {
        fault_set(why, FAULT_PEER, "the request lacks a host or a command");
        goto out;
    }
    host = peer->server->resolve(peer->server->owner, host, why);
    ok = host != NULL;
    if (!ok)
        goto out;
    peer->requested = true;
    peer->call = ssh_call_start(peer->server->pool, host, command, &CALL_OPS,
                                peer);
out:
    json_decref(object);
    return ok;
}

static bool
take_frame(struct peer *peer, const struct ctl_frame *frame,
           struct fault *why)
{
    bool order = frame->type == CTL_REQUEST
                     ? !peer->requested
                     : peer->going && !peer->ending;

    if (!order)
        return fault_set(why, FAULT_PEER, "a frame out of order");
    if (frame->type == CTL_REQUEST)
        return take_request(peer, frame, why);
    /* After its end the command wants no input any more. */
    if (frame->type == CTL_INPUT) {
        if (peer->call != NULL &&
            !ssh_call_write(peer->call, frame->data, frame->bytes))
            peer_read(peer, false);
        return true;
    }
    if (frame->type == CTL_END) {
        peer->ending = true;
        if (peer->call != NULL)
            ssh_call_end_input(peer->call);
        return true;
    }
    return fault_set(why, FAULT_PEER, "a frame that clients do not send");
}

static void
take_frames(struct peer *peer)
{
    struct fault why = FAULT_INIT;
    struct ctl_frame frame;
    size_t offset = 0;
    bool ok = true;

    while (ok && !peer->closed && peer->reading) {
        ok = ctl_next(&peer->in, &offset, &frame, &why);
        if (ok && frame.type == CTL_NONE)
            break;
        ok = ok && take_frame(peer, &frame, &why);
    }
    if (peer->closed)
        return;
    buf_drop(&peer->in, offset);
    if (ok)
        return;
    if (peer->call != NULL) {
        ssh_call_cancel(peer->call);
        peer->call = NULL;
    }
    peer_fault(peer, &why, peer->going);
}

static void
on_read(uv_stream_t *stream, ssize_t bytes, const uv_buf_t *buf)
{
    struct peer *peer = stream->data;

    if (bytes < 0) {
        peer_close(peer);
        return;
    }
    buf_add(&peer->in, buf->base, (size_t)bytes);
    take_frames(peer);
}

/* --- The server ---------------------------------------------------------- */

void
ctl_server_adopt(struct ctl_server *server, int fd)
{
    struct peer *peer = xcalloc(1, sizeof(*peer));

    peer->server = server;
    must(uv_pipe_init(server->loop, &peer->pipe, 0) == 0);
    peer->pipe.data = peer;
    peer->next = server->peers;
    server->peers = peer;
    if (uv_pipe_open(&peer->pipe, fd) != 0) {
        fd_close(&fd);
        peer_close(peer);
        return;
    }
    peer_read(peer, true);
}

static void
on_connection(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
    struct ctl_server *server = poll->data;
    int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0)
        ctl_server_adopt(server, fd);
    else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
        log_warn("control socket: %s", strerror(errno));
}

struct ctl_server *
ctl_server_new_bare(uv_loop_t *loop, struct ssh_pool *pool,
                    ctl_resolve_fn *resolve, void *owner)
{
    struct ctl_server *server = xcalloc(1, sizeof(*server));

    server->loop = loop;
    server->pool = pool;
    server->resolve = resolve;
    server->owner = owner;
    server->fd = -1;
    return server;
}

struct ctl_server *
ctl_server_new(uv_loop_t *loop, const char *path, struct ssh_pool *pool,
               ctl_resolve_fn *resolve, void *owner, struct fault *why)
{
    struct ctl_server *server;
    int fd = -1;

    if (!ctl_listen(path, &fd, why))
        return NULL;
    server = ctl_server_new_bare(loop, pool, resolve, owner);
    server->fd = fd;
    server->path = xstrdup(path);
    must(uv_poll_init(loop, &server->poll, fd) == 0);
    server->poll.data = server;
    must(uv_poll_start(&server->poll, UV_READABLE, on_connection) == 0);
    return server;
}

size_t
ctl_server_load(const struct ctl_server *server)
{
    const struct peer *peer;
    size_t count = 0;

    for (peer = server->peers; peer != NULL; peer = peer->next)
        count++;
    return count;
}

static void
on_server_closed(uv_handle_t *handle)
{
    struct ctl_server *server = handle->data;

    free(server->path);
    free(server);
}

void
ctl_server_free(struct ctl_server *server)
{
    struct peer *peer;

    if (server == NULL)
        return;
    while ((peer = server->peers) != NULL)
        peer_close(peer);
    if (server->fd < 0) {
        free(server);
        return;
    }
    (void)unlink(server->path);
    uv_close((uv_handle_t *)&server->poll, on_server_closed);
    fd_close(&server->fd);
}
