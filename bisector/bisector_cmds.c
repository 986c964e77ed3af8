/* bisector/bisector_cmds.c - assay bisect: the bisector on any git repository,
 * without a lab. */
#include <config.h>

#include "bisector/bisector_cmds.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bisector/account.h"
#include "bisector/culprit.h"
#include "bisector/driver.h"
#include "bisector/graph.h"
#include "bisector/journal.h"
#include "bisector/lab.h"
#include "bisector/lab_cmds.h"
#include "bisector/posterior.h"
#include "bisector/sample.h"
#include "bisector/search.h"
#include "bisector/setup.h"
#include "harness/buf.h"
#include "harness/cmd.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "harness/strv.h"

#define KEY_HEX 16
#define DOT_MOST 200
#define NEXT_MOST 64

/* Everything of one call, released together. */
struct session {
    struct setup setup;
    struct journal journal, replay;
    struct search *search;
    struct samples samples;     /* of a metric, or empty */
    char *log;
};
#define SESSION_INIT { .setup = SETUP_INIT, .journal = JOURNAL_INIT, \
                       .replay = JOURNAL_INIT }

/* What "graph" and "report" are asked about: a journal, or a bisection of the
 * lab by its number. */
static bool
is_stored(struct cmd_call *call, int64_t *number_out)
{
    return parse_int64(cmd_arg(call, 0), 1, INT64_MAX, number_out)
        && !fs_exists(cmd_arg(call, 0));
}

static void
session_fini(struct session *session)
{
    search_free(session->search);
    samples_fini(&session->samples);
    journal_close(&session->journal);
    journal_close(&session->replay);
    setup_fini(&session->setup);
    xfree_str(&session->log);
}

static bool
number(struct cmd_call *call, const char *name, double least, double most,
       double *out, struct fault *why)
{
    const char *text = cmd_text(call, name);

    if (text == NULL)
        return true;
    if (!parse_double(text, out) || *out < least || *out > most)
        return fault_set(why, FAULT_USAGE, "--%s '%s' is not a number from "
                         "%g to %g", name, text, least, most);
    return true;
}

static void
text_option(struct cmd_call *call, const char *name, char **out)
{
    if (cmd_text(call, name) != NULL)
        *out = xstrdup(cmd_text(call, name));
}

/* --metric, and what goes with it. */
static bool
metric_options(struct cmd_call *call, struct setup *setup, struct fault *why)
{
    const char *worse = cmd_text(call, "worse");

    text_option(call, "metric", &setup->metric);
    text_option(call, "metric-file", &setup->metric_file);
    if (setup->metric == NULL)
        return (worse == NULL && setup->metric_file == NULL)
            || fault_set(why, FAULT_USAGE, "--worse and --metric-file go "
                         "with --metric");
    if (worse == NULL || (strcmp(worse, "higher") != 0
                          && strcmp(worse, "lower") != 0))
        return fault_set(why, FAULT_USAGE, "--metric %s wants --worse higher "
                         "or --worse lower", setup->metric);
    if (setup->opts.fixed)
        return fault_set(why, FAULT_USAGE, "--metric finds what made a number "
                         "better by the other --worse, without --fixed");
    setup->lower_is_worse = strcmp(worse, "lower") == 0;
    if (setup->opts.flake_good < 0)
        setup->opts.flake_good = SAMPLE_FLAKE_GOOD;
    if (setup->opts.flake_bad < 0)
        setup->opts.flake_bad = SAMPLE_FLAKE_BAD;
    return true;
}

static bool
setup_from_call(struct cmd_call *call, struct setup *setup,
                struct fault *why)
{
    const char *text;
    int i;

