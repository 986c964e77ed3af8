/* tests/results/verdict-test.c - what outcomes amount to: every combination,
 * and the ways in which a flight must not read as a pass. */
#include <config.h>

#include "harness/arena.h"
#include "harness/outcome.h"
#include "results/evidence.h"
#include "results/phases.h"
#include "results/verdict.h"
#include "tests/tap.h"

#define GAPS verdict.coverage.gaps
#define GAP_COUNT verdict.coverage.gap_count

static struct arena arena = ARENA_INIT;

/* The rule again, said another way: which words may stand beside it. */
static enum outcome
expected(enum outcome a, enum outcome b)
{
    static const enum outcome ORDER[] = {
        OUTCOME_FAIL, OUTCOME_ABORTED, OUTCOME_BROKEN, OUTCOME_MISSING,
        OUTCOME_NONE, OUTCOME_TRUNCATED, OUTCOME_BLOCKED, OUTCOME_STARVED,
        OUTCOME_PASS, OUTCOME_SKIP, OUTCOME_REUSED,
    };
    bool waits_a = a == OUTCOME_QUEUED, waits_b = b == OUTCOME_QUEUED;
    bool works_a = a == OUTCOME_PREPARING || a == OUTCOME_RUNNING;
    bool works_b = b == OUTCOME_PREPARING || b == OUTCOME_RUNNING;

    if (works_a || works_b || waits_a != waits_b)
        return OUTCOME_RUNNING;
    if (waits_a)
        return OUTCOME_QUEUED;
    for (size_t i = 0; i < ARRAY_LEN(ORDER); i++) {
        if (a != ORDER[i] && b != ORDER[i])
            continue;
        return ORDER[i] == OUTCOME_MISSING || ORDER[i] == OUTCOME_NONE
            ? OUTCOME_BROKEN
            : ORDER[i] == OUTCOME_REUSED ? OUTCOME_SKIP : ORDER[i];
    }
    return OUTCOME_NONE;
}

static void
combinations(void)
{
    int wrong = 0, passes = 0;
    enum outcome strange = (enum outcome)99;

    for (int a = 0; a < OUTCOME_COUNT; a++) {
        for (int b = 0; b < OUTCOME_COUNT; b++) {
            const enum outcome parts[] = { (enum outcome)a, (enum outcome)b };
            enum outcome got = outcome_combine(parts, 2);

            wrong += got != expected(parts[0], parts[1]);
            passes += got == OUTCOME_PASS;
            if (got != expected(parts[0], parts[1]))
                diag("%s and %s: %s", outcome_name(parts[0]),
                     outcome_name(parts[1]), outcome_name(got));
        }
    }
    is_int(wrong, 0, "every pair of outcomes");
    is_int(passes, 5, "only pass and pass, skip or reused are a pass");
    is_str(outcome_name(outcome_combine(NULL, 0)), "broken",
           "nothing at all is broken");
    is_str(outcome_name(outcome_combine(&strange, 1)), "broken",
           "an outcome from nowhere is broken");
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        const enum outcome three[] = { OUTCOME_PASS, (enum outcome)i,
                                       OUTCOME_PASS };
        bool pass = outcome_combine(three, 3) == OUTCOME_PASS;

        ok(pass == outcome_is_good((enum outcome)i),
           "%s between two passes", outcome_name((enum outcome)i));
    }
}

/* Evidence by hand --------------------------------------------------------- */

static struct evidence_step
step_of(const char *testid, enum outcome status)
{
    return (struct evidence_step){
        .number = 1, .testid = testid, .program = "steps/x", .reason = "",
        .progress = "", .status = status, .pointer = { .file = "", .text = "" },
        .exit_code = -1, .exit_signal = -1, .started_ms = -1,
        .finished_ms = -1, .elapsed_ms = -1, .log_path = "",
        .log_sha256 = "", .log_bytes = -1, .harness = "", .boot = "",
        .reused_job = "",
    };
}

static struct evidence_job
job_of(const char *name, enum outcome status,
       const struct evidence_step *steps, size_t count)
{
    return (struct evidence_job){
        .name = name, .recipe = "smoke", .reason = "", .arch = "amd64",
        .waits_for = "", .harness = "", .status = status,
        .pointer = { .file = "", .text = "" }, .created_ms = -1,
        .started_ms = -1, .finished_ms = -1, .steps = steps,
        .step_count = count,
    };
}

static struct evidence
flight_of(const struct evidence_job *jobs, size_t count)
{
    return (struct evidence){
        .flight = 7, .branch = "b", .blessing = "real", .intended = "real",
        .harness = "h", .source = "", .abort_reason = "", .jobs = jobs,
        .job_count = count,
    };
}

