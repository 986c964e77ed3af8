/* hosts/assay-web-main.c - assay-web: netboot for machines, pages for people.
 *
 * Machines are served where the lab's wire is (a socket of the lab's network,
 * taken anew whenever there is another lab) and at --listen; people at
 * --pages. The two do not mix: a machine under test must not read the nonces
 * and logs of others. */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <uv.h>

#include "harness/artefact.h"
#include "harness/buf.h"
#include "harness/cmd.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/log.h"
#include "harness/service.h"
#include "hosts/http_server.h"
#include "hosts/lab_ns.h"
#include "hosts/netboot_web.h"
#include "hosts/web_route.h"
#include "hosts/web_session.h"
#include "results/html.h"
#include "results/pages.h"

#define LISTENERS_MAX 16
#define LAB_LOOK_MS 500
#define CONNECTIONS_MAX 512
#define PER_PEER_MAX 64
#define IDLE_LIMIT_S 60

struct web;

/* One address that is served. */
struct listener {
    struct web *web;
    enum web_side side;
    struct http_server *server;         /* NULL: not now */
};

struct web {
    uv_loop_t loop;
    uv_signal_t signals[3];
    uv_timer_t lab_timer;
    const char *root;
    struct web_session *session;
    struct netboot_web *netboot;
    struct listener listeners[LISTENERS_MAX];
    size_t listener_count;
    /* The lab's own: */
    struct listener lab;
    const char *lab_address;
    pid_t lab_keeper;                   /* whose network it is in; 0: none */
    bool lab_failed;                    /* said already */
};

static void
reply_page(struct web *web, const struct web_route *route,
           struct http_reply *reply)
{
    struct db *db = web_session_db(web->session);
    struct fault why = FAULT_INIT;
    bool ok = false;

    if (db == NULL) {
        fault_set(&why, FAULT_LOST, "there is no database at the moment");
        goto out;
    }
    reply->type = "text/html; charset=utf-8";
    reply->policy = HTML_POLICY;
    switch (route->kind) {
    case WEB_FLIGHTS:
        ok = pages_flights(db, &reply->text, &why);
        break;
    case WEB_HOSTS:
        ok = pages_hosts(db, &reply->text, &why);
        break;
    case WEB_FLIGHT:
        ok = pages_flight(db, web->root, route->flight, &reply->text, &why);
        break;
    case WEB_FLIGHT_JSON:
        ok = pages_flight_json(db, route->flight, &reply->text, &why);
        reply->type = "application/json";
        break;
    case WEB_LOG:
        ok = pages_log(db, web->root, route->flight, route->name, route->step,
                       &reply->parts[0].fd, &reply->parts[0].bytes, &why);
        reply->part_count = ok ? 1 : 0;
        reply->type = "text/plain; charset=utf-8";
        reply->policy = "sandbox";
        break;
    case WEB_ARTEFACT:
        ok = artefact_open(route->name, &reply->parts[0].fd,
                           &reply->parts[0].bytes, &why);
        reply->part_count = ok ? 1 : 0;
        reply->type = "application/octet-stream";
        reply->policy = "sandbox";
        break;
    case WEB_NONE:
    case WEB_BAD:
    case WEB_HEALTH:
    case WEB_SCRIPT:
    case WEB_PART:
    case WEB_UP:
    case WEB_KIND_COUNT:
        must(false);                    /* others answer these */
    }
out:
    web_session_check(web->session);
    reply->status = 200;
    if (ok)
        return;
    reply->status = why.kind == FAULT_NOT_FOUND ? 404
        : why.kind == FAULT_LOST ? 503 : 500;
    reply->retry_after_s = reply->status == 503 ? 2 : 0;
    if (reply->status == 500)
        log_fault(LOG_LEVEL_ERROR, &why, "show a page");
    reply->type = "text/html; charset=utf-8";
    reply->policy = HTML_POLICY;
    buf_reset(&reply->text);
    pages_error(reply->status, why.text, &reply->text);
}

static void
reply_health(struct web *web, struct http_reply *reply)
{
    bool good = web_session_db(web->session) != NULL;

    reply->status = good ? 200 : 503;
    reply->type = "application/json";
    buf_addf(&reply->text, "{\"database\": %s, \"lab\": %s}\n",
             good ? "true" : "false",
             web->lab.server != NULL ? "true" : "false");
}

