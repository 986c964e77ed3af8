/* flights/probe_cmds.c - assay flight probe: one revision tested in the lab, as
 * a bisection tests it. */
#include <config.h>

#include "flights/probe_cmds.h"

#include <inttypes.h>
#include <stdio.h>

#include "flights/flight_db.h"
#include "flights/probe.h"
#include "flights/watch.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/pattern_scan.h"
#include "harness/service.h"
#include "harness/signals.h"

#define EXIT_GOOD 0
#define EXIT_BAD 1
#define EXIT_CANNOT 125
#define EXIT_TROUBLE 200
#define EXIT_STOPPED 130
#define TREES_MAX 16

static bool
take_revisions(struct cmd_call *call, struct arena *arena,
               struct probe_revision *trees, size_t *count_out,
               struct fault *why)
{
    const char *text, *equals;
    int i;

    for (i = 0; (text = cmd_list(call, "revision", i)) != NULL; i++) {
        equals = strchr(text, '=');
        if (equals == NULL || equals == text || equals[1] == '\0'
            || i == TREES_MAX)
            return fault_set(why, FAULT_USAGE, "--revision '%s' is not "
                             "TREE=COMMIT", text);
        trees[i].tree = arena_printf(arena, "%.*s", (int)(equals - text),
                                     text);
        trees[i].commit = equals + 1;
    }
    *count_out = (size_t)i;
    return i > 0 || fault_set(why, FAULT_USAGE, "no revision: say --revision "
                              "TREE=COMMIT");
}

static bool
fly(struct db **db, const struct plan *plan, int64_t *flight_out,
    struct fault *why)
{
    enum watch_end end = WATCH_NONE;

    if (!flight_db_create(*db, plan, flight_out, why)
        || !service_ensure_assayd(NULL, why)
        || !flight_db_start(*db, *flight_out, why))
        return false;
    fprintf(stderr, "flight %" PRId64 "\n", *flight_out);
    return watch_flight(db, *flight_out, &end, why)
        && (end == WATCH_ENDED
            || fault_set(why, FAULT_CANCELLED, "stopped before flight %"
                         PRId64 " ended", *flight_out));
}

static bool
judge(struct cmd_call *call, struct db *db, const struct probe_order *order,
      int64_t flight, struct arena *arena, struct fault *why)
{
    struct pattern_code *code = pattern_code_try();
    struct probe_answer answer = { .end = PROBE_NONE };
    bool ok;

    ok = probe_judge(db, flight, order->job, cmd_arg(call, 2),
                     cmd_flag(call, "any-failure") ? 0 : order->flight, code,
                     arena, &answer, why);
    pattern_code_free(code);
    if (!ok)
        return false;
    printf("flight %" PRId64 ": %s\n", flight, answer.text);
    cmd_exit_status(call, answer.end == PROBE_PASS ? EXIT_GOOD
                    : answer.end == PROBE_FAIL ? EXIT_BAD : EXIT_CANNOT);
    return true;
}

static bool
flight_probe(struct cmd_call *call, struct fault *why)
{
    struct probe_revision trees[TREES_MAX];
    struct probe_order order = { .job = cmd_arg(call, 1), .trees = trees,
                                 .recipe = cmd_text(call, "recipe") };
    struct arena arena = ARENA_INIT;
    struct db *db = NULL;
    struct probe probe;
    int64_t flight = 0;
    bool ok;

    signals_catch();
    ok = cmd_number(call, 0, "a flight", &order.flight, why)
        && take_revisions(call, &arena, trees, &order.tree_count, why)
        && db_open("assay", &db, why)
        && probe_check(db, &order, &arena, why)
        && probe_make(db, &order, &arena, &probe, why);
    if (ok && probe.failed != NULL) {
        printf("%s\n", probe.failed);
        cmd_exit_status(call, EXIT_CANNOT);
    } else {
        ok = ok && fly(&db, &probe.plan, &flight, why)
            && judge(call, db, &order, flight, &arena, why);
    }
    /* What kept us from an answer must not read as bad under "bisect run":
     * 130 and above stop it, and it goes on later. */
    if (!ok) {
        fault_print(why);
        cmd_exit_status(call, why->kind == FAULT_CANCELLED ? EXIT_STOPPED
                        : EXIT_TROUBLE);
    }
    db_close(db);
    arena_free(&arena);
    return true;
}

static const struct cmd_opt probe_opts[] = {
    { "revision", CMD_OPT_LIST, "TREE=COMMIT", NULL, 0, 0,
      "test this revision of a tree; those that are not named stay" },
    { "recipe", CMD_OPT_TEXT, "FILE", NULL, 0, 0,
      "how the candidate is built, if that is not a shipped recipe" },
    { "any-failure", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "also what failed for another reason counts as bad" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL },
};

const struct cmd probe_cmds[] = {
    { "flight probe", "FLIGHT JOB TESTID", 3, 3, CMD_WRITES, probe_opts,
      flight_probe, "test another revision as a job of a flight was tested",
      "Builds the revision as the job's candidate was built, unless that has "
      "been done, and flies the job alone, cloned by its definition: one test "
      "of a bisection, by hand.\n"
      "\n"
      "Exit status 0: the step passed; 1: it failed as it did in FLIGHT; 125: "
      "cannot tell: it does not build, failed in another way or before, or "
      "broke; 130 and more: it could not be tried." },
    { NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL },
};
