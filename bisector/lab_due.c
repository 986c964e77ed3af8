/* bisector/lab_due.c - what happens by itself: regressions that nobody has
 * looked at become bisections, and a branch that has moved on moves them. */
#include <config.h>

#include <inttypes.h>
#include <stdarg.h>

#include "bisector/lab_private.h"
#include "flights/probe.h"
#include "flights/probe_db.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/git.h"
#include "harness/json.h"
#include "harness/pattern_scan.h"
#include "hypervisor/source.h"
#include "results/failure.h"
#include "results/verdict_db.h"

#define MAX_RUNS 200
#define OPEN_MOST 1000

struct due {
    struct db *db;
    const struct lab_opts *opts;
    struct arena arena;         /* of one flight */
    struct pattern_code *code;
    int64_t flight;
    struct evidence evidence;
    struct verdict verdict;
};

static PRINTF_LIKE(2, 3) void
say(const struct due *due, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    if (due->opts == NULL || due->opts->say == NULL)
        return;
    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    due->opts->say(due->opts->owner, buf_text(&text));
    buf_free(&text);
}

/* Beginning ---------------------------------------------------------------- */

/* What the verdict calls a regression; what broke never is one. */
static bool
is_regression(const struct due *due, const struct decide_failure *failure)
{
    return failure->blocker == DECIDE_BLOCKER_REGRESSION
        && failure->category == DECIDE_CATEGORY_BLOCKING
        && failure->flight == due->flight && !failure->repeated
        && failure->status == OUTCOME_FAIL && failure->testid[0] != '\0'
        && failure->lane != LANE_HOST && failure->lane != LANE_HARNESS;
}

/* Failures that say the same have one cause, and need one bisection: that of
 * the first; so do the failures of one job, of which the first is the cause of
 * the rest. */
static bool
stands_for_others(const struct due *due, size_t at)
{
    const struct decide_failure *list = due->verdict.decision.failures;
    const struct verdict_fact *facts = due->verdict.facts;
    size_t i;

    for (i = 0; i < at; i++)
        if (is_regression(due, &list[i])
            && ((facts[i].signature[0] != '\0'
                 && strcmp(facts[i].signature, facts[at].signature) == 0)
                || (strcmp(list[i].job, list[at].job) == 0
                    && strcmp(facts[i].reason, facts[at].reason) == 0)))
            return false;
    return true;
}

/* Somebody has shown that it is not the product. */
static bool
is_explained(const char *cause)
{
    return strcmp(cause, "host") == 0 || strcmp(cause, "flake") == 0
        || strcmp(cause, "harness") == 0;
}

static bool
begin(struct due *due, const struct decide_failure *failure,
      struct fault *why)
{
    struct lab_start start = {
        .flight = due->flight, .job = failure->job,
        .testid = failure->testid, .basis = failure->baseline,
        .author = "verdict", .confidence = .95, .max_runs = MAX_RUNS,
    };
    struct probe_cell cell = { .known = false };
    struct fault no = FAULT_INIT;
    int64_t number = 0;

    /* The baseline's flight may have it from a case of another name. */
    if (start.basis != 0
        && (!probe_db_cell(due->db, start.basis, start.job, start.testid,
                           &due->arena, &cell, &no)
            || cell.status != OUTCOME_PASS))
        start.basis = 0;
    no = (struct fault)FAULT_INIT;
    if (lab_start(due->db, &start, &number, &no)) {
        say(due, "bisection %" PRId64 ": flight %" PRId64 ", job %s: %s",
            number, due->flight, failure->job, failure->testid);
        return true;
    }
    if (no.kind == FAULT_LOST || no.kind == FAULT_PEER
        || no.kind == FAULT_TIMEOUT || no.kind == FAULT_SYSTEM
        || no.kind == FAULT_CANCELLED) {
        *why = no;
        return false;
    }
    say(due, "flight %" PRId64 ", job %s: %s is not bisected: %s",
        due->flight, failure->job, failure->testid, no.text);
    return true;
}