    for (i = 0; (text = cmd_list(call, "tree", i)) != NULL; i++)
        strv_add(&setup->specs, text);
    for (i = 0; (text = cmd_list(call, "paths", i)) != NULL; i++)
        strv_add(&setup->paths, text);
    setup->first_parent = cmd_flag(call, "first-parent");
    setup->opts.fixed = cmd_flag(call, "fixed");
    text_option(call, "cost", &setup->cost_file);
    text_option(call, "history", &setup->past_file);
    setup->opts.trust_ends = cmd_flag(call, "trust-ends");
    if (setup->opts.trust_ends)
        setup->opts.none = setup->opts.already = .001;
    setup->opts.max_runs = cmd_int(call, "max-tests");
    setup->opts.seed = (uint64_t)cmd_int(call, "seed");
    return number(call, "confidence", .51, .999999, &setup->opts.confidence,
                  why)
        && number(call, "flake-good", 0, 1, &setup->opts.flake_good, why)
        && number(call, "flake-bad", 0, 1, &setup->opts.flake_bad, why)
        && (setup->opts.flake_good < 0 || setup->opts.flake_bad < 0
            || setup->opts.flake_good < setup->opts.flake_bad
            || fault_set(why, FAULT_USAGE, "good must fail less often than "
                         "bad: --flake-good %g, --flake-bad %g",
                         setup->opts.flake_good, setup->opts.flake_bad))
        && metric_options(call, setup, why) && setup_load(setup, why);
}

/* Beside the objects of the first tree: same question, same file. */
static bool
default_log(const struct setup *setup, const char *const *cmd, char **out,
            struct fault *why)
{
    const char *dir = setup->graph.trees[0].dir;
    const char *argv[] = { "git", "-C", dir, "rev-parse", "--git-common-dir",
                           NULL };
    struct buf text = BUF_INIT, key = BUF_INIT;
    char hex[SHA256_HEX_BYTES], *json, *folder = NULL;
    json_t *about = setup_json(setup);
    bool ok;
    int i;

    json = json_dumps(about, JSON_COMPACT | JSON_SORT_KEYS);
    buf_adds(&key, json);
    for (i = 0; cmd[i] != NULL; i++)
        buf_add(&key, cmd[i], strlen(cmd[i]) + 1);
    sha256_hex(key.data, key.len, hex);
    ok = proc_run(argv, NULL, 0, 0, &text, why);
    if (ok) {
        text.data[strcspn(text.data, "\n")] = '\0';
        folder = text.data[0] == '/'
            ? xasprintf("%s/assay-bisect", text.data)
            : xasprintf("%s/%s/assay-bisect", dir, text.data);
        ok = fs_mkdirs(folder, 0755, why);
        *out = xasprintf("%s/%.*s.log", folder, KEY_HEX, hex);
    }
    free(json);
    json_decref(about);
    buf_free(&text);
    buf_free(&key);
    xfree_str(&folder);
    return ok;
}

/* Trees, ends, paths and first-parent make a graph, and what a result means is
 * part of the question; the rest may be changed from one call to the next. */
static bool
same_question(const json_t *a, const json_t *b)
{
    static const char *const whole[] = { "paths", "metric" };
    static const char *const keys[] = { "good", "bad", "name" };
    const json_t *trees = json_object_get(a, "trees"), *tree, *other, *mine;
    size_t i, k;

    if (json_array_size(trees) != json_array_size(json_object_get(b, "trees"))
        || json_flag(a, "first-parent", false)
           != json_flag(b, "first-parent", false)
        || json_flag(a, "fixed", false) != json_flag(b, "fixed", false)
        || json_flag(a, "lower-is-worse", false)
           != json_flag(b, "lower-is-worse", false))
        return false;
    for (k = 0; k < ARRAY_LEN(whole); k++) {
        mine = json_object_get(a, whole[k]);
        other = json_object_get(b, whole[k]);
        if (json_is_null(mine) || mine == NULL
            ? !json_is_null(other) && other != NULL
            : !json_equal(mine, other))
            return false;
    }
    json_array_foreach(trees, i, tree) {
        other = json_array_get(json_object_get(b, "trees"), i);
        for (k = 0; k < ARRAY_LEN(keys); k++)
            if (!json_equal(json_object_get(tree, keys[k]),
                            json_object_get(other, keys[k])))
                return false;
    }
    return true;
}

