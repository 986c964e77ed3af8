/* bisector/agent_work.c - what an agent does with the tests it is given.
 *
 * Each test has a directory of its own, which goes with it. The lease is
 * renewed while files come, the command runs and the log goes; a test whose
 * lease is over, or that nobody waits for any more, is dropped. What goes wrong
 * on this machine is no answer: the test is given back. */
#include <config.h>

#include "bisector/agent_work.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bisector/agent_cache.h"
#include "bisector/agent_client.h"
#include "bisector/agent_proto.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "harness/signals.h"
#include "harness/strv.h"

#define PIECE_BYTES ((int64_t)16 << 20)
#define LOG_PIECE_BYTES (512 << 10)
#define FETCH_TRIES 3
#define LOG_TRIES 3
#define GIVE_BACKS_MAX 3        /* one after the other: then we are ill */
#define GIVE_BACK_PAUSE_MS 1000
#define PATIENCE_MS (15 * 60 * 1000)
#define LOOK_MS 20
#define GRACE_MS 5000
#define ROOM_LEAST (256 << 10)
#define EXIT_CANNOT 125
#define EXIT_BAD_MAX 127
#define HTTP_OK 200
#define HTTP_OTHER_LOG 422

/* How it goes on with a test. */
enum fate {
    FATE_NONE = 0,
    FATE_GOES_ON,
    FATE_DROPPED,               /* nobody waits for it any more */
    FATE_GIVEN_BACK             /* 'why' says what is wrong here */
};

struct test {
    const struct agent_work *work;
    const struct agent_order *order;
    char *dir, *log, *cwd;
    int64_t renewed_ms;
    struct agent_answer answer;
    char sha256[SHA256_HEX_BYTES];
    char reason[AGENT_TEXT_MOST + 1];
    struct buf reply;
};

static int64_t
now_ms(void)
{
    return clock_mono_ms(clock_system());
}

/* POST of 'json', which is released. */
static bool
post(struct test *test, const char *path, json_t *json, int64_t patience_ms,
     int *status_out, struct fault *why)
{
    char *text = json_dumps(json, JSON_COMPACT);
    bool ok;

    must(text != NULL);
    ok = agent_client_post(test->work->client, path, text, strlen(text),
                           patience_ms, status_out, &test->reply, why);
    free(text);
    json_decref(json);
    return ok;
}

/* When a third of the lease has gone. Being out of reach ends nothing: the
 * answer may come late. */
static enum fate
renew(struct test *test)
{
    struct fault why = FAULT_INIT;
    int status = 0;

    if (now_ms() - test->renewed_ms < test->order->lease_ms / 3)
        return FATE_GOES_ON;
    test->renewed_ms = now_ms();
    if (!post(test, "renew", json_pack("{s:s}", "lease", test->order->lease),
              0, &status, &why))
        return FATE_GOES_ON;
    return status == HTTP_OK ? FATE_GOES_ON : FATE_DROPPED;
}

/* Files -------------------------------------------------------------------- */

static enum fate
fetch_pieces(struct test *test, const struct agent_file *file,
             const char *path, struct fault *why)
{
    char *from = xasprintf("file/%s/%s", test->order->lease, file->sha256);
    enum fate fate = FATE_GOES_ON;
    int64_t at = 0, count;
    int fd;

    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
              file->is_step ? 0755 : 0644);
    if (fd < 0) {
        fault_errno(why, FAULT_SYSTEM, "%s", path);
        fate = FATE_GIVEN_BACK;
    }
    for (; fate == FATE_GOES_ON && at < file->bytes; at += count) {
        count = file->bytes - at < PIECE_BYTES ? file->bytes - at
                                               : PIECE_BYTES;
        if (!agent_client_get(test->work->client, from, at, count, fd,
                              PATIENCE_MS, why))
            fate = why->kind == FAULT_CONFLICT ? FATE_DROPPED
                                               : FATE_GIVEN_BACK;
        else
            fate = renew(test);
    }
    fd_close(&fd);
    xfree_str(&from);
    return fate;
}

/* What does not have its digest was damaged on the way; what is kept is not
 * fetched again. */
static enum fate
fetch(struct test *test, const struct agent_file *file, struct fault *why)
{
    char *path = xasprintf("%s/%s/%s", test->dir, file->is_step ? "steps"
                           : "artefacts", file->name);
    const struct agent_cache *cache = test->work->cache;
    char hex[SHA256_HEX_BYTES] = "";
    enum fate fate = FATE_GOES_ON;
    bool kept;
    int i;

    kept = agent_cache_take(cache, file->sha256, path,
                            file->is_step ? 0755 : 0644);
    if (kept)
        fate = renew(test);
    for (i = 0; !kept && fate == FATE_GOES_ON && i < FETCH_TRIES
         && strcmp(hex, file->sha256) != 0; i++) {
        fate = fetch_pieces(test, file, path, why);
        if (fate == FATE_GOES_ON && !fs_sha256_file(path, hex, NULL, why))
            fate = FATE_GIVEN_BACK;
    }
    if (!kept && fate == FATE_GOES_ON) {
        if (strcmp(hex, file->sha256) == 0) {
            agent_cache_put(cache, hex, path, file->bytes);
        } else {
            fault_set(why, FAULT_PEER, "file %s does not have its digest",
                      file->name);
            fate = FATE_GIVEN_BACK;
        }
    }
    xfree_str(&path);
    return fate;
}