static void
believes_no_status_alone(void)
{
    static const struct {
        enum outcome step, item;        /* item NONE: no case */
        enum outcome want;
    } ROWS[] = {
        { OUTCOME_PASS, OUTCOME_NONE, OUTCOME_PASS },
        { OUTCOME_PASS, OUTCOME_PASS, OUTCOME_PASS },
        { OUTCOME_PASS, OUTCOME_SKIP, OUTCOME_PASS },
        { OUTCOME_PASS, OUTCOME_MISSING, OUTCOME_BROKEN },
        { OUTCOME_PASS, OUTCOME_FAIL, OUTCOME_BROKEN },
        { OUTCOME_FAIL, OUTCOME_NONE, OUTCOME_BROKEN },
        { OUTCOME_BROKEN, OUTCOME_NONE, OUTCOME_BROKEN },
        { OUTCOME_RUNNING, OUTCOME_NONE, OUTCOME_BROKEN },
        { OUTCOME_MISSING, OUTCOME_NONE, OUTCOME_BROKEN },
        { OUTCOME_NONE, OUTCOME_NONE, OUTCOME_BROKEN },
        { OUTCOME_SKIP, OUTCOME_NONE, OUTCOME_BROKEN },     /* no pass */
        { OUTCOME_REUSED, OUTCOME_NONE, OUTCOME_BROKEN },   /* of its own */
    };

    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct evidence_step step = step_of("xen-boot", ROWS[i].step);
        struct evidence_case item = { "a", "", ROWS[i].item };
        struct evidence_job job = job_of("j", OUTCOME_PASS, &step, 1);
        struct evidence evidence = flight_of(&job, 1);
        struct verdict verdict;
        const char *why;

        if (ROWS[i].item != OUTCOME_NONE) {
            step.cases = &item;
            step.case_count = 1;
        }
        is_str(outcome_name(verdict_job(&job, &arena, &why)),
               outcome_name(ROWS[i].want),
               "a job that says pass, with a step that is %s and a case that "
               "is %s", outcome_name(ROWS[i].step),
               outcome_name(ROWS[i].item));
        ok((why[0] == '\0') == (ROWS[i].want == OUTCOME_PASS),
           "... says why if it is not believed");
        verdict_of(&evidence, NULL, &arena, &verdict);
        is_str(outcome_name(verdict.outcome), outcome_name(ROWS[i].want),
               "... and so is the flight");
        if (ROWS[i].want == OUTCOME_BROKEN)
            is_str(lane_name(verdict.troubles[0].lane), "harness",
                   "... by our own fault");
    }
}

static void
a_job_without_steps(void)
{
    struct evidence_job job = job_of("j", OUTCOME_PASS, NULL, 0);
    struct evidence evidence = flight_of(&job, 1);
    struct verdict verdict;

    verdict_of(&evidence, NULL, &arena, &verdict);
    is_str(verdict.headline, "flight 7: broken", "a pass of nothing");
    has_str(verdict.troubles[0].reason, "no step of it passed", "... why");
    evidence.job_count = 0;
    verdict_of(&evidence, NULL, &arena, &verdict);
    is_str(verdict.headline, "flight 7: broken", "a flight without jobs");
    has_str(verdict.summary, "nothing was tested", "... says so");
}

static void
says_what_was_not_covered(void)
{
    const struct evidence_step whole[] = {
        step_of("boot", OUTCOME_PASS), step_of("a", OUTCOME_PASS),
        step_of("b", OUTCOME_PASS), step_of("c", OUTCOME_PASS),
    };
    struct evidence_step part[] = {
        step_of("boot", OUTCOME_PASS), step_of("a", OUTCOME_FAIL),
    };
    struct evidence_step skips[] = {
        step_of("boot", OUTCOME_PASS), step_of("a", OUTCOME_SKIP),
        step_of("b", OUTCOME_PASS), step_of("c", OUTCOME_SKIP),
    };
    struct evidence_job jobs[] = {
        job_of("arm", OUTCOME_PASS, skips, 4),
        job_of("bad", OUTCOME_FAIL, part, 2),
        job_of("lost", OUTCOME_STARVED, NULL, 0),
        job_of("whole", OUTCOME_PASS, whole, 4),
    };
    struct evidence evidence = flight_of(jobs, 4);
    struct verdict verdict;

    skips[1].reason = skips[3].reason = "not on arm";
    jobs[2].reason = "no host";
    part[1].lane = LANE_PRODUCT;
    part[1].exit_code = 1;
    verdict_of(&evidence, NULL, &arena, &verdict);
    is_str(verdict.headline, "flight 7: fail", "one failed");
    is_int((int64_t)GAP_COUNT, 3, "three gaps");
    is_str(GAPS[0].what, "a, c", "skips of one reason are one");
    is_str(GAPS[0].why, "not on arm", "... with the reason");
    is_str(GAPS[1].what, "b, c", "what a failure kept from running");
    has_str(GAPS[1].why, "ended at a", "... and where");
    is_str(GAPS[2].what, "", "the whole job");
    is_str(GAPS[2].why, "no host", "... why");
    is_int((int64_t)verdict.trouble_count, 1, "one trouble");
    is_str(verdict.troubles[0].step->testid, "a", "... at its step");
    is_str(lane_name(verdict.troubles[0].lane), "product", "... whose fault");
    is_str(verdict.troubles[0].reason, "a exited with status 1",
           "... and the reason, when nobody gave one");
    has_str(verdict.summary, "Of 4 jobs, 2 pass, 1 fail, 1 starved.",
            "the summary counts");
    has_str(verdict.summary, "2 tests were skipped", "... and skips");
}