static bool
session_replay(struct session *session, const char *replay,
               struct fault *why)
{
    struct setup *setup = &session->setup;
    struct samples *samples;
    json_t *about;
    bool ok = true;

    session->search = search_new(&setup->graph, &setup->opts);
    samples_init(&session->samples, &setup->graph, setup->lower_is_worse);
    samples = setup->metric != NULL ? &session->samples : NULL;
    about = setup_json(setup);
    if (!same_question(about, session->journal.setup)) {
        ok = fault_set(why, FAULT_CONFIG, "%s is the journal of another "
                       "search", session->journal.path);
        fault_hint(why, "give another --log, or the same trees and ends");
    }
    ok = ok && journal_replay(&session->journal, &setup->graph,
                              session->search, samples, why);
    if (ok && replay != NULL) {
        ok = journal_read(&session->replay, replay, why);
        if (ok && !same_question(about, session->replay.setup))
            ok = fault_set(why, FAULT_CONFIG, "%s is the journal of another "
                           "search", replay);
        ok = ok && journal_replay(&session->replay, &setup->graph,
                                  session->search, samples, why);
    }
    json_decref(about);
    return ok;
}

/* For the commands that are given a journal. */
static bool
session_open(struct session *session, const char *path, bool writes,
             struct fault *why)
{
    bool ok;

    ok = (writes ? journal_open(&session->journal, path, NULL, why)
                 : journal_read(&session->journal, path, why))
        && setup_from_json(session->journal.setup, &session->setup, why);
    ok = ok && setup_load(&session->setup, why);
    return ok && session_replay(session, NULL, why);
}

static bool
session_begin(struct cmd_call *call, struct session *session,
              const char *const *cmd, struct fault *why)
{
    const char *log = cmd_text(call, "log");
    json_t *about = NULL;
    bool ok;

    ok = setup_from_call(call, &session->setup, why);
    if (ok && log != NULL)
        session->log = xstrdup(log);
    else
        ok = ok && default_log(&session->setup, cmd, &session->log, why);
    if (!ok)
        return false;
    if (cmd_flag(call, "fresh") && unlink(session->log) != 0
        && fs_exists(session->log))
        return fault_errno(why, FAULT_SYSTEM, "remove %s", session->log);
    about = setup_json(&session->setup);
    ok = journal_open(&session->journal, session->log, about, why)
        && session_replay(session, cmd_text(call, "replay"), why);
    json_decref(about);
    return ok;
}

/* What is told of a search, with the runs that its journal has by now. */
struct telling {
    struct search_answer answer;
    struct journal journal;     /* read again: of a file that grows */
    struct account account;
    struct culprit culprit;
};

static bool
telling_begin(struct telling *telling, struct session *session,
              struct fault *why)
{
    *telling = (struct telling){ .journal = JOURNAL_INIT };
    search_answer(session->search, &telling->answer);
    telling->culprit = (struct culprit){
        .graph = &session->setup.graph, .search = session->search,
        .answer = &telling->answer, .account = &telling->account,
        .journal = session->journal.path,
    };
    return journal_read(&telling->journal, session->journal.path, why)
        && account_read(&telling->journal, &session->setup.graph,
                        &telling->account, why);
}

static void
telling_end(struct telling *telling)
{
    account_fini(&telling->account);
    journal_close(&telling->journal);
    search_answer_fini(&telling->answer);
}

static bool
answer_print(struct cmd_call *call, struct session *session,
             struct fault *why)
{
    struct buf text = BUF_INIT;
    struct telling telling;
    json_t *json;
    bool ok;

    ok = telling_begin(&telling, session, why);
    if (ok && cmd_json(call)) {
        json = culprit_json(&telling.culprit);
        ok = json_print(json, stdout, why);
        json_decref(json);
    } else if (ok) {
        culprit_text(&telling.culprit, &text);
        fputs(buf_text(&text), stdout);
    }
    if (ok)
        cmd_exit_status(call, culprit_exit_status(telling.answer.verdict));
    telling_end(&telling);
    buf_free(&text);
    return ok;
}

