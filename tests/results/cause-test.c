/* tests/results/cause-test.c - causes of a flight, read from a real
 * database: groups by signature, their life over flights, the known issue and
 * the four cells. */
#include <config.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/fs.h"
#include "harness/pattern_scan.h"
#include "results/cause.h"
#include "results/evidence.h"
#include "results/failure.h"
#include "results/issue_db.h"
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

static const char STEPS[] =
    "insert into assay.host (host, arch, firmware, class, config, source)"
    " values ('h1', 'amd64', 'bios', 'x', '{}', 's'),"
    "  ('h2', 'amd64', 'bios', 'x', '{}', 's');"
    "insert into assay.flight (branch, intended, harness)"
    " values ('b', 'real', 'h'), ('b', 'real', 'h');"
    "insert into assay.job (flight, job, recipe, status, lane, reason, arch,"
    "  finished_at) select f, j, 'r', 'fail', 'product', 'it broke', 'amd64',"
    "  now() from generate_series(4, 5) f, unnest('{a,b,c}'::text[]) j;"
    "insert into assay.job_role (flight, job, role, position, arch, host)"
    " select f, 'a', 'host', 1, 'amd64', 'h' || f - 3"
    " from generate_series(4, 5) f;"
    "insert into assay.step (flight, job, step, program, testid, status, lane,"
    "  reason, started_at, finished_at, log_path, harness)"
    " select f, 'a', 1, 'p', 'boot', 'fail', 'unknown',"
    "  'h' || f - 3 || ': no answer', '2026-11-23 05:00:00Z',"
    "  '2026-11-23 05:01:00Z', 'flights/' || f || '/a/1.log', 'h'"
    " from generate_series(4, 5) f;"
    "insert into assay.step (flight, job, step, program, testid, status, lane,"
    "  reason, harness, finished_at) select f, 'b', 1, 'p', 'stop', 'broken',"
    "  'host', 'lost after ' || f || ' s', 'h', now()"
    " from generate_series(4, 5) f;"
    "insert into assay.step (flight, job, step, program, testid, status,"
    "  exit_code, harness, finished_at) select f, 'b', 2, 'p', 'logs', 'pass',"
    "  0, 'h', now() from generate_series(4, 5) f;";

static void
put(const struct pgfix *fix, const char *path, const char *text)
{
    struct arena arena = ARENA_INIT;
    char *full = arena_printf(&arena, "%s/%s", fix->home, path);
    char *dir = arena_strdup(&arena, full);
    struct fault why = FAULT_INIT;

    *strrchr(dir, '/') = '\0';
    if (!fs_mkdirs(dir, 0755, &why)
        || !fs_write_file(full, 0644, text, strlen(text), &why))
        tap_bail("%s", why.text);
    arena_free(&arena);
}

/* Two flights in which the same went wrong, with other numbers. */
static void
test_record(const struct pgfix *fix, struct db *db)
{
    struct pattern_code *code;
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    struct causes causes;
    const struct cause *cause;
    int count = 0;

    pgfix_script(STEPS);
    put(fix, "flights/4/a/1.log", "x\n[ 1.5] BUG: kernel NULL pointer\n"
        "[ 1.5] Call Trace:\n[ 1.5]  foo+0x1/0x2\n");
    put(fix, "flights/5/a/1.log", "[ 2.75] BUG: kernel NULL pointer\n"
        "[ 2.75] Call Trace:\n[ 2.75]  foo+0x11/0x2\n");
    put(fix, "consoles/h1/000001.log", "all is well\n");
    put(fix, "consoles/h1/000001.idx", "f 1795409000000 0 0\n"
        "t 1795410000000 0 0\n");
    code = pattern_code_try();
    ok_fault(failure_record(db, 4, NULL, code, &count, &why), &why,
             "a flight is looked at");
    is_int(count, 3, "three failures");
    ok_fault(failure_record(db, 4, NULL, code, &count, &why), &why,
             "and again");
    is_int(count, 0, "nothing new");
    ok_fault(failure_record(db, 5, "a", code, &count, &why), &why,
             "one job of another flight");
    is_int(count, 1, "its failure");
    ok_fault(failure_record(db, 5, NULL, NULL, &count, &why), &why,
             "the rest without patterns");
    is_int(count, 2, "two");
    ok_fault(causes_read(db, 5, &arena, &causes, &why), &why, "causes");
    is_int((int)causes.group_count, 3, "three groups");
    cause = causes_find(&causes, "a", "boot");
    ok(cause != NULL, "the crash");
    if (cause != NULL) {
        const struct cause_group *group = &causes.groups[cause->group];

        is_str(cause->pointer.file, "flights/5/a/1.log", "is in the log");
        is_int(cause->pointer.line, 1, "with its line");
        is_int(evidence_byte(&cause->pointer), 0, "and where that begins");
        is_str(cause->pointer.text, "[ 2.75] BUG: kernel NULL pointer",
               "and its text");
        is_str(lane_name(cause->lane), "product", "the pattern says the lane");
        is_str(group->title, "kernel bug: BUG: kernel NULL pointer",
               "the title");
        is_int(group->seen_flights, 2, "the same in both flights");
    }
    is_int(pgfix_int("select line_byte from assay.failure where flight = 4"
                     " and job = 'a'"), 2, "in the other log it is later");
    cause = causes_find(&causes, "b", "stop");
    ok(cause != NULL && causes.groups[cause->group].seen_flights == 2
       && cause->lane == LANE_HOST, "a reason, whatever its numbers");
    ok(causes_find(&causes, "c", "") != NULL, "a job without steps");
    ok(causes_find(&causes, "b", "logs") == NULL, "a pass is no failure");
    pattern_code_free(code);
    arena_free(&arena);
}

