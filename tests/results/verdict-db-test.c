/* tests/results/verdict-db-test.c - what the database gives to a decision:
 * random histories are decided as they are without a database, and which
 * flights, versions and branches count. */
#include <config.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "results/verdict_db.h"
#include "tests/tap.h"
#include "tests/results/decide_random.h"
#include "tests/results/world_db.h"

#define WORLDS 60

static struct db *db;

/* Random histories --------------------------------------------------------- */

/* Only what a database would believe: all has ended, a job that passed has
 * passing steps and no others. */
static void
make_honest(struct arena *arena, struct decide_flight *flight)
{
    struct decide_job *jobs = arena_alloc(arena, flight->job_count
                                          * sizeof *jobs + 1);

    for (size_t i = 0; i < flight->job_count; i++) {
        struct decide_job *job = &jobs[i];
        struct decide_step *steps;

        *job = flight->jobs[i];
        steps = arena_alloc(arena, job->step_count * sizeof *steps + 1);
        if (!outcome_is_final(job->status) || job->step_count == 0)
            job->status = OUTCOME_BROKEN;
        for (size_t j = 0; j < job->step_count; j++) {
            steps[j] = job->steps[j];
            if (!outcome_is_final(steps[j].status))
                steps[j].status = OUTCOME_TRUNCATED;
            if (job->status == OUTCOME_PASS && (j == 0
                || steps[j].status != OUTCOME_SKIP))
                steps[j].status = OUTCOME_PASS;
        }
        job->steps = steps;
    }
    flight->jobs = jobs;
    if (flight->versions == (DECIDE_THIS | DECIDE_THAT))
        flight->versions = DECIDE_THIS;
}

/* What the database will find out: how long jobs take, what ever passed. */
static void
know_all(struct arena *arena, const struct decide_flight *all, size_t count,
         struct decide_input *input)
{
    struct decide_cell *passed = arena_alloc(arena, 1000 * sizeof *passed);
    struct decide_job *jobs = arena_alloc(
        arena, input->flight.job_count * sizeof *jobs + 1);

    for (size_t i = 0; i < input->flight.job_count; i++) {
        jobs[i] = input->flight.jobs[i];
        jobs[i].estimate_ms = 0;
        for (size_t j = 0; j < input->history_count; j++) {
            const struct decide_flight *other = &input->history[j];

            for (size_t k = 0; k < other->job_count; k++) {
                const struct decide_job *job = &other->jobs[k];

                if (strcmp(job->name, jobs[i].name) == 0
                    && job->status == OUTCOME_PASS
                    && job->estimate_ms > jobs[i].estimate_ms)
                    jobs[i].estimate_ms = job->estimate_ms;
            }
        }
    }
    input->flight.jobs = jobs;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < all[i].job_count; j++)
            for (size_t k = 0; k < all[i].jobs[j].step_count; k++)
                if (all[i].jobs[j].steps[k].status == OUTCOME_PASS)
                    passed[input->passed_count++] = (struct decide_cell){
                        all[i].jobs[j].name, all[i].jobs[j].steps[k].testid
                    };
    input->passed = passed;
}

/* Estimates of a flight of the history are what the database says too. */
static void
estimate_history(struct arena *arena, struct decide_flight *history,
                 size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct decide_input input = { .flight = history[i],
                                      .history = history,
                                      .history_count = count };

        know_all(arena, NULL, 0, &input);
        history[i] = input.flight;
    }
}

/* A history of some flights, the first of which is judged. */
static struct decide_input
make_world(struct arena *arena, struct buf *sql, const char *branch,
           int64_t base)
{
    struct decide_flight *all = arena_alloc(arena, 9 * sizeof *all);
    struct decide_flight *history = arena_alloc(arena, 9 * sizeof *history);
    struct decide_input input = { .branch = branch, .history = history };
    unsigned passes = 40 + random_below(55), count = 2 + random_below(7);

    for (unsigned i = 0; i < count; i++) {
        all[i] = random_flight(arena, base + (i * 5 + 3) % 9, passes);
        make_honest(arena, &all[i]);
        if (i == 0)
            all[i].versions = DECIDE_THIS;
        world_store_flight(sql, branch, &all[i]);
        if (all[i].versions != 0)
            history[input.history_count++] = all[i];
    }
    input.flight = all[0];
    qsort(history, input.history_count, sizeof *history, world_order);
    know_all(arena, all, count, &input);
    return input;
}

