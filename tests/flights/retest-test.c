/* tests/flights/retest-test.c - the counterfactual over a real database: worlds
 * with a known fault, whose retests the test itself "runs". */
#include <config.h>

#include <inttypes.h>

#include "flights/retest.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "results/cause.h"
#include "tests/tap.h"
#include "tests/pgfix.h"

static const char SITE[] =
    "insert into assay.host (host, arch, firmware, class, config, source)"
    " values ('h1', 'amd64', 'bios', 'x', '{}', 's'),"
    "  ('h2', 'amd64', 'bios', 'x', '{}', 's'),"
    "  ('h3', 'amd64', 'bios', 'x', '{}', 's'),"
    "  ('lone', 'arm64', 'uefi', 'y', '{}', 's');"
    "insert into assay.candidate (name, source) values ('old', 's'),"
    " ('new', 's');"
    "create table public.truth (fault text, reason text);"
    "insert into public.truth values ('none', 'x');"
    /* How a run ends in this world, by candidate and host. */
    "create function public.fails(candidate bigint, host text)"
    " returns boolean language sql as $$ select case fault"
    "  when 'product' then candidate = 2 when 'host' then host = 'h1'"
    "  when 'harness' then true when 'flake' then false end"
    " from public.truth $$;"
    "create function public.run(f bigint) returns void language plpgsql as $$"
    " declare j record; bad boolean; begin"
    " for j in select * from assay.job where flight = f loop"
    "  update assay.job_role set host = coalesce(preset, 'h1')"
    "   where flight = f and job = j.job;"
    "  select coalesce(public.fails(j.candidate, r.host), false) into bad"
    "   from assay.job_role r where r.flight = f and r.job = j.job limit 1;"
    "  insert into assay.step (flight, job, step, program, testid, status,"
    "   lane, reason, exit_code, harness, finished_at) select f, j.job, 1, 'p',"
    "   'boot', case when bad then 'fail' else 'pass' end,"
    "   case when bad then 'product' end, t.reason,"
    "   case when bad then 1 else 0 end, 'h', now() from public.truth t;"
    "  update assay.job set status = case when bad then 'fail' else 'pass' end,"
    "   lane = case when bad then 'product' end,"
    "   started_at = now() - interval '60 s', finished_at = now()"
    "   where flight = f and job = j.job;"
    " end loop;"
    " update assay.flight set finished_at = now(), outcome = case when exists"
    "  (select from assay.job where flight = f and status <> 'pass')"
    "  then 'fail' else 'pass' end where flight = f; end $$;";

/* A flight of 'jobs' jobs of a candidate, run as the truth has it, but that
 * the first 'bad' of a new one failed whatever the fault is. */
static int64_t
fly(const char *candidate, int jobs, int bad)
{
    struct buf sql = BUF_INIT;
    int64_t flight;

    buf_addf(&sql, "with f as (insert into assay.flight (branch, intended,"
             " blessing, harness) values ('b', 'real', 'running', 'h')"
             " returning flight), j as (insert into assay.job (flight, job,"
             " recipe, arch, candidate) select f.flight, 'job' || n, 'r',"
             " 'amd64', (select candidate from assay.candidate where name ="
             " '%s') from f, generate_series(1, %d) n returning flight, job)"
             " insert into assay.job_role (flight, job, role, position, arch,"
             " preset) select flight, job, 'host', 1, 'amd64', 'h1' from j"
             " returning flight", candidate, jobs);
    flight = pgfix_int(buf_text(&sql));
    buf_reset(&sql);
    buf_addf(&sql, "select public.run(%" PRId64 ")", flight);
    if (bad > 0) {
        buf_reset(&sql);
        buf_addf(&sql, "update assay.job_role set host = 'h1' where flight ="
                 " %" PRId64 "; insert into assay.step (flight, job, step,"
                 " program, testid, status, lane, reason, exit_code, harness,"
                 " finished_at) select flight, job, 1, 'p', 'boot', 'fail',"
                 " 'product', t.reason, 1, 'h', now() from assay.job,"
                 " public.truth t where flight = %" PRId64 " and substr(job, 4)"
                 "::int <= %d;"
                 " update assay.job set status = case when substr(job, 4)::int"
                 " <= %d then 'fail' else 'pass' end, lane = case when"
                 " substr(job, 4)::int <= %d then 'product' end, started_at ="
                 " now() - interval '60 s', finished_at = now() where flight ="
                 " %" PRId64 "; update assay.flight set finished_at = now(),"
                 " outcome = 'fail' where flight = %" PRId64,
                 flight, flight, bad, bad, bad, flight, flight);
    }
    pgfix_script(buf_text(&sql));
    buf_free(&sql);
    return flight;
}

