/* bisector/driver.c - runs a command at revisions in worktrees of our own.
 *
 * Each of the workers has a worktree of every tree, in a private directory. It
 * takes a test, checks its revisions out, runs the command, and asks for the
 * next; whatever is known by then decides which. The user's own worktrees are
 * never touched, so that they may be as dirty as they like. */
#include <config.h>

#include "bisector/driver.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "bisector/account.h"
#include "bisector/culprit.h"
#include "bisector/journal.h"
#include "bisector/sample.h"
#include "bisector/search.h"
#include "bisector/setup.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "harness/strv.h"

#define GRACE_MS 5000
#define MATCH_BYTES (64u << 20)
#define ROOM_LEAST (256 << 10)
#define EXIT_CANNOT 125
#define EXIT_BAD_MAX 127

static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP };

struct driver;
struct worker {
    struct driver *driver;
    int number;
    bool busy;
    struct search_test test;
    struct search_test at;      /* what is run: 'test', or the good end to
                                 * compare it with */
    size_t tree;                /* being checked out; tree_count: running */
    bool cleaned;               /* of what the last run left in that tree */
    bool made[GRAPH_TREES_MAX]; /* the worktree exists */
    char *dir;
    char *output;               /* of the run under way */
    int64_t started_ms;
    struct proc proc;
};

struct driver {
    const struct driver_opts *opts;
    const struct graph *graph;
    uv_loop_t loop;
    uv_signal_t signals[ARRAY_LEN(stop_signals)];
    struct worker *workers;
    char *scratch, *outputs;
    int64_t runs;               /* whose output is kept */
    regex_t match;
    bool stopping, failed, cancelled;
    struct fault why;
};

static void worker_go_on(struct worker *worker);
static void fill(struct driver *driver);

static void
stop_all(struct driver *driver)
{
    int i;

    driver->stopping = true;
    for (i = 0; i < driver->opts->parallel; i++)
        if (driver->workers[i].busy)
            proc_stop(&driver->workers[i].proc);
}

/* The first fault is the one that is told. */
static void
give_up(struct driver *driver, const struct fault *why)
{
    if (!driver->failed)
        driver->why = *why;
    driver->failed = true;
    stop_all(driver);
}

static void
worker_idle(struct worker *worker)
{
    worker->busy = false;
    search_cancel(worker->driver->opts->search, &worker->test);
}

static void
worker_begin(struct worker *worker)
{
    worker->tree = 0;
    worker->cleaned = false;
}

static char *
tree_dir(const struct worker *worker, size_t tree)
{
    return xasprintf("%s/%s", worker->dir,
                     worker->driver->graph->trees[tree].name);
}

static void
test_name(const struct graph *graph, const struct search_test *test,
          struct buf *out)
{
    char hex[GRAPH_HEX_BYTES];
    size_t t;

    for (t = 0; t < graph->tree_count; t++) {
        graph_hex(graph, t, test->at[t], hex);
        if (graph->tree_count > 1)
            buf_addf(out, "%s%s=", t > 0 ? " " : "", graph->trees[t].name);
        buf_addf(out, "%.12s", hex);
    }
}

static void
progress(struct driver *driver, const struct worker *worker,
         enum search_result result, const char *reason)
{
    struct buf line = BUF_INIT;
    struct search_answer answer;
    char took[32];

    clock_human(clock_mono_ms(clock_system()) - worker->started_ms, took);
    search_answer(driver->opts->search, &answer);
    buf_addf(&line, "run %lld: ", (long long)answer.runs);
    test_name(driver->graph, &worker->test, &line);
    buf_addf(&line, " %s, %s%s%s", result == SEARCH_CANNOT ? "cannot tell"
             : search_result_name(result), took, reason[0] != '\0' ? ", " : "",
             reason);
    if (answer.verdict == SEARCH_MORE) {
        buf_adds(&line, "; ");
        culprit_left(&answer, driver->graph, &line);
    }
    fprintf(stderr, "%s\n", buf_text(&line));
    search_answer_fini(&answer);
    buf_free(&line);
}

/* Does the output say that it is the failure that we look for? */
static bool
is_our_failure(struct driver *driver, const char *path, bool *is_out,
               struct fault *why)
{
    struct buf text = BUF_INIT;
    bool ok;

