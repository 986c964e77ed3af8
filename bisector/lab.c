/* bisector/lab.c - see lab.h. Flights are made and judged in lab_run.c; what
 * the search ends with is in lab_end.c. */
#include <config.h>

#include "bisector/lab.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "bisector/account.h"
#include "bisector/culprit.h"
#include "bisector/lab_private.h"
#include "bisector/search.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/mem.h"

/* So many tests in a row that broke: something is wrong with the lab. */
#define BROKEN_ROW 9

void
lab_say(const struct lab *lab, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    if (lab->opts == NULL || lab->opts->say == NULL)
        return;
    buf_addf(&text, "bisection %" PRId64 ": ", lab->it.bisection);
    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    lab->opts->say(lab->opts->owner, buf_text(&text));
    buf_free(&text);
}

/* Tests and their names ---------------------------------------------------- */

static bool
flight_trees(struct lab *lab, json_t **out, struct fault *why)
{
    const char *text;

    return bisection_db_flight_trees(lab->db, lab->it.flight, &lab->arena,
                                     &text, why)
        && json_parse(text, strlen(text), out, why);
}

bool
lab_at(struct lab *lab, const struct search_test *test, const char **out,
       struct fault *why)
{
    const struct graph *graph = &lab->setup.graph;
    char hex[GRAPH_HEX_BYTES], *text;
    json_t *at = NULL;
    size_t t;

    if (!flight_trees(lab, &at, why))
        return false;
    for (t = 0; test != NULL && t < graph->tree_count; t++) {
        graph_hex(graph, t, test->at[t], hex);
        json_put_text(at, graph->trees[t].name, hex);
    }
    text = json_dumps(at, JSON_COMPACT | JSON_SORT_KEYS);
    must(text != NULL);
    *out = arena_strdup(&lab->arena, text);
    free(text);
    json_decref(at);
    return true;
}

static bool
same_elsewhere(const struct graph *graph, const json_t *at,
               const json_t *fixed)
{
    const char *tree, *other;
    const json_t *commit;
    json_t *copy = json_deep_copy(fixed);
    bool same = true;
    size_t t;

    for (t = 0; t < graph->tree_count; t++)
        (void)json_object_del(copy, graph->trees[t].name);
    json_object_foreach(copy, tree, commit) {
        other = json_text(at, tree);
        same = same && other != NULL
            && strcmp(other, json_string_value(commit)) == 0;
    }
    json_decref(copy);
    return same;
}

bool
lab_test_of(struct lab *lab, const char *text, struct search_test *test_out,
            bool *is_out, struct fault *why)
{
    const struct graph *graph = &lab->setup.graph;
    json_t *at = NULL, *fixed = NULL;
    const char *hex;
    size_t t;
    bool ok;

    ok = json_parse(text, strlen(text), &at, why)
        && flight_trees(lab, &fixed, why);
    *is_out = ok && same_elsewhere(graph, at, fixed);
    for (t = 0; ok && *is_out && t < graph->tree_count; t++) {
        hex = json_text(at, graph->trees[t].name);
        *is_out = hex != NULL && graph_find(graph, t, hex, &test_out->at[t]);
    }
    json_decref(at);
    json_decref(fixed);
    return ok;
}

/* Reading ------------------------------------------------------------------ */

/* A log below ASSAY_HOME, or what another oracle has, by its own name. */
static void
put_output(struct lab *lab, json_t *line, const char *output)
{
    struct fault ignored = FAULT_INIT;
    const char *home = NULL;

    if (output[0] == '\0')
        return;
    if (output[0] != '/' && strstr(output, "://") == NULL
        && home_get(&home, &ignored))
        output = home_path(&lab->arena, "%s", output);
    json_put_text(line, "output", output);
}

/* What a run says to the search. */
static json_t *
line_of(struct lab *lab, const struct bisection_run *run)
{
    json_t *line = json_object(), *at = json_loads(run->at, 0, NULL);

    json_object_set_new(line, "run", at);
    json_put_text(line, "result", run->result);
    json_put_int(line, "ms", run->ended_ms - run->begun_ms);
    json_put_int(line, "wall", run->ended_ms);
    if (run->reason[0] != '\0')
        json_put_text(line, "reason", run->reason);
    put_output(lab, line, run->output);
    return line;
}

static bool
is_counted(const struct bisection_run *run)
{
    return run->about[0] == '\0' && strcmp(run->state, "ended") == 0
        && strcmp(run->result, "nothing") != 0;
}