/* The run ------------------------------------------------------------------ */

static char **
make_env(const struct test *test)
{
    const struct agent_spec *spec = &test->order->spec;
    char **env = NULL, *text;
    size_t i;

    for (i = 0; i < spec->tree_count; i++) {
        text = xasprintf("ASSAY_REVISION_%s=%s", spec->tree[i],
                         spec->revision[i]);
        strv_add(&env, text);
        xfree_str(&text);
    }
    text = xasprintf("ASSAY_ARTEFACTS=%s/artefacts", test->dir);
    strv_add(&env, text);
    xfree_str(&text);
    text = xasprintf("ASSAY_STEPS=%s/steps", test->dir);
    strv_add(&env, text);
    xfree_str(&text);
    text = xasprintf("ASSAY_BISECTION=%s", test->order->bisection);
    strv_add(&env, text);
    xfree_str(&text);
    text = xasprintf("ASSAY_TEST=%" PRId64, test->order->test);
    strv_add(&env, text);
    xfree_str(&text);
    return env;
}

/* The vendor's command, or the lab's first step; NULL: there is none. */
static char *
step_path(const struct test *test)
{
    const struct agent_spec *spec = &test->order->spec;
    size_t i;

    for (i = 0; i < spec->file_count; i++)
        if (spec->files[i].is_step)
            return xasprintf("%s/steps/%s", test->dir, spec->files[i].name);
    return NULL;
}

static bool
start(struct test *test, pid_t *pid_out, struct fault *why)
{
    struct proc_spec spec = PROC_SPEC_INIT;
    char *step = test->work->cmd[0] == NULL ? step_path(test) : NULL;
    const char *argv[] = { step, NULL };
    char **env = NULL;
    int log = -1;
    bool ok;

    ok = test->work->cmd[0] != NULL || step != NULL
        || fault_set(why, FAULT_PEER, "the lab sent no step to run");
    if (!ok)
        goto out;
    log = open(test->log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
               0644);
    ok = log >= 0 || fault_errno(why, FAULT_SYSTEM, "%s", test->log);
    if (!ok)
        goto out;
    env = make_env(test);
    spec.argv = step != NULL ? argv : test->work->cmd;
    spec.env_add = strv_const(env);
    spec.cwd = test->cwd;
    spec.fds[1] = spec.fds[2] = log;
    spec.die_with_parent = true;
    ok = proc_start(&spec, pid_out, why);
out:
    fd_close(&log);
    strv_free(env);
    xfree_str(&step);
    return ok;
}

/* TERM, a moment, KILL; at once when we are asked to stop once more. */
static void
stop(pid_t pid, struct proc_status *status_out)
{
    int64_t until = now_ms() + GRACE_MS;

    (void)kill(-pid, SIGTERM);
    (void)signals_take();
    while (!proc_poll_end(pid, status_out)) {
        if (now_ms() > until || signals_stop_asked() != 0)
            (void)kill(-pid, SIGKILL);
        signals_pause_ms(LOOK_MS);
    }
}

static int64_t
run_limit(const struct test *test)
{
    int64_t ours = test->work->limit_ms, theirs = test->order->spec.limit_ms;

    return ours == 0 || (theirs > 0 && theirs < ours) ? theirs : ours;
}

static enum fate
judge(struct test *test, struct proc_status status, struct fault *why)
{
    struct agent_answer *answer = &test->answer;
    char text[64];

    if (!proc_status_ok(status) && fs_free_bytes(test->dir) >= 0
        && fs_free_bytes(test->dir) < ROOM_LEAST) {
        fault_set(why, FAULT_SYSTEM, "%s is full: a run that failed there "
                  "says nothing", test->dir);
        return FATE_GIVEN_BACK;
    }
    if (status.end != PROC_END_EXIT || status.code > EXIT_BAD_MAX) {
        proc_status_text(status, text);
        fault_set(why, FAULT_SYSTEM, "the command %s: neither good (0), bad "
                  "(1-124, 126, 127) nor cannot tell (125)", text);
        return FATE_GIVEN_BACK;
    }
    answer->exit = status.code;
    answer->result = status.code == 0 ? SEARCH_PASS
        : status.code == EXIT_CANNOT ? SEARCH_CANNOT : SEARCH_FAIL;
    return FATE_GOES_ON;
}

