/* flights/gate_begin.c - what a run of the gate is about. It is fixed once,
 * here, from what the repositories have at this moment. */
#include <config.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "flights/branch.h"
#include "flights/gate.h"
#include "flights/gate_db.h"
#include "flights/gate_point.h"
#include "harness/arena.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/git.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/mem.h"

struct begin {
    struct gate *gate;
    const struct branch *branch;
    struct arena *arena;
    const char *repository;
    struct gate_run run;        /* to be */
};

/* Repositories ------------------------------------------------------------- */

bool
gate_repository(const char *url, struct arena *arena, const char **path_out,
                struct fault *why)
{
    const char *home = NULL, *path;
    char hex[65];

    if (!home_get(&home, why))
        return false;
    sha256_hex(url, strlen(url), hex);
    path = home_path(arena, "trees/%.16s.git", hex);
    *path_out = path;
    if (fs_exists(arena_printf(arena, "%s/HEAD", path)))
        return true;
    if (!fs_mkdirs(home_path(arena, "trees"), 0755, why))
        return false;
    return git_run(NULL, GIT_ARGS("init", "-q", "--bare", "--", path), 0,
                   NULL, NULL, why) ||
           fault_context(why, "make %s", path);
}

/* The commit that 'ref' of our own repository is. */
static bool
commit_of(struct begin *b, const char *ref, const char **out,
          struct fault *why)
{
    char *line = NULL;

    if (!git_line(b->repository,
                  GIT_ARGS("rev-parse", "--verify", "-q",
                           "--end-of-options",
                           arena_printf(b->arena, "%s^{commit}", ref)),
                  &line, why))
        return fault_context(why, "what is %s", ref);
    *out = arena_strdup(b->arena, line);
    free(line);
    return git_is_revision(*out) ||
           fault_set(why, FAULT_PEER, "git says that %s is '%s'", ref, *out);
}

static bool
no_output(const struct branch_tree *tree, struct fault *why)
{
    fault_set(why, FAULT_CONFLICT, "%s has no %s: nothing was ever tested",
              tree->url, tree->output);
    return fault_hint(why, "begin with a revision that is known to be good: "
                      "git push %s REVISION:%s", tree->push, tree->output);
}

/* Input and output, in one look; the objects stay here. */
static bool
fetch(struct begin *b, struct fault *why)
{
    const struct branch *branch = b->branch;
    const struct branch_tree *tree = branch->varies;
    const char *input = arena_printf(b->arena, "refs/assay/%s/input",
                                     branch->name);
    const char *output = arena_printf(b->arena, "refs/assay/%s/output",
                                      branch->name);
    char *there = NULL;
    bool known;

    if (!gate_repository(tree->url, b->arena, &b->repository, why) ||
        !git_remote_ref(tree->url, tree->output, &there, why))
        return false;
    known = there != NULL;
    free(there);
    if (!known)
        return no_output(tree, why);
    if (!git_run(b->repository,
                 GIT_ARGS("fetch", "-q", "--no-tags",
                          "--no-write-fetch-head", "--no-auto-maintenance",
                          "--", tree->url,
                          arena_printf(b->arena, "+%s:%s", tree->input,
                                       input),
                          arena_printf(b->arena, "+%s:%s", tree->output,
                                       output)),
                 GIT_REMOTE_LIMIT_MS, NULL, NULL, why))
        return fault_context(why, "fetch %s of %s", tree->input, tree->url);
    return commit_of(b, input, &b->run.revision, why) &&
           commit_of(b, output, &b->run.old, why);
}

static bool
contains(struct begin *b, const char *ancestor, const char *revision,
         bool *contains_out, struct fault *why)
{
    int code = 0;

    if (!git_run(b->repository, GIT_ARGS("merge-base", "--is-ancestor",
                                         ancestor, revision), 0, NULL, &code,
                 why))
        return false;
    if (code > 1)
        return fault_set(why, FAULT_PEER, "git cannot compare %s with %s",
                         ancestor, revision);
    *contains_out = code == 0;
    return true;
}

static bool
check_forward(struct begin *b, struct fault *why)
{
    const struct branch_tree *tree = b->branch->varies;
    bool forward = false;

    if (b->branch->rewind)
        return true;
    if (!contains(b, b->run.old, b->run.revision, &forward, why))
        return false;
    if (forward)
        return true;
    /* Nothing new: the input has not caught up yet. */
    if (contains(b, b->run.revision, b->run.old, &forward, why) && forward) {
        b->run.revision = b->run.old;
        return true;
    }
    fault_set(why, FAULT_CONFLICT, "%s (%.12s) does not contain %s (%.12s): "
              "a push would lose commits", tree->input, b->run.revision,
              tree->output, b->run.old);
    return fault_hint(why, "'rewind: true' in %s allows that",
                      b->branch->source);
}

/* What it is about --------------------------------------------------------- */

/* The newest revision that another branch's gate pushed and that is part of
 * this one. */
static bool
tested_elsewhere(struct begin *b, struct fault *why)
{
    const char *on = b->branch->tested_on;
    char **pushed = NULL;

    if (!gate_db_pushed(b->gate->db, on, b->branch->varies->name, b->arena,
                        &pushed, why))
        return false;
    for (size_t i = 0; pushed[i] != NULL; i++) {
        struct fault ignored = FAULT_INIT;
        bool inside = false;

        /* One that is not here is no part of it either. */
        if (!contains(b, pushed[i], b->run.revision, &inside, &ignored))
            continue;
        if (inside) {
            b->run.baseline = pushed[i];
            return true;
        }
    }
    return fault_set(why, FAULT_CONFLICT, "%s %.12s contains nothing that "
                     "was tested on %s", b->branch->varies->name,
                     b->run.revision, on);
}