/* Runs of commits that the search has not (any more) are left out. */
static bool
read_runs(struct lab *lab, struct fault *why)
{
    struct search_test test;
    bool is;
    size_t i;

    if (!bisection_db_runs(lab->db, lab->it.bisection, &lab->arena,
                           &lab->runs, &lab->run_count, why))
        return false;
    json_decref(lab->journal.lines);
    lab->journal.lines = json_array();
    if (lab->setup.specs == NULL)
        return true;
    search_free(lab->search);
    lab->search = search_new(&lab->setup.graph, &lab->setup.opts);
    for (i = 0; i < lab->run_count; i++) {
        if (lab->runs[i].about[0] != '\0')
            continue;
        if (!lab_test_of(lab, lab->runs[i].at, &test, &is, why))
            return false;
        if (is && is_counted(&lab->runs[i]))
            json_array_append_new(lab->journal.lines,
                                  line_of(lab, &lab->runs[i]));
        else if (is && strcmp(lab->runs[i].state, "ended") != 0)
            search_start(lab->search, &test);
    }
    return journal_replay(&lab->journal, &lab->setup.graph, lab->search, NULL,
                          why);
}

bool
lab_reload(struct lab *lab, struct fault *why)
{
    return read_runs(lab, why);
}

bool
lab_load(struct lab *lab, struct db *db, int64_t bisection,
         struct fault *why)
{
    lab->db = db;
    if (!bisection_db_read(db, bisection, &lab->arena, &lab->it, why)
        || !json_parse(lab->it.setup, strlen(lab->it.setup),
                       &lab->journal.setup, why)
        || !setup_from_json(lab->journal.setup, &lab->setup, why))
        return false;
    lab->journal.path = xasprintf("%" PRId64, bisection);
    if (lab->setup.specs != NULL && !setup_load(&lab->setup, why)) {
        fault_context(why, "bisection %" PRId64, bisection);
        return fault_hint(why, "was the history rewritten? what is known is "
                          "kept: with its commits back, \"assay bisect resume "
                          "%" PRId64 "\" goes on", bisection);
    }
    return read_runs(lab, why);
}

void
lab_fini(struct lab *lab)
{
    search_free(lab->search);
    journal_close(&lab->journal);
    setup_fini(&lab->setup);
    arena_free(&lab->arena);
    *lab = (struct lab)LAB_INIT;
}

void
lab_progress(const struct lab *lab, struct buf *out)
{
    struct search_answer answer;
    struct account account;
    struct fault ignored = FAULT_INIT;
    char time[32];

    buf_addf(out, "%" PRId64 " run%s", lab->it.runs,
             lab->it.runs == 1 ? "" : "s");
    if (lab->it.running > 0)
        buf_addf(out, ", %" PRId64 " under way", lab->it.running);
    if (lab->search == NULL || strcmp(lab->it.state, "ended") == 0)
        return;
    search_answer(lab->search, &answer);
    if (answer.verdict == SEARCH_MORE) {
        buf_adds(out, "; ");
        culprit_left(&answer, &lab->setup.graph, out);
        if (account_read(&lab->journal, &lab->setup.graph, &account,
                         &ignored)
            && account_left_ms(&account, answer.runs_left) >= 0) {
            clock_human(account_left_ms(&account, answer.runs_left)
                        / lab->it.parallel, time);
            buf_addf(out, ", %s", time);
        }
        account_fini(&account);
    }
    search_answer_fini(&answer);
}

/* Going on ----------------------------------------------------------------- */

/* What others have learned, of revisions that are ours. */
static bool
share(struct lab *lab, bool *shared_out, struct fault *why)
{
    struct bisection_run *others = NULL;
    struct search_test test;
    size_t count = 0, i;
    int number;
    bool is;

    *shared_out = false;
    if (!bisection_db_others(lab->db, &lab->it, &lab->arena, &others, &count,
                             why))
        return false;
    for (i = 0; i < count; i++) {
        if (!lab_test_of(lab, others[i].at, &test, &is, why))
            return false;
        if (!is)
            continue;
        if (!bisection_db_run_add(lab->db, lab->it.bisection, &others[i],
                                  &number, why)
            || !bisection_db_run_fly(lab->db, lab->it.bisection, number,
                                     others[i].oracle, lab->it.definition, 0,
                                     others[i].flight, why))
            return false;
        *shared_out = true;
    }
    return true;
}

static bool
is_end(const struct lab *lab, const struct search_test *test)
{
    struct search_test good, bad;

    search_test_ends(&lab->setup.graph, &good, &bad);
    return search_test_same(&lab->setup.graph, test, &good)
        || search_test_same(&lab->setup.graph, test, &bad);
}