static bool
look_at_failure(struct due *due, size_t i, struct fault *why)
{
    const struct decide_failure *failure = &due->verdict.decision.failures[i];
    const char *cause = "";
    int64_t known = 0;
    bool open = false;

    if (!is_regression(due, failure) || !stands_for_others(due, i))
        return true;
    if (!bisection_db_cause(due->db, due->flight, failure->job, &due->arena,
                            &cause, why)
        || !bisection_db_known(due->db, due->flight, failure->job,
                               failure->testid,
                               due->verdict.facts[i].signature, &known, &open,
                               why))
        return false;
    if (is_explained(cause)) {
        say(due, "flight %" PRId64 ", job %s: %s is not bisected: the %s is "
            "to blame", due->flight, failure->job, failure->testid, cause);
        return true;
    }
    if (known != 0) {
        say(due, "flight %" PRId64 ", job %s: %s is that of bisection %"
            PRId64, due->flight, failure->job, failure->testid, known);
        return true;
    }
    return begin(due, failure, why);
}

static bool
read_verdict(struct due *due, bool *read_out, struct fault *why)
{
    struct fault no = FAULT_INIT;

    *read_out = verdict_read(due->db, due->flight, NULL, &due->arena,
                             &due->evidence, &due->verdict, &no);
    if (!*read_out && no.kind == FAULT_LOST) {
        *why = no;
        return false;
    }
    if (!*read_out)
        say(due, "flight %" PRId64 ": no verdict: %s", due->flight, no.text);
    return true;
}

/* Moving ------------------------------------------------------------------- */

/* Where the branch is now, as seen from a bisection. */
struct place {
    bool later;                 /* what failed is a part of it */
    bool elsewhere;             /* neither that, nor is it a part of what
                                 * failed: the branch was rewritten */
};

static bool
is_ancestor(const char *dir, const char *a, const char *b, bool *is_out,
            struct fault *why)
{
    int code = 1;
    bool ok = git_run(dir, GIT_ARGS("merge-base", "--is-ancestor", a, b), 0,
                      NULL, &code, why);

    *is_out = ok && code == 0;
    return ok && (code <= 1
                  || fault_set(why, FAULT_NOT_FOUND, "nobody here has commit "
                               "%.12s or %.12s", a, b));
}

/* The mirror may not have what is new yet. */
static bool
find_place(struct due *due, const struct lab *lab, struct place *out,
           struct fault *why)
{
    const struct graph *graph = &lab->setup.graph;
    const char *text, *now;
    uint32_t node;
    json_t *at = NULL;
    size_t t;
    bool ok;

    *out = (struct place){ .later = false };
    ok = bisection_db_flight_trees(due->db, due->flight, &due->arena, &text,
                                   why)
        && json_parse(text, strlen(text), &at, why);
    for (t = 0; ok && t < graph->tree_count; t++) {
        const struct graph_tree *tree = &graph->trees[t];
        bool later = false, earlier = false;
        struct source source;

        now = json_text(at, tree->name);
        if (now == NULL || graph_find(graph, t, now, &node))
            continue;
        if (source_find(&due->arena, tree->name, &source, why))
            ok = source_resolve(&due->arena, &source, now, &now, why);
        else
            ok = why->kind == FAULT_NOT_FOUND;  /* the gate has it */
        ok = ok && is_ancestor(tree->dir, tree->bad, now, &later, why)
            && (later || is_ancestor(tree->dir, now, tree->bad, &earlier,
                                     why));
        out->later = out->later || later;
        out->elsewhere = out->elsewhere || !(later || earlier);
    }
    json_decref(at);
    return ok;
}

/* It never passed where it failed: then a pass is news, not luck. */
static bool
always_fails(const struct lab *lab)
{
    struct search_answer answer;
    bool always;

    if (lab->search == NULL)
        return false;
    search_answer(lab->search, &answer);
    always = answer.rate_bad > .75 && answer.runs > 1;
    search_answer_fini(&answer);
    return always;
}

/* The failure is on a history that the old bad end is no part of: the new one
 * is what is looked into, with all that is known of the commits that stayed. */
static bool
aim_again(struct due *due, const struct lab *lab, struct fault *why)
{
    struct lab_start start = {
        .flight = due->flight, .basis = lab->it.basis, .job = lab->it.job,
        .testid = lab->it.testid, .author = lab->it.author,
        .recipe = lab->it.recipe[0] == '\0' ? NULL : lab->it.recipe,
        .parallel = lab->it.parallel,
        .confidence = lab->setup.opts.confidence,
        .max_runs = lab->setup.opts.max_runs,
    };
    const char *setup = NULL, *reason;

    reason = arena_printf(&due->arena, "the branch was rewritten: the bad end "
                          "is that of flight %" PRId64 " now, and was that of "
                          "flight %" PRId64, due->flight, lab->it.flight);
    if (!lab_start_setup(due->db, &start, &due->arena, &setup, why)
        || !bisection_db_set_setup(due->db, lab->it.bisection, due->flight,
                                   setup, reason, why))
        return false;
    say(due, "bisection %" PRId64 ": %s", lab->it.bisection, reason);
    return true;
}

