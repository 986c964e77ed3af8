/* hosts/console_ctl.c - serves the control socket.
 *
 * An attached client has no queue of bytes: it has a place in the log. What
 * it cannot take now it gets from the log later, so that a client that does not
 * read costs nothing and loses nothing. Only while it is at the end of the log
 * are bytes given to it as they come. */
#include <config.h>

#include "hosts/console_ctl.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "hosts/console_log.h"
#include "hosts/console_port.h"
#include "hosts/console_proto.h"
#include "hosts/console_read.h"
#include "hosts/console_site.h"

#define BACKLOG 64
#define CLIENTS_MAX 1024
/* From the log to one client, before others have their turn. */
#define PUMP_BYTES (256 << 10)

struct client {
    struct client *next;
    struct console_ctl *ctl;    /* NULL: closing */
    uv_pipe_t pipe;
    struct buf in;
    size_t writing;             /* requests that are not written yet */
    bool awaits_reload;
    /* Attached: */
    struct console_port *port;  /* NULL: speaks lines */
    struct console_watch watch;
    struct console_reader *reader;      /* NULL: at the end of the log */
    int64_t offset;             /* of the next byte it gets */
    bool may_write;
    char who[80];
};

struct console_ctl {
    uv_loop_t *loop;
    struct console_site *site;
    uv_pipe_t server;
    struct client *clients;
    size_t count;
    char chunk[CONSOLE_FRAME_MAX / 2];
};

struct write {
    uv_write_t request;
    struct client *client;
    char data[];
};

static void client_close(struct client *client);
static void pump(struct client *client);

/* Out --------------------------------------------------------------------- */

static void
on_written(uv_write_t *request, int status)
{
    struct write *write = (struct write *)request;
    struct client *client = write->client;

    free(write);
    client->writing--;
    if (client->ctl == NULL)
        return;
    if (status < 0)
        client_close(client);
    else if (client->writing == 0)
        pump(client);
}

/* 'now': tries without a queue first. Returns false when the client broke. */
static bool
client_send(struct client *client, const char *head, size_t head_bytes,
            const char *data, size_t bytes, bool now)
{
    uv_buf_t bufs[2] = {
        { .base = (char *)(uintptr_t)head, .len = head_bytes },
        { .base = (char *)(uintptr_t)data, .len = bytes },
    };
    size_t total = head_bytes + bytes, done = 0;
    struct write *write;
    uv_buf_t rest;
    int n;

    if (client->writing == 0 && now) {
        n = uv_try_write((uv_stream_t *)&client->pipe, bufs,
                         bytes > 0 ? 2 : 1);
        if (n > 0)
            done = (size_t)n;
        if (done == total)
            return true;
    }
    write = xmalloc(sizeof(*write) + total);
    write->client = client;
    memcpy(write->data, head, head_bytes);
    if (bytes > 0)
        memcpy(write->data + head_bytes, data, bytes);
    rest = uv_buf_init(write->data + done, (unsigned)(total - done));
    if (uv_write(&write->request, (uv_stream_t *)&client->pipe, &rest, 1,
                 on_written) != 0) {
        free(write);
        client_close(client);
        return false;
    }
    client->writing++;
    return true;
}

static bool
send_frame(struct client *client, enum console_frame type, const char *data,
           size_t bytes, bool now)
{
    char head[CONSOLE_FRAME_HEAD];

    console_frame_head(head, type, bytes);
    return client_send(client, head, sizeof(head), data, bytes, now);
}

/* Takes the reference. */
static void
answer(struct client *client, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);

    json_decref(object);
    must(text != NULL);
    (void)client_send(client, text, strlen(text), "\n", 1, true);
    free(text);
}

static void
answer_fault(struct client *client, const struct fault *why)
{
    answer(client, console_answer_fault(why));
}

static json_t *
answer_ok(void)
{
    json_t *object = json_object();

    must(object != NULL &&
         json_object_set_new(object, "ok", json_true()) == 0);
    return object;
}

/* Attached ---------------------------------------------------------------- */

static void
detach(struct client *client)
{
    if (client->port != NULL)
        console_port_unwatch(client->port, &client->watch);
    console_reader_free(client->reader);
    client->reader = NULL;
    client->port = NULL;
}

static bool
send_skip(struct client *client, int64_t bytes)
{
    char text[24];
    int n;

    if (bytes == 0)
        return true;
    n = snprintf(text, sizeof(text), "%" PRId64, bytes);
    return send_frame(client, CONSOLE_FRAME_SKIP, text, (size_t)n, true);
}

