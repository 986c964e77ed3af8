/* hosts/http_server.c - HTTP/1.1 by libmicrohttpd, driven from a libuv loop. */
#include <config.h>

#include "hosts/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "hosts/web_route.h"

#define HTTP_MEMORY_BYTES (32u << 10)   /* a connection's; bounds headers */
#define HTTP_BLOCK_BYTES (64u << 10)
#define HTTP_ADDRESS_BYTES 64
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct http_server {
    uv_poll_t poll;
    uv_timer_t timer;
    struct MHD_Daemon *daemon;
    struct http_server_spec spec;
    int open_handles;           /* freed when the loop has closed both */
    bool running;               /* inside MHD_run() */
};

/* One request, from its first line to the end of its answer. */
struct exchange {
    struct http_server *server;
    char *target;
    struct buf body;
    bool begun, too_large, answered, head;
    /* The answer: */
    struct http_part parts[HTTP_PARTS_MAX];
    int part_count;
    int64_t first, bytes;       /* of the whole that is sent */
    int64_t sent;               /* by our own reader */
    int status;
    void *token;
};

static void
parts_close(struct http_part *parts, int count)
{
    for (int i = 0; i < count; i++)
        fd_close(&parts[i].fd);
}

static int64_t
parts_bytes(const struct http_part *parts, int count)
{
    int64_t bytes = 0;

    for (int i = 0; i < count; i++)
        bytes += parts[i].bytes;
    return bytes;
}

static void
exchange_free(struct exchange *exchange)
{
    parts_close(exchange->parts, exchange->part_count);
    buf_free(&exchange->body);
    free(exchange->target);
    free(exchange);
}

/* The library's content reader for several parts: bytes from 'pos' on. */
static ssize_t
read_parts(void *arg, uint64_t pos, char *to, size_t max)
{
    struct exchange *exchange = arg;
    int64_t at = exchange->first + (int64_t)pos;

    for (int i = 0; i < exchange->part_count; i++) {
        const struct http_part *part = &exchange->parts[i];
        size_t n = max;
        ssize_t got;

        if (at >= part->bytes) {
            at -= part->bytes;
            continue;
        }
        if ((int64_t)n > part->bytes - at)
            n = (size_t)(part->bytes - at);
        if (part->fd < 0) {
            memset(to, 0, n);
            got = (ssize_t)n;
        } else {
            do
                got = pread(part->fd, to, n, (off_t)(part->offset + at));
            while (got < 0 && errno == EINTR);
        }
        if (got <= 0) {
            log_error("read what is served to %s: %s", exchange->target,
                      got < 0 ? strerror(errno) : "the file became shorter");
            return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        exchange->sent = (int64_t)pos + got;
        return got;
    }
    return MHD_CONTENT_READER_END_OF_STREAM;
}

/* The response for the span [first, first + bytes) of the parts. */
static struct MHD_Response *
response_of_parts(struct exchange *exchange)
{
    struct http_part *only = &exchange->parts[0];
    struct MHD_Response *response;

    if (exchange->bytes == 0)
        return MHD_create_response_from_buffer(0, NULL,
                                               MHD_RESPMEM_PERSISTENT);
    if (exchange->part_count == 1 && only->fd >= 0) {
        /* One file: sendfile(). The response owns the descriptor. */
        response = MHD_create_response_from_fd_at_offset64(
            (uint64_t)exchange->bytes, only->fd,
            (uint64_t)(only->offset + exchange->first));
        if (response != NULL)
            only->fd = -1;
        return response;
    }
    return MHD_create_response_from_callback((uint64_t)exchange->bytes,
                                             HTTP_BLOCK_BYTES, read_parts,
                                             exchange, NULL);
}

static void
add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (MHD_add_response_header(response, name, value) != MHD_YES)
        log_error("header %s was refused", name);
}

static const char *
header_or_empty(struct MHD_Connection *connection, const char *name)
{
    const char *value = MHD_lookup_connection_value(connection,
                                                    MHD_HEADER_KIND, name);

    return value == NULL ? "" : value;
}

/* GRUB opens a connection a file and never closes one; the next boot opens the
 * same ports again, and must not meet the old connections. */
static bool
is_forgetful(struct MHD_Connection *connection)
{
    return strncmp(header_or_empty(connection, "User-Agent"), "GRUB ", 5)
        == 0;
}

static enum MHD_Result
send_response(struct MHD_Connection *connection, struct exchange *exchange,
              struct MHD_Response *response)
{
    enum MHD_Result result = MHD_NO;