static bool
method_fits(const struct web_route *route, const char *method)
{
    if (route->wants_post)
        return strcmp(method, "POST") == 0;
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static void
handle(void *owner, const struct http_request *request,
       struct http_reply *reply)
{
    struct listener *listener = owner;
    struct web *web = listener->web;
    struct web_route route;

    web_route_parse(request->target, &route);
    if (route.kind != WEB_BAD && route.side != WEB_SIDE_BOTH
        && route.side != listener->side)
        route.kind = WEB_NONE;
    switch (route.kind) {
    case WEB_NONE:
        reply->status = 404;
        buf_adds(&reply->text, "there is nothing here\n");
        return;
    case WEB_BAD:
        reply->status = 400;
        buf_addf(&reply->text, "%s\n", route.why);
        return;
    case WEB_HEALTH:
    case WEB_SCRIPT:
    case WEB_PART:
    case WEB_UP:
    case WEB_FLIGHTS:
    case WEB_FLIGHT:
    case WEB_FLIGHT_JSON:
    case WEB_HOSTS:
    case WEB_LOG:
    case WEB_ARTEFACT:
    case WEB_KIND_COUNT:
        break;
    }
    if (!method_fits(&route, request->method)) {
        reply->status = 405;
        reply->allow = route.wants_post ? "POST" : "GET, HEAD";
        return;
    }
    if (route.kind == WEB_HEALTH)
        reply_health(web, reply);
    else if (route.side == WEB_SIDE_BOOT)
        netboot_web_handle(web->netboot, &route, request, reply);
    else
        reply_page(web, &route, reply);
}

static void
done(void *owner, void *token, const struct http_result *result)
{
    struct listener *listener = owner;

    netboot_web_done(listener->web->netboot, token, result);
}

/* Listening ---------------------------------------------------------------- */

/* "10.77.0.1:8077", "[::1]:8077". */
static bool
address_parse(const char *text, struct sockaddr_storage *out,
              socklen_t *bytes_out, struct fault *why)
{
    struct sockaddr_in *in = (void *)out;
    struct sockaddr_in6 *in6 = (void *)out;
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN + 2] = "";
    int64_t port = 0;
    size_t bytes;

    memset(out, 0, sizeof *out);
    bytes = colon == NULL ? 0 : (size_t)(colon - text);
    if (bytes == 0 || bytes >= sizeof host
        || !parse_int64(colon + 1, 0, 65535, &port))
        goto bad;
    memcpy(host, text, bytes);
    if (host[0] == '[' && host[bytes - 1] == ']') {
        host[bytes - 1] = '\0';
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        *bytes_out = sizeof *in6;
        if (inet_pton(AF_INET6, host + 1, &in6->sin6_addr) == 1)
            return true;
    } else {
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)port);
        *bytes_out = sizeof *in;
        if (inet_pton(AF_INET, host, &in->sin_addr) == 1)
            return true;
    }
bad:
    return fault_set(why, FAULT_USAGE, "'%s' is no ADDRESS:PORT", text);
}

/* Serves 'text' on 'fd' (-1: a socket of the ordinary network), which it
 * takes. */
static bool
listener_open(struct listener *listener, const char *text, int fd,
              struct fault *why)
{
    const struct http_server_spec spec = {
        .handle = handle, .done = done, .owner = listener,
        .connections_max = CONNECTIONS_MAX, .per_peer_max = PER_PEER_MAX,
        .idle_limit_s = IDLE_LIMIT_S,
    };
    struct sockaddr_storage address;
    socklen_t bytes = 0;
    int one = 1, port = 0;
    bool ok;

    ok = address_parse(text, &address, &bytes, why);
    if (!ok)
        goto out;
    if (fd < 0)
        fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ok = fd >= 0
        && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0
        && bind(fd, (const void *)&address, bytes) == 0
        && fd_set_nonblock(fd, why);
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "serve at %s", text);
        goto out;
    }
    if (getsockname(fd, (void *)&address, &bytes) == 0)
        port = ntohs(((const struct sockaddr_in *)(void *)&address)->sin_port);
    listener->server = http_server_new(&listener->web->loop, fd, &spec, why);
    fd = -1;
    ok = listener->server != NULL;
    /* The port may have been 0, "any". */
    if (ok)
        log_info("serves %s at %.*s:%d", listener->side == WEB_SIDE_BOOT
                 ? "netboot" : "pages", (int)(strrchr(text, ':') - text),
                 text, port);
out:
    fd_close(&fd);
    return ok;
}

static bool
listener_add(struct web *web, enum web_side side, const char *text,
             struct fault *why)
{
    struct listener *listener = &web->listeners[web->listener_count];

    if (web->listener_count == LISTENERS_MAX)
        return fault_set(why, FAULT_USAGE, "more than %d addresses",
                         LISTENERS_MAX);
    listener->web = web;
    listener->side = side;
    if (!listener_open(listener, text, -1, why))
        return false;
    web->listener_count++;
    return true;
}

/* The lab comes and goes, and each has a network of its own. */
static void
lab_look(struct web *web)
{
    struct fault why = FAULT_INIT;
    pid_t keeper = 0;
    int fd = -1;

    if (!lab_is_up(&keeper))
        keeper = 0;
    if (keeper == web->lab_keeper)
        return;
    if (web->lab.server != NULL) {
        log_info("the lab's network has gone");
        http_server_free(web->lab.server);
        web->lab.server = NULL;
    }
    web->lab_keeper = 0;
    if (keeper == 0)
        return;
    if (lab_socket(&fd, &why)
        && listener_open(&web->lab, web->lab_address, fd, &why)) {
        web->lab_keeper = keeper;
        web->lab_failed = false;
        return;
    }
    /* Its keeper lives, and its bridge may not be there yet. */
    if (!web->lab_failed)
        log_fault(LOG_LEVEL_INFO, &why, "the lab is not served yet");
    web->lab_failed = true;
}

