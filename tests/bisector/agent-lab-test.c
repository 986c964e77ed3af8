/* tests/bisector/agent-lab-test.c - an agent and a lab that does not do as it
 * should: what it says is garbage, too long, damaged, meant to break out, or
 * comes late. The lab is in this process; the agent is the real program. */
#include <config.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "bisector/agent_proto.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/proc.h"
#include "harness/strv.h"
#include "hosts/http_server.h"
#include "tests/tap.h"

#define LEASE "0123456789abcdef0123456789abcdef"
#define LIMIT_MS 30000
/* Of "hello\n". */
#define HELLO \
    "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"

/* What the lab does, and what came to it. */
static struct lab {
    const char *next;           /* the answer to "next"; NULL: a test */
    const char *file;           /* its name; NULL: there is none */
    const char *content;
    int busy;                   /* so many times 503 and 429 first */
    int renew_status, answer_status;
    bool redirects, too_long;
    int nexts, files, logs, answers, give_backs, elsewhere;
    char reason[600];           /* of the last give-back */
    struct agent_answer answer; /* the last */
} lab;

static uv_loop_t loop;
static struct http_server *server;
static int port;
static struct arena arena = ARENA_INIT;
static const char *program, *certificate, *token, *out_path;

static void
say_test(struct buf *out)
{
    buf_addf(out, "{\"bisection\": \"hang\", \"test\": 1, \"lease\": \"" LEASE
             "\", \"lease_ms\": 300, \"spec\": {\"revisions\": {\"xen\": "
             "\"0123456789abcdef0123456789abcdef01234567\"}, \"limit_ms\": 0,"
             " \"files\": [");
    if (lab.file != NULL)
        buf_addf(out, "{\"name\": \"%s\", \"kind\": \"artefact\", \"sha256\":"
                 " \"" HELLO "\", \"bytes\": 6}", lab.file);
    buf_adds(out, "]}}");
}

static void
on_next(struct http_reply *reply)
{
    if (lab.nexts++ < lab.busy) {
        reply->status = lab.nexts % 2 == 0 ? 429 : 503;
    } else if (lab.redirects) {
        reply->status = 302;
    } else if (lab.too_long) {
        for (int i = 0; i < 300000; i++)
            buf_adds(&reply->text, "     ");
    } else if (lab.answers > 0) {
        buf_adds(&reply->text, "{\"again_ms\": 10}");
    } else if (lab.next != NULL) {
        buf_adds(&reply->text, lab.next);
    } else {
        say_test(&reply->text);
    }
}

static void
handle(void *owner UNUSED, const struct http_request *request,
       struct http_reply *reply)
{
    struct fault why = FAULT_INIT;
    struct agent_route route;
    struct agent_ask ask;

    agent_route_parse(request->target, &route);
    reply->status = 200;
    if (route.place == AGENT_NEXT) {
        on_next(reply);
    } else if (route.place == AGENT_FILE) {
        lab.files++;
        buf_adds(&reply->text, lab.content);
    } else if (route.place == AGENT_RENEW) {
        reply->status = lab.renew_status;
    } else if (route.place == AGENT_LOG) {
        lab.logs++;
    } else if (route.place == AGENT_ANSWER) {
        lab.answers++;
        agent_answer_fini(&lab.answer);
        if (!agent_answer_parse(request->body, request->body_bytes,
                                &lab.answer, &why))
            diag("%s", why.text);
        reply->status = lab.answer_status;
    } else if (route.place == AGENT_GIVE_BACK) {
        lab.give_backs++;
        if (agent_ask_parse(AGENT_GIVE_BACK, request->body,
                            request->body_bytes, &ask, &why)) {
            (void)snprintf(lab.reason, sizeof(lab.reason), "%s", ask.reason);
            agent_ask_fini(&ask);
        }
    } else {
        lab.elsewhere++;
    }
    if (reply->text.len == 0)
        buf_adds(&reply->text, "{}");
}

