/* hosts/assay-web-main.c - assay-web: netboot for machines, pages for people.
 *
 * Machines are served where the lab's wire is (a socket of the lab's network,
 * taken anew whenever there is another lab) and at --listen; people at
 * --pages; vendors' machines that test for a bisection at --agents. They do
 * not mix: a machine under test must not read the nonces and logs of others,
 * and an agent nothing but what it is asked. */
#include <config.h>

#include <signal.h>
#include <uv.h>

#include "bisector/agent_proto.h"
#include "bisector/agent_web.h"
#include "harness/artefact.h"
#include "harness/buf.h"
#include "harness/cmd.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/html.h"
#include "harness/log.h"
#include "harness/service.h"
#include "hosts/http_server.h"
#include "hosts/netboot_web.h"
#include "hosts/web_listen.h"
#include "hosts/web_route.h"
#include "hosts/web_session.h"
#include "results/pages.h"

#define LISTENERS_MAX 16
#define CONNECTIONS_MAX 512
#define PER_PEER_MAX 64
#define IDLE_LIMIT_S 60
/* Strangers, each of whom may keep a body in our memory. */
#define AGENT_CONNECTIONS_MAX 64
#define AGENT_PER_PEER_MAX 8
#define PEM_BYTES (1u << 20)

struct web;

/* What a request came in by. */
struct side {
    struct web *web;
    enum web_side side;
    struct http_server_spec spec;
};

struct web {
    uv_loop_t loop;
    uv_signal_t signals[3];
    const char *root;
    struct web_session *session;
    struct netboot_web *netboot;
    struct side boot, pages;
    struct http_server *servers[LISTENERS_MAX];
    size_t server_count;
    struct web_lab lab;
    struct agent_web *agents;   /* NULL: none are served */
    struct http_server_spec agent_spec;
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
    case WEB_HOST:
        ok = pages_host(db, route->name, &reply->text, &why);
        break;
    case WEB_JOB:
        ok = pages_job(db, route->name, &reply->text, &why);
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
    case WEB_LOADER:
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
    const struct side *side = owner;
    struct web *web = side->web;
    struct web_route route;

    web_route_parse(request->target, &route);
    if (route.kind != WEB_BAD && route.side != WEB_SIDE_BOTH
        && route.side != side->side)
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
    case WEB_LOADER:
    case WEB_UP:
    case WEB_FLIGHTS:
    case WEB_FLIGHT:
    case WEB_FLIGHT_JSON:
    case WEB_HOST:
    case WEB_HOSTS:
    case WEB_JOB:
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
    const struct side *side = owner;

    netboot_web_done(side->web->netboot, token, result);
}

static void
handle_agent(void *owner, const struct http_request *request,
             struct http_reply *reply)
{
    struct web *web = owner;

    agent_web_handle(web->agents, request, reply);
}

/* Life --------------------------------------------------------------------- */