static bool
run_run(struct cmd_call *call, struct fault *why)
{
    const char *const *cmd = cmd_argv(call);
    struct session session = SESSION_INIT;
    struct driver_opts opts = { .cmd = cmd };
    struct search_answer answer;
    bool ok;

    ok = session_begin(call, &session, cmd, why);
    opts.setup = &session.setup;
    opts.search = session.search;
    opts.samples = session.setup.metric != NULL ? &session.samples : NULL;
    opts.journal = &session.journal;
    opts.parallel = (int)cmd_int(call, "parallel");
    opts.limit_ms = cmd_int(call, "limit");
    opts.match = cmd_text(call, "match");
    opts.clean = cmd_flag(call, "clean");
    if (!ok || !driver_check(&opts, why)) {
        ok = false;
        goto out;
    }
    search_answer(session.search, &answer);
    fprintf(stderr, "%zu commits, %lld runs known; journal %s\n",
            session.setup.graph.suspect_count, (long long)answer.runs,
            session.log);
    ok = answer.verdict != SEARCH_MORE || driver_run(&opts, why);
    search_answer_fini(&answer);
    ok = ok && answer_print(call, &session, why);
out:
    session_fini(&session);
    return ok;
}

static bool
run_begin(struct cmd_call *call, struct fault *why)
{
    const char *none[] = { NULL };
    struct session session = SESSION_INIT;
    bool ok = session_begin(call, &session, none, why);
    json_t *json;

    if (ok && cmd_json(call)) {
        json = json_pack("{s:s}", "log", session.log);
        ok = json_print(json, stdout, why);
        json_decref(json);
    } else if (ok) {
        printf("%s\n", session.log);
    }
    session_fini(&session);
    return ok;
}

static bool
run_next(struct cmd_call *call, struct fault *why)
{
    struct search_test tests[NEXT_MOST];
    struct session session = SESSION_INIT;
    const struct graph *graph = &session.setup.graph;
    struct search_answer answer = { .verdict = SEARCH_VERDICT_NONE };
    json_t *list = json_array(), *at;
    char hex[GRAPH_HEX_BYTES];
    size_t n = 0, i, t;
    bool ok;

    ok = session_open(&session, cmd_arg(call, 0), false, why);
    if (!ok)
        goto out;
    search_answer(session.search, &answer);
    if (answer.verdict == SEARCH_MORE)
        n = search_next(session.search, (size_t)cmd_int(call, "parallel"),
                        tests);
    for (i = 0; i < n; i++) {
        at = json_object();
        for (t = 0; t < graph->tree_count; t++) {
            graph_hex(graph, t, tests[i].at[t], hex);
            json_put_text(at, graph->trees[t].name, hex);
            if (!cmd_json(call))
                printf("%s%s=%s", t > 0 ? " " : "", graph->trees[t].name,
                       hex);
        }
        if (!cmd_json(call))
            putchar('\n');
        json_array_append_new(list, at);
    }
    if (cmd_json(call))
        ok = json_print(list, stdout, why);
    cmd_exit_status(call, answer.verdict == SEARCH_MORE
                    ? 0 : CULPRIT_EXIT_MORE);
out:
    search_answer_fini(&answer);
    json_decref(list);
    session_fini(&session);
    return ok;
}

/* "[NAME=]COMMIT", a full name; for a single tree without NAME. */
static bool
mark_arg(const struct graph *graph, const char *text,
         struct search_test *test, bool *given, struct fault *why)
{
    const char *equals = strchr(text, '=');
    const char *hex = equals != NULL ? equals + 1 : text;
    size_t t, len = equals != NULL ? (size_t)(equals - text) : 0;