    *is_out = driver->opts->match == NULL;
    if (*is_out)
        return true;
    ok = fs_read_file(path, MATCH_BYTES, &text, why);
    *is_out = ok && regexec(&driver->match, buf_text(&text), 0, NULL, 0) == 0;
    buf_free(&text);
    return ok;
}

/* What fails on a full disk may have failed for that. */
static bool
has_room(const char *dir, struct fault *why)
{
    int64_t left = fs_free_bytes(dir);

    if (left < 0 || left >= ROOM_LEAST)
        return true;
    fault_set(why, FAULT_SYSTEM, "%s is full: a run that failed there says "
              "nothing", dir);
    return fault_hint(why, "make room, or set TMPDIR; the same command goes "
                      "on from here");
}

static bool
judge(struct worker *worker, struct proc_status status,
      enum search_result *result_out, const char **reason_out,
      struct fault *why)
{
    struct driver *driver = worker->driver;
    char text[64];
    bool ours;

    *reason_out = "";
    if (worker->proc.timed_out) {
        *result_out = SEARCH_CANNOT;
        *reason_out = "over its limit";
        return true;
    }
    if (status.end != PROC_END_EXIT || status.code > EXIT_BAD_MAX) {
        proc_status_text(status, text);
        fault_set(why, FAULT_PEER, "%s %s: neither good (0), bad (1-124, 126, "
                  "127) nor cannot tell (125)", driver->opts->cmd[0], text);
        return fault_hint(why, "its output is in %s; the same command goes "
                          "on from here", worker->output);
    }
    *result_out = status.code == 0 ? SEARCH_PASS
        : status.code == EXIT_CANNOT ? SEARCH_CANNOT : SEARCH_FAIL;
    if (*result_out != SEARCH_FAIL)
        return true;
    if (!is_our_failure(driver, worker->output, &ours, why))
        return false;
    if (!ours) {
        *result_out = SEARCH_CANNOT;
        *reason_out = ACCOUNT_DIFFERENT;
    }
    return true;
}

/* What a line of the journal says of a run beside its result. */
static json_t *
run_details(const struct worker *worker, int code, const char *reason)
{
    json_t *more = json_object();

    json_put_int(more, "ms", clock_mono_ms(clock_system())
                 - worker->started_ms);
    json_put_int(more, "wall", clock_wall_ms(clock_system()));
    json_put_text(more, "output", worker->output);
    if (code >= 0)
        json_put_int(more, "exit", code);
    if (reason[0] != '\0')
        json_put_text(more, "reason", reason);
    return more;
}

static void
record(struct worker *worker, enum search_result result, int code,
       const char *reason)
{
    struct driver *driver = worker->driver;
    struct fault why = FAULT_INIT;

    if (!journal_result(driver->opts->journal, driver->graph, &worker->test,
                        result, run_details(worker, code, reason), &why)) {
        worker_idle(worker);
        give_up(driver, &why);
        return;
    }
    worker->busy = false;
    search_record(driver->opts->search, &worker->test, result);
    progress(driver, worker, result, reason);
    fill(driver);
}

/* The last thing a run at worker->at said for the metric. */
static bool
metric_read(const struct worker *worker, double *value_out, bool *found_out,
            struct fault *why)
{
    const struct setup *setup = worker->driver->opts->setup;
    struct buf text = BUF_INIT;
    char *dir = tree_dir(worker, 0), *path;
    bool ok = true;

    path = setup->metric_file == NULL ? xstrdup(worker->output)
        : setup->metric_file[0] == '/' ? xstrdup(setup->metric_file)
        : xasprintf("%s/%s", dir, setup->metric_file);
    *found_out = false;
    if (fs_exists(path)) {
        ok = fs_read_file(path, MATCH_BYTES, &text, why);
        *found_out = ok && sample_parse(buf_text(&text), setup->metric,
                                        value_out);
    }
    buf_free(&text);
    xfree_str(&path);
    xfree_str(&dir);
    return ok;
}

/* A number came, or none did: then nothing can be said of worker->test, and
 * nothing at all if it was the good end's. */
