/* flights/probe_build.c - see probe_build.h. */
#include <config.h>

#include "flights/probe_build.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "flights/branch.h"
#include "flights/gate_db.h"
#include "flights/gate_make.h"
#include "flights/plan.h"
#include "flights/probe.h"
#include "flights/probe_db.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/strv.h"
#include "hypervisor/build.h"
#include "hypervisor/build_recipe.h"
#include "hypervisor/candidate.h"
#include "hypervisor/candidate_db.h"

#define ROOM_LEAST (64 << 20)

/* A build that fails on a full disk says nothing of its revision. */
static bool
has_room(struct fault *why)
{
    const char *home = NULL;
    int64_t left;

    if (!home_get(&home, why))
        return false;
    left = fs_free_bytes(home);
    if (left < 0 || left >= ROOM_LEAST)
        return true;
    fault_set(why, FAULT_SYSTEM, "%s is full: what is built there says "
              "nothing", home);
    return fault_hint(why, "make room; the same command goes on from here");
}

/* By the branch's own program ---------------------------------------------- */

struct maker {
    struct branch branch;
    json_t *trees;              /* of the run of the gate */
    bool is;                    /* there is one */
};

static bool
maker_find(struct db *db, int64_t flight, struct arena *arena,
           struct maker *out, struct fault *why)
{
    struct probe_gate gate;

    out->is = false;
    if (!probe_db_gate(db, flight, arena, &gate, why))
        return false;
    if (gate.definition[0] == '\0')
        return true;
    if (!branch_parse(gate.source, gate.definition, strlen(gate.definition),
                      arena, &out->branch, why)
        || !json_parse(gate.trees, strlen(gate.trees), &out->trees, why))
        return false;
    out->is = out->branch.make != NULL && out->branch.candidate != NULL;
    return true;
}

static bool
maker_make(struct db *db, struct maker *maker, const struct plan *plan,
           struct arena *arena, struct probe_candidate *out,
           struct fault *why)
{
    const struct branch *branch = &maker->branch;
    const char *revision, *log, *name;
    struct fault end = FAULT_INIT;
    int64_t known = 0;
    bool ok, made = true;
    char *trees;
    size_t i;

    for (i = 0; i < plan->tree_count; i++)
        json_put_text(maker->trees, plan->trees[i].tree,
                      plan->trees[i].revision);
    revision = json_text(maker->trees, branch->varies->name);
    name = branch_fill(branch, arena, branch->candidate, revision, NULL);
    if (!gate_db_candidate(db, name, &known, why))
        return false;
    out->name = name;
    if (known != 0)
        return true;
    if (!fs_mkdirs(home_path(arena, "gate/%s", branch->name), 0755, why))
        return false;
    log = home_path(arena, "gate/%s/%s.make.log", branch->name, name);
    trees = json_dumps(maker->trees, JSON_COMPACT | JSON_SORT_KEYS);
    must(trees != NULL);
    ok = gate_make(branch, revision, trees, name, log, arena, &made, &end);
    free(trees);
    if (!ok) {
        *why = end;
        return false;
    }
    if (!made && has_room(why))
        out->failed = arena_printf(arena, "candidate %s was not made: %s "
                                   "(%s)", name, end.text, end.hint);
    else if (!made)
        return false;
    return true;
}

/* By "assay build" --------------------------------------------------------- */

static const char *
revision_of(const struct plan *plan, const char *tree)
{
    size_t i;

    for (i = 0; i < plan->tree_count; i++)
        if (strcmp(plan->trees[i].tree, tree) == 0)
            return plan->trees[i].revision;
    return NULL;
}

static bool
order_trees(const struct probe_order *order, const struct plan *plan,
            const struct build_recipe *recipe, struct arena *arena,
            struct build_tree *trees, const json_t *mirrors,
            struct fault *why)
{
    const char *revision, *mirror;
    unsigned t;

    for (t = 0; t < recipe->trees_count; t++) {
        revision = revision_of(plan, recipe->trees[t]);
        if (revision == NULL)
            return fault_set(why, FAULT_CONFIG, "flight %" PRId64 " does not "
                             "say its revision of tree %s", order->flight,
                             recipe->trees[t]);
        mirror = json_text(mirrors, recipe->trees[t]);
        if (!source_find(arena, mirror == NULL ? recipe->trees[t] : mirror,
                         &trees[t].source, why)
            || !source_resolve(arena, &trees[t].source, revision,
                               &trees[t].commit, why))
            return false;
    }
    return true;
}

static bool
load_recipe(const struct probe_order *order, const struct build *old,
            struct build_recipe **out, struct fault *why)
{
    return build_recipe_load(order->recipe != NULL ? order->recipe
                             : old->recipe, out, why)
        || fault_hint(why, "say --recipe FILE");
}