    for (t = 0; t < graph->tree_count; t++)
        if (equals == NULL ? graph->tree_count == 1
            : strlen(graph->trees[t].name) == len
              && strncmp(graph->trees[t].name, text, len) == 0)
            break;
    if (t == graph->tree_count)
        return fault_set(why, FAULT_USAGE, "'%s' is not NAME=COMMIT with a "
                         "tree of this search", text);
    if (!graph_find(graph, t, hex, &test->at[t]))
        return fault_set(why, FAULT_NOT_FOUND, "'%s' is not the full name of "
                         "a commit of this search", hex);
    given[t] = true;
    return true;
}

static bool
run_mark(struct cmd_call *call, struct fault *why)
{
    struct session session = SESSION_INIT;
    const struct graph *graph = &session.setup.graph;
    struct search_test test = { { 0 } };
    bool given[GRAPH_TREES_MAX] = { false }, ok;
    enum search_result result;
    size_t t;
    int i;

    for (result = SEARCH_PASS; result < SEARCH_RESULT_COUNT; result++)
        if (strcmp(cmd_arg(call, 1), search_result_name(result)) == 0)
            break;
    ok = result < SEARCH_RESULT_COUNT
        || fault_set(why, FAULT_USAGE, "'%s' is not good, bad or cannot-tell",
                     cmd_arg(call, 1));
    ok = ok && session_open(&session, cmd_arg(call, 0), true, why);
    for (i = 2; ok && cmd_arg(call, i) != NULL; i++)
        ok = mark_arg(graph, cmd_arg(call, i), &test, given, why);
    for (t = 0; ok && t < graph->tree_count; t++)
        ok = given[t] || fault_set(why, FAULT_USAGE, "no commit of tree %s",
                                   graph->trees[t].name);
    ok = ok && journal_result(&session.journal, graph, &test, result, NULL,
                              why);
    session_fini(&session);
    return ok;
}

static bool
run_show(struct cmd_call *call, struct fault *why)
{
    struct session session = SESSION_INIT;
    int64_t number;
    bool ok;

    if (is_stored(call, &number))
        return lab_show(call, number, why);
    ok = session_open(&session, cmd_arg(call, 0), false, why)
        && answer_print(call, &session, why);
    session_fini(&session);
    return ok;
}

typedef bool tell_fn(struct cmd_call *call, const struct culprit *culprit,
                     struct buf *out, struct fault *why);

static bool
tell_stored(struct cmd_call *call, int64_t number, tell_fn *say,
            struct buf *out, struct fault *why)
{
    struct account account = { .runs = NULL };
    struct lab lab = LAB_INIT;
    struct search_answer answer;
    struct culprit culprit;
    struct db *db = NULL;
    bool ok;

    ok = db_open("assay", &db, why) && lab_load(&lab, db, number, why)
        && (lab.search != NULL
            || fault_set(why, FAULT_CONFIG, "bisection %s is about no "
                         "commits: there is nothing to draw",
                         cmd_arg(call, 0)));
    if (ok) {
        search_answer(lab.search, &answer);
        culprit = (struct culprit){
            .graph = &lab.setup.graph, .search = lab.search,
            .answer = &answer, .account = &account,
            .journal = lab.journal.path,
        };
        ok = account_read(&lab.journal, &lab.setup.graph, &account, why)
            && say(call, &culprit, out, why);
        account_fini(&account);
        search_answer_fini(&answer);
    }
    lab_fini(&lab);
    db_close(db);
    return ok;
}

static bool
tell_journal(struct cmd_call *call, tell_fn *say, struct buf *out,
             struct fault *why)
{
    struct session session = SESSION_INIT;
    struct telling telling;
    bool ok;

    ok = session_open(&session, cmd_arg(call, 0), false, why);
    if (ok) {
        ok = telling_begin(&telling, &session, why)
            && say(call, &telling.culprit, out, why);
        telling_end(&telling);
    }
    session_fini(&session);
    return ok;
}

/* Writes what 'tell' says to the file of --output, or to standard output. */
static bool
tell(struct cmd_call *call, tell_fn *say, const char *path, struct fault *why)
{
    struct buf text = BUF_INIT;
    int64_t number;
    bool ok;

    ok = is_stored(call, &number)
        ? tell_stored(call, number, say, &text, why)
        : tell_journal(call, say, &text, why);
    if (ok && path != NULL)
        ok = fs_write_file(path, 0644, text.data, text.len, why);
    else if (ok)
        fputs(buf_text(&text), stdout);
    buf_free(&text);
    return ok;
}