static void
on_lab_timer(uv_timer_t *timer)
{
    lab_look(timer->data);
}

/* Life --------------------------------------------------------------------- */

static void
web_stop(struct web *web)
{
    for (size_t i = 0; i < web->listener_count; i++) {
        http_server_free(web->listeners[i].server);
        web->listeners[i].server = NULL;
    }
    http_server_free(web->lab.server);
    web->lab.server = NULL;
    netboot_web_free(web->netboot);
    web_session_free(web->session);
    web->netboot = NULL;
    web->session = NULL;
    uv_close((uv_handle_t *)&web->lab_timer, NULL);
    for (size_t i = 0; i < ARRAY_LEN(web->signals); i++)
        uv_close((uv_handle_t *)&web->signals[i], NULL);
}

static void
on_signal(uv_signal_t *handle, int signum)
{
    struct web *web = handle->data;

    log_info("stops: signal %d", signum);
    if (web->session != NULL)
        web_stop(web);
}

static bool
open_all(struct web *web, const struct cmd_call *call, struct fault *why)
{
    const char *pages = cmd_text(call, "pages");
    const char *address;
    struct fault taken = FAULT_INIT;

    for (int i = 0; (address = cmd_list(call, "listen", i)) != NULL; i++) {
        if (!listener_add(web, WEB_SIDE_BOOT, address, why))
            return false;
    }
    if (pages != NULL && strcmp(pages, "none") != 0)
        return listener_add(web, WEB_SIDE_PAGES, pages, why);
    /* Nobody asked for this one: another Assay may have it. */
    if (pages == NULL
        && !listener_add(web, WEB_SIDE_PAGES, "127.0.0.1:8077", &taken))
        log_fault(LOG_LEVEL_INFO, &taken, "pages are not served");
    return true;
}

static bool
run_web(struct cmd_call *call, struct fault *why)
{
    static const int SIGNALS[] = { SIGINT, SIGTERM, SIGHUP };
    static struct web web;
    bool ok;

    (void)signal(SIGPIPE, SIG_IGN);
    web.lab.web = &web;
    web.lab.side = WEB_SIDE_BOOT;
    web.lab_address = cmd_text(call, "lab-listen");
    must(uv_loop_init(&web.loop) == 0);
    for (size_t i = 0; i < ARRAY_LEN(SIGNALS); i++) {
        must(uv_signal_init(&web.loop, &web.signals[i]) == 0);
        web.signals[i].data = &web;
        must(uv_signal_start(&web.signals[i], on_signal, SIGNALS[i]) == 0);
    }
    must(uv_timer_init(&web.loop, &web.lab_timer) == 0);
    web.lab_timer.data = &web;
    web.session = web_session_new(&web.loop, "assay-web", NULL, NULL);
    web.netboot = netboot_web_new(&web.loop, web.session);
    ok = home_get(&web.root, why) && open_all(&web, call, why);
    if (ok && !cmd_flag(call, "no-lab")) {
        lab_look(&web);
        must(uv_timer_start(&web.lab_timer, on_lab_timer, LAB_LOOK_MS,
                            LAB_LOOK_MS) == 0);
    }
    /* One round, so that the first requests find the database. */
    if (ok) {
        (void)uv_run(&web.loop, UV_RUN_NOWAIT);
        service_ready();
    } else {
        web_stop(&web);
    }
    (void)uv_run(&web.loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&web.loop) == 0);
    return ok;
}

static const struct cmd_opt web_opts[] = {
    { "listen", CMD_OPT_LIST, "ADDRESS:PORT", NULL, 0, 0,
      "serve netboot there, in the ordinary network; may be given again" },
    { "pages", CMD_OPT_TEXT, "ADDRESS:PORT", NULL, 0, 0,
      "serve pages there; \"none\" for nowhere (default 127.0.0.1:8077, if it "
      "is free)" },
    { "lab-listen", CMD_OPT_TEXT, "ADDRESS:PORT", "10.77.0.1:8077", 0, 0,
      "serve netboot there in the virtual lab's network" },
    { "no-lab", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "do not serve the virtual lab" },
    { 0 },
};

static const struct cmd web_cmds[] = {
    { "", "", 0, 0, CMD_READS, web_opts, run_web,
      "serve netboot to machines and pages to people",
      "Machines that boot fetch their script and images, and call back when "
      "they are up. A script is served once; everything that is fetched is "
      "recorded.\n\n"
      "People see flights, hosts, reports and logs. Nothing can be changed "
      "here." },
    { 0 },
};

int
main(int argc, char **argv)
{
    static const struct cmd *const tables[] = { web_cmds, NULL };
    static const struct cmd_program program = {
        .name = "assay-web",
        .help = "Serves netboot to machines and pages to people.",
        .tables = tables,
    };

    log_init("assay-web");
    return cmd_main(&program, argc, argv);
}