static void
lab_start(void)
{
    struct sockaddr_in name = { .sin_family = AF_INET };
    char *key = arena_printf(&arena, "%s/key.pem", tap_dir());
    const char *argv[] = {
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
        "/CN=lab", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
        "-out", certificate, NULL
    };
    struct buf certificate_text = BUF_INIT, key_text = BUF_INIT;
    struct http_server_spec spec = { .handle = handle, .connections_max = 8,
                                     .idle_limit_s = 60,
                                     .body_max = AGENT_BODY_MAX };
    socklen_t bytes = sizeof(name);
    struct fault why = FAULT_INIT;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!proc_run(argv, NULL, 0, LIMIT_MS, NULL, &why)
        || !fs_read_file(certificate, 1 << 16, &certificate_text, &why)
        || !fs_read_file(key, 1 << 16, &key_text, &why))
        tap_bail("%s: %s", why.text, why.detail);
    if (fd < 0 || bind(fd, (void *)&name, bytes) != 0
        || getsockname(fd, (void *)&name, &bytes) != 0)
        tap_bail("no socket");
    port = ntohs(name.sin_port);
    spec.certificate = buf_text(&certificate_text);
    spec.key = buf_text(&key_text);
    server = http_server_new(&loop, fd, &spec, &why);
    if (server == NULL)
        tap_bail("%s", why.text);
    buf_free(&certificate_text);
    buf_free(&key_text);
}

static void
on_end(struct proc *proc UNUSED, void *owner, struct proc_status status)
{
    *(struct proc_status *)owner = status;
}

/* Its exit status. 'cmd' is for sh(1). */
static int
agent(const char *cmd, bool send_log)
{
    char *url = arena_printf(&arena, "https://127.0.0.1:%d", port);
    const char *argv[] = { program, "--once", "--token-file", token,
                           "--cacert", certificate, url,
                           send_log ? "--send-log" : "--json",
                           "--", "sh", "-c", cmd, NULL };
    char *env_tmp = arena_printf(&arena, "TMPDIR=%s", tap_dir());
    const char *env[] = { env_tmp, NULL };
    struct proc_spec spec = PROC_SPEC_INIT;
    struct proc_status status = { PROC_END_NONE, 0 };
    struct fault why = FAULT_INIT;
    struct proc proc;
    int out = open(out_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    memset(&proc, 0, sizeof(proc));
    spec.argv = argv;
    spec.env_add = env;
    spec.fds[1] = spec.fds[2] = out;
    if (!proc_spawn(&proc, &loop, &spec, LIMIT_MS, 1000, on_end, &status,
                    &why))
        tap_bail("%s", why.text);
    while (status.end == PROC_END_NONE)
        (void)uv_run(&loop, UV_RUN_ONCE);
    fd_close(&out);
    return status.end == PROC_END_EXIT ? status.code : -1;
}

static bool
said(const char *part)
{
    struct fault why = FAULT_INIT;
    struct buf text = BUF_INIT;
    bool found;

    if (!fs_read_file(out_path, 1 << 20, &text, &why))
        tap_bail("%s", why.text);
    found = strstr(buf_text(&text), part) != NULL;
    if (!found)
        diag("%s", buf_text(&text));
    buf_free(&text);
    return found;
}

static void
begin(void)
{
    agent_answer_fini(&lab.answer);
    memset(&lab, 0, sizeof(lab));
    lab.renew_status = lab.answer_status = 200;
    lab.content = "hello\n";
}

/* Nothing that it says makes the agent do what it should not. */
static void
test_garbage(void)
{
    static const struct {
        const char *name, *text;
    } answers[] = {
        { "no JSON", "<html>log in here</html>" },
        { "no object", "[]" },
        { "nothing", "" },
        { "half a test", "{\"bisection\": \"hang\", \"test\": 1}" },
        { "an unknown member", "{\"again_ms\": 10, \"run\": \"rm\"}" },
    };

    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        begin();
        lab.next = answers[i].text;
        is_int(agent("touch $PWD/../../../ran", false), 75,
               "%s: exit status", answers[i].name);
        ok(said("what the lab answers"), "%s: said", answers[i].name);
    }
    begin();
    lab.file = "../../../ran";
    is_int(agent("true", false), 75, "a file that leaves its directory");
    ok(said("is no name of a file"), "is said");
    ok(lab.files == 0, "and not asked for");
    begin();
    lab.too_long = true;
    is_int(agent("true", false), 75, "an answer without end");
    ok(said("answers more than"), "is said");
    begin();
    lab.redirects = true;
    is_int(agent("true", false), 75, "a redirection");
    ok(said("it answers 302"), "is not followed");
}