    exchange->answered = true;
    if (response != NULL) {
        if (is_forgetful(connection))
            add_header(response, "Connection", "close");
        result = MHD_queue_response(connection, (unsigned)exchange->status,
                                    response);
        MHD_destroy_response(response);
    }
    return result;
}

/* A short answer of our own. */
static enum MHD_Result
send_text(struct MHD_Connection *connection, struct exchange *exchange,
          int status, const char *text)
{
    struct MHD_Response *response;

    exchange->status = status;
    exchange->bytes = (int64_t)strlen(text);
    response = MHD_create_response_from_buffer_with_free_callback(
        strlen(text), xstrdup(text), free);
    if (response != NULL)
        add_header(response, "Content-Type", "text/plain; charset=utf-8");
    return send_response(connection, exchange, response);
}

static void
add_headers(struct MHD_Response *response, const struct http_reply *reply)
{
    char number[16];

    add_header(response, "Content-Type", reply->type != NULL ? reply->type
               : "text/plain; charset=utf-8");
    add_header(response, "Cache-Control", "no-store");
    add_header(response, "X-Content-Type-Options", "nosniff");
    if (reply->policy != NULL)
        add_header(response, "Content-Security-Policy", reply->policy);
    if (reply->allow != NULL)
        add_header(response, "Allow", reply->allow);
    if (reply->retry_after_s > 0) {
        (void)snprintf(number, sizeof number, "%d", reply->retry_after_s);
        add_header(response, "Retry-After", number);
    }
}

static enum MHD_Result
answer_parts(struct MHD_Connection *connection, struct exchange *exchange,
             struct http_reply *reply)
{
    int64_t total = parts_bytes(reply->parts, reply->part_count), last = 0;
    struct MHD_Response *response;
    char range[80];

    memcpy(exchange->parts, reply->parts,
           (size_t)reply->part_count * sizeof reply->parts[0]);
    exchange->part_count = reply->part_count;
    exchange->first = 0;
    exchange->bytes = total;
    range[0] = '\0';
    /* If-Range names a version that we do not keep: then all of it. */
    if (reply->status == MHD_HTTP_OK
        && MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                       "If-Range") == NULL) {
        switch (web_range_parse(MHD_lookup_connection_value(
                                    connection, MHD_HEADER_KIND, "Range"),
                                total, &exchange->first, &last)) {
        case WEB_RANGE_NONE:
            exchange->first = 0;
            break;
        case WEB_RANGE_PART:
            exchange->status = MHD_HTTP_PARTIAL_CONTENT;
            exchange->bytes = last - exchange->first + 1;
            (void)snprintf(range, sizeof range,
                           "bytes %" PRId64 "-%" PRId64 "/%" PRId64,
                           exchange->first, last, total);
            break;
        case WEB_RANGE_BAD:
            exchange->status = MHD_HTTP_RANGE_NOT_SATISFIABLE;
            exchange->first = exchange->bytes = 0;
            (void)snprintf(range, sizeof range, "bytes */%" PRId64, total);
            break;
        }
    }
    response = response_of_parts(exchange);
    if (response != NULL) {
        add_headers(response, reply);
        add_header(response, "Accept-Ranges", "bytes");
        if (range[0] != '\0')
            add_header(response, "Content-Range", range);
    }
    return send_response(connection, exchange, response);
}

static void
address_text(const struct sockaddr *address, bool with_port, char *out,
             size_t cap)
{
    char host[INET6_ADDRSTRLEN] = "?";
    unsigned port = 0;

    if (address != NULL && address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;

        (void)inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        port = ntohs(in->sin_port);
    } else if (address != NULL && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const void *)address;

        (void)inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
        port = ntohs(in->sin6_port);
    }
    if (!with_port)
        (void)snprintf(out, cap, "%s", host);
    else if (strchr(host, ':') != NULL)
        (void)snprintf(out, cap, "[%s]:%u", host, port);
    else
        (void)snprintf(out, cap, "%s:%u", host, port);
}

static enum MHD_Result
answer(struct MHD_Connection *connection, const char *method,
       struct exchange *exchange)
{
    struct http_server *server = exchange->server;
    char peer[HTTP_ADDRESS_BYTES], local[HTTP_ADDRESS_BYTES];
    const union MHD_ConnectionInfo *info;
    struct sockaddr_storage address = { 0 };
    socklen_t address_bytes = sizeof address;
    struct http_reply reply = { .status = 0 };
    struct MHD_Response *response;
    enum MHD_Result result;