static void
on_metric(struct worker *worker, int code)
{
    struct driver *driver = worker->driver;
    const struct driver_opts *opts = driver->opts;
    struct fault why = FAULT_INIT;
    enum search_result result;
    char reason[80];
    double value;
    bool found, other;

    other = !search_test_same(driver->graph, &worker->at, &worker->test);
    if (!metric_read(worker, &value, &found, &why))
        goto failed;
    if (code != 0 || !found) {
        snprintf(reason, sizeof(reason), code != 0 ? "exit status %d"
                 : "no number for the metric", code);
        if (!other) {
            record(worker, SEARCH_CANNOT, code, reason);
            return;
        }
        fault_set(&why, FAULT_PEER, "the good end, with which all is "
                  "compared: %s", reason);
        fault_hint(&why, "its output is in %s", worker->output);
        goto failed;
    }
    if (!journal_value(opts->journal, driver->graph, &worker->at, value,
                       run_details(worker, code, ""), &why))
        goto failed;
    samples_add(opts->samples, &worker->at, value);
    result = samples_judge(opts->samples, &worker->test, &worker->at);
    if (result == SEARCH_RESULT_NONE) {
        worker_begin(worker);
        worker_go_on(worker);
        return;
    }
    snprintf(reason, sizeof(reason), "median %g",
             samples_median(opts->samples, &worker->test));
    samples_judged(opts->samples, &worker->test);
    record(worker, result, code, reason);
    return;
failed:
    worker_idle(worker);
    give_up(driver, &why);
}

static void
on_run_end(struct proc *proc UNUSED, void *owner, struct proc_status status)
{
    struct worker *worker = owner;
    struct fault why = FAULT_INIT;
    enum search_result result;
    const char *reason;

    if (worker->driver->stopping) {
        worker_idle(worker);
    } else if (!proc_status_ok(status)
               && (!has_room(worker->dir, &why)
                   || !has_room(worker->driver->outputs, &why))) {
        worker_idle(worker);
        give_up(worker->driver, &why);
    } else if (worker->driver->opts->samples != NULL
               && !worker->proc.timed_out && status.end == PROC_END_EXIT
               && status.code <= EXIT_BAD_MAX) {
        on_metric(worker, status.code);
    } else if (!judge(worker, status, &result, &reason, &why)) {
        worker_idle(worker);
        give_up(worker->driver, &why);
    } else {
        record(worker, result,
               status.end == PROC_END_EXIT ? status.code : -1, reason);
    }
}

static char **
run_env(const struct worker *worker)
{
    const struct graph *g = worker->driver->graph;
    char hex[GRAPH_HEX_BYTES], **env = NULL, *dir, *text;
    size_t t;

    for (t = 0; t < g->tree_count; t++) {
        dir = tree_dir(worker, t);
        text = xasprintf("ASSAY_TREE_%s=%s", g->trees[t].name, dir);
        strv_add(&env, text);
        xfree_str(&text);
        graph_hex(g, t, worker->at.at[t], hex);
        text = xasprintf("ASSAY_REVISION_%s=%s", g->trees[t].name, hex);
        strv_add(&env, text);
        xfree_str(&text);
        xfree_str(&dir);
    }
    text = xasprintf("ASSAY_BISECT_WORKER=%d", worker->number);
    strv_add(&env, text);
    xfree_str(&text);
    return env;
}

static void
run_start(struct worker *worker)
{
    struct driver *driver = worker->driver;
    struct proc_spec spec = PROC_SPEC_INIT;
    struct fault why = FAULT_INIT;
    char **env = run_env(worker), *cwd = tree_dir(worker, 0);
    int out = -1;
    bool ok;

    xfree_str(&worker->output);
    worker->output = xasprintf("%s/%04lld.out", driver->outputs,
                               (long long)++driver->runs);
    worker->started_ms = clock_mono_ms(clock_system());
    out = open(worker->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
               0644);
    ok = out >= 0
        || fault_errno(&why, FAULT_SYSTEM, "output %s", worker->output);
    spec.argv = driver->opts->cmd;
    spec.env_add = strv_const(env);
    spec.cwd = cwd;
    spec.fds[1] = spec.fds[2] = out;
    spec.die_with_parent = true;
    if (ok && driver_cmd_is_in_tree(spec.argv)) {
        char *path = xasprintf("%s/%s", cwd, spec.argv[0]);

        if (access(path, X_OK) != 0) {
            xfree_str(&path);
            record(worker, SEARCH_CANNOT, -1, "it has no such command");
            goto out;
        }
        xfree_str(&path);
    }
    ok = ok && proc_spawn(&worker->proc, &driver->loop, &spec,
                          driver->opts->limit_ms, GRACE_MS, on_run_end,
                          worker, &why);
    if (!ok) {
        worker_idle(worker);
        give_up(driver, &why);
    }
out:
    fd_close(&out);
    strv_free(env);
    xfree_str(&cwd);
}