static bool
say_graph(struct cmd_call *call, const struct culprit *culprit,
          struct buf *out, struct fault *why)
{
    if (cmd_flag(call, "svg"))
        return culprit_svg(culprit, DOT_MOST, out, why);
    culprit_dot(culprit, DOT_MOST, out);
    return true;
}

static bool
say_page(struct cmd_call *call UNUSED, const struct culprit *culprit,
         struct buf *out, struct fault *why UNUSED)
{
    culprit_html(culprit, out);
    return true;
}

static bool
run_graph(struct cmd_call *call, struct fault *why)
{
    return tell(call, say_graph, NULL, why);
}

static bool
run_report(struct cmd_call *call, struct fault *why)
{
    return tell(call, say_page, cmd_text(call, "output"), why);
}

#define SEARCH_OPTIONS \
    { .name = "tree", .type = CMD_OPT_LIST, .arg = "[NAME=]DIR:GOOD..BAD", \
      .help = "a git tree, with a revision that is good and one that is " \
              "bad" }, \
    { .name = "confidence", .type = CMD_OPT_TEXT, .arg = "P", \
      .dflt = "0.95", .help = "how sure the answer must be" }, \
    { .name = "flake-good", .type = CMD_OPT_TEXT, .arg = "P", \
      .help = "how often good revisions fail (default: learned)" }, \
    { .name = "flake-bad", .type = CMD_OPT_TEXT, .arg = "P", \
      .help = "how often bad revisions fail (default: learned)" }, \
    { .name = "history", .type = CMD_OPT_TEXT, .arg = "FILE", \
      .help = "how often runs failed before: lines \"good|bad FAILED " \
              "RUNS\"" }, \
    { .name = "fixed", .type = CMD_OPT_FLAG, \
      .help = "GOOD..BAD is BROKEN..FIXED: find the commit that fixed " \
              "it" }, \
    { .name = "metric", .type = CMD_OPT_TEXT, .arg = "NAME", \
      .help = "compare the number that CMD prints for NAME with those of " \
              "good" }, \
    { .name = "worse", .type = CMD_OPT_TEXT, .arg = "higher|lower", \
      .help = "which way a number of --metric gets worse" }, \
    { .name = "metric-file", .type = CMD_OPT_TEXT, .arg = "FILE", \
      .help = "where CMD leaves its numbers (default: its output)" }, \
    { .name = "trust-ends", .type = CMD_OPT_FLAG, \
      .help = "do not test good and bad themselves first" }, \
    { .name = "max-tests", .type = CMD_OPT_INT, .arg = "N", \
      .help = "stop after so many runs, with what is known" }, \
    { .name = "cost", .type = CMD_OPT_TEXT, .arg = "FILE", \
      .help = "minutes that a test takes: lines \"COMMIT MINUTES\"" }, \
    { .name = "first-parent", .type = CMD_OPT_FLAG, \
      .help = "follow only the first parent of merges" }, \
    { .name = "paths", .type = CMD_OPT_LIST, .arg = "PATH", \
      .help = "only commits that change it" }, \
    { .name = "seed", .type = CMD_OPT_INT, .arg = "N", .dflt = "0", \
      .help = "decides between tests that are as good" }, \
    { .name = "log", .type = CMD_OPT_TEXT, .arg = "FILE", \
      .help = "the journal (default: below .git/assay-bisect)" }, \
    { .name = "replay", .type = CMD_OPT_TEXT, .arg = "FILE", \
      .help = "take the results of another journal as known" }, \
    { .name = "fresh", .type = CMD_OPT_FLAG, \
      .help = "forget an old journal of the same search" }