/* The life of an issue over two branches. */
static void
issue_is(struct db *db, int64_t number, const char *state,
         const char *unfixed, const char *what)
{
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    struct issue *issue = NULL;
    size_t count = 0;

    ok_fault(issue_list(db, number, true, &arena, &issue, &count, &why), &why,
             "issue %d", (int)number);
    if (count == 1) {
        is_str(issue->state, state, "%s: %s", what, state);
        is_str(issue->unfixed, unfixed, "... without the fix: %s", unfixed);
    }
    arena_free(&arena);
}

static void
test_issues(struct db *db)
{
    const struct issue issue = {
        .title = "no answer", .reference = "", .owner = "", .lane = "host",
    };
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    const char *signature = NULL;
    struct issue_line *lines = NULL;
    struct issue *list = NULL;
    int64_t number = 0;
    size_t count = 0;

    ok_fault(issue_signature(db, "5/b/stop", &arena, &signature, &why), &why,
             "a failure names its signature");
    not_ok_fault(issue_signature(db, "5/x", &arena, &signature, &why), &why,
                 FAULT_NOT_FOUND, "nothing is known of 5/x", "if there is one");
    not_ok_fault(issue_signature(db, "abc", &arena, &signature, &why), &why,
                 FAULT_USAGE, "neither a signature nor", "or is one");
    ok_fault(issue_add(db, &issue, signature, &number, &why), &why, "added");
    issue_is(db, number, "open", "b", "seen on one branch");
    ok_fault(issue_fix(db, number, "b", "abc", "me", &why), &why, "fixed");
    issue_is(db, number, "fixed", "", "fixed where it was seen");
    pgfix_script("insert into assay.flight (branch, intended, harness)"
                 " values ('c', 'real', 'h'), ('b', 'real', 'h');"
                 "insert into assay.job (flight, job, recipe, status, lane,"
                 "  arch, finished_at) select f, 'b', 'r', 'fail', 'host',"
                 "  'amd64', now() from generate_series(6, 7) f;"
                 "insert into assay.failure (flight, job, testid, signature,"
                 "  lane, text) select 6, 'b', 'stop', signature, 'host', 'x'"
                 "  from assay.issue_signature where issue = 2");
    issue_is(db, number, "open", "c", "another branch shows it");
    ok_fault(issue_fix(db, number, "c", "def", "me", &why), &why, "fixed");
    issue_is(db, number, "fixed", "", "in both");
    pgfix_script("insert into assay.failure (flight, job, testid, signature,"
                 "  lane, text) select 7, 'b', 'stop', signature, 'host', 'x'"
                 "  from assay.issue_signature where issue = 2;"
                 "update assay.flight set created_at = clock_timestamp()"
                 "  where flight = 7");
    issue_is(db, number, "open", "b", "a later flight shows it again");
    ok_fault(issue_details(db, number, 10, &arena, &lines, &count, &why),
             &why, "details");
    is_int((int)count, 1 + 2 + 4, "a signature, two fixes, four failures");
    ok_fault(issue_close(db, number, "a duplicate", &why), &why, "closed");
    issue_is(db, number, "closed", "b", "for a reason");
    not_ok_fault(issue_fix(db, number, "b", "x", "me", &why), &why,
                 FAULT_CONFLICT, "is closed", "no fix after that");
    not_ok_fault(issue_close(db, 99, "x", &why), &why, FAULT_NOT_FOUND,
                 "there is no issue 99", "no such issue");
    ok_fault(issue_list(db, 0, false, &arena, &list, &count, &why), &why,
             "the list");
    is_int((int)count, 1, "has the open one");
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
    test_record(&fix, db);
    test_issues(db);
    db_close(db);
    return pgfix_done(&fix);
}
