/* bisector/lab_cmds.c - assay bisect flight: "assay bisect run" whose tests are
 * flights ("assay flight probe"). */
#include <config.h>

#include "bisector/lab_cmds.h"

#include <inttypes.h>
#include <stdio.h>

#include "bisector/lab_db.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/proc.h"
#include "harness/strv.h"
#include "hypervisor/source.h"

static const char *const pass_on[] = { "confidence", "max-tests", "parallel" };

static bool
choose_basis(struct cmd_call *call, struct db *db, int64_t flight,
             int64_t *basis_out, struct fault *why)
{
    const char *job = cmd_arg(call, 1), *testid = cmd_arg(call, 2);
    bool failed = false;

    if (!lab_db_failed(db, flight, job, testid, &failed, why))
        return false;
    if (!failed)
        return fault_set(why, FAULT_USAGE, "flight %" PRId64 ", job %s: step "
                         "%s did not fail; what is broken is not bisected",
                         flight, job, testid);
    *basis_out = cmd_int(call, "basis");
    if (*basis_out == 0
        && !lab_db_basis(db, flight, job, testid, basis_out, why))
        return false;
    if (*basis_out == 0) {
        fault_set(why, FAULT_NOT_FOUND, "no earlier flight of the branch "
                  "passed %s of job %s", testid, job);
        return fault_hint(why, "say which was good: --basis FLIGHT");
    }
    return true;
}

/* Both ends are kept in the mirror from here on. */
static bool
add_tree(struct arena *arena, const struct lab_tree *tree, char ***argv,
         struct fault *why)
{
    const char *good, *bad;
    struct source source;

    if (strcmp(tree->good, tree->bad) == 0)
        return true;
    if (!source_find(arena, tree->tree, &source, why)
        || !source_resolve(arena, &source, tree->good, &good, why)
        || !source_resolve(arena, &source, tree->bad, &bad, why))
        return false;
    strv_add(argv, arena_printf(arena, "--tree=%s=%s:%s..%s", tree->tree,
                                source.dir, good, bad));
    return true;
}

static bool
make_argv(struct cmd_call *call, struct db *db, int64_t flight,
          struct arena *arena, char ***argv, struct fault *why)
{
    struct lab_tree *trees = NULL;
    char *program = NULL;
    int64_t basis = 0;
    size_t i, before;
    int count = 0, t;

    if (!home_program(arena, "assay", &program, why)
        || !choose_basis(call, db, flight, &basis, why)
        || !lab_db_trees(db, basis, flight, arena, &trees, &count, why))
        return false;
    strv_add(argv, program);
    strv_add(argv, "bisect");
    strv_add(argv, "run");
    before = strv_count(*argv);
    for (t = 0; t < count; t++)
        if (!add_tree(arena, &trees[t], argv, why))
            return false;
    if (strv_count(*argv) == before)
        return fault_set(why, FAULT_CONFIG, "flights %" PRId64 " and %" PRId64
                         " differ in no tree that both name", basis, flight);
    for (i = 0; i < ARRAY_LEN(pass_on); i++)
        if (cmd_text(call, pass_on[i]) != NULL)
            strv_add(argv, arena_printf(arena, "--%s=%s", pass_on[i],
                                        cmd_text(call, pass_on[i])));
    if (cmd_json(call))
        strv_add(argv, "--json");
    strv_add(argv, "--");
    strv_add(argv, program);
    strv_add(argv, "flight");
    strv_add(argv, "probe");
    for (t = 0; t < 3; t++)
        strv_add(argv, cmd_arg(call, t));
    if (cmd_text(call, "recipe") != NULL)
        strv_add(argv, arena_printf(arena, "--recipe=%s",
                                    cmd_text(call, "recipe")));
    fprintf(stderr, "good: flight %" PRId64 ", bad: flight %" PRId64 "\n",
            basis, flight);
    return true;
}

static bool
bisect_flight(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct db *db = NULL;
    char **argv = NULL;
    int64_t flight;
    bool ok;

    if (!parse_int64(cmd_arg(call, 0), 1, INT64_MAX, &flight))
        return fault_set(why, FAULT_USAGE, "'%s' is no number of a flight",
                         cmd_arg(call, 0));
    ok = db_open("assay", &db, why)
        && make_argv(call, db, flight, &arena, &argv, why);
    db_close(db);
    ok = ok && proc_replace(strv_const(argv), why);
    strv_free(argv);
    arena_free(&arena);
    return ok;
}

static const struct cmd_opt lab_opts[] = {
    { "basis", CMD_OPT_INT, "FLIGHT", NULL, 0, 0,
      "where it was good; default the last of the branch that passed" },
    { "recipe", CMD_OPT_TEXT, "FILE", NULL, 0, 0,
      "how the candidate is built, if that is not a shipped recipe" },
    { "confidence", CMD_OPT_TEXT, "P", NULL, 0, 0,
      "as of bisect run" },
    { "max-tests", CMD_OPT_TEXT, "N", NULL, 0, 0, "as of bisect run" },
    { "parallel", CMD_OPT_TEXT, "K", NULL, 0, 0,
      "so many flights at once" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL },
};

const struct cmd bisect_lab_cmds[] = {
    { "bisect flight", "FLIGHT JOB TESTID", 3, 3, CMD_WRITES, lab_opts,
      bisect_flight, "find the commit that made a step of a flight fail",
      "Each test is a flight of the job alone, with its candidate built at "
      "the revision if it was built by \"assay build\"; see assay flight "
      "probe. The trees are those of the two flights, by the mirrors of "
      "\"assay tree\". Stopped or killed, the same command goes on. Exit "
      "status as of bisect run." },
    { NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL },
};
