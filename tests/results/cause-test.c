/* tests/results/cause-test.c - causes of a flight, read from a real
 * database: groups by signature, their life over flights, the known issue and
 * the four cells. */
#include <config.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "results/cause.h"
#include "tests/tap.h"
#include "tests/pgfix.h"

static const char FLIGHTS[] =
    "insert into assay.flight (branch, intended, harness) values"
    " ('b', 'real', 'h'), ('b', 'real', 'h'), ('c', 'real', 'h');"
    "insert into assay.job (flight, job, recipe, status, lane, arch,"
    "  finished_at) select f, j, 'r', 'fail', 'product', 'amd64', now()"
    " from generate_series(1, 3) f, unnest('{a,b,c}'::text[]) j;"
    "insert into assay.signature (signature, title, body, component, pattern)"
    " values ('00000000000000a1', 'Panic on CPU: x', 'x', 'xen', 'xen-panic'),"
    " ('00000000000000b2', 'no route', 'y', '', '');";

static const char FAILURES[] =
    "insert into assay.failure (flight, job, testid, signature, lane, file,"
    "  line, text) values"
    " (1, 'a', 'boot', '00000000000000a1', 'product', 'f/a', 7, 'Panic 0'),"
    " (2, 'c', 'boot', '00000000000000a1', 'product', 'f/c', 9, 'Panic 1'),"
    " (2, 'a', 'boot', '00000000000000a1', 'product', 'f/a', 8, 'Panic 2'),"
    " (2, 'b', '', '00000000000000b2', 'host', '', null, 'no route');"
    "insert into assay.issue (title, owner) values ('it panics', 'me');"
    "insert into assay.issue_signature values (1, '00000000000000a1');"
    "insert into assay.blame (flight, job, testid, signature, cause, product,"
    "  host, flake, harness, good_flight, runs, host_ms, reason) values"
    " (2, 'a', 'boot', '00000000000000a1', 'product', 0.996, 0.002, 0.001,"
    "  0.001, 1, 2, 60000, 'fails with the new version on both hosts');"
    "insert into assay.blame_run (flight, job, number, cell, source,"
    "  run_flight, run_job, host, status, alike) values"
    " (2, 'a', 1, 'new-sibling', 'retest', 3, 'a', 'h2', 'fail', true),"
    " (2, 'a', 2, 'good-same', 'retest', 3, 'b', 'h1', 'pass', true),"
    " (2, 'a', 3, 'good-sibling', 'retest', 3, 'c', 'h2', 'queued', true);";

static void
test_none(struct db *db)
{
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    struct causes causes;

    ok_fault(causes_read(db, 2, &arena, &causes, &why), &why,
             "a flight without failures");
    is_int((int)causes.count, 0, "has no causes");
    is_int((int)causes.group_count, 0, "and no groups");
    arena_free(&arena);
}

static void
test_blame(const struct cause_blame *blame)
{
    ok(blame != NULL, "it was retested");
    if (blame == NULL)
        return;
    ok(!blame->open, "and decided");
    is_str(blame_cause_name(blame->cause), "product", "against the product");
    ok(blame->split[BLAME_PRODUCT] > 0.99 && blame->split[BLAME_HOST] < 0.01,
       "with the split");
    is_int(blame->good_flight, 1, "against flight 1");
    is_int((int)blame->run_count, 3, "three runs");
    is_int(blame->cells[BLAME_NEW_SIBLING].fail, 1, "the sibling fails too");
    is_int(blame->cells[BLAME_GOOD_SAME].pass, 1, "the good one passes");
    is_int(blame->cells[BLAME_GOOD_SIBLING].pass
           + blame->cells[BLAME_GOOD_SIBLING].broken, 0,
           "one that still runs counts for nothing");
}

static void
test_causes(struct db *db)
{
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    struct causes causes;
    const struct cause *cause;
    const struct cause_group *group;

    ok_fault(causes_read(db, 2, &arena, &causes, &why), &why, "causes");
    is_int((int)causes.count, 3, "three failures");
    is_int((int)causes.group_count, 2, "in two groups");
    cause = causes_find(&causes, "c", "boot");
    ok(cause != NULL && causes_find(&causes, "c", "stop") == NULL,
       "a failure is found by its cell");
    if (cause == NULL || causes.group_count != 2)
        goto out;
    is_int(cause->pointer.line, 9, "with its line");
    is_int((int)cause->group, 0, "it is in the larger group");
    group = &causes.groups[0];
    is_str(group->signature, "00000000000000a1", "by its signature");
    is_str(group->first_job, "a", "whose first job is named");
    is_int((int)group->count, 2, "two here");
    is_int(group->seen_count, 3, "three over all flights");
    is_int(group->seen_flights, 2, "in two flights");
    is_int(group->first_flight, 1, "first in flight 1");
    is_int(group->last_flight, 2, "last in flight 2");
    ok(group->issue != NULL && group->issue->issue == 1
       && !group->issue->closed, "a known issue");
    test_blame(group->blame);
    ok(causes.groups[1].issue == NULL && causes.groups[1].blame == NULL,
       "of the other nothing is known");
    is_str(lane_name(causes.groups[1].lane), "host", "but its lane");
out:
    arena_free(&arena);
}

int
main(void)
{
    struct pgfix fix;
    struct db *db;

    pgfix_start(&fix);
    db = pgfix_open("assay");
    pgfix_script(FLIGHTS);
    test_none(db);
    pgfix_script(FAILURES);
    test_causes(db);
    db_close(db);
    return pgfix_done(&fix);
}