/* As the candidate that failed was, at other revisions. */
static bool
build_like(struct db *db, const struct probe_order *order,
           const struct plan *plan, const struct build *old,
           struct arena *arena, struct build *out, struct fault *why)
{
    json_t *options = json_object_get(old->inputs, "kconfig"), *option;
    struct build_order what = { .arch = old->arch };
    struct build_recipe *recipe = NULL;
    struct build_tree *trees;
    char **lines = NULL;
    bool ok, reused = false;
    size_t i;

    json_array_foreach(options, i, option)
        strv_add(&lines, json_string_value(option));
    ok = load_recipe(order, old, &recipe, why);
    if (ok) {
        trees = arena_alloc(arena, recipe->trees_count * sizeof(*trees) + 1);
        what.recipe = recipe;
        what.kconfig = strv_const(lines);
        what.trees = trees;
        what.root = json_text(old->inputs, "root");
        ok = order_trees(order, plan, recipe, arena, trees,
                         json_object_get(old->inputs, "mirrors"), why)
            && has_room(why)
            && build_run(db, &what, arena, out, &reused, why);
    }
    build_recipe_free(recipe);
    strv_free(lines);
    return ok;
}

static bool
save_candidate(struct db *db, const struct build *build,
               const char *base_name, struct arena *arena,
               struct probe_candidate *out, struct fault *why)
{
    enum candidate_saved saved = CANDIDATE_SAVED_NONE;
    struct candidate *base = NULL, *candidate = NULL;
    char *old_name = NULL;
    bool ok;

    out->build = build->build;
    if (!build->pass) {
        out->failed = arena_printf(arena, "build %" PRId64 " failed: %s",
                                   build->build, build->reason);
        return true;
    }
    out->name = arena_printf(arena, "%s.build-%" PRId64, base_name,
                             build->build);
    ok = candidate_db_find(db, base_name, &base, why)
        && candidate_from_build(out->name, build, base, &candidate, why)
        && candidate_db_save(db, candidate, &saved, &old_name, why);
    free(old_name);
    candidate_free(base);
    candidate_free(candidate);
    return ok;
}

/* The build that a candidate is of, and the rest of it; 0: it is of none. */
static bool
find_build(struct db *db, const struct plan_job *job, struct arena *arena,
           int64_t *build_out, const char **base_out, struct fault *why)
{
    struct candidate *candidate = NULL;
    const char *number, *base;

    *build_out = 0;
    if (!candidate_db_find(db, job->candidate, &candidate, why))
        return false;
    number = candidate_find_property(candidate, job->arch, "build");
    base = candidate_find_property(candidate, job->arch, "base");
    if (number != NULL && base != NULL
        && parse_int64(number, 1, INT64_MAX, build_out))
        *base_out = arena_strdup(arena, base);
    candidate_free(candidate);
    return true;
}

/* Either ------------------------------------------------------------------- */

bool
probe_candidate(struct db *db, const struct probe_order *order,
                const struct plan *plan, struct arena *arena,
                struct probe_candidate *out, struct fault *why)
{
    struct build old = { .build = 0 }, new = { .build = 0 };
    struct maker maker = { .trees = NULL };
    const char *base = NULL;
    int64_t id = 0;
    bool ok;

    *out = (struct probe_candidate){ .build = 0 };
    if (plan->jobs[0].candidate == NULL)
        return true;
    ok = maker_find(db, order->flight, arena, &maker, why);
    if (ok && maker.is) {
        ok = maker_make(db, &maker, plan, arena, out, why);
    } else if (ok) {
        ok = find_build(db, &plan->jobs[0], arena, &id, &base, why);
        if (ok && id != 0)
            ok = build_db_get(db, id, arena, &old, why)
                && build_like(db, order, plan, &old, arena, &new, why)
                && save_candidate(db, &new, base, arena, out, why);
        build_fini(&old);
        build_fini(&new);
    }
    json_decref(maker.trees);
    return ok;
}

bool
probe_candidate_check(struct db *db, const struct probe_order *order,
                      const struct plan *plan, struct arena *arena,
                      struct fault *why)
{
    const struct plan_job *job = &plan->jobs[0];
    struct maker maker = { .trees = NULL };
    struct build_recipe *recipe = NULL;
    struct build old = { .build = 0 };
    const char *base = NULL;
    int64_t id = 0;
    bool ok;

    /* Who has no candidate builds what it tests from its runvars. */
    if (job->candidate == NULL)
        return has_room(why);
    ok = maker_find(db, order->flight, arena, &maker, why);
    json_decref(maker.trees);
    if (!ok || maker.is)
        return ok && has_room(why);
    if (!find_build(db, job, arena, &id, &base, why))
        return false;
    if (id == 0) {
        fault_set(why, FAULT_CONFIG, "candidate %s of job %s was made neither "
                  "by \"assay build\" nor by the program of a branch: every "
                  "revision would be tested with the same one",
                  job->candidate, job->job);
        return fault_hint(why, "'make' in the branch's file, or \"assay "
                          "candidate add --build\"");
    }
    ok = build_db_get(db, id, arena, &old, why)
        && load_recipe(order, &old, &recipe, why) && has_room(why);
    build_recipe_free(recipe);
    build_fini(&old);
    return ok;
}
