/* harness/step_cmds.c - assay step run: one step outside a flight, under the
 * same contract, to see what would be recorded. */
#include <config.h>

#include "harness/step_cmds.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>
#include <uv.h>
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/job_env.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/orphan.h"
#include "harness/proc.h"
#include "harness/step_record.h"
#include "harness/step_result.h"
#include "harness/step_run.h"
#include "harness/strv.h"

#define LOG_TAIL_BYTES (256 * 1024)

struct session {
    struct arena arena;
    uv_loop_t loop;
    uv_signal_t signals[2];
    struct step_run *run;
    struct step_result result;
    char *dir, *log, *program;
    char **env, **argv, **cases;
    json_t *runvars;
};

static void
on_done(void *owner, struct step_result *result)
{
    struct session *session = owner;
    size_t i;

    step_result_move(&session->result, result);
    for (i = 0; i < ARRAY_LEN(session->signals); i++)
        uv_close((uv_handle_t *)&session->signals[i], NULL);
}

static void
on_signal(uv_signal_t *handle, int number UNUSED)
{
    struct session *session = handle->data;

    step_run_stop(session->run, "interrupted");
}

static PRINTF_LIKE(2, 3) void
add_env(struct session *session, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    strv_add(&session->env, buf_text(&text));
    buf_free(&text);
}

static bool
take_runvars(struct cmd_call *call, struct session *session,
             struct fault *why)
{
    const char *pair, *equals;
    char *name;
    bool ok;
    int i;

    for (i = 0; (pair = cmd_list(call, "runvar", i)) != NULL; i++) {
        equals = strchr(pair, '=');
        name = xstrndup(pair, strcspn(pair, "="));
        ok = equals != NULL && step_runvar_name_is_valid(name);
        if (ok) {
            json_put_text(session->runvars, name, equals + 1);
            add_env(session, "ASSAY_RUNVAR_%s", pair);
        }
        free(name);
        if (!ok)
            return fault_set(why, FAULT_USAGE, "--runvar %s is not "
                             "NAME=VALUE", pair);
    }
    for (i = 0; (pair = cmd_list(call, "case", i)) != NULL; i++) {
        if (!step_case_id_is_valid(pair))
            return fault_set(why, FAULT_USAGE, "--case %s is no valid id",
                             pair);
        strv_add(&session->cases, pair);
    }
    return true;
}

/* The hosts of a running job, as the caller names them. */
static bool
take_hosts(struct cmd_call *call, struct session *session, const char *home,
           struct fault *why)
{
    const char *job = cmd_text(call, "job"), *pair, *host = "";
    struct buf hosts = BUF_INIT;
    bool ok = true;
    int i;

    for (i = 0; ok && (pair = cmd_list(call, "host", i)) != NULL; i++) {
        ok = strchr(pair, '=') != NULL;
        if (!ok)
            fault_set(why, FAULT_USAGE, "--host %s is not ROLE=HOST", pair);
        else
            host = strchr(pair, '=') + 1;
        buf_addf(&hosts, "%s%s", i > 0 ? " " : "", pair);
    }
    add_env(session, "ASSAY_HOSTS=%s", buf_text(&hosts));
    add_env(session, "ASSAY_HOST=%s", i == 1 ? host : "");
    if (job != NULL) {
        add_env(session, "ASSAY_JOBDIR=%s/flights/%s", home, job);
        add_env(session, "ASSAY_CTL=%s/flights/%s/ctl", home, job);
    }
    buf_free(&hosts);
    return ok;
}

static bool
take_program(struct cmd_call *call, struct session *session,
             struct fault *why)
{
    char path[PATH_MAX];
    int i;

    if (realpath(cmd_arg(call, 0), path) == NULL)
        return fault_errno(why, FAULT_NOT_FOUND, "%s", cmd_arg(call, 0));
    strv_add(&session->argv, path);
    for (i = 1; i < cmd_argc(call); i++)
        strv_add(&session->argv, cmd_arg(call, i));
    return true;
}

