/* bisector/lab_start.c - begins bisections in the lab. What can be known to be
 * wrong is said here, before anything is built or booted. */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include "bisector/lab_private.h"
#include "flights/flight_state_db.h"
#include "flights/gate.h"
#include "flights/probe.h"
#include "flights/probe_db.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/git.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/outcome.h"
#include "harness/strv.h"
#include "hypervisor/source.h"
#include "results/failure.h"

#define PARALLEL_MOST 4
#define PAST_MOST 10000

struct starting {
    struct db *db;
    const struct lab_start *start;
    struct arena arena;
    struct bisection it;
    struct setup setup;
};

/* The failure -------------------------------------------------------------- */

static bool
read_cell(struct starting *s, int64_t flight, struct probe_cell *cell,
          struct fault *why)
{
    const struct lab_start *start = s->start;

    if (!probe_db_cell(s->db, flight, start->job, start->testid, &s->arena,
                       cell, why))
        return false;
    if (!cell->flight_ended)
        return fault_set(why, FAULT_CONFLICT, "flight %" PRId64 " has not "
                         "ended", flight);
    if (cell->known)
        return true;
    fault_set(why, FAULT_NOT_FOUND, "job %s of flight %" PRId64 " has no step "
              "'%s', nor a case of that name", start->job, flight,
              start->testid);
    return fault_hint(why, "it has: %s", cell->testids);
}

static bool
check_failure(struct starting *s, struct fault *why)
{
    const struct lab_start *start = s->start;
    struct probe_cell cell;

    if (!read_cell(s, start->flight, &cell, why))
        return false;
    if (cell.status != OUTCOME_FAIL)
        return fault_set(why, FAULT_USAGE, "%s of job %s did not fail in "
                         "flight %" PRId64 ": %s; what is broken is not "
                         "bisected", start->testid, start->job, start->flight,
                         outcome_name(cell.status));
    if (!failure_record(s->db, start->flight, start->job, NULL, NULL, why)
        || !read_cell(s, start->flight, &cell, why))
        return false;
    s->it.signature = cell.signature;
    return true;
}

static bool
choose_basis(struct starting *s, struct fault *why)
{
    const struct lab_start *start = s->start;
    struct probe_cell cell;

    s->it.basis = start->basis;
    if (s->it.basis == 0
        && !bisection_db_basis(s->db, start->flight, start->job,
                               start->testid, &s->it.basis, why))
        return false;
    if (s->it.basis == 0) {
        fault_set(why, FAULT_NOT_FOUND, "no earlier flight of the branch "
                  "passed %s of job %s", start->testid, start->job);
        return fault_hint(why, "say which was good: --basis FLIGHT");
    }
    if (!read_cell(s, s->it.basis, &cell, why))
        return fault_context(why, "the basis");
    return cell.status == OUTCOME_PASS
        || fault_set(why, FAULT_USAGE, "%s of job %s did not pass in flight %"
                     PRId64 ": %s; that is no basis", start->testid,
                     start->job, s->it.basis, outcome_name(cell.status));
}

/* Trees -------------------------------------------------------------------- */

/* Both are kept from here on, whatever becomes of the tree. */
static bool
keep_commits(const struct bisection_tree *tree, const char *dir,
             struct fault *why)
{
    const char *const commits[] = { tree->good, tree->bad };
    char *ref, *name;
    size_t i;
    bool ok = true;

    for (i = 0; ok && i < ARRAY_LEN(commits); i++) {
        ref = xasprintf("refs/assay/kept/%s", commits[i]);
        name = xasprintf("%s^{commit}", commits[i]);
        ok = git_run(dir, GIT_ARGS("rev-parse", "-q", "--verify",
                                   "--end-of-options", name), 0, NULL, NULL,
                     why);
        if (!ok) {
            fault_set(why, FAULT_NOT_FOUND, "nobody here has commit %.12s of "
                      "tree %s (any more)", commits[i], tree->tree);
            fault_hint(why, "'assay tree add %s %s'; was its history "
                       "rewritten?", tree->tree, tree->url);
        }
        ok = ok && git_run(dir, GIT_ARGS("update-ref", ref, commits[i]), 0,
                           NULL, NULL, why);
        xfree_str(&ref);
        xfree_str(&name);
    }
    return ok;
}

/* The mirror of "assay tree", or what the gate of a branch has of it. */
static bool
find_tree(struct starting *s, struct bisection_tree *tree,
          const char **dir_out, struct fault *why)
{
    const char *path = NULL, *good, *bad;
    struct source source;

    if (source_find(&s->arena, tree->tree, &source, why)) {
        *dir_out = source.dir;
        if (!source_resolve(&s->arena, &source, tree->good, &good, why)
            || !source_resolve(&s->arena, &source, tree->bad, &bad, why))
            return false;
        tree->good = good;
        tree->bad = bad;
        return true;
    }
    if (why->kind != FAULT_NOT_FOUND || tree->url[0] == '\0')
        return false;
    *why = (struct fault)FAULT_INIT;
    *dir_out = path;
    return gate_repository(tree->url, &s->arena, dir_out, why)
        && keep_commits(tree, *dir_out, why);
}