static const struct cmd_opt run_opts[] = {
    SEARCH_OPTIONS,
    { .name = "parallel", .type = CMD_OPT_INT, .arg = "K", .dflt = "1",
      .min = 1, .max = 64, .help = "test so many revisions at once" },
    { .name = "limit", .type = CMD_OPT_DURATION, .arg = "TIME",
      .help = "a run that takes longer cannot tell" },
    { .name = "match", .type = CMD_OPT_TEXT, .arg = "REGEX",
      .help = "a failure whose output does not match is another one, and "
              "cannot tell" },
    { .name = "clean", .type = CMD_OPT_FLAG,
      .help = "remove what the last run left in the worktree" },
    { .name = NULL },
};
static const struct cmd_opt begin_opts[] = {
    SEARCH_OPTIONS,
    { .name = NULL },
};
static const struct cmd_opt next_opts[] = {
    { .name = "parallel", .type = CMD_OPT_INT, .arg = "K", .dflt = "1",
      .min = 1, .max = NEXT_MOST, .help = "so many, to be tested at once" },
    { .name = NULL },
};

static const struct cmd_opt graph_opts[] = {
    { .name = "svg", .type = CMD_OPT_FLAG,
      .help = "draw it here, with Graphviz" },
    { .name = NULL },
};
static const struct cmd_opt report_opts[] = {
    { .name = "output", .type = CMD_OPT_TEXT, .arg = "FILE",
      .help = "write the page there, at once as a whole" },
    { .name = NULL },
};

const struct cmd bisector_cmds[] = {
    { .path = "bisect run", .args = "-- CMD [ARG...]", .args_min = 1,
      .args_max = -1, .opts = run_opts, .run = run_run, .access = CMD_WRITES,
      .help = "find the commit that made CMD fail",
      .text = "CMD runs in a worktree of its own that is set to the revision; "
              "yours may be dirty,\nand are not touched. It exits with 0: "
              "good, 125: cannot tell, 1 to 127 else: bad.\nStopped or "
              "killed, the same command goes on where it was.\nExit status 0: "
              "a culprit; 3: not reproducible; 4: good fails too; 5: one of "
              "several\nsuspects that no test can tell apart; 6: --max-tests "
              "reached; 7: bad cannot be\ntested, or fails in another way." },
    { .path = "bisect begin", .args = "", .args_min = 0, .args_max = 0,
      .opts = begin_opts, .run = run_begin, .access = CMD_WRITES,
      .help = "begin a search that is driven step by step",
      .text = "Prints the name of its journal, for next, mark and show." },
    { .path = "bisect next", .args = "JOURNAL", .args_min = 1, .args_max = 1,
      .opts = next_opts, .run = run_next,
      .help = "say which revision to test next",
      .text = "One line a test: NAME=COMMIT for each tree. Exit status 8: "
              "the search is at its end." },
    { .path = "bisect mark", .args = "JOURNAL good|bad|cannot-tell "
                                     "[NAME=]COMMIT...",
      .args_min = 3, .args_max = -1, .run = run_mark, .access = CMD_WRITES,
      .help = "record what a test said" },
    { .path = "bisect show", .args = "JOURNAL|BISECTION",
      .args_min = 1, .args_max = 1, .run = run_show,
      .help = "say what a search knows so far",
      .text = "A search by its journal, or a bisection in the lab by its "
              "number. Exit status as of\nbisect run; 8: it is not at its "
              "end." },
    { .path = "bisect graph", .args = "JOURNAL|BISECTION", .args_min = 1,
      .args_max = 1, .opts = graph_opts, .run = run_graph,
      .help = "draw the search for dot(1)" },
    { .path = "bisect report", .args = "JOURNAL|BISECTION", .args_min = 1,
      .args_max = 1, .opts = report_opts, .run = run_report,
      .help = "make a page of what a search found, or knows so far",
      .text = "The commit with author, subject and what it changed, the "
              "runs of both sides, all\nruns with their outputs, and a "
              "picture: Graphviz draws it. May be asked while the\nsearch "
              "runs." },
    { .path = NULL },
};
