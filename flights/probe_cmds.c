/* flights/probe_cmds.c - assay flight probe: what "assay bisect run" runs to
 * test a revision in the lab. */
#include <config.h>

#include "flights/probe_cmds.h"

#include <inttypes.h>
#include <stdio.h>

#include "flights/flight_db.h"
#include "flights/flight_state_db.h"
#include "flights/plan.h"
#include "flights/probe.h"
#include "flights/watch.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/service.h"
#include "harness/signals.h"
#include "harness/strv.h"
#include "hypervisor/build.h"
#include "hypervisor/build_recipe.h"
#include "hypervisor/candidate.h"
#include "hypervisor/candidate_db.h"

#define EXIT_GOOD 0
#define EXIT_BAD 1
#define EXIT_CANNOT 125
#define TREES_MAX 16

struct probe {
    struct cmd_call *call;
    struct db *db;
    struct arena arena;
    int64_t flight;             /* asked about */
    const char *job, *testid;
    struct plan plan;
    struct probe_revision trees[TREES_MAX];
    int tree_count;
    const char *candidate;      /* NULL: the job's own */
    const char *build_failed;   /* why it could not be built */
};

/* "--revision TREE=COMMIT", else what "assay bisect run" says. */
static const char *
revision_of(struct probe *probe, const char *tree)
{
    size_t len = strlen(tree);
    const char *text;
    int i;

    for (i = 0; (text = cmd_list(probe->call, "revision", i)) != NULL; i++)
        if (strncmp(text, tree, len) == 0 && text[len] == '=')
            return text + len + 1;
    return getenv(arena_printf(&probe->arena, "ASSAY_REVISION_%s", tree));
}

static const char *
runvar_of(const struct plan_job *job, const char *name)
{
    size_t i;

    for (i = 0; i < job->runvar_count; i++)
        if (strcmp(job->runvars[i].name, name) == 0)
            return job->runvars[i].value;
    return "";
}

static bool
read_trees(struct probe *probe, const struct plan_job *job,
           struct fault *why)
{
    const struct plan *plan = &probe->plan;
    const char *revision;
    bool any = false;
    size_t i;

    for (i = 0; i < plan->tree_count && i < TREES_MAX; i++) {
        const char *tree = plan->trees[i].tree;

        revision = revision_of(probe, tree);
        any = any || revision != NULL;
        probe->trees[probe->tree_count++] = (struct probe_revision){
            tree, runvar_of(job, arena_printf(&probe->arena, "tree_%s",
                                              tree)),
            revision == NULL ? plan->trees[i].revision : revision
        };
    }
    return any
        || fault_set(why, FAULT_USAGE, "no revision of a tree of flight %"
                     PRId64 ": say --revision TREE=COMMIT", probe->flight);
}

static bool
order_trees(struct probe *probe, const struct build_recipe *recipe,
            struct build_tree *trees, struct fault *why)
{
    unsigned t;
    int i;

    for (t = 0; t < recipe->trees_count; t++) {
        for (i = 0; i < probe->tree_count; i++)
            if (strcmp(probe->trees[i].tree, recipe->trees[t]) == 0)
                break;
        if (i == probe->tree_count)
            return fault_set(why, FAULT_CONFIG, "flight %" PRId64 " does not "
                             "say its revision of tree %s", probe->flight,
                             recipe->trees[t]);
        if (!source_find(&probe->arena, recipe->trees[t], &trees[t].source,
                         why)
            || !source_resolve(&probe->arena, &trees[t].source,
                               probe->trees[i].commit, &trees[t].commit, why))
            return false;
    }
    return true;
}

/* As the candidate that failed was, at other revisions. */
static bool
build_like(struct probe *probe, const struct build *old, struct build *out,
           struct fault *why)
{
    const char *named = cmd_text(probe->call, "recipe");
    json_t *options = json_object_get(old->inputs, "kconfig"), *option;
    struct build_recipe *recipe = NULL;
    struct build_order order = { .arch = old->arch };
    struct build_tree *trees;
    char **lines = NULL;
    bool ok, reused = false;
    size_t i;