static bool
find_purpose(struct begin *b, struct fault *why)
{
    bool tested = false;

    b->run.baseline = b->run.old;
    if (b->branch->tested_on != NULL && !tested_elsewhere(b, why))
        return false;
    if (!gate_db_is_tested(b->gate->db, b->branch->name,
                           b->branch->varies->name, b->run.baseline, &tested,
                           why))
        return false;
    if (!tested) {
        b->run.purpose = POLICY_BASELINE;
        b->run.revision = b->run.baseline;
        return true;
    }
    b->run.purpose = strcmp(b->run.revision, b->run.old) == 0
                         ? POLICY_CURRENT : POLICY_CANDIDATE;
    return b->run.purpose == POLICY_CURRENT || check_forward(b, why);
}

static bool
read_trees(struct begin *b, struct fault *why)
{
    json_t *trees = json_object();
    bool ok = true;
    char *text;

    for (size_t i = 0; i < b->branch->tree_count && ok; i++) {
        const struct branch_tree *tree = &b->branch->trees[i];
        char *revision = NULL;

        if (tree == b->branch->varies) {
            json_put_text(trees, tree->name, b->run.revision);
            continue;
        }
        ok = git_remote_ref(tree->url, tree->output, &revision, why) &&
             (revision != NULL || no_output(tree, why));
        if (ok)
            json_put_text(trees, tree->name, revision);
        free(revision);
    }
    text = json_dumps(trees, JSON_COMPACT | JSON_SORT_KEYS);
    must(text != NULL);
    b->run.trees = arena_strdup(b->arena, text);
    free(text);
    json_decref(trees);
    return ok;
}

/* The flights of the last run, if it was held on just this. */
static bool
take_last(struct begin *b, const struct gate_run *last, bool again,
          struct fault *why)
{
    if (last == NULL || last->state != GATE_HELD ||
        last->purpose != b->run.purpose ||
        strcmp(last->revision, b->run.revision) != 0 ||
        strcmp(last->old, b->run.old) != 0 ||
        strcmp(last->baseline, b->run.baseline) != 0)
        return true;
    if (!again && !gate_db_levers_since(b->gate->db, b->branch->name,
                                        last->run, &again, why))
        return false;
    if (!again)
        return true;
    b->run.again = last->run;
    b->run.candidate = last->candidate;
    b->run.smoke_flight = last->smoke_flight;
    b->run.flight = last->flight;
    b->run.retest_flight = last->retest_flight;
    b->run.trees = last->trees;
    b->run.state = last->flight != 0 ? GATE_FULL : GATE_SMOKE;
    return true;
}

static bool
begin_new(struct begin *b, const struct gate_run *last, bool again,
          int64_t *run_out, const char **text_out, struct fault *why)
{
    const struct branch *branch = b->branch;

    *run_out = 0;
    if (!gate_check_files(branch, why) || !fetch(b, why) ||
        !find_purpose(b, why))
        return false;
    if (b->run.purpose == POLICY_CURRENT && !branch->always) {
        *text_out = arena_printf(b->arena, "up to date: %s is at %.12s, "
                                 "which was tested", branch->varies->output,
                                 b->run.old);
        return true;
    }
    b->run.branch = branch->name;
    b->run.state = GATE_BEGUN;
    b->run.source = branch->source;
    b->run.definition = branch->definition;
    b->run.tree = branch->varies->name;
    b->run.author = b->gate->author;
    if (!read_trees(b, why) || !take_last(b, last, again, why))
        return false;
    gate_point("before the run is a row");
    if (!gate_db_begin(b->gate->db, &b->run, run_out, why))
        return false;
    gate_point("the run is a row");
    *text_out = arena_printf(
        b->arena, "run %lld: %s %s %.12s%s%.12s", (long long)*run_out,
        b->run.again != 0 ? "judging again" : "testing",
        branch->varies->name, b->run.revision,
        b->run.purpose == POLICY_CANDIDATE ? ", against " :
        b->run.purpose == POLICY_BASELINE ? ", the untested baseline" :
        ", again", b->run.purpose == POLICY_CANDIDATE ? b->run.baseline : "");
    return true;
}

bool
gate_begin(struct gate *gate, const char *name, bool again,
           struct arena *arena, int64_t *run_out, const char **text_out,
           struct fault *why)
{
    struct branch branch;
    struct begin b = { .gate = gate, .branch = &branch, .arena = arena };
    struct gate_run *runs = NULL;
    size_t count = 0;

    if (!branch_load(name, arena, &branch, why) ||
        !gate_db_runs(gate->db, branch.name, 1, arena, &runs, &count, why))
        return false;
    if (count > 0 && !gate_state_is_end(runs[0].state)) {
        *run_out = runs[0].run;
        *text_out = arena_printf(arena, "run %lld goes on: %s %.12s",
                                 (long long)runs[0].run, runs[0].tree,
                                 runs[0].revision);
        return true;
    }
    return begin_new(&b, count > 0 ? &runs[0] : NULL, again, run_out,
                     text_out, why);
}