static void
random_worlds(void)
{
    const struct decide_version THIS = { "xen", "" };
    struct decide_input inputs[WORLDS];
    struct arena arena = ARENA_INIT;
    struct buf sql = BUF_INIT;
    int wrong = 0, judged = 0;

    random_state = 0x1234567u;
    for (int i = 0; i < WORLDS; i++)
        inputs[i] = make_world(&arena, &sql,
                               arena_printf(&arena, "world-%d", i),
                               1000 + i * 10);
    pgfix_script(buf_text(&sql));
    buf_free(&sql);
    for (int i = 0; i < WORLDS; i++) {
        struct decide_version that = THIS;
        struct decide_request request = { .that_version = &that,
                                          .that_count = 1 };
        struct fault why = FAULT_INIT;
        struct evidence evidence;
        struct decision decision;
        struct verdict verdict;
        struct buf want = BUF_INIT, got = BUF_INIT;
        struct decide_flight *history
            = arena_alloc(&arena, 9 * sizeof *history);

        memcpy(history, inputs[i].history,
               inputs[i].history_count * sizeof *history);
        estimate_history(&arena, history, inputs[i].history_count);
        inputs[i].history = history;
        that.revision = arena_printf(&arena, "that-world-%d", i);
        if (!verdict_read(db, inputs[i].flight.flight, &request, &arena,
                          &evidence, &verdict, &why))
            tap_bail("%s: %s", why.text, why.detail);
        decide(&inputs[i], &arena, &decision);
        world_answer(&decision, &want);
        world_answer(&verdict.decision, &got);
        judged += decision.flight_count > 1;
        if (strcmp(buf_text(&want), buf_text(&got)) != 0 && wrong++ < 3)
            diag("flight %" PRId64 "\nwanted:\n%s\ngot:\n%s",
                 inputs[i].flight.flight, buf_text(&want), buf_text(&got));
        buf_free(&want);
        buf_free(&got);
    }
    is_int(wrong, 0, "%d random histories are decided from the database as "
           "without it", WORLDS);
    ok(judged > WORLDS / 10, "%d of them through other flights", judged);
    arena_free(&arena);
}

/* One by one --------------------------------------------------------------- */

/* The verdict as text, after 'request'. */
static void
is_verdict(int64_t flight, const struct decide_request *request,
           const char *want, const char *name)
{
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    struct evidence evidence;
    struct verdict verdict;
    struct buf got = BUF_INIT;

    if (!verdict_read(db, flight, request, &arena, &evidence, &verdict,
                      &why)) {
        buf_addf(&got, "%s: %s", fault_kind_name(why.kind), why.text);
    } else {
        world_answer(&verdict.decision, &got);
        buf_addf(&got, "%s\n", verdict.baseline);
    }
    is_str(buf_text(&got), want, "%s", name);
    buf_free(&got);
    arena_free(&arena);
}