/* The ends are tested where the failure was seen, so that a host that is to
 * blame shows at both; what lies between, on any host of its kind. */
static bool
add_run(struct lab *lab, const struct search_test *test, struct fault *why)
{
    struct bisection_run run = { .oracle = LAB_ORACLE };
    struct bisection_surround seen = { .hosts = "[]" };
    int number;

    if (is_end(lab, test)
        && !bisection_db_surround(lab->db, lab->it.flight, lab->it.job,
                                  &lab->arena, &seen, why))
        return false;
    run.hosts = seen.hosts;
    return lab_at(lab, test, &run.at, why)
        && bisection_db_run_add(lab->db, lab->it.bisection, &run, &number,
                                why);
}

static int
active(const struct lab *lab)
{
    int count = 0;
    size_t i;

    for (i = 0; i < lab->run_count; i++)
        count += strcmp(lab->runs[i].state, "ended") != 0;
    return count;
}

/* No more than there may be in all, when those under way have ended. */
static bool
choose(struct lab *lab, int64_t runs, struct fault *why)
{
    int64_t most = lab->setup.opts.max_runs, under_way = active(lab);
    int64_t want = lab->it.parallel - under_way;
    struct search_test tests[64];
    size_t count, i;

    if (most > 0 && want > most - runs - under_way)
        want = most - runs - under_way;
    if (want <= 0)
        return true;
    count = search_next(lab->search, (size_t)want, tests);
    for (i = 0; i < count; i++)
        if (!add_run(lab, &tests[i], why))
            return false;
    return count == 0 || lab_reload(lab, why);
}

/* The last tests all broke, so that the next will. */
static bool
lab_is_ill(const struct lab *lab)
{
    int broken = 0;
    size_t i;

    for (i = lab->run_count; i-- > 0 && broken < BROKEN_ROW;) {
        if (strcmp(lab->runs[i].state, "ended") != 0
            || strcmp(lab->runs[i].oracle, LAB_ORACLE) != 0
            || strcmp(lab->runs[i].reason, BISECTION_ABANDONED) == 0)
            continue;
        if (strcmp(lab->runs[i].result, "nothing") != 0
            && strncmp(lab->runs[i].reason, "broke ", 6) != 0)
            return false;
        broken++;
    }
    return broken == BROKEN_ROW;
}

static bool
go_on(struct lab *lab, enum lab_next *next_out, struct fault *why)
{
    struct search_answer answer = { .verdict = SEARCH_VERDICT_NONE };
    bool changed = false, shared = false, more, over = false;
    int64_t runs;

    if (!lab_take(lab, &changed, why) || (changed && !lab_reload(lab, why)))
        return false;
    if (lab->search != NULL
        && (!share(lab, &shared, why)
            || (shared && (!lab_reload(lab, why)
                           || !lab_take(lab, &changed, why)
                           || !lab_reload(lab, why)))))
        return false;
    if (lab_is_ill(lab))
        return fault_set(why, FAULT_CONFLICT, "the last %d tests broke: %s",
                         BROKEN_ROW, lab->runs[lab->run_count - 1].reason);
    if (lab->search != NULL)
        search_answer(lab->search, &answer);
    more = answer.verdict == SEARCH_MORE;
    runs = answer.runs;
    search_answer_fini(&answer);
    if (more ? !choose(lab, runs, why) : !lab_conclude(lab, &over, why))
        return false;
    *next_out = over ? LAB_OVER : LAB_WAIT;
    return over || lab_fly(lab, why);
}

/* Time heals these; the rest is for people. */
static bool
is_passing(enum fault_kind kind)
{
    return kind == FAULT_LOST || kind == FAULT_PEER || kind == FAULT_TIMEOUT
        || kind == FAULT_CANCELLED;
}

bool
lab_advance(struct db *db, int64_t bisection, const struct lab_opts *opts,
            enum lab_next *next_out, struct fault *why)
{
    struct lab lab = LAB_INIT;
    struct fault local = FAULT_INIT;
    bool ok;

    lab.opts = opts;
    ok = lab_load(&lab, db, bisection, why);
    if (ok && strcmp(lab.it.state, "running") != 0)
        *next_out = LAB_OVER;
    else
        ok = ok && go_on(&lab, next_out, why);
    if (!ok && !is_passing(why->kind) && lab.it.bisection != 0
        && strcmp(lab.it.state, "running") == 0
        && bisection_db_set_state(db, bisection, "stopped", why->text,
                                  &local))
        lab_say(&lab, "stopped: %s", why->text);
    lab_fini(&lab);
    return ok;
}
