/* hosts/http_server.h - HTTP/1.1 by libmicrohttpd, driven from one libuv loop.
 *
 * No thread: the library's epoll descriptor is polled by the loop, its
 * deadlines are a timer. A request is handed over whole; its body is limited;
 * the answer is text, or bytes of open files, sent as the peer takes them. */
#ifndef HOSTS_HTTP_SERVER_H
#define HOSTS_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "harness/attr.h"
#include "harness/buf.h"

struct fault;
struct http_server;             /* opaque: http_server.c */

#define HTTP_BODY_MAX (64u << 10)
#define HTTP_PARTS_MAX 40

/* Borrowed for the call. Texts are outside bytes and never NULL. */
struct http_request {
    const char *method;         /* "GET", "HEAD", "POST", ... */
    const char *target;         /* as sent, undecoded */
    const char *peer;           /* "10.77.0.11" */
    const char *local;          /* "10.77.0.1:8077": where it came in */
    const char *agent;          /* User-Agent */
    const char *authorization;
    const char *body;
    size_t body_bytes;
};

/* Bytes of a file, which the server closes; fd -1: that many zeros. */
struct http_part {
    int fd;
    int64_t offset, bytes;
};

/* Zeroed before the call; what is left zero is a 500. With parts, 'text' is
 * not sent. */
struct http_reply {
    int status;
    const char *type;           /* static: "text/plain; charset=utf-8" */
    struct buf text;
    struct http_part parts[HTTP_PARTS_MAX];
    int part_count;
    const char *policy;         /* static Content-Security-Policy, or NULL */
    const char *allow;          /* static, for 405, or NULL */
    int retry_after_s;          /* for 503; 0: none */
    void *token;                /* for 'done'; NULL: not called */
};

/* From the loop, once a request. */
typedef void http_handle_fn(void *owner, const struct http_request *request,
                            struct http_reply *reply);

/* How the answer went. 'whole': all bytes were given to the network. */
struct http_result {
    int status;
    int64_t bytes;              /* of the body, as far as is known */
    bool head, whole;
};
/* From the loop, once for each reply with a token, which it may free; never
 * inside the handler. Runs inside http_server_free() for what is cut off. */
typedef void http_done_fn(void *owner, void *token,
                          const struct http_result *result);

struct http_server_spec {
    http_handle_fn *handle;
    http_done_fn *done;         /* NULL: nobody asks */
    void *owner;
    unsigned connections_max;
    unsigned per_peer_max;      /* of one address; 0: no limit of its own */
    /* Without a byte moving. The library does not always notice that a peer
     * has gone in the middle of a request: such a connection stays as long. */
    unsigned idle_limit_s;
    size_t body_max;            /* of a request; 0: HTTP_BODY_MAX */
    const char *certificate, *key;      /* PEM: TLS 1.2 or later; NULL: none.
                                         * Borrowed for the call */
};

/* 'listen_fd' is bound; the server listens on it and owns it from now on, also
 * on failure. -1: connections come by http_server_adopt() alone. SIGPIPE must
 * be ignored. */
MUST_CHECK struct http_server *
http_server_new(uv_loop_t *loop, int listen_fd,
                const struct http_server_spec *spec, struct fault *why);
/* Serves a connected stream socket, which it owns from now on. */
MUST_CHECK bool http_server_adopt(struct http_server *server, int fd,
                                  struct fault *why);
/* Cuts all connections. The memory goes when the loop has closed its handles.
 * Ignores NULL. */
void http_server_free(struct http_server *server);

#endif