static void
which_baseline(void)
{
    const struct decide_request flight_10 = { .baseline = 10 };
    const struct decide_request flight_99 = { .baseline = 99 };
    const struct decide_request up_to_12 = { .baseline = 10,
                                             .max_flight = 12 };
    const char *const bisect[] = { "real-bisect", NULL };
    const struct decide_request only_bisect = { .baseline = 10,
                                                .blessings = bisect };

    world_store("w", "10 B: j=pass a=pass\n11 : j=fail a=pass b=fail\n"
                "12 T: j=fail z=pass a=fail\n13 T: j=pass a=pass b=pass\n"
                "14 T: j=pass a=pass\n");
    is_verdict(12, NULL, "tolerable\nj a | pass in 14 | free heisenbug\n"
               "flight 10, xen that-w\n", "the last good flight of another "
               "version is the baseline");
    is_verdict(12, &flight_10, "tolerable\nj a | pass in 14 | free heisenbug\n"
               "flight 10, xen that-w\n", "the baseline by its flight");
    is_verdict(12, &up_to_12, "regressions\n"
               "j a | REGR. vs. 10 | regression blocking\n"
               "flight 10, xen that-w\n", "later flights left out");
    is_verdict(12, &only_bisect, "regressions\n"
               "j a | REGR. vs. 10 | regression blocking\n"
               "flight 10, xen that-w\n",
               "other blessings do not count, but for the baseline flight");
    is_verdict(12, &flight_99, "not-found: there is no flight 99 to compare "
               "with", "a baseline that is not there");
    is_verdict(99, NULL, "not-found: there is no flight 99",
               "a flight that is not there");
    is_verdict(10, NULL, "perfect\n\n", "the first has no baseline");
}

/* What a flight tested: one line a tree. */
static void
is_version(int64_t flight, const char *want, const char *name)
{
    struct buf select = BUF_INIT;

    buf_addf(&select, "select count(*) from (select string_agg(tree || ' ' ||"
             " revision, ';' order by tree, revision) as is"
             "  from assay.flight_version where flight = %" PRId64 ") x"
             " where x.is is not distinct from %s", flight, want);
    is_int(pgfix_int(buf_text(&select)), 1, "%s", name);
    buf_free(&select);
}

static const char BUILDS[] =
    "insert into assay.candidate (name, source)"
    "  values ('c1', 's'), ('c2', 's');"
    "insert into assay.flight (flight, branch, intended, harness)"
    "  overriding system value values (30, 'v', 'real', 'h'),"
    "  (31, 'v', 'real', 'h'), (32, 'v', 'real', 'h'), (33, 'v', 'real', 'h'),"
    "  (34, 'v', 'real', 'h');"
    "insert into assay.job (flight, job, recipe, arch, status, started_at,"
    "  finished_at, candidate) select f, j, 'r', 'amd64', 'pass', now(),"
    "  now(), c from (values (30, 'build-xen', null), (30, 'build-qemu', null),"
    "  (30, 'build-xen-prev', null), (31, 'test', null),"
    "  (31, 'build-xen', null), (32, 'test', null), (33, 'a', 1), (33, 'b', 2),"
    "  (33, 'c', 1), (34, 'test', 1)) x(f, j, c);"
    "insert into assay.runvar (flight, job, name, value, origin) values"
    "  (30, 'build-xen', 'built_revision_xen', 'x1', 'result'),"
    "  (30, 'build-xen', 'builtXrevision_xen', 'no', 'result'),"
    "  (30, 'build-qemu', 'built_revision_qemu', 'q1', 'result'),"
    "  (30, 'build-xen-prev', 'built_revision_xen', 'x0', 'result'),"
    "  (31, 'build-xen', 'built_revision_xen', 'x2', 'result');"
    "insert into assay.job_need values (31, 'test', 31, 'build-xen'),"
    "  (31, 'test', 30, 'build-qemu'), (32, 'test', 31, 'test'),"
    "  (32, 'test', 30, 'build-xen-prev');"
    "insert into assay.flight_tree values (34, 'xen', 'x3');"
    "update assay.flight set blessing = intended, outcome = 'pass',"
    "  finished_at = now() where branch = 'v'";

static void
versions(void)
{
    pgfix_script(BUILDS);
    is_version(30, "'qemu q1;xen x1'", "what its builds say, but for an older "
               "one on purpose");
    is_version(31, "'qemu q1;xen x2'", "a build by reference to another "
               "flight");
    is_version(32, "'qemu q1;xen x2'", "through what a needed job needs");
    is_version(33, "'candidate c1,c2'", "candidates where no tree is named");
    is_version(34, "'xen x3'", "a tree of the flight itself");
}