/* A file that is not what its digest says is fetched again, then the test is
 * given back; nothing is run. */
static void
test_files(void)
{
    begin();
    lab.file = "xen.gz";
    lab.content = "HELLO\n";
    is_int(agent("true", false), 75, "a damaged file");
    is_int(lab.files, 9, "is fetched three times for each of three tries");
    is_int(lab.give_backs, 3, "each is given back");
    ok(strstr(lab.reason, "does not have its digest") != NULL, "with why");
    is_int(lab.answers, 0, "and never answered");
    begin();
    lab.file = "xen.gz";
    lab.content = "hello\nand more";
    is_int(agent("true", false), 75, "a file that is too long");
    ok(strstr(lab.reason, "more than it was asked for") != NULL, "with why");
    begin();
    lab.file = "xen.gz";
    is_int(agent("test \"$(cat $ASSAY_ARTEFACTS/xen.gz)\" = hello", false), 0,
           "a good file");
    ok(lab.answer.result == SEARCH_PASS, "and a good answer");
}

static void
test_late(void)
{
    begin();
    lab.busy = 3;
    is_int(agent("exit 3", false), 0, "a lab that is busy at first");
    ok(lab.answer.result == SEARCH_FAIL && lab.answer.exit == 3,
       "is answered");
    ok(!lab.answer.log_sent && lab.logs == 0, "without the log");
    begin();
    lab.renew_status = 410;
    lab.busy = 0;
    lab.answer_status = 200;
    /* Dropped, it asks for the next; the second one is quick. */
    is_int(agent("test -e ../../again || { touch ../../again; sleep 60; }",
                 false), 0, "a test that is over is dropped");
    ok(said("dropped"), "which is said");
    is_int(lab.nexts, 2, "and the next one asked for");
    begin();
    lab.answer_status = 422;
    is_int(agent("echo log; exit 125", true) != 0, 1,
           "a log that never arrives as it was");
    ok(lab.answers >= 4 && lab.logs >= 3, "is sent again, some times");
    ok(lab.answer.result == SEARCH_CANNOT && !lab.answer.log_sent,
       "and its digest alone in the end");
    is_int(lab.elsewhere, 0, "and nothing is asked for elsewhere");
}

int
main(void)
{
    char *text = arena_printf(&arena, AGENT_TOKEN_PREFIX HELLO "\n");
    struct fault why = FAULT_INIT;
    char *path = NULL;

    (void)signal(SIGPIPE, SIG_IGN);
    must(uv_loop_init(&loop) == 0);
    if (!proc_watch_init(&loop, &why)
        || !home_program(&arena, "assay-agent", &path, &why))
        tap_bail("%s", why.text);
    program = path;
    certificate = arena_printf(&arena, "%s/lab.pem", tap_dir());
    token = arena_printf(&arena, "%s/token", tap_dir());
    out_path = arena_printf(&arena, "%s/out", tap_dir());
    if (!fs_write_file(token, 0600, text, strlen(text), &why))
        tap_bail("%s", why.text);
    lab_start();
    test_garbage();
    test_files();
    test_late();
    agent_answer_fini(&lab.answer);
    http_server_free(server);
    proc_watch_fini(&loop);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&loop) == 0);
    arena_free(&arena);
    return tap_done();
}