    json_array_foreach(options, i, option)
        strv_add(&lines, json_string_value(option));
    if (!build_recipe_load(named != NULL ? named : old->recipe, &recipe,
                           why)) {
        strv_free(lines);
        return fault_hint(why, "say --recipe FILE");
    }
    trees = arena_alloc(&probe->arena, recipe->trees_count * sizeof(*trees));
    order.recipe = recipe;
    order.kconfig = strv_const(lines);
    order.trees = trees;
    order.root = json_text(old->inputs, "root");
    ok = order_trees(probe, recipe, trees, why)
        && build_run(probe->db, &order, &probe->arena, out, &reused, why);
    if (ok)
        fprintf(stderr, "build %" PRId64 "%s\n", out->build,
                reused ? " (was there)" : "");
    build_recipe_free(recipe);
    strv_free(lines);
    return ok;
}

static bool
save_candidate(struct probe *probe, const struct build *build,
               const char *base_name, struct fault *why)
{
    enum candidate_saved saved = CANDIDATE_SAVED_NONE;
    struct candidate *base = NULL, *candidate = NULL;
    char *old_name = NULL;
    bool ok;

    if (!build->pass) {
        probe->build_failed =
            arena_printf(&probe->arena, "build %" PRId64 " failed: %s",
                         build->build, build->reason);
        return true;
    }
    probe->candidate = arena_printf(&probe->arena, "%s.build-%" PRId64,
                                    base_name, build->build);
    ok = candidate_db_find(probe->db, base_name, &base, why)
        && candidate_from_build(probe->candidate, build, base, &candidate,
                                why)
        && candidate_db_save(probe->db, candidate, &saved, &old_name, why);
    free(old_name);
    candidate_free(base);
    candidate_free(candidate);
    return ok;
}

/* A candidate that was not built by us is the same for all revisions. */
static bool
make_candidate(struct probe *probe, const struct plan_job *job,
               struct fault *why)
{
    struct build old = { .build = 0 }, new = { .build = 0 };
    struct candidate *candidate = NULL;
    const char *number, *base;
    int64_t id;
    bool ok = true;

    if (job->candidate == NULL)
        return true;
    if (!candidate_db_find(probe->db, job->candidate, &candidate, why))
        return false;
    number = candidate_find_property(candidate, job->arch, "build");
    base = candidate_find_property(candidate, job->arch, "base");
    if (number != NULL && base != NULL && parse_int64(number, 1, INT64_MAX,
                                                      &id)) {
        ok = build_db_get(probe->db, id, &probe->arena, &old, why)
            && build_like(probe, &old, &new, why)
            && save_candidate(probe, &new, base, why);
        build_fini(&old);
        build_fini(&new);
    }
    candidate_free(candidate);
    return ok;
}

static bool
fly(struct probe *probe, int64_t *flight_out, enum watch_end *end_out,
    struct fault *why)
{
    bool ok;

    ok = probe_clone(&probe->plan, &probe->arena, probe->flight, probe->job,
                     probe->trees, probe->tree_count, probe->candidate, why)
        && flight_db_create(probe->db, &probe->plan, flight_out, why)
        && service_ensure_assayd(NULL, why)
        && flight_db_start(probe->db, *flight_out, why);
    if (ok)
        fprintf(stderr, "flight %" PRId64 "\n", *flight_out);
    return ok && watch_flight(&probe->db, *flight_out, end_out, why);
}

/* Tries again what taught nothing. */
static bool
try(struct probe *probe, enum probe_end *end_out, const char **text_out,
    struct fault *why)
{
    int64_t tries = 1 + cmd_int(probe->call, "retries"), flight = 0;
    const struct plan plan = probe->plan;
    int64_t like = cmd_flag(probe->call, "any-failure") ? 0 : probe->flight;
    enum watch_end end = WATCH_NONE;