/* Two flights with the given revision of xen, on branch "s". */
static void
short_revisions(void)
{
    const struct decide_version that = { "xen", "abcdef0" };
    const struct decide_request request = { .that_version = &that,
                                            .that_count = 1 };

    pgfix_script(
        "insert into assay.flight (flight, branch, intended, harness)"
        "  overriding system value values (40, 's', 'real', 'h'),"
        "  (41, 's', 'real', 'h'), (42, 's', 'real', 'h');"
        "insert into assay.flight_tree values"
        "  (40, 'xen', 'abcdef0123456789abcdef0123456789abcdef01'),"
        "  (41, 'xen', 'fedcba9876543210fedcba9876543210fedcba98'),"
        "  (42, 'xen', 'abcdef0fffffffffffffffffffffffffffffffff');"
        "insert into assay.job (flight, job, recipe, arch, status, lane,"
        "  started_at, finished_at) select f, 'j', 'r', 'amd64', s, 'unknown',"
        "  now(), now() from (values (40, 'pass'), (41, 'fail'),"
        "  (42, 'pass')) x(f, s);"
        "insert into assay.step (flight, job, step, program, testid, status,"
        "  lane, exit_code, harness, finished_at) select f, 'j', n, 'p', t, s,"
        "  'unknown', 0, 'h', now() from (values (40, 1, 'a', 'pass'),"
        "  (40, 2, 'b', 'pass'), (41, 1, 'a', 'pass'), (41, 2, 'b', 'fail'))"
        "  x(f, n, t, s);"
        "update assay.flight set blessing = intended, outcome = 'pass',"
        "  finished_at = now() where flight in (40, 41)");
    is_verdict(41, &request, "regressions\n"
               "j b | REGR. vs. 40 | regression blocking\n"
               "flight 40, xen abcdef0123456789abcdef0123456789abcdef01\n",
               "the first digits of a revision stand for it");
    pgfix_script("update assay.flight set blessing = intended, outcome ="
                 " 'pass', finished_at = now() where flight = 42");
    is_verdict(41, &request, "conflict: revision abcdef0 of tree xen stands "
               "for abcdef0123456789abcdef0123456789abcdef01 and "
               "abcdef0fffffffffffffffffffffffffffffffff",
               "not when two begin so");
}

/* The first flight of a new branch, against that of another. */
static void
other_branch(void)
{
    const struct decide_request request = { .baseline = 50 };

    world_store("old", "50 B: j=pass a=pass b=pass b/x=pass b/y=pass\n");
    world_store("new", "51 T: j=fail z=pass a=fail b=pass b/x=fail"
                " b/y=pass\n");
    is_verdict(51, NULL, "tolerable\nj a | never pass | free nonblocking\n"
               "j b/x | never pass | free nonblocking\n\n",
               "nothing is known of a new branch");
    is_verdict(51, &request, "regressions\n"
               "j a | REGR. vs. 50 | regression blocking\n"
               "j b/x | REGR. vs. 50 | regression blocking\n"
               "flight 50, xen that-old\n",
               "the baseline's branch counts when it is asked for");
}

/* A flight that ends is noted whatever ended it, and never twice. */
static void
what_passed(void)
{
    is_int(pgfix_int("select flight from assay.cell_passed where branch = 'w'"
                     " and job = 'j' and testid = 'a'"), 10,
           "the first flight in which a cell passed");
    is_int(pgfix_int("select count(*) from assay.cell_passed"
                     " where branch = 'old' and testid like 'b%'"), 3,
           "a step and its cases");
    pgfix_script("create temp table before as table assay.cell_passed;"
                 "select assay.note_history(flight) from assay.flight"
                 " where finished_at is not null order by flight desc;"
                 "do $$ begin if exists (table before except"
                 "  table assay.cell_passed) or (select count(*) from before)"
                 "  <> (select count(*) from assay.cell_passed)"
                 " then raise 'changed'; end if; end $$");
    ok(true, "it can be made again");
}