static void
on_git_end(struct proc *proc UNUSED, void *owner, struct proc_status status)
{
    struct worker *worker = owner;
    struct driver *driver = worker->driver;
    struct fault why = FAULT_INIT, ignored = FAULT_INIT;
    struct buf text = BUF_INIT;
    char *path, end[64];

    if (driver->stopping) {
        /* It may exist by now, and must be removed. */
        worker->made[worker->tree] = true;
        worker_idle(worker);
    } else if (!proc_status_ok(status)) {
        proc_status_text(status, end);
        path = xasprintf("%s/git.out", worker->dir);
        (void)!fs_read_file(path, 1 << 20, &text, &ignored);
        fault_set(&why, FAULT_PEER, "git checkout in %s %s", worker->dir,
                  end);
        fault_hint(&why, "was the history of %s rewritten? what is known is "
                   "kept: with its commits back, the same command goes on",
                   driver->graph->trees[worker->tree].dir);
        fault_detail(&why, buf_text(&text), text.len);
        worker_idle(worker);
        give_up(driver, &why);
        buf_free(&text);
        xfree_str(&path);
    } else {
        worker->made[worker->tree] = true;
        if (!driver->opts->clean || worker->cleaned) {
            worker->tree++;
            worker->cleaned = false;
        } else {
            worker->cleaned = true;
        }
        worker_go_on(worker);
    }
}

/* The next tree is checked out (and cleaned), or the command is run. */
static void
worker_go_on(struct worker *worker)
{
    struct driver *driver = worker->driver;
    struct proc_spec spec = PROC_SPEC_INIT;
    const char *argv[10] = { "git", "-C" };
    char hex[GRAPH_HEX_BYTES], *dir, *path;
    struct fault why = FAULT_INIT;
    int n = 2, out;
    bool ok;

    if (worker->tree == driver->graph->tree_count) {
        run_start(worker);
        return;
    }
    graph_hex(driver->graph, worker->tree, worker->at.at[worker->tree], hex);
    dir = tree_dir(worker, worker->tree);
    if (worker->cleaned) {
        argv[n++] = dir;
        argv[n++] = "clean";
        argv[n++] = "-ffdxq";
    } else if (worker->made[worker->tree]) {
        argv[n++] = dir;
        argv[n++] = "checkout";
        argv[n++] = "-qf";
        argv[n++] = "--detach";
        argv[n++] = hex;
    } else {
        argv[n++] = driver->graph->trees[worker->tree].dir;
        argv[n++] = "worktree";
        argv[n++] = "add";
        argv[n++] = "-qf";
        argv[n++] = "--detach";
        argv[n++] = dir;
        argv[n++] = hex;
    }
    argv[n] = NULL;
    path = xasprintf("%s/git.out", worker->dir);
    out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ok = out >= 0 || fault_errno(&why, FAULT_SYSTEM, "%s", path);
    spec.argv = argv;
    spec.fds[1] = spec.fds[2] = out;
    spec.die_with_parent = true;
    ok = ok && proc_spawn(&worker->proc, &driver->loop, &spec, 0, GRACE_MS,
                          on_git_end, worker, &why);
    if (!ok) {
        worker_idle(worker);
        give_up(driver, &why);
    }
    fd_close(&out);
    xfree_str(&path);
    xfree_str(&dir);
}