static void
truth(const char *fault)
{
    struct buf sql = BUF_INIT;

    buf_addf(&sql, "update public.truth set fault = '%s',"
             " reason = 'h1: it fails by %s'", fault, fault);
    pgfix_script(buf_text(&sql));
    buf_free(&sql);
}

/* Until nothing runs any more; the number of runs. */
static int
settle(struct db *db, int64_t flight, const struct retest_options *options,
       struct retest_state *state)
{
    struct fault why = FAULT_INIT;
    int turns = 0;

    for (;; turns++) {
        if (!retest_advance(db, flight, options, state, &why))
            tap_bail("%s", why.text);
        if (state->running == 0 || turns > 40)
            return turns;
        /* Again before it has ended: nothing new begins. */
        if (!retest_advance(db, flight, options, state, &why))
            tap_bail("%s", why.text);
        pgfix_script("select public.run(flight) from assay.flight"
                     " where finished_at is null");
    }
}

static void
test_world(struct db *db, const char *fault, enum blame_cause want)
{
    const struct retest_options options = { .budget = BLAME_BUDGET_INIT };
    struct retest_state state;
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    struct causes causes;
    int64_t flight;
    int turns;

    truth("none");
    for (int i = 0; i < 15; i++)
        (void)fly("old", 20, 0);
    truth(fault);
    flight = fly("new", 20, 2);
    turns = settle(db, flight, &options, &state);
    ok(turns <= BLAME_RUNS_MAX, "%s: %d runs", fault, turns);
    is_int((int)state.failures, 1, "two jobs with one signature: one case");
    is_int((int)state.causes[want], 1, "%s: the cause is %s", fault,
           blame_cause_name(want));
    ok_fault(causes_read(db, flight, &arena, &causes, &why), &why, "causes");
    ok(causes.group_count == 1 && causes.groups[0].blame != NULL,
       "the report has it");
    if (causes.group_count == 1 && causes.groups[0].blame != NULL) {
        const struct cause_blame *blame = causes.groups[0].blame;

        ok(!blame->open && blame->cause == want, "decided");
        is_int(blame->run_count_spent, turns, "with its runs");
        ok(blame->good_flight > 0 && blame->good_flight < flight,
           "against a good flight");
    }
    arena_free(&arena);
}

static void
test_too_many(struct db *db)
{
    static const char *const job2[] = { "job2", NULL };
    struct retest_options options = { .budget = BLAME_BUDGET_INIT };
    struct retest_state state;
    struct fault why = FAULT_INIT;
    int64_t flight;

    truth("flake");
    flight = fly("new", 20, 3);
    ok_fault(retest_advance(db, flight, &options, &state, &why), &why,
             "three of twenty");
    ok(state.too_many && state.failures == 0, "are too many");
    options.jobs = job2;
    (void)settle(db, flight, &options, &state);
    ok(!state.too_many && state.causes[BLAME_FLAKE] == 1,
       "but one of them may be named");
    flight = pgfix_int("insert into assay.flight (branch, intended, harness)"
                       " values ('b', 'real', 'h') returning flight");
    not_ok_fault(retest_advance(db, flight, &options, &state, &why), &why,
                 FAULT_CONFLICT, "has not ended", "a flight that runs");
}

int
main(void)
{
    struct pgfix fix;
    struct db *db;

    pgfix_start(&fix);
    db = pgfix_open("assay");
    pgfix_script(SITE);
    test_world(db, "product", BLAME_PRODUCT);
    test_world(db, "host", BLAME_HOST);
    is_int(pgfix_int("select count(*) from assay.host_mark"
                     " where host = 'h1'"), 1, "the host got a mark");
    test_world(db, "flake", BLAME_FLAKE);
    test_world(db, "harness", BLAME_HARNESS);
    is_int(pgfix_int("select count(*) from assay.flight f join assay.job j"
                     " using (flight) where f.intended = 'real-counterfactual'"
                     " and j.candidate <> 1"), 0,
           "counterfactuals are of the good version");
    is_int(pgfix_int("select count(*) from assay.flight f join assay.job_role"
                     " r using (flight) where f.intended like 'real-%'"
                     " and r.preset is null"), 0, "on hosts by name");
    test_too_many(db);
    db_close(db);
    return pgfix_done(&fix);
}