/* The gate compares its own two revisions, whatever else passed last; flights
 * that are played with are compared with their like. */
static void
gate_and_play(void)
{
    pgfix_script(
        "insert into assay.flight (flight, branch, intended, harness)"
        "  overriding system value values (70, 'g', 'play', 'h'),"
        "  (71, 'g', 'play', 'h'), (72, 'g', 'play', 'h');"
        "insert into assay.flight_tree values"
        "  (70, 'xen', repeat('a', 40)), (71, 'xen', repeat('b', 40)),"
        "  (72, 'xen', repeat('c', 40)), (72, 'qemu', 'q');"
        "insert into assay.job (flight, job, recipe, arch, status, lane,"
        "  started_at, finished_at) select f, 'j', 'r', 'amd64', s, 'unknown',"
        "  now(), now() from (values (70, 'pass'), (71, 'pass'),"
        "  (72, 'fail')) x(f, s);"
        "insert into assay.step (flight, job, step, program, testid, status,"
        "  lane, exit_code, harness, finished_at) select f, 'j', n, 'p', t, s,"
        "  'unknown', 0, 'h', now() from (values (70, 1, 'a', 'pass'),"
        "  (70, 2, 'b', 'pass'), (71, 1, 'a', 'pass'), (72, 1, 'a', 'pass'),"
        "  (72, 2, 'b', 'fail')) x(f, n, t, s);"
        "update assay.flight set blessing = intended, outcome = case flight"
        "  when 72 then 'fail' else 'pass' end, finished_at = now()"
        "  where flight in (70, 71, 72)");
    is_verdict(72, NULL, "tolerable\nj b | blocked in 71 | free nonblocking\n"
               "flight 71, xen bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n",
               "what is played with is compared with its like");
    pgfix_script(
        "insert into assay.gate_run (branch, purpose, source, definition,"
        "  tree, revision, old, baseline, trees, flight, author, harness)"
        "  values ('g', 'candidate', 's', 'd', 'xen', repeat('c', 40),"
        "  repeat('a', 40), repeat('a', 40), '{}', 72, 'a', 'h')");
    is_verdict(72, NULL, "regressions\n"
               "j b | REGR. vs. 70 | regression blocking\n"
               "flight 70, xen aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
               "the gate's run says what to compare");
}

static void
covered(void)
{
    const struct decide_request request = { .baseline = 60 };
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    struct evidence evidence;
    struct verdict verdict;
    const struct coverage *coverage = &verdict.coverage;

    world_store("c", "60 B: gone=pass a=pass b=fail;"
                " j=pass a=pass b=pass c=pass d=skip e=pass; k=pass a=pass;"
                " l=pass a=pass\n61 T: j=pass a=pass b=skip d=pass e=missing;"
                " k=starved; l=broken a=broken; n=pass a=pass\n");
    if (!verdict_read(db, 61, &request, &arena, &evidence, &verdict, &why))
        tap_bail("%s", why.text);
    is_int(coverage->baseline, 60, "coverage is compared with flight 60");
    is_int((int64_t)coverage->baseline_covered, 8, "it covered eight cells");
    is_int((int64_t)coverage->covered, 3, "this one covers three");
    is_int((int64_t)coverage->lost, 7, "seven are lost");
    is_int((int64_t)coverage->gained, 2, "two are new");
    is_int((int64_t)coverage->gap_count, 6, "six gaps");
    is_str(coverage->gaps[2].job, "k", "a job that was starved");
    is_int((int64_t)coverage->gaps[2].lost, 1, "with what it lost");
    is_str(coverage->gaps[4].job, "gone", "a job that this flight has not");
    is_int((int64_t)coverage->gaps[4].lost, 2, "with what it covered");
    is_str(coverage->gaps[5].what, "c", "a step that its job has not");
    is_str(coverage->gaps[5].why, "flight 60 ran it; this one does not have "
           "it", "and who ran it");
    arena_free(&arena);
}