/* From the log, until the client is at its end or takes no more. */
static void
pump(struct client *client)
{
    struct fault why = FAULT_INIT;
    size_t sent = 0, got;
    int64_t skipped, end;

    while (client->port != NULL && client->writing == 0) {
        end = console_log_offset(console_port_log(client->port));
        if (client->offset >= end)
            break;
        if (client->reader == NULL)
            client->reader = console_reader_new(
                console_log_dir(console_port_log(client->port)));
        if (!console_reader_get(client->reader, &client->offset,
                                client->ctl->chunk,
                                sizeof(client->ctl->chunk), &got, &skipped,
                                &why)) {
            log_fault(LOG_LEVEL_WARN, &why, "read a console log for %s",
                      client->who);
            client_close(client);
            return;
        }
        if (got == 0 && client->offset < end) {
            skipped += end - client->offset;    /* lost: the disk is full */
            client->offset = end;
        }
        client->offset += (int64_t)got;
        sent += got;
        if (!send_skip(client, skipped) ||
            (got > 0 &&
             !send_frame(client, CONSOLE_FRAME_DATA, client->ctl->chunk, got,
                         sent < PUMP_BYTES)))
            return;
    }
    if (client->port != NULL && client->writing == 0) {
        console_reader_free(client->reader);
        client->reader = NULL;
    }
}

static void
watch_data(void *owner, int64_t offset, const char *data, size_t bytes)
{
    struct client *client = owner;

    if (client->writing > 0)
        return;
    if (client->offset < offset)
        pump(client);           /* up to and with these bytes */
    if (client->ctl == NULL || client->writing > 0 ||
        client->offset != offset)
        return;
    client->offset += (int64_t)bytes;
    while (bytes > 0) {
        size_t part = bytes < CONSOLE_FRAME_MAX ? bytes : CONSOLE_FRAME_MAX;

        if (!send_frame(client, CONSOLE_FRAME_DATA, data, part, true))
            return;
        data += part;
        bytes -= part;
    }
}

static void
watch_note(void *owner, const char *text)
{
    (void)send_frame(owner, CONSOLE_FRAME_NOTE, text, strlen(text), true);
}

/* A port that goes takes its watchers with it. */
static void
watch_end(void *owner)
{
    struct client *client = owner;

    client->port = NULL;
    client_close(client);
}

static bool
attach(struct client *client, struct console_port *port,
       const struct console_request *request, struct fault *why)
{
    struct console_log *log = console_port_log(port);
    struct console_span span = { .first = 0 };
    struct console_reader *reader;
    bool ok;

    switch (request->from) {
    case CONSOLE_FROM_NOW:
        client->offset = console_log_offset(log);
        break;
    case CONSOLE_FROM_START:
        reader = console_reader_new(console_log_dir(log));
        ok = console_reader_span(reader, &span, why);
        console_reader_free(reader);
        if (!ok)
            return false;
        client->offset = span.first;
        break;
    case CONSOLE_FROM_OFFSET:
        client->offset = request->offset;
        break;
    case CONSOLE_FROM_MARK:
        if (console_log_find_mark(log, request->name, &client->offset))
            break;
        if (strcmp(request->name, CONSOLE_MARK_LAST) != 0)
            return fault_set(why, FAULT_NOT_FOUND,
                             "the console of %s has no mark '%s'",
                             request->host, request->name);
        client->offset = console_log_offset(log);
        break;
    }
    if (client->offset > console_log_offset(log))
        return fault_set(why, FAULT_USAGE, "offset %" PRId64 " is not "
                         "reached yet", client->offset);
    if (request->write &&
        !console_port_take_pen(port, &client->watch, request->force, why))
        return false;
    client->may_write = request->write;
    client->port = port;
    console_port_watch(port, &client->watch);
    return true;
}

static void
on_frame(struct client *client, enum console_frame type, const char *data,
         size_t bytes)
{
    struct fault why = FAULT_INIT;

    switch (type) {
    case CONSOLE_FRAME_DATA:
        if (!console_port_type(client->port, &client->watch, data, bytes,
                               false, &why))
            watch_note(client, why.text);
        return;
    case CONSOLE_FRAME_DETACH:
        detach(client);
        (void)send_frame(client, CONSOLE_FRAME_END, "", 0, true);
        return;
    case CONSOLE_FRAME_NONE:
    case CONSOLE_FRAME_NOTE:
    case CONSOLE_FRAME_SKIP:
    case CONSOLE_FRAME_END:
        client_close(client);
        return;
    }
}