struct fixing {
    int64_t bisection;
    struct bisection_end end;
};

/* Its flights are not waited for. */
static bool
write_fixed(struct db *db, void *arg, struct fault *why)
{
    const struct fixing *fixing = arg;

    return bisection_db_end(db, fixing->bisection, &fixing->end, why)
        && lab_abandon(db, fixing->bisection, why);
}

static bool
move_one(struct due *due, const struct lab *lab, struct fault *why)
{
    struct fixing fixing = { .bisection = lab->it.bisection,
                             .end.verdict = "fixed" };
    struct probe_answer answer;
    struct place place;

    if (!probe_judge(due->db, due->flight, lab->it.job, lab->it.testid,
                     lab->it.flight, due->code, &due->arena, &answer, why)
        || !find_place(due, lab, &place, why))
        return false;
    if (answer.end == PROBE_FAIL && place.elsewhere)
        return aim_again(due, lab, why);
    if (answer.end != PROBE_PASS || !(place.later || place.elsewhere)
        || !always_fails(lab))
        return true;
    fixing.end.reason = arena_printf(&due->arena, "it passes again in flight %"
                                     PRId64 "%s: fixed meanwhile",
                                     due->flight, place.elsewhere
                                     ? ", the branch having been rewritten"
                                     : "");
    say(due, "bisection %" PRId64 ": %s", lab->it.bisection,
        fixing.end.reason);
    return db_transact(due->db, write_fixed, &fixing, why);
}

static bool
has_job(const struct due *due, const char *job)
{
    size_t i;

    for (i = 0; i < due->evidence.job_count; i++)
        if (strcmp(due->evidence.jobs[i].name, job) == 0)
            return true;
    return false;
}

static bool
move_bisections(struct due *due, struct fault *why)
{
    struct bisection *list = NULL;
    size_t count = 0, i;
    bool ok;

    ok = bisection_db_list(due->db, true, OPEN_MOST, &due->arena, &list,
                           &count, why);
    for (i = 0; ok && i < count; i++) {
        struct fault no = FAULT_INIT;
        struct lab lab = LAB_INIT;

        if (strcmp(list[i].branch, due->evidence.branch) != 0
            || list[i].flight >= due->flight || !has_job(due, list[i].job))
            continue;
        ok = lab_load(&lab, due->db, list[i].bisection, &no)
            && move_one(due, &lab, &no);
        if (!ok && no.kind != FAULT_LOST) {
            say(due, "bisection %" PRId64 ": %s", list[i].bisection, no.text);
            ok = true;
        } else if (!ok) {
            *why = no;
        }
        lab_fini(&lab);
    }
    return ok;
}

/* All ---------------------------------------------------------------------- */

static bool
look(struct due *due, struct fault *why)
{
    bool read = false;
    size_t i;

    if (!failure_record(due->db, due->flight, NULL, due->code, NULL, why)
        || !read_verdict(due, &read, why))
        return false;
    if (read && !move_bisections(due, why))
        return false;
    for (i = 0; read && i < due->verdict.decision.failure_count; i++)
        if (!look_at_failure(due, i, why))
            return false;
    return bisection_db_seen(due->db, due->flight, why);
}

bool
lab_due(struct db *db, const struct lab_opts *opts, struct fault *why)
{
    struct due due = { .db = db, .opts = opts, .arena = ARENA_INIT };
    struct arena arena = ARENA_INIT;
    int64_t *flights = NULL;
    size_t count = 0, i;
    bool ok;

    ok = bisection_db_unseen(db, &arena, &flights, &count, why);
    for (i = 0; ok && i < count; i++) {
        if (due.code == NULL)
            due.code = pattern_code_try();
        due.flight = flights[i];
        ok = look(&due, why);
        arena_free(&due.arena);
        due.arena = (struct arena)ARENA_INIT;
    }
    pattern_code_free(due.code);
    arena_free(&due.arena);
    arena_free(&arena);
    return ok;
}