static bool
prepare(struct cmd_call *call, struct session *session, struct fault *why)
{
    const char *home = NULL, *name, *path = getenv("PATH");
    char made[] = "/tmp/assay-step-XXXXXX", *recipes = NULL, *slash;
    bool ok;

    session->runvars = json_object();
    ok = home_get(&home, why) && take_program(call, session, why) &&
         home_data(&session->arena, "recipes", &recipes, why) &&
         home_program(&session->arena, "assay", &session->program, why);
    if (!ok)
        return false;
    name = strrchr(session->argv[0], '/') + 1;
    slash = strrchr(session->program, '/');
    add_env(session, "%s=%ld.1", JOB_ENV_MARK, (long)getpid());
    add_env(session, "ASSAY_FLIGHT=0");
    add_env(session, "ASSAY_JOB=none");
    add_env(session, "ASSAY_STEP=1");
    add_env(session, "ASSAY_TESTID=%s", name);
    add_env(session, "ASSAY_RECIPE=none");
    add_env(session, "ASSAY_ARCH=%s", cmd_text(call, "arch"));
    add_env(session, "ASSAY_CANDIDATE=%s",
            cmd_text(call, "candidate") != NULL ? cmd_text(call, "candidate")
                                                : "");
    add_env(session, "ASSAY_ROLE=%s",
            cmd_text(call, "role") != NULL ? cmd_text(call, "role") : "");
    add_env(session, "ASSAY_HOME=%s", home);
    add_env(session, "ASSAY_RECIPES=%s", recipes);
    add_env(session, "ASSAY_DEADLINE_MS=%" PRId64,
            cmd_int(call, "deadline"));
    add_env(session, "PATH=%.*s:%s/steps:%s",
            (int)(slash - session->program), session->program, recipes,
            path != NULL ? path : "/usr/bin:/bin");
    if (!take_hosts(call, session, home, why) ||
        !take_runvars(call, session, why))
        return false;
    if (mkdtemp(made) == NULL)
        return fault_errno(why, FAULT_SYSTEM, "make a directory in /tmp");
    session->dir = xstrdup(made);
    session->log = xasprintf("%s/log", made);
    if (cmd_text(call, "job") == NULL)
        add_env(session, "ASSAY_JOBDIR=%s", made);
    return true;
}

static bool
run(struct cmd_call *call, struct session *session, struct fault *why)
{
    static const int NUMBERS[] = {SIGINT, SIGTERM};
    char *work = xasprintf("%s/work", session->dir);
    size_t i;
    bool ok;

    must(uv_loop_init(&session->loop) == 0);
    ok = proc_watch_init(&session->loop, why) &&
         orphan_watch_init(&session->loop, why);
    if (!ok)
        goto out;
    (void)signal(SIGXFSZ, SIG_IGN);
    for (i = 0; i < ARRAY_LEN(NUMBERS); i++) {
        must(uv_signal_init(&session->loop, &session->signals[i]) == 0);
        session->signals[i].data = session;
        must(uv_signal_start(&session->signals[i], on_signal, NUMBERS[i]) ==
             0);
    }
    session->run = step_run_start(
        &session->loop, clock_system(),
        &(struct step_spec){
            .argv = strv_const(session->argv),
            .env_add = strv_const(session->env),
            .mark = session->env[0],
            .dir = work,
            .log_path = session->log,
            .cases = strv_const(session->cases),
            .runvars = session->runvars,
            .fixed = session->runvars,
            .deadline_ms = cmd_int(call, "deadline"),
            .grace_ms = STEP_GRACE_MS,
            .alone = true,
        },
        on_done, session);
    (void)uv_run(&session->loop, UV_RUN_DEFAULT);
    orphan_watch_fini();
    proc_watch_fini(&session->loop);
    (void)uv_run(&session->loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&session->loop) == 0);
out:
    free(work);
    return ok;
}

static void
show_rows(const json_t *rows, const char *what, const char *const keys[])
{
    const json_t *row, *value;
    size_t i, k;

    json_array_foreach(rows, i, row) {
        printf("%-7s", what);
        for (k = 0; keys[k] != NULL; k++) {
            value = json_object_get(row, keys[k]);
            if (json_is_real(value))
                printf(" %g", json_real_value(value));
            else if (json_is_integer(value))
                printf(" %lld", (long long)json_integer_value(value));
            else if (json_is_string(value))
                printf(" %s", json_string_value(value));
        }
        putchar('\n');
    }
}

