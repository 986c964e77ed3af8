/* tests/results/flake-test.c - pass rates and quarantine. */
#include <config.h>

#include <math.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "results/flake.h"
#include "tests/tap.h"
#include "tests/pgfix.h"

static void
test_rates(void)
{
    struct flake_rate rate;

    flake_rate_of(0, 0, &rate);
    ok(rate.low <= 0 && rate.high >= 1, "of nothing nothing is known");
    flake_rate_of(10, 0, &rate);
    ok(rate.rate >= 1 && fabs(rate.low - 0.7225) < 0.001 && rate.high > 0.999,
       "ten passes: at least 72 %%");
    flake_rate_of(81, 9, &rate);
    ok(fabs(rate.rate - 0.9) < 1e-9 && fabs(rate.low - 0.8208) < 0.001
       && fabs(rate.high - 0.9462) < 0.001, "81 of 90 (Wilson)");
}

/* 20 flights of one version: job a passes always, b fails each fifth time, c
 * breaks by its host; two flights of another version in which b fails. */
static const char WORLD[] =
    "insert into assay.host (host, arch, firmware, class, config, source)"
    " values ('h1', 'amd64', 'bios', 'x', '{}', 's');"
    "insert into assay.candidate (name, source) values ('v1', 's'),"
    " ('v2', 's');"
    "insert into assay.flight (branch, intended, blessing, harness)"
    " select 'b', 'real', 'running', 'h' from generate_series(1, 22);"
    "insert into assay.job (flight, job, recipe, status, arch, candidate,"
    "  started_at, finished_at) select f, j, 'r', 'pass', 'amd64',"
    "  case when f <= 20 then 1 else 2 end, now(), now()"
    " from generate_series(1, 22) f, unnest('{a,b,c}'::text[]) j;"
    "insert into assay.job_role (flight, job, role, position, arch, host)"
    " select f, 'b', 'host', 1, 'amd64', 'h1' from generate_series(1, 22) f;"
    "insert into assay.step (flight, job, step, program, testid, status, lane,"
    "  exit_code, harness, finished_at)"
    " select flight, job, 1, 'p', 't', case when bad and job = 'b' then 'fail'"
    "   when bad and job = 'c' then 'broken' else 'pass' end,"
    "  case when bad and job = 'b' then 'product'"
    "   when bad and job = 'c' then 'host' end,"
    "  case when bad and job <> 'a' then 1 else 0 end, 'h', now()"
    " from (select flight, job, flight % 5 = 0 or flight > 20 as bad"
    "  from assay.job) x;"
    "update assay.flight set finished_at = now() - (22 - flight)"
    " * interval '3 days', outcome = 'fail';";

static void
test_read(struct db *db)
{
    struct flake_request request = { .flights = 100, .flaky = true };
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    struct flake *list = NULL;
    size_t count = 0;

    ok_fault(flake_read(db, &request, &arena, &list, &count, &why), &why,
             "what is flaky");
    is_int((int)count, 1, "one test with one version");
    if (count == 1) {
        is_str(list[0].job, "b", "the one that passed and failed");
        is_str(list[0].class, "x", "on its class of hosts");
        is_str(list[0].version, "candidate=v1", "with its version");
        is_int(list[0].pass_count, 16, "sixteen passes");
        is_int(list[0].fail_count, 4, "four failures");
        is_int(list[0].last_flight, 20, "the last one");
        ok(list[0].passes < 16 && list[0].passes > 5, "older ones count less");
        ok(list[0].rate.low < list[0].rate.rate
           && list[0].rate.rate < list[0].rate.high, "with an interval");
    }
    request = (struct flake_request){ .flights = 100, .job = "b" };
    ok_fault(flake_read(db, &request, &arena, &list, &count, &why), &why,
             "one job");
    is_int((int)count, 2, "two versions");
    is_str(list[0].version, "candidate=v2", "the worst first");
    request.job = "c";
    ok_fault(flake_read(db, &request, &arena, &list, &count, &why), &why,
             "one that its host broke");
    ok(count == 1 && list[0].fail_count == 0, "did not fail");
    request.branch = "other";
    ok_fault(flake_read(db, &request, &arena, &list, &count, &why), &why,
             "another branch");
    is_int((int)count, 0, "knows nothing");
    arena_free(&arena);
}

static void
test_quarantine(struct db *db)
{
    struct flake_quarantine what = {
        .job = "b", .testid = "*", .owner = "me", .reason = "a race",
    };
    struct flake_request request = { .flights = 100, .flaky = true };
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    struct flake_quarantine *list = NULL;
    struct flake *flakes = NULL;
    size_t count = 0;
    int64_t number = 0;

    what.owner = "";
    not_ok_fault(flake_quarantine_begin(db, &what, 1000, &number, &why), &why,
                 FAULT_USAGE, "needs an owner", "none without an owner");
    what.owner = "me";
    ok_fault(flake_quarantine_begin(db, &what, 3600000, &number, &why), &why,
             "begun");
    ok_fault(flake_quarantines(db, &arena, &list, &count, &why), &why,
             "the list");
    ok(count == 1 && list[0].until_ms > list[0].begun_ms, "has it");
    ok(flake_is_quarantined(list, count, "b", "t")
       && !flake_is_quarantined(list, count, "a", "t"), "and says whom");
    ok(flake_read(db, &request, &arena, &flakes, &count, &why) && count == 1
       && flakes[0].quarantined, "so do the rates");
    ok_fault(flake_quarantine_end(db, "b", "*", &why), &why, "ended");
    not_ok_fault(flake_quarantine_end(db, "b", "*", &why), &why,
                 FAULT_NOT_FOUND, "b/* is in no quarantine", "once");
    pgfix_script("insert into assay.quarantine (job, testid, owner, reason,"
                 " begun_at, until) values ('b', 't', 'me', 'r',"
                 " now() - interval '2 days', now() - interval '1 day')");
    ok_fault(flake_quarantines(db, &arena, &list, &count, &why), &why,
             "the list");
    is_int((int)count, 0, "forgets what has expired");
    arena_free(&arena);
}

int
main(void)
{
    struct pgfix fix;
    struct db *db;

    test_rates();
    pgfix_start(&fix);
    db = pgfix_open("assay");
    pgfix_script(WORLD);
    test_read(db);
    test_quarantine(db);
    db_close(db);
    return pgfix_done(&fix);
}