/* What a client says of itself is shown to others. */
static void
add_who(struct client *client, const char *who)
{
    struct buf text = BUF_INIT;

    buf_add_escaped(&text, who, strlen(who));
    (void)snprintf(client->who + strlen(client->who),
                   sizeof(client->who) - strlen(client->who), " (%.40s)",
                   buf_text(&text));
    buf_free(&text);
}

/* Requests ---------------------------------------------------------------- */

static bool
do_request(struct client *client, const struct console_request *request,
           struct fault *why)
{
    struct console_site *site = client->ctl->site;
    struct console_port *port = NULL;
    struct console_log *log;
    json_t *object;
    int64_t offset;

    if (request->op != CONSOLE_OP_STATUS && request->host != NULL) {
        port = console_site_find(site, request->host, why);
        if (port == NULL)
            return false;
    }
    object = answer_ok();
    switch (request->op) {
    case CONSOLE_OP_STATUS:
        if (request->host == NULL) {
            must(json_object_set_new(object, "consoles",
                                     console_site_describe_all(site)) == 0);
            json_put_int(object, "pid", getpid());
        } else {
            json_t *one = console_site_describe(site, request->host);

            if (one == NULL) {
                json_decref(object);
                port = console_site_find(site, request->host, why);
                must(port == NULL);
                return false;
            }
            must(json_object_set_new(object, "console", one) == 0);
        }
        break;
    case CONSOLE_OP_RELOAD:
        json_decref(object);
        client->awaits_reload = true;
        console_site_reload(site);
        return true;
    case CONSOLE_OP_MARK:
        log = console_port_log(port);
        offset = request->offset >= 0 ? request->offset
                                      : console_log_offset(log);
        if (offset > console_log_offset(log)) {
            json_decref(object);
            return fault_set(why, FAULT_USAGE, "offset %" PRId64 " is not "
                             "reached yet", offset);
        }
        console_log_mark(log, request->name, offset);
        if (strcmp(request->name, CONSOLE_MARK_LAST) != 0)
            console_log_mark(log, CONSOLE_MARK_LAST, offset);
        json_put_int(object, "offset", offset);
        break;
    case CONSOLE_OP_SEND:
        if (!console_port_type(port, NULL, buf_text(&request->data),
                               request->data.len, request->force, why)) {
            json_decref(object);
            return false;
        }
        break;
    case CONSOLE_OP_ATTACH:
        if (request->who != NULL)
            add_who(client, request->who);
        if (!attach(client, port, request, why)) {
            json_decref(object);
            return false;
        }
        json_put_int(object, "offset", client->offset);
        json_put_int(object, "end",
                     console_log_offset(console_port_log(port)));
        break;
    case CONSOLE_OP_NONE:
        must(false);
    }
    answer(client, object);
    if (client->ctl != NULL && client->port != NULL)
        pump(client);
    return true;
}

static void
on_line(struct client *client, const char *line, size_t bytes)
{
    struct console_request request;
    struct fault why = FAULT_INIT;

    if (!console_request_parse(line, bytes, &request, &why)) {
        answer_fault(client, &why);
        return;
    }
    if (!do_request(client, &request, &why))
        answer_fault(client, &why);
    console_request_fini(&request);
}

static char *
copy_of(const char *data, size_t bytes)
{
    char *copy = xmalloc(bytes + 1);

    memcpy(copy, data, bytes);
    copy[bytes] = '\0';
    return copy;
}

/* Takes one request or frame from the front and acts on it; false when none
 * is whole. It is taken before, since acting may come back here. */
static bool
take_one(struct client *client)
{
    size_t bytes = 0;
    enum console_frame type;
    const char *payload, *newline;
    char *copy;
    int size;

    if (client->ctl == NULL || client->in.len == 0 || client->awaits_reload)
        return false;
    if (client->port != NULL) {
        size = console_frame_parse(client->in.data, client->in.len, &type,
                                   &payload, &bytes);
        if (size < 0)
            client_close(client);
        if (size <= 0)
            return false;
        copy = copy_of(payload, bytes);
        buf_drop(&client->in, (size_t)size);
        on_frame(client, type, copy, bytes);
        free(copy);
        return true;
    }
    newline = memchr(client->in.data, '\n', client->in.len);
    if (newline == NULL) {
        if (client->in.len > CONSOLE_LINE_MAX)
            client_close(client);
        return false;
    }
    bytes = (size_t)(newline - client->in.data);
    copy = copy_of(client->in.data, bytes);
    buf_drop(&client->in, bytes + 1);
    on_line(client, copy, bytes);
    free(copy);
    return true;
}