static enum fate
run(struct test *test, struct fault *why)
{
    struct proc_status status = { PROC_END_NONE, 0 };
    int64_t begun = now_ms(), limit = run_limit(test);
    bool late = false, stopped = false;
    enum fate fate;
    pid_t pid = 0;

    if (!start(test, &pid, why))
        return FATE_GIVEN_BACK;
    while (!proc_poll_end(pid, &status)) {
        late = limit > 0 && now_ms() - begun > limit;
        fate = late ? FATE_GOES_ON : renew(test);
        stopped = !signals_check(why);
        if (late || stopped || fate != FATE_GOES_ON) {
            stop(pid, &status);
            if (fate != FATE_GOES_ON)
                return fate;
            break;
        }
        signals_pause_ms(LOOK_MS);
    }
    test->answer.ms = now_ms() - begun;
    if (stopped)
        return FATE_GIVEN_BACK;
    if (late) {
        test->answer.result = SEARCH_CANNOT;
        test->answer.exit = -1;
        (void)snprintf(test->reason, sizeof(test->reason),
                       "over its limit");
        return FATE_GOES_ON;
    }
    return judge(test, status, why);
}

/* The answer --------------------------------------------------------------- */

/* False if it cannot be: then its digest has to do. */
static bool
send_log(struct test *test)
{
    char *piece = xmalloc(LOG_PIECE_BYTES), *path;
    struct fault why = FAULT_INIT;
    int64_t at = 0;
    int status = HTTP_OK;
    ssize_t n = 0;
    bool ok;
    int fd = open(test->log, O_RDONLY | O_CLOEXEC);

    ok = fd >= 0;
    while (ok && (n = read(fd, piece, LOG_PIECE_BYTES)) > 0) {
        path = xasprintf("log/%s/%" PRId64, test->order->lease, at);
        ok = agent_client_post(test->work->client, path, piece, (size_t)n,
                               PATIENCE_MS, &status, &test->reply, &why)
            && status == HTTP_OK;
        xfree_str(&path);
        at += n;
        (void)renew(test);
    }
    if (!ok || n < 0)
        fprintf(stderr, "test %" PRId64 ": its log could not be sent\n",
                test->order->test);
    fd_close(&fd);
    free(piece);
    return ok && n == 0;
}

static enum fate
answer(struct test *test, struct fault *why)
{
    struct agent_answer *answer = &test->answer;
    int status = 0, tries = 0;

    answer->lease = test->order->lease;
    answer->reason = test->reason;
    answer->log_sha256 = test->sha256;
    if (!fs_sha256_file(test->log, test->sha256, &answer->log_bytes, why))
        return FATE_GIVEN_BACK;
    do {
        answer->log_sent = test->work->send_log && tries < LOG_TRIES
            && answer->log_bytes <= AGENT_LOG_MAX && send_log(test);
        if (!post(test, "answer", agent_answer_json(answer), PATIENCE_MS,
                  &status, why))
            return FATE_GIVEN_BACK;
    } while (status == HTTP_OTHER_LOG && tries++ < LOG_TRIES);
    return status == HTTP_OK ? FATE_GOES_ON : FATE_DROPPED;
}

/* One test ----------------------------------------------------------------- */

static bool
make_dirs(struct test *test, struct fault *why)
{
    static const char *const names[] = { "artefacts", "steps", "work" };
    const char *top = getenv("TMPDIR");
    char *path;
    size_t i;
    bool ok;

    test->dir = xasprintf("%s/assay-agent-XXXXXX",
                          top != NULL && top[0] == '/' ? top : "/tmp");
    if (mkdtemp(test->dir) == NULL) {
        fault_errno(why, FAULT_SYSTEM, "make a directory %s", test->dir);
        xfree_str(&test->dir);
        return false;
    }
    test->log = xasprintf("%s/log", test->dir);
    test->cwd = xasprintf("%s/work", test->dir);
    for (i = 0, ok = true; ok && i < ARRAY_LEN(names); i++) {
        path = xasprintf("%s/%s", test->dir, names[i]);
        ok = fs_mkdirs(path, 0755, why);
        xfree_str(&path);
    }
    return ok;
}

