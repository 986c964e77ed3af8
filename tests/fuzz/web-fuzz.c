/* tests/fuzz/web-fuzz.c - any bytes as a request: to the parsers, and to the
 * whole server over a socket pair. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/mem.h"
#include "hosts/boot_db.h"
#include "hosts/http_server.h"
#include "hosts/web_route.h"

#define INPUT_MAX 200000
/* The library keeps a connection whose peer left in mid-request until it has
 * been idle for long: with so many of them, all are cut off. */
#define INPUTS_PER_SERVER 32

static void
parse_target(const char *target)
{
    struct web_route route;

    web_route_parse(target, &route);
    must((unsigned)route.kind < WEB_KIND_COUNT);
    must((route.kind == WEB_BAD) == (route.why != NULL));
    must(strchr(route.name, '/') == NULL);
    must(strcmp(route.name, "..") != 0 && strcmp(route.name, ".") != 0);
    if (route.kind == WEB_PART || route.kind == WEB_UP)
        must(boot_nonce_is_valid(route.nonce) && route.name[0] != '.');
    if (route.kind == WEB_ARTEFACT)
        must(strlen(route.name) == 64);
    if (route.kind == WEB_SCRIPT)
        must(strlen(route.mac) == 17 && route.loader != NULL);
    if (route.kind == WEB_FLIGHT || route.kind == WEB_LOG)
        must(route.flight >= 1);
    if (route.kind == WEB_LOG)
        must(route.step >= 1 && route.name[0] != '\0');
    if (route.kind != WEB_NONE && route.kind != WEB_BAD
        && route.kind != WEB_HEALTH)
        must(route.side != WEB_SIDE_BOTH);
}

static void
parse_range(const char *value)
{
    static const int64_t TOTALS[] = { 0, 1, 1000, INT64_MAX };
    int64_t first, last;

    for (size_t i = 0; i < ARRAY_LEN(TOTALS); i++) {
        if (web_range_parse(value, TOTALS[i], &first, &last)
            == WEB_RANGE_PART)
            must(first >= 0 && first <= last && last < TOTALS[i]);
    }
}

static void
parse_hostkey(const char *data, size_t bytes)
{
    size_t kept = 0;

    if (!web_hostkey_is_valid(data, bytes, &kept))
        return;
    must(kept > 0 && kept <= bytes);
    for (size_t i = 0; i < kept; i++)
        must(data[i] == '\n' || (data[i] >= ' ' && data[i] <= '~'));
}

/* Answers of every shape, by what is asked for. */
static void
handle(void *owner UNUSED, const struct http_request *request,
       struct http_reply *reply)
{
    struct web_route route;

    must(request->body_bytes <= HTTP_BODY_MAX);
    must(request->method != NULL && request->peer != NULL
         && request->local != NULL && request->agent != NULL);
    web_route_parse(request->target, &route);
    reply->status = route.kind == WEB_NONE || route.kind == WEB_BAD ? 404
                                                                    : 200;
    reply->token = xstrdup("token");
    if (route.kind == WEB_PART) {
        reply->parts[0] = (struct http_part){ -1, 0, 10 };
        reply->parts[1] = (struct http_part){ -1, 0, 3 };
        reply->part_count = 2;
    } else if (route.kind == WEB_LOG) {
        reply->parts[0] = (struct http_part){ open("/dev/null", O_RDONLY
                                                   | O_CLOEXEC), 0, 0 };
        reply->part_count = 1;
    } else if (route.kind == WEB_UP) {
        parse_hostkey(request->body, request->body_bytes);
    } else {
        buf_addf(&reply->text, "%s\n", request->target);
    }
}

static void
done(void *owner UNUSED, void *token, const struct http_result *result)
{
    must(result->bytes >= 0 && result->status >= 200);
    free(token);
}

static void
serve(const uint8_t *data, size_t bytes)
{
    static const struct http_server_spec spec = {
        .handle = handle, .done = done, .connections_max = 100,
        .idle_limit_s = 60,
    };
    static struct http_server *server;
    static uv_loop_t loop;
    static int served;
    struct fault why = FAULT_INIT;
    char in[4096];
    int fds[2], idle = 0;
    ssize_t n;

    if (served == 0)
        must(uv_loop_init(&loop) == 0 && signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    if (server == NULL) {
        server = http_server_new(&loop, -1, &spec, &why);
        must(server != NULL);
    }
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                    fds) == 0);
    must(http_server_adopt(server, fds[0], &why));
    /* In two pieces, since a request may break anywhere. */
    (void)!write(fds[1], data, bytes / 2);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    (void)!write(fds[1], data + bytes / 2, bytes - bytes / 2);
    (void)shutdown(fds[1], SHUT_WR);
    while (idle < 3) {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
        n = read(fds[1], in, sizeof in);
        if (n == 0)
            break;
        idle = n > 0 ? 0 : idle + 1;
    }
    close(fds[1]);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    if (++served % INPUTS_PER_SERVER == 0) {
        http_server_free(server);
        server = NULL;
        (void)uv_run(&loop, UV_RUN_DEFAULT);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *text;

    if (bytes > INPUT_MAX)
        return 0;
    text = xstrndup((const char *)data, bytes);
    parse_target(text);
    parse_range(text);
    free(text);
    text = xmalloc(bytes > 0 ? bytes : 1);
    memcpy(text, data, bytes);
    parse_hostkey(text, bytes);
    free(text);
    serve(data, bytes);
    return 0;
}