static bool
nothing_differs(struct starting *s, struct fault *why)
{
    struct bisection_surround a, b;

    if (!bisection_db_surround(s->db, s->it.basis, s->start->job, &s->arena,
                               &a, why)
        || !bisection_db_surround(s->db, s->start->flight, s->start->job,
                                  &s->arena, &b, why))
        return false;
    if (strcmp(a.host, b.host) != 0 || strcmp(a.image, b.image) != 0
        || strcmp(a.firmware, b.firmware) != 0
        || strcmp(a.harness, b.harness) != 0)
        return true;
    fault_set(why, FAULT_CONFIG, "flights %" PRId64 " and %" PRId64 " differ "
              "in no tree that both name, nor in host, image, firmware or "
              "harness", s->it.basis, s->start->flight);
    return fault_hint(why, "\"assay flight retest\" says whether it fails "
                      "again");
}

static bool
add_trees(struct starting *s, struct fault *why)
{
    struct bisection_tree *trees = NULL;
    struct probe_order order = { .flight = s->start->flight,
                                 .job = s->start->job,
                                 .recipe = s->start->recipe };
    const char *dir = NULL;
    int count = 0, t;

    if (!bisection_db_trees(s->db, s->it.basis, s->start->flight,
                            s->start->job, &s->arena, &trees, &count, why))
        return false;
    if (count == 0)
        return nothing_differs(s, why);
    for (t = 0; t < count; t++) {
        if (!find_tree(s, &trees[t], &dir, why))
            return false;
        strv_add(&s->setup.specs,
                 arena_printf(&s->arena, "%s=%s:%s..%s", trees[t].tree, dir,
                              trees[t].good, trees[t].bad));
    }
    return setup_load(&s->setup, why)
        && probe_check(s->db, &order, &s->arena, why);
}

/* Rates of "assay flake": how often it failed while it was good. */
static bool
add_past(struct starting *s, struct fault *why)
{
    int64_t fails = 0, runs = 0;

    if (!bisection_db_past(s->db, s->it.basis, s->start->job,
                           s->start->testid, NULL, NULL, &fails, &runs, why))
        return false;
    if (runs > PAST_MOST)
        runs = PAST_MOST;
    s->setup.opts.past.good_fails = (uint32_t)fails;
    s->setup.opts.past.good_runs = (uint32_t)runs;
    return true;
}

static void
setup_text(struct starting *s, const char **out)
{
    json_t *about = setup_json(&s->setup);
    char *text = json_dumps(about, JSON_COMPACT | JSON_SORT_KEYS);

    must(text != NULL);
    *out = arena_strdup(&s->arena, text);
    free(text);
    json_decref(about);
}

static bool
prepare(struct starting *s, struct fault *why)
{
    s->setup.opts.confidence = s->start->confidence;
    s->setup.opts.max_runs = s->start->max_runs;
    return check_failure(s, why) && choose_basis(s, why)
        && add_trees(s, why) && add_past(s, why);
}

bool
lab_start_setup(struct db *db, const struct lab_start *start,
                struct arena *arena, const char **out, struct fault *why)
{
    struct starting s = { .db = db, .start = start, .arena = ARENA_INIT,
                          .setup = SETUP_INIT };
    const char *text = NULL;
    bool ok;

    ok = prepare(&s, why);
    if (ok) {
        setup_text(&s, &text);
        *out = arena_strdup(arena, text);
    }
    setup_fini(&s.setup);
    arena_free(&s.arena);
    return ok;
}

/* The row ------------------------------------------------------------------ */

static const char *
people_json(struct starting *s)
{
    const char *const *people = s->start->people;
    json_t *list = json_array();
    const char *out;
    char *text;

    for (; people != NULL && *people != NULL; people++)
        json_array_append_new(list, json_string(*people));
    text = json_dumps(list, JSON_COMPACT);
    must(text != NULL);
    out = arena_strdup(&s->arena, text);
    free(text);
    json_decref(list);
    return out;
}

static bool
choose_parallel(struct starting *s, struct fault *why)
{
    int room = 0;

    s->it.parallel = s->start->parallel;
    if (s->it.parallel > 0)
        return true;
    if (!bisection_db_room(s->db, s->start->flight, s->start->job, &room,
                           why))
        return false;
    s->it.parallel = room < 1 ? 1 : room < PARALLEL_MOST ? room
        : PARALLEL_MOST;
    return true;
}

static bool
begin(struct starting *s, int64_t *bisection_out, struct fault *why)
{
    const struct lab_start *start = s->start;
    char definition[65];
    struct plan plan;

    if (!probe_definition(s->db, start->flight, start->job, definition, why)
        || !choose_parallel(s, why)
        || !flight_plan_read(s->db, start->flight, &s->arena, &plan, why))
        return false;
    s->it.flight = start->flight;
    s->it.branch = plan.branch;
    s->it.job = start->job;
    s->it.testid = start->testid;
    s->it.definition = definition;
    s->it.recipe = start->recipe == NULL ? "" : start->recipe;
    s->it.author = start->author;
    s->it.people = people_json(s);
    setup_text(s, &s->it.setup);
    return bisection_db_begin(s->db, &s->it, bisection_out, why);
}

bool
lab_start(struct db *db, const struct lab_start *start,
          int64_t *bisection_out, struct fault *why)
{
    struct starting s = { .db = db, .start = start, .arena = ARENA_INIT,
                          .setup = SETUP_INIT };
    bool ok;

    ok = prepare(&s, why) && begin(&s, bisection_out, why);
    setup_fini(&s.setup);
    arena_free(&s.arena);
    return ok;
}