/* Gives every idle worker a test, if there is one worth it. */
static void
fill(struct driver *driver)
{
    const struct driver_opts *opts = driver->opts;
    struct search_test *tests = xcalloc((size_t)opts->parallel,
                                        sizeof(*tests));
    struct worker *idle[64];
    struct search_answer answer;
    size_t n = 0, want, i;
    int64_t busy = 0;
    int k;

    search_answer(opts->search, &answer);
    if (driver->stopping || answer.verdict != SEARCH_MORE) {
        stop_all(driver);
        goto out;
    }
    for (k = 0; k < opts->parallel; k++)
        if (driver->workers[k].busy)
            busy++;
        else
            idle[n++] = &driver->workers[k];
    want = n;
    if (opts->setup->opts.max_runs > 0
        && answer.runs + busy + (int64_t)want > opts->setup->opts.max_runs)
        want = answer.runs + busy >= opts->setup->opts.max_runs ? 0
            : (size_t)(opts->setup->opts.max_runs - answer.runs - busy);
    want = want > 0 ? search_next(opts->search, want, tests) : 0;
    for (i = 0; i < want; i++) {
        idle[i]->busy = true;
        idle[i]->test = idle[i]->at = tests[i];
        worker_begin(idle[i]);
        search_start(opts->search, &tests[i]);
    }
    for (i = 0; i < want && !driver->stopping; i++)
        worker_go_on(idle[i]);
out:
    search_answer_fini(&answer);
    free(tests);
}

static void
on_signal(uv_signal_t *handle, int number UNUSED)
{
    struct driver *driver = handle->data;

    if (!driver->cancelled)
        fprintf(stderr, "stopping; the same command goes on from here\n");
    driver->cancelled = true;
    stop_all(driver);
}

/* One that was killed while git made it is locked, and would stay. */
static void
worktrees_unlock(const char *dir, const char *scratch)
{
    const char *list[] = { "git", "-C", dir, "worktree", "list",
                           "--porcelain", NULL };
    struct fault ignored = FAULT_INIT;
    struct buf text = BUF_INIT;
    const char *key = "worktree ";
    size_t len = strlen(scratch);
    char *rest, *line;

    if (proc_run(list, NULL, 0, 0, &text, &ignored))
        for (rest = text.data; (line = strsep(&rest, "\n")) != NULL;) {
            const char *path = line + strlen(key);
            const char *argv[] = { "git", "-C", dir, "worktree", "unlock",
                                   path, NULL };

            if (strncmp(line, key, strlen(key)) == 0
                && strncmp(path, scratch, len) == 0 && path[len] == '/')
                (void)!proc_run(argv, NULL, 0, 0, NULL, &ignored);
        }
    buf_free(&text);
}

static bool
worktrees_remove(const struct graph *graph, const char *scratch,
                 struct fault *why)
{
    struct fault ignored = FAULT_INIT;
    size_t t;
    bool ok;

    ok = fs_remove_tree(scratch, why);
    for (t = 0; t < graph->tree_count; t++) {
        const char *argv[] = { "git", "-C", graph->trees[t].dir, "worktree",
                               "prune", NULL };

        worktrees_unlock(graph->trees[t].dir, scratch);
        (void)!proc_run(argv, NULL, 0, 0, NULL, &ignored);
    }
    return ok;
}

/* What a driver that was killed had no time to remove. The journal is locked,
 * so that it is dead, though its command may still be there. */
static bool
leftovers_remove(const struct driver *driver, struct fault *why)
{
    const json_t *line;
    const char *dir;
    size_t i;

    json_array_foreach(driver->opts->journal->lines, i, line) {
        dir = json_text(line, "scratch");
        if (dir != NULL && strstr(dir, "/assay-bisect-") != NULL
            && !worktrees_remove(driver->graph, dir, why))
            return false;
    }
    return true;
}