/* A flight against the one before it: how many tests this one lost, how many
 * were lost before, since when, and the reasons of its gaps. */
static void
is_eroded(int64_t flight, const char *want, const char *name)
{
    const struct decide_request request = { .baseline = flight - 1 };
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    struct evidence evidence;
    struct verdict verdict;
    const struct coverage *coverage = &verdict.coverage;
    struct buf got = BUF_INIT;

    if (!verdict_read(db, flight, &request, &arena, &evidence, &verdict,
                      &why))
        tap_bail("%s", why.text);
    buf_addf(&got, "%zu, %zu since %" PRId64, coverage->lost,
             coverage->eroded, coverage->eroded_since);
    for (size_t i = 0; i < coverage->gap_count; i++)
        buf_addf(&got, "\n%s %s (%s)", coverage->gaps[i].job,
                 coverage->gaps[i].what, coverage->gaps[i].why);
    is_str(buf_text(&got), want, "%s", name);
    buf_free(&got);
    arena_free(&arena);
}

/* Each flight is the baseline of the next. */
static void
eroded(void)
{
    world_store("e",
        "90 -: arm=pass boot=pass xtf=pass xtf/a=pass xtf/b=pass;"
        " amd=pass boot=pass; old=pass t=pass\n"
        "91 -: arm=starved; amd=pass boot=pass; old=pass t=pass\n"
        "92 -: arm=starved; amd=pass boot=pass\n"
        "93 -: arm=broken boot=broken; amd=pass boot=pass\n"
        "94 -: arm=pass boot=pass xtf=pass xtf/a=pass xtf/b=pass;"
        " amd=pass boot=pass\n"
        "95 -: arm=pass boot=pass xtf=skip; amd=pass boot=pass\n"
        "96 -: arm=pass boot=pass xtf=skip; amd=pass boot=pass\n"
        "97 -: arm=pass boot=pass; amd=pass boot=pass\n"
        "98 -: arm=pass boot=pass; amd=pass boot=pass\n");
    is_eroded(91, "4, 0 since 0\narm  ()", "a starved job is a loss");
    is_eroded(92, "1, 4 since 90\narm  (last covered in flight 90)\n"
              "old  (flight 91 ran it; this one does not have it)",
              "against a baseline that starved too, it still is; a job that "
              "was dropped is named");
    is_eroded(93, "0, 4 since 90\n"
              "arm xtf, xtf/a, xtf/b (this flight does not have it; last "
              "covered in flight 90)",
              "also after three, however it is lost; what was dropped is not");
    is_eroded(94, "0, 0 since 0", "until it is covered again");
    is_eroded(95, "3, 0 since 0\narm xtf ()\n"
              "arm xtf/a, xtf/b (flight 94 ran it; this one does not have it)",
              "a step that skips itself is a loss");
    is_eroded(96, "0, 1 since 90\narm xtf (last covered in flight 90)",
              "also against a baseline that skipped it");
    is_eroded(97, "0, 1 since 90\narm xtf (this flight does not have it; "
              "last covered in flight 90)",
              "when its job passes without it, it is named once");
    is_eroded(98, "0, 0 since 0", "and is gone");
}

/* Job b finds its host booted by job a: its own boot is as good as that one,
 * and no better. */