static void
web_stop(struct web *web)
{
    for (size_t i = 0; i < web->server_count; i++)
        http_server_free(web->servers[i]);
    web->server_count = 0;
    web_lab_stop(&web->lab);
    netboot_web_free(web->netboot);
    agent_web_free(web->agents);
    web_session_free(web->session);
    web->agents = NULL;
    web->netboot = NULL;
    web->session = NULL;
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

static void
side_init(struct side *side, struct web *web, enum web_side which)
{
    side->web = web;
    side->side = which;
    side->spec = (struct http_server_spec){
        .handle = handle, .done = done, .owner = side,
        .connections_max = CONNECTIONS_MAX, .per_peer_max = PER_PEER_MAX,
        .idle_limit_s = IDLE_LIMIT_S,
    };
}

static bool
add_server(struct web *web, const struct http_server_spec *spec,
           const char *what, const char *address, struct fault *why)
{
    if (web->server_count == LISTENERS_MAX)
        return fault_set(why, FAULT_USAGE, "more than %d addresses",
                         LISTENERS_MAX);
    if (!web_listen(&web->loop, address, -1, spec, what,
                    &web->servers[web->server_count], why))
        return false;
    web->server_count++;
    return true;
}

static bool
read_pem(const struct cmd_call *call, const char *option, struct buf *out,
         struct fault *why)
{
    const char *path = cmd_text(call, option);

    if (path == NULL)
        return fault_set(why, FAULT_USAGE, "--agents needs --%s FILE",
                         option);
    return fs_read_file(path, PEM_BYTES, out, why)
        || fault_context(why, "--%s", option);
}

/* Only with TLS: a token that was read on the way would be another's. */
static bool
open_agents(struct web *web, const struct cmd_call *call, struct fault *why)
{
    const struct agent_web_spec spec = {
        .lease_ms = cmd_int(call, "agent-lease"),
        .again_ms = cmd_int(call, "agent-poll"),
    };
    struct buf certificate = BUF_INIT, key = BUF_INIT;
    const char *address;
    bool ok;

    if (cmd_list(call, "agents", 0) == NULL)
        return true;
    ok = read_pem(call, "certificate", &certificate, why)
        && read_pem(call, "key", &key, why);
    web->agents = ok ? agent_web_new(&spec, web->session, why) : NULL;
    ok = web->agents != NULL;
    web->agent_spec = (struct http_server_spec){
        .handle = handle_agent, .owner = web,
        .connections_max = AGENT_CONNECTIONS_MAX,
        .per_peer_max = AGENT_PER_PEER_MAX,
        .idle_limit_s = IDLE_LIMIT_S, .body_max = AGENT_BODY_MAX,
        .certificate = buf_text(&certificate), .key = buf_text(&key),
    };
    for (int i = 0; ok && (address = cmd_list(call, "agents", i)) != NULL;
         i++)
        ok = add_server(web, &web->agent_spec, "agents", address, why);
    web->agent_spec.certificate = web->agent_spec.key = NULL;
    if (key.data != NULL)
        explicit_bzero(key.data, key.len);
    buf_free(&certificate);
    buf_free(&key);
    return ok;
}

static bool
open_all(struct web *web, const struct cmd_call *call, struct fault *why)
{
    const char *pages = cmd_text(call, "pages");
    const char *address;
    struct fault taken = FAULT_INIT;

    for (int i = 0; (address = cmd_list(call, "listen", i)) != NULL; i++) {
        if (!add_server(web, &web->boot.spec, "netboot", address, why))
            return false;
    }
    if (!open_agents(web, call, why))
        return false;
    if (pages != NULL && strcmp(pages, "none") != 0)
        return add_server(web, &web->pages.spec, "pages", pages, why);
    /* Nobody asked for this one: another Assay may have it. */
    if (pages == NULL
        && !add_server(web, &web->pages.spec, "pages", "127.0.0.1:8077",
                       &taken))
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
    side_init(&web.boot, &web, WEB_SIDE_BOOT);
    side_init(&web.pages, &web, WEB_SIDE_PAGES);
    must(uv_loop_init(&web.loop) == 0);
    for (size_t i = 0; i < ARRAY_LEN(SIGNALS); i++) {
        must(uv_signal_init(&web.loop, &web.signals[i]) == 0);
        web.signals[i].data = &web;
        must(uv_signal_start(&web.signals[i], on_signal, SIGNALS[i]) == 0);
    }
    web.session = web_session_new(&web.loop, "assay-web", NULL, NULL);
    web.netboot = netboot_web_new(&web.loop, web.session);
    ok = home_get(&web.root, why) && open_all(&web, call, why);
    if (ok && !cmd_flag(call, "no-lab"))
        web_lab_start(&web.lab, &web.loop, cmd_text(call, "lab-listen"),
                      &web.boot.spec);
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
    { "agents", CMD_OPT_LIST, "ADDRESS:PORT", NULL, 0, 0,
      "serve agents of bisections there, by TLS; may be given again" },
    { "certificate", CMD_OPT_TEXT, "FILE", NULL, 0, 0,
      "that --agents shows, with its chain, as PEM" },
    { "key", CMD_OPT_TEXT, "FILE", NULL, 0, 0, "of that certificate" },
    { "agent-lease", CMD_OPT_DURATION, "TIME", "60s", 100, 86400000,
      "give a test to another agent when its own was silent so long" },
    { "agent-poll", CMD_OPT_DURATION, "TIME", "5s", 10, 3600000,
      "how often agents ask while there is nothing to test" },
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