static bool
scratch_make(struct driver *driver, struct fault *why)
{
    const char *top = getenv("TMPDIR");
    struct worker *w;
    json_t *line;
    char *name;
    bool ok;
    int i;

    /* In the journal before it is there, so that a kill leaves nothing that
     * nobody knows of. */
    name = xasprintf("%s/assay-bisect-%lld-%lld",
                     top != NULL && top[0] == '/' ? top : "/tmp",
                     (long long)getpid(),
                     (long long)clock_wall_ms(clock_system()));
    line = json_pack("{s:s}", "scratch", name);
    ok = journal_line(driver->opts->journal, line, why);
    json_decref(line);
    if (ok && mkdir(name, 0700) != 0)
        ok = fault_errno(why, FAULT_SYSTEM, "make a directory %s", name);
    if (!ok) {
        xfree_str(&name);
        return false;
    }
    driver->scratch = name;
    driver->outputs = xasprintf("%s.d", driver->opts->journal->path);
    ok = ok && fs_mkdirs(driver->outputs, 0755, why);
    driver->workers = xcalloc((size_t)driver->opts->parallel,
                              sizeof(*driver->workers));
    for (i = 0; ok && i < driver->opts->parallel; i++) {
        w = &driver->workers[i];
        w->driver = driver;
        w->number = i + 1;
        w->dir = xasprintf("%s/%d", driver->scratch, w->number);
        ok = fs_mkdirs(w->dir, 0755, why);
    }
    return ok;
}

static void
close_handle(uv_handle_t *handle, void *arg UNUSED)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* The signals keep nobody awake: the loop ends with the last child. */
static bool
loop_run(struct driver *driver, struct fault *why)
{
    bool ok;
    size_t i;

    must(uv_loop_init(&driver->loop) == 0);
    ok = proc_watch_init(&driver->loop, why);
    for (i = 0; ok && i < ARRAY_LEN(stop_signals); i++) {
        must(uv_signal_init(&driver->loop, &driver->signals[i]) == 0);
        driver->signals[i].data = driver;
        must(uv_signal_start(&driver->signals[i], on_signal,
                             stop_signals[i]) == 0);
        uv_unref((uv_handle_t *)&driver->signals[i]);
    }
    if (ok) {
        fill(driver);
        for (;;) {
            for (i = 0; i < (size_t)driver->opts->parallel; i++)
                if (driver->workers[i].busy)
                    break;
            if (i == (size_t)driver->opts->parallel)
                break;
            (void)uv_run(&driver->loop, UV_RUN_ONCE);
        }
        proc_watch_fini(&driver->loop);
    }
    uv_walk(&driver->loop, close_handle, NULL);
    (void)uv_run(&driver->loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&driver->loop) == 0);
    return ok;
}

/* Runs whose output is kept: the next one's gets the next number. */
static int64_t
outputs_count(const struct journal *journal)
{
    const json_t *line;
    int64_t n = 0;
    size_t i;

    json_array_foreach(journal->lines, i, line)
        n += json_text(line, "output") != NULL;
    return n;
}

bool
driver_run(const struct driver_opts *opts, struct fault *why)
{
    struct driver driver = { .opts = opts, .graph = &opts->setup->graph };
    struct fault local = FAULT_INIT;
    bool matching = false, ok;
    int i;

    must(opts->parallel > 0 && opts->parallel <= 64);
    driver.runs = outputs_count(opts->journal);
    if (opts->match != NULL) {
        matching = regcomp(&driver.match, opts->match,
                           REG_EXTENDED | REG_NOSUB | REG_NEWLINE) == 0;
        ok = matching || fault_set(why, FAULT_USAGE, "--match '%s' is no "
                                   "extended regular expression",
                                   opts->match);
        if (!ok)
            goto out;
    }
    ok = leftovers_remove(&driver, why) && scratch_make(&driver, why)
        && loop_run(&driver, why);
    if (ok && driver.failed) {
        *why = driver.why;
        ok = false;
    } else if (ok && driver.cancelled) {
        ok = fault_set(why, FAULT_CANCELLED, "stopped before the answer");
    }
out:
    if (driver.scratch != NULL
        && !worktrees_remove(driver.graph, driver.scratch, &local) && ok) {
        *why = local;
        ok = false;
    }
    for (i = 0; driver.workers != NULL && i < opts->parallel; i++) {
        xfree_str(&driver.workers[i].dir);
        xfree_str(&driver.workers[i].output);
    }
    free(driver.workers);
    xfree_str(&driver.scratch);
    xfree_str(&driver.outputs);
    if (matching)
        regfree(&driver.match);
    return ok;
}