static void
reused(void)
{
    const struct decide_request request = { .baseline = 80 };
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    struct evidence evidence;
    struct verdict verdict;

    pgfix_script(
        "insert into assay.flight (flight, branch, intended, harness)"
        "  overriding system value values (80, 'x', 'real', 'h'),"
        "  (81, 'x', 'real', 'h'), (82, 'x', 'real', 'h');"
        "insert into assay.flight_tree values (80, 'xen', 'x80'),"
        "  (81, 'xen', 'x81'), (82, 'xen', 'x82');"
        "insert into assay.job (flight, job, recipe, arch, status, lane,"
        "  started_at, finished_at) select f, j, 'r', 'amd64', s, 'unknown',"
        "  now(), now() from (values (80, 'a', 'pass'), (80, 'b', 'pass'),"
        "  (81, 'a', 'pass'), (81, 'b', 'fail'), (82, 'a', 'pass'),"
        "  (82, 'b', 'pass')) x(f, j, s);"
        "insert into assay.step (flight, job, step, program, testid, status,"
        "  lane, exit_code, harness, finished_at, reused_job, reused_step)"
        "  select f, j, n, p, t, s, 'unknown', 0, 'h', now(), r,"
        "  case when r is not null then 1 end from (values"
        "  (80, 'a', 1, 'boot', 'p', 'pass', null),"
        "  (80, 'b', 1, 'boot', 'p', 'reused', 'a'),"
        "  (80, 'b', 2, 't', 'p', 'pass', null),"
        "  (80, 'b', 3, 'power-off/host', 'host-power-off', 'pass', null),"
        "  (81, 'a', 1, 'boot', 'p', 'pass', null),"
        "  (81, 'b', 1, 'boot', 'p', 'fail', null),"
        "  (82, 'a', 1, 'boot', 'p', 'reused', 'b'),"
        "  (82, 'a', 2, 'power-off/host', 'host-power-off', 'skip', null),"
        "  (82, 'a', 3, 't', 'p', 'pass', null),"
        "  (82, 'b', 1, 'boot', 'p', 'pass', null),"
        "  (82, 'b', 2, 't', 'p', 'pass', null))"
        "  x(f, j, n, t, p, s, r) order by s = 'reused';"
        "update assay.flight set blessing = intended, outcome = case flight"
        "  when 81 then 'fail' else 'pass' end, finished_at = now()"
        "  where branch = 'x'");
    is_verdict(81, &request, "regressions\n"
               "b boot | REGR. vs. 80 | regression blocking\n"
               "flight 80, xen x80\n",
               "what was reused in the baseline counts as passed there");
    if (!verdict_read(db, 82, &request, &arena, &evidence, &verdict, &why))
        tap_bail("%s", why.text);
    is_int((int64_t)verdict.outcome, OUTCOME_PASS, "a job whose boot was "
           "reused passes");
    is_str(evidence.jobs[0].steps[0].reused_job, "b", "it names the job that "
           "stands for it");
    is_int((int64_t)verdict.coverage.baseline_covered, 3,
           "a reused step is covered, to switch off is no test");
    is_int((int64_t)verdict.coverage.lost, 0, "neither is lost here");
    is_int((int64_t)verdict.coverage.cells, 4, "nor does it count here");
    is_int((int64_t)verdict.coverage.gap_count, 0, "nor a gap");
    is_str(verdict.summary, "All 2 jobs passed. 1 step was not run, another "
           "job's stands for it.", "and it is said");
    pgfix_script(
        "insert into assay.flight (flight, branch, intended, harness)"
        "  overriding system value values (83, 'y', 'real', 'h');"
        "insert into assay.job (flight, job, recipe, arch)"
        "  values (83, 'a', 'r', 'amd64');"
        "do $$ begin insert into assay.step (flight, job, step, program,"
        "   testid, status, harness, finished_at, reused_job, reused_step)"
        "   values (83, 'a', 1, 'p', 'boot', 'reused', 'h', now(), 'a', 1);"
        "  raise 'it was taken';"
        "  exception when check_violation then null; end $$");
    ok(true, "nothing stands for itself");
    arena_free(&arena);
}

int
main(void)
{
    struct pgfix fix;

    pgfix_start(&fix);
    db = pgfix_open("assay");
    random_worlds();
    which_baseline();
    versions();
    short_revisions();
    other_branch();
    gate_and_play();
    covered();
    eroded();
    reused();
    what_passed();
    db_close(db);
    return pgfix_done(&fix);
}