    for (; tries > 0; tries--) {
        struct plan_job *jobs = arena_alloc(&probe->arena, plan.job_count
                                            * sizeof(*jobs) + 1);

        memcpy(jobs, plan.jobs, plan.job_count * sizeof(*jobs));
        probe->plan = plan;
        probe->plan.jobs = jobs;
        if (!fly(probe, &flight, &end, why))
            return false;
        if (end != WATCH_ENDED)
            return fault_set(why, FAULT_CANCELLED, "stopped before flight %"
                             PRId64 " ended", flight);
        if (!probe_judge(probe->db, flight, probe->job, probe->testid, like,
                         &probe->arena, end_out, text_out, why))
            return false;
        printf("flight %" PRId64 ": %s\n", flight, *text_out);
        if (*end_out != PROBE_BROKEN)
            break;
    }
    return true;
}

static bool
run_probe(struct probe *probe, struct fault *why)
{
    const struct plan_job *job;
    enum probe_end end = PROBE_NONE;
    const char *text = "";

    if (!db_open("assay", &probe->db, why)
        || !flight_plan_read(probe->db, probe->flight, &probe->arena,
                             &probe->plan, why))
        return false;
    job = plan_job_named(&probe->plan, probe->job);
    if (job == NULL)
        return fault_set(why, FAULT_NOT_FOUND, "flight %" PRId64 " has no job"
                         " '%s'", probe->flight, probe->job);
    if (!read_trees(probe, job, why) || !make_candidate(probe, job, why))
        return false;
    if (probe->build_failed != NULL) {
        printf("%s\n", probe->build_failed);
        cmd_exit_status(probe->call, EXIT_CANNOT);
        return true;
    }
    if (!try(probe, &end, &text, why))
        return false;
    cmd_exit_status(probe->call, end == PROBE_PASS ? EXIT_GOOD
                    : end == PROBE_FAIL ? EXIT_BAD : EXIT_CANNOT);
    return true;
}

/* What kept us from testing must not read as bad: 130 and above stop a
 * bisection, which goes on later. */
static bool
flight_probe(struct cmd_call *call, struct fault *why)
{
    struct probe probe = { .call = call, .job = cmd_arg(call, 1),
                           .testid = cmd_arg(call, 2) };
    bool ok;

    signals_catch();
    if (!parse_int64(cmd_arg(call, 0), 1, INT64_MAX, &probe.flight))
        return fault_set(why, FAULT_USAGE, "'%s' is no number of a flight",
                         cmd_arg(call, 0));
    ok = run_probe(&probe, why);
    if (!ok) {
        fault_print(why);
        cmd_exit_status(call, why->kind == FAULT_CANCELLED ? 130 : 200);
    }
    db_close(probe.db);
    arena_free(&probe.arena);
    return true;
}

static const struct cmd_opt probe_opts[] = {
    { "revision", CMD_OPT_LIST, "TREE=COMMIT", NULL, 0, 0,
      "test this one; default what assay bisect run says" },
    { "recipe", CMD_OPT_TEXT, "FILE", NULL, 0, 0,
      "how the candidate is built, if that is not a shipped recipe" },
    { "retries", CMD_OPT_INT, "N", "2", 0, 20,
      "fly again what taught nothing" },
    { "any-failure", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "also what failed for another reason counts as bad" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL },
};

const struct cmd probe_cmds[] = {
    { "flight probe", "FLIGHT JOB TESTID", 3, 3, CMD_WRITES, probe_opts,
      flight_probe, "test another revision as a job of a flight was tested",
      "Builds the revision as the job's candidate was built, unless that has "
      "been done, and flies the job alone, cloned by its definition. For "
      "\"assay bisect run --tree TREE=MIRROR:GOOD..BAD -- assay flight probe "
      "FLIGHT JOB TESTID\".\n"
      "\n"
      "Exit status 0: the step passed; 1: it failed as it did in FLIGHT; 125: "
      "cannot tell: it does not build, failed in another way or before, or "
      "broke; 130 and more: it could not be tried." },
    { NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL },
};