static void
show(const struct session *session)
{
    static const char *const CASE[] = {"id", "status", "note", NULL};
    static const char *const METRIC[] = {"name", "value", "unit", "better",
                                         NULL};
    static const char *const ATTACH[] = {"name", "kind", "bytes", "sha256",
                                         NULL};
    const struct step_result *result = &session->result;
    struct fault ignored = FAULT_INIT;
    struct buf log = BUF_INIT;
    char elapsed[32], *text;
    const char *name;
    json_t *value;

    if (fs_read_file(session->log, LOG_TAIL_BYTES, &log, &ignored) &&
        log.len > 0) {
        (void)fwrite(log.data, 1, log.len, stdout);
        if (log.data[log.len - 1] != '\n')
            putchar('\n');
    }
    buf_free(&log);
    puts("----");
    show_rows(result->cases, "case", CASE);
    show_rows(result->metrics, "metric", METRIC);
    json_object_foreach(result->sets, name, value)
        printf("set     %s %s\n", name, json_string_value(value));
    show_rows(result->attached, "attach", ATTACH);
    if (result->progress != NULL)
        printf("at      %s\n", result->progress);
    if (json_object_size(result->evidence) > 0) {
        text = json_dumps(result->evidence, JSON_SORT_KEYS);
        printf("saw     %s\n", text);
        free(text);
    }
    clock_human(result->elapsed_ms, elapsed);
    printf("verdict %s", outcome_name(result->verdict.status));
    if (result->verdict.lane != LANE_NONE)
        printf(", lane %s", lane_name(result->verdict.lane));
    printf(", after %s%s%s\nfiles   %s\n", elapsed,
           result->verdict.reason[0] != '\0' ? ": " : "",
           result->verdict.reason, session->dir);
}

static bool
show_json(const struct session *session, struct fault *why)
{
    const struct step_result *result = &session->result;
    json_t *object = json_object();
    bool ok;

    json_put_text(object, "status", outcome_name(result->verdict.status));
    json_put_text(object, "lane", result->verdict.lane != LANE_NONE
                                      ? lane_name(result->verdict.lane)
                                      : NULL);
    json_put_text(object, "reason", result->verdict.reason);
    json_put_int(object, "elapsed_ms", result->elapsed_ms);
    json_put_text(object, "log", session->log);
    json_put_int(object, "log_bytes", result->log_bytes);
    json_put_text(object, "progress", result->progress);
    (void)json_object_set(object, "cases", result->cases);
    (void)json_object_set(object, "metrics", result->metrics);
    (void)json_object_set(object, "sets", result->sets);
    (void)json_object_set(object, "attached", result->attached);
    (void)json_object_set(object, "evidence", result->evidence);
    ok = json_print(object, stdout, why);
    json_decref(object);
    return ok;
}

static bool
step_run_cmd(struct cmd_call *call, struct fault *why)
{
    struct session session = {.arena = ARENA_INIT};
    enum outcome status;
    bool ok;

    ok = prepare(call, &session, why) && run(call, &session, why);
    if (!ok)
        goto out;
    if (cmd_json(call))
        ok = show_json(&session, why);
    else
        show(&session);
    status = session.result.verdict.status;
    cmd_exit_status(call, status == OUTCOME_PASS || status == OUTCOME_SKIP
                              ? 0
                          : status == OUTCOME_FAIL ? STEP_EXIT_FAIL
                                                   : STEP_EXIT_BROKEN);
out:
    step_result_fini(&session.result);
    strv_free(session.env);
    strv_free(session.argv);
    strv_free(session.cases);
    json_decref(session.runvars);
    free(session.dir);
    free(session.log);
    arena_free(&session.arena);
    return ok;
}

static const struct cmd_opt OPTS[] = {
    {"arch", CMD_OPT_TEXT, "ARCH", "amd64", 0, 0, "ASSAY_ARCH"},
    {"candidate", CMD_OPT_TEXT, "NAME", NULL, 0, 0, "ASSAY_CANDIDATE"},
    {"case", CMD_OPT_LIST, "ID", NULL, 0, 0, "a case that must report"},
    {"deadline", CMD_OPT_DURATION, "TIME", "10m", 1, 24 * 3600 * 1000,
     "limit of the step"},
    {"host", CMD_OPT_LIST, "ROLE=HOST", NULL, 0, 0,
     "a host of the job that --job names"},
    {"job", CMD_OPT_TEXT, "FLIGHT/JOB", NULL, 0, 0,
     "use the hosts of a running job"},
    {"role", CMD_OPT_TEXT, "ROLE", NULL, 0, 0, "ASSAY_ROLE"},
    {"runvar", CMD_OPT_LIST, "NAME=VALUE", NULL, 0, 0, "a runvar"},
    {NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL},
};

const struct cmd step_cmds[] = {
    {"step run", "PROGRAM [ARG...]", 1, -1, CMD_READS, OPTS, step_run_cmd,
     "run one step outside a flight and show what it would record",
     "For the authors of steps: PROGRAM runs under the contract of "
     "assay-step(7), with a\nprivate directory, records on descriptor 3 and "
     "runvars on 4, and nothing goes to the\ndatabase. Options stand before "
     "PROGRAM's arguments, after a -- if these have dashes.\n\n"
     "Exit status: 0 pass or skip, 1 fail, 75 broken."},
    {NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL},
};