static void
on_alloc(uv_handle_t *handle, size_t wanted UNUSED, uv_buf_t *out)
{
    struct client *client = handle->data;

    *out = uv_buf_init(client->ctl->chunk, sizeof(client->ctl->chunk));
}

static void
on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *data)
{
    struct client *client = stream->data;

    if (got == 0)
        return;
    if (got < 0) {
        client_close(client);
        return;
    }
    buf_add(&client->in, data->base, (size_t)got);
    while (take_one(client))
        ;
    if (client->ctl != NULL && client->in.len == 0)
        buf_free(&client->in);
}

static void
on_loaded(void *owner, const struct fault *why)
{
    struct console_ctl *ctl = owner;
    struct client *next;

    for (struct client *client = ctl->clients; client != NULL;
         client = next) {
        next = client->next;
        if (!client->awaits_reload)
            continue;
        client->awaits_reload = false;
        if (why != NULL)
            answer_fault(client, why);
        else
            answer(client, answer_ok());
        while (take_one(client))
            ;
    }
}

/* Clients ----------------------------------------------------------------- */

static void
on_client_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;

    buf_free(&client->in);
    free(client);
}

static void
client_close(struct client *client)
{
    struct client **at;

    if (client->ctl == NULL)
        return;
    detach(client);
    at = &client->ctl->clients;
    while (*at != client)
        at = &(*at)->next;
    *at = client->next;
    client->ctl->count--;
    client->ctl = NULL;
    uv_close((uv_handle_t *)&client->pipe, on_client_closed);
}

/* Who is it? For the others. */
static void
name_client(struct client *client)
{
    struct ucred peer = { .pid = 0 };
    socklen_t bytes = sizeof(peer);
    struct passwd *user;
    uv_os_fd_t fd;

    if (uv_fileno((uv_handle_t *)&client->pipe, &fd) == 0)
        (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes);
    user = getpwuid(peer.uid);
    (void)snprintf(client->who, sizeof(client->who), "%.24s pid %d",
                   user != NULL ? user->pw_name : "somebody",
                   (int)peer.pid);
}

static void
on_connection(uv_stream_t *server, int status)
{
    struct console_ctl *ctl = server->data;
    struct client *client;

    if (status < 0)
        return;
    client = xcalloc(1, sizeof(*client));
    must(uv_pipe_init(ctl->loop, &client->pipe, 0) == 0);
    client->pipe.data = client;
    client->ctl = ctl;
    client->watch = (struct console_watch){
        .data = watch_data, .note = watch_note, .end = watch_end,
        .owner = client, .who = client->who,
    };
    client->next = ctl->clients;
    ctl->clients = client;
    ctl->count++;
    if (uv_accept(server, (uv_stream_t *)&client->pipe) != 0 ||
        ctl->count > CLIENTS_MAX ||
        uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read)
            != 0) {
        client_close(client);
        return;
    }
    name_client(client);
}

bool
console_ctl_new(struct uv_loop_s *loop, struct console_site *site,
                const char *path, struct console_ctl **ctl_out,
                struct fault *why)
{
    struct console_ctl *ctl = xcalloc(1, sizeof(*ctl));
    mode_t mask;
    int error;

    ctl->loop = loop;
    ctl->site = site;
    must(uv_pipe_init(loop, &ctl->server, 0) == 0);
    ctl->server.data = ctl;
    (void)unlink(path);
    mask = umask(0177);
    error = uv_pipe_bind(&ctl->server, path);
    (void)umask(mask);
    if (error == 0)
        error = uv_listen((uv_stream_t *)&ctl->server, BACKLOG,
                          on_connection);
    if (error != 0) {
        fault_set(why, FAULT_SYSTEM, "bind %s: %s", path,
                  uv_strerror(error));
        console_ctl_free(ctl);
        return false;
    }
    console_site_on_loaded(site, on_loaded, ctl);
    *ctl_out = ctl;
    return true;
}

static void
on_server_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void
console_ctl_free(struct console_ctl *ctl)
{
    if (ctl == NULL)
        return;
    console_site_on_loaded(ctl->site, NULL, NULL);
    while (ctl->clients != NULL)
        client_close(ctl->clients);
    uv_close((uv_handle_t *)&ctl->server, on_server_closed);
}