/* A runner that lives to the end records what it does not run. */
static void
steps_not_run(void)
{
    struct evidence_step steps[] = {
        step_of("boot", OUTCOME_BROKEN), step_of("a", OUTCOME_BLOCKED),
        step_of("b", OUTCOME_BLOCKED), step_of("logs", OUTCOME_PASS),
    };
    struct evidence_job job = job_of("j", OUTCOME_BROKEN, steps, 4);
    struct evidence evidence = flight_of(&job, 1);
    struct verdict verdict;

    steps[1].reason = steps[2].reason = "not run: boot is broken";
    verdict_of(&evidence, NULL, &arena, &verdict);
    is_int((int64_t)GAP_COUNT, 1, "what was not run is one gap");
    is_str(GAPS[0].what, "a, b", "... named");
    is_str(GAPS[0].why, "not run: boot is broken", "... with why");
    has_str(verdict.summary, "2 tests were not run", "... and counted");
    is_str(verdict.troubles[0].step->testid, "boot", "the trouble is before");
}

/* A hostile step may report very many cases. */
static void
many_cases(void)
{
    size_t count = 100000;
    struct evidence_case *cases = arena_alloc(&arena, count * sizeof *cases);
    struct evidence_step step = step_of("s", OUTCOME_PASS);
    struct evidence_job job = job_of("j", OUTCOME_PASS, &step, 1);
    struct evidence evidence = flight_of(&job, 1);
    struct verdict verdict;

    for (size_t i = 0; i < count; i++)
        cases[i] = (struct evidence_case){
            arena_printf(&arena, "case-%zu", i), "", OUTCOME_SKIP,
        };
    step.cases = cases;
    step.case_count = count;
    verdict_of(&evidence, NULL, &arena, &verdict);
    is_int((int64_t)GAP_COUNT, 1, "100,000 skips are one gap");
    is_int((int64_t)GAPS[0].count, (int64_t)count, "... all counted");
    has_str(GAPS[0].what, "and 99976 more", "... few named");
    ok(strlen(GAPS[0].what) < 1000, "... in few words");
}

static void
phases_of_a_boot(void)
{
    struct evidence_step step = step_of("xen-boot", OUTCOME_PASS);
    struct evidence_boot boot = {
        .nonce = "n", .host = "h", .status = "up", .reason = "",
        .address = "", .armed_ms = 1000, .power_ms = 1100,
        .powered_ms = 1500, .script_ms = 6500, .fetched_ms = 8000,
        .up_ms = 20000,
    };
    struct evidence_job job = job_of("j", OUTCOME_PASS, &step, 1);
    static const int64_t WANT[] = { 400, 5000, 1500, 12000, 1000 };
    struct phase_boot phases;

    step.started_ms = 900;
    step.finished_ms = 21000;
    job.boots = &boot;
    job.boot_count = 1;
    phases_of_boot(&job, &boot, &phases);
    is_int(phases.count, 5, "five phases");
    for (int i = 0; i < phases.count && i < 5; i++)
        is_int(phases.phases[i].end_ms - phases.phases[i].start_ms, WANT[i],
               "%s", phase_name(phases.phases[i].kind));
    ok(phases.step == &step, "... in its step");
    boot.fetched_ms = boot.up_ms = -1;
    phases_of_boot(&job, &boot, &phases);
    is_int(phases.count, 3, "a boot that stopped fetching has three");
    ok(!phases.phases[2].complete, "... the last of them open");
    is_int(phases.phases[2].end_ms, 21000, "... until the step's end");
    step.finished_ms = -1;
    phases_of_boot(&job, &boot, &phases);
    is_int(phases.count, 2, "while it runs, what is over");
}

int
main(void)
{
    combinations();
    believes_no_status_alone();
    a_job_without_steps();
    says_what_was_not_covered();
    steps_not_run();
    many_cases();
    phases_of_a_boot();
    arena_free(&arena);
    return tap_done();
}