static void
tell(const struct test *test, enum fate fate, const struct fault *why)
{
    const struct agent_order *order = test->order;
    const char *how = fate == FATE_DROPPED ? "dropped" : "given-back";
    const char *result = fate == FATE_GOES_ON
        ? search_result_name(test->answer.result) : how;
    char took[32];
    json_t *json;
    size_t i;

    if (test->work->json) {
        json = json_object();
        json_put_int(json, "test", order->test);
        json_put_text(json, "result", result);
        json_put_int(json, "ms", test->answer.ms);
        json_put_text(json, "reason", fate == FATE_GIVEN_BACK ? why->text
                      : test->reason);
        json_dumpf(json, stdout, JSON_COMPACT | JSON_SORT_KEYS);
        putchar('\n');
        json_decref(json);
    } else {
        clock_human(test->answer.ms, took);
        printf("test %" PRId64 ":", order->test);
        for (i = 0; i < order->spec.tree_count; i++)
            printf(" %s=%.12s", order->spec.tree[i],
                   order->spec.revision[i]);
        printf(": %s, %s%s%s\n", result, took,
               fate == FATE_GIVEN_BACK ? ", " : "",
               fate == FATE_GIVEN_BACK ? why->text : "");
    }
    (void)fflush(stdout);
}

/* Once, and if it does not get there, the lease ends by itself. */
static void
give_back(struct test *test, const struct fault *why)
{
    struct fault ignored = FAULT_INIT;
    char reason[AGENT_TEXT_MOST + 1];
    int status;

    (void)snprintf(reason, sizeof(reason), "%.*s", AGENT_TEXT_MOST,
                   why->text);
    (void)!post(test, "give-back",
                json_pack("{s:s, s:s}", "lease", test->order->lease,
                          "reason", reason), 0, &status, &ignored);
}

static enum fate
do_test(const struct agent_work *work, const struct agent_order *order,
        struct fault *why)
{
    const struct agent_spec *spec = &order->spec;
    struct test test = { .work = work, .order = order,
                         .renewed_ms = now_ms(), .reply = BUF_INIT };
    enum fate fate = FATE_GOES_ON;
    struct fault ignored = FAULT_INIT;
    size_t i;

    if (!make_dirs(&test, why))
        fate = FATE_GIVEN_BACK;
    for (i = 0; fate == FATE_GOES_ON && i < spec->file_count; i++)
        fate = fetch(&test, &spec->files[i], why);
    if (fate == FATE_GOES_ON)
        fate = run(&test, why);
    if (fate == FATE_GOES_ON)
        fate = answer(&test, why);
    tell(&test, fate, why);
    if (fate == FATE_GIVEN_BACK)
        give_back(&test, why);
    if (test.dir != NULL)
        (void)!fs_remove_tree(test.dir, &ignored);
    xfree_str(&test.dir);
    xfree_str(&test.log);
    xfree_str(&test.cwd);
    buf_free(&test.reply);
    return fate;
}

/* Asks for the next test. */
static bool
next(const struct agent_work *work, struct agent_order *order,
     struct fault *why)
{
    json_t *json = json_object();
    struct buf reply = BUF_INIT;
    int status = 0;
    char *text;
    bool ok;

    json_put_text(json, "host", work->name);
    text = json_dumps(json, JSON_COMPACT);
    must(text != NULL);
    ok = agent_client_post(work->client, "next", text, strlen(text),
                           AGENT_FOR_EVER, &status, &reply, why);
    if (ok && status != HTTP_OK) {
        agent_client_refusal(status, &reply, why);
        ok = false;
    } else if (ok) {
        ok = agent_order_parse(buf_text(&reply), reply.len, order, why)
            || fault_context(why, "what the lab answers");
    }
    if (!ok && why->kind == FAULT_DATA)
        why->kind = FAULT_PEER;
    free(text);
    json_decref(json);
    buf_free(&reply);
    return ok;
}

bool
agent_work_run(const struct agent_work *work, struct fault *why)
{
    int64_t busy_ms = now_ms();
    struct agent_order order;
    int given_back = 0;
    enum fate fate;

    for (;;) {
        if (!signals_check(why) || !next(work, &order, why))
            return false;
        if (!order.has_test) {
            int pause = (int)(order.again_ms < 3600000 ? order.again_ms
                                                       : 3600000);

            agent_order_fini(&order);
            if (work->idle_ms > 0 && now_ms() - busy_ms >= work->idle_ms)
                return true;
            signals_pause_ms(pause);
            continue;
        }
        fate = do_test(work, &order, why);
        agent_order_fini(&order);
        busy_ms = now_ms();
        given_back = fate == FATE_GIVEN_BACK ? given_back + 1 : 0;
        if (fate == FATE_GIVEN_BACK
            && (why->kind == FAULT_CANCELLED || why->kind == FAULT_CONFIG))
            return false;
        if (given_back == GIVE_BACKS_MAX) {
            why->kind = why->kind == FAULT_SYSTEM ? FAULT_SYSTEM : FAULT_PEER;
            return false;
        }
        if (work->once && fate == FATE_GOES_ON)
            return true;
        if (fate == FATE_GIVEN_BACK)
            signals_pause_ms(GIVE_BACK_PAUSE_MS);
    }
}