    info = MHD_get_connection_info(connection,
                                   MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    address_text(info == NULL ? NULL : info->client_addr, false, peer,
                 sizeof peer);
    info = MHD_get_connection_info(connection,
                                   MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info == NULL || getsockname(info->connect_fd, (void *)&address,
                                    &address_bytes) != 0)
        address.ss_family = AF_UNSPEC;
    address_text((const void *)&address, true, local, sizeof local);
    struct http_request request = {
        .method = method, .target = exchange->target, .peer = peer,
        .local = local, .agent = header_or_empty(connection, "User-Agent"),
        .authorization = header_or_empty(connection, "Authorization"),
        .body = buf_text(&exchange->body), .body_bytes = exchange->body.len,
    };

    server->spec.handle(server->spec.owner, &request, &reply);
    exchange->token = reply.token;
    exchange->status = reply.status > 0 ? reply.status
                                        : MHD_HTTP_INTERNAL_SERVER_ERROR;
    if (reply.part_count > 0) {
        result = answer_parts(connection, exchange, &reply);
    } else {
        size_t bytes = reply.text.len;

        exchange->bytes = (int64_t)bytes;
        response = MHD_create_response_from_buffer_with_free_callback(
            bytes, buf_take(&reply.text), free);
        if (response != NULL)
            add_headers(response, &reply);
        result = send_response(connection, exchange, response);
    }
    buf_free(&reply.text);
    return result;
}

/* The library's callbacks -------------------------------------------------- */

/* The request line is there: it is kept as it came, since the library decodes
 * it in place later. */
static void *
on_target(void *arg, const char *uri, struct MHD_Connection *connection UNUSED)
{
    struct exchange *exchange = xcalloc(1, sizeof *exchange);

    exchange->server = arg;
    exchange->target = xstrdup(uri);
    return exchange;
}

static size_t
body_max(const struct http_server *server)
{
    return server->spec.body_max > 0 ? server->spec.body_max : HTTP_BODY_MAX;
}

static enum MHD_Result
on_request(void *arg UNUSED, struct MHD_Connection *connection,
           const char *url UNUSED, const char *method,
           const char *version UNUSED, const char *data, size_t *data_bytes,
           void **context)
{
    struct exchange *exchange = *context;
    const char *length;
    int64_t announced;

    if (exchange == NULL)
        return MHD_NO;
    if (exchange->answered)
        return MHD_YES;
    if (!exchange->begun) {
        exchange->begun = true;
        exchange->head = strcmp(method, "HEAD") == 0;
        length = header_or_empty(connection, "Content-Length");
        if (length[0] != '\0'
            && (!parse_int64(length, 0, INT64_MAX, &announced)
                || (size_t)announced > body_max(exchange->server)))
            return send_text(connection, exchange,
                             MHD_HTTP_CONTENT_TOO_LARGE,
                             "the body is too large\n");
        return MHD_YES;
    }
    if (*data_bytes > 0) {
        if (exchange->body.len + *data_bytes > body_max(exchange->server))
            exchange->too_large = true;
        else if (!exchange->too_large)
            buf_add(&exchange->body, data, *data_bytes);
        *data_bytes = 0;
        return MHD_YES;
    }
    if (exchange->too_large)
        return send_text(connection, exchange, MHD_HTTP_CONTENT_TOO_LARGE,
                         "the body is too large\n");
    return answer(connection, method, exchange);
}

static void
on_completed(void *arg, struct MHD_Connection *connection UNUSED,
             void **context, enum MHD_RequestTerminationCode code)
{
    struct http_server *server = arg;
    struct exchange *exchange = *context;
    struct http_result result;

    if (exchange == NULL)
        return;
    if (exchange->token != NULL && server->spec.done != NULL) {
        result = (struct http_result){
            .status = exchange->status,
            .head = exchange->head,
            .whole = code == MHD_REQUEST_TERMINATED_COMPLETED_OK,
        };
        if (!exchange->head)
            result.bytes = result.whole ? exchange->bytes : exchange->sent;
        server->spec.done(server->spec.owner, exchange->token, &result);
    }
    exchange_free(exchange);
    *context = NULL;
}

static PRINTF_LIKE(2, 0) void
on_library_log(void *arg UNUSED, const char *fmt, va_list ap)
{
    struct buf text = BUF_INIT;

    /* What peers do wrong: of no interest unless one looks for it. */
    buf_addv(&text, fmt, ap);
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        text.data[--text.len] = '\0';
    log_debug("libmicrohttpd: %s", buf_text(&text));
    buf_free(&text);
}

/* The library takes what it only reads as void *. */
static void *
unconst(const char *text)
{
    return (void *)(uintptr_t)text;
}

/* The loop ----------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void
run(struct http_server *server)
{
    MHD_UNSIGNED_LONG_LONG limit_ms = 0;

    server->running = true;
    if (MHD_run(server->daemon) != MHD_YES)
        log_error("libmicrohttpd cannot go on");
    server->running = false;
    if (MHD_get_timeout(server->daemon, &limit_ms) == MHD_YES)
        (void)uv_timer_start(&server->timer, on_timer, limit_ms, 0);
    else
        (void)uv_timer_stop(&server->timer);
}

static void
on_timer(uv_timer_t *timer)
{
    run(timer->data);
}

static void
on_readable(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
    run(poll->data);
}

static void
on_closed(uv_handle_t *handle)
{
    struct http_server *server = handle->data;

    if (--server->open_handles == 0)
        free(server);
}

struct http_server *
http_server_new(uv_loop_t *loop, int listen_fd,
                const struct http_server_spec *spec, struct fault *why)
{
    struct http_server *server = xcalloc(1, sizeof *server);
    unsigned flags = MHD_USE_EPOLL | MHD_USE_ERROR_LOG;
    const union MHD_DaemonInfo *info;

    server->spec = *spec;
    if (listen_fd < 0)
        flags |= MHD_USE_NO_LISTEN_SOCKET;
    else if (listen(listen_fd, 128) != 0) {
        fault_errno(why, FAULT_SYSTEM, "listen");
        goto fail;
    }
    if (spec->certificate != NULL)
        flags |= MHD_USE_TLS;
    struct MHD_OptionItem with_socket[] = {
        { listen_fd < 0 ? MHD_OPTION_END : MHD_OPTION_LISTEN_SOCKET,
          listen_fd, NULL },
        { MHD_OPTION_END, 0, NULL },
    };
    struct MHD_OptionItem with_tls[] = {
        { spec->certificate == NULL ? MHD_OPTION_END
              : MHD_OPTION_HTTPS_MEM_CERT, 0, unconst(spec->certificate) },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, unconst(spec->key) },
        { MHD_OPTION_HTTPS_PRIORITIES, 0, unconst(TLS_PRIORITIES) },
        { MHD_OPTION_END, 0, NULL },
    };

    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server,
        MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
        MHD_OPTION_CONNECTION_LIMIT, spec->connections_max,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, spec->per_peer_max,
        MHD_OPTION_CONNECTION_TIMEOUT, spec->idle_limit_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_MEMORY_BYTES,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_ARRAY, with_socket, MHD_OPTION_ARRAY, with_tls,
        MHD_OPTION_END);
    if (server->daemon == NULL) {
        fault_set(why, spec->certificate != NULL ? FAULT_CONFIG
                  : FAULT_SYSTEM, "libmicrohttpd does not start%s",
                  spec->certificate != NULL
                  ? ": are the certificate and its key a pair?" : "");
        goto fail;
    }
    info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    must(info != NULL);
    must(uv_timer_init(loop, &server->timer) == 0);
    must(uv_poll_init(loop, &server->poll, info->epoll_fd) == 0);
    server->timer.data = server;
    server->poll.data = server;
    server->open_handles = 2;
    must(uv_poll_start(&server->poll, UV_READABLE, on_readable) == 0);
    return server;
fail:
    if (server->daemon == NULL)
        fd_close(&listen_fd);
    free(server);
    return NULL;
}

bool
http_server_adopt(struct http_server *server, int fd, struct fault *why)
{
    struct sockaddr_in nowhere = { .sin_family = AF_INET };

    if (MHD_add_connection(server->daemon, fd, (const void *)&nowhere,
                           sizeof nowhere) != MHD_YES)
        return fault_errno(why, FAULT_SYSTEM, "adopt a connection");
    run(server);
    return true;
}

void
http_server_free(struct http_server *server)
{
    if (server == NULL)
        return;
    must(!server->running);     /* a handler must not free its server */
    (void)uv_poll_stop(&server->poll);
    (void)uv_timer_stop(&server->timer);
    MHD_stop_daemon(server->daemon);
    server->daemon = NULL;
    uv_close((uv_handle_t *)&server->poll, on_closed);
    uv_close((uv_handle_t *)&server->timer, on_closed);
}
