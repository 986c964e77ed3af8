/* tests/harness/step-verdict-test.c - each row of the two tables. */
#include <config.h>

#include "tests/tap.h"

#include <signal.h>
#include "harness/step_verdict.h"

#define EXIT(n) .end = STEP_END_EXIT, .code = (n)

static const struct {
    const char *what;
    struct step_facts facts;
    enum outcome status;
    enum lane lane;
    const char *reason;
} STEPS[] = {
    {"exit 0", {EXIT(0)}, OUTCOME_PASS, LANE_NONE, ""},
    {"exit 0 on a host that died",
     {EXIT(0), .console_text = "h1: Panic on CPU 0: x",
      .console_lane = LANE_PRODUCT}, OUTCOME_FAIL, LANE_PRODUCT,
     "h1: Panic on CPU 0: x"},
    {"stopped because of the console",
     {.end = STEP_END_CONSOLE, .console_text = "h1: Panic on CPU 0: x",
      .console_lane = LANE_PRODUCT, .blame = LANE_HOST}, OUTCOME_FAIL,
     LANE_PRODUCT, "h1: Panic on CPU 0: x"},
    {"a host that died of itself",
     {.end = STEP_END_CONSOLE, .console_text = "h1: fire",
      .console_lane = LANE_HOST}, OUTCOME_BROKEN, LANE_HOST, "h1: fire"},
    {"aborted, and then a host died",
     {.end = STEP_END_ABORT, .end_text = "enough", .console_text = "x",
      .console_lane = LANE_PRODUCT}, OUTCOME_ABORTED, LANE_UNKNOWN, "enough"},
    {"exit 0 and a blame", {EXIT(0), .blame = LANE_HOST, .blame_text = "x"},
     OUTCOME_PASS, LANE_NONE, ""},
    {"exit 0 and a last line", {EXIT(0), .last_line = "x"},
     OUTCOME_PASS, LANE_NONE, ""},
    {"exit 1", {EXIT(1)}, OUTCOME_FAIL, LANE_PRODUCT, ""},
    {"exit 1, last line", {EXIT(1), .last_line = "FAIL: no guest"},
     OUTCOME_FAIL, LANE_PRODUCT, "FAIL: no guest"},
    {"exit 1, product", {EXIT(1), .blame = LANE_PRODUCT, .blame_text = "p"},
     OUTCOME_FAIL, LANE_PRODUCT, "p"},
    {"exit 1, host", {EXIT(1), .blame = LANE_HOST, .blame_text = "dead"},
     OUTCOME_BROKEN, LANE_HOST, "dead"},
    {"exit 1, test", {EXIT(1), .blame = LANE_TEST, .blame_text = "t"},
     OUTCOME_BROKEN, LANE_TEST, "t"},
    {"exit 1, harness", {EXIT(1), .blame = LANE_HARNESS, .blame_text = "h"},
     OUTCOME_BROKEN, LANE_HARNESS, "h"},
    {"exit 1, iffail broken", {EXIT(1), .fail_is_broken = true},
     OUTCOME_BROKEN, LANE_UNKNOWN, ""},
    {"exit 1, iffail broken, product",
     {EXIT(1), .fail_is_broken = true, .blame = LANE_PRODUCT,
      .blame_text = "p"}, OUTCOME_BROKEN, LANE_PRODUCT, "p"},
    {"exit 1 hides no missing attachment",
     {EXIT(1), .attach_text = "cannot keep x: no", .last_line = "l"},
     OUTCOME_FAIL, LANE_PRODUCT, "l; cannot keep x: no"},
    {"exit 1, descriptor 3 open", {EXIT(1), .open_text = "sleep"},
     OUTCOME_FAIL, LANE_PRODUCT, ""},
    {"exit 1, missing cases", {EXIT(1), .missing_count = 1,
      .first_missing = "m"}, OUTCOME_FAIL, LANE_PRODUCT, ""},
    {"exit 0, a failed case",
     {EXIT(0), .failed_count = 1, .first_failed = "a: broke"},
     OUTCOME_FAIL, LANE_PRODUCT, "a: broke"},
    {"exit 0, failed cases",
     {EXIT(0), .failed_count = 3, .first_failed = "a"},
     OUTCOME_FAIL, LANE_PRODUCT, "3 cases failed: a"},
    {"exit 0, a failed case, the host's fault",
     {EXIT(0), .failed_count = 1, .first_failed = "a", .blame = LANE_HOST,
      .blame_text = "cable"}, OUTCOME_BROKEN, LANE_HOST, "cable"},
    {"exit 77, a failed case",
     {EXIT(77), .failed_count = 1, .first_failed = "a"},
     OUTCOME_FAIL, LANE_PRODUCT, "a"},
    {"exit 0, a missing case",
     {EXIT(0), .missing_count = 1, .first_missing = "m"},
     OUTCOME_BROKEN, LANE_TEST, "1 expected case did not report: m"},
    {"exit 0, missing cases",
     {EXIT(0), .missing_count = 2, .first_missing = "m"},
     OUTCOME_BROKEN, LANE_TEST, "2 expected cases did not report: m, ..."},
    {"exit 0, descriptor 3 open", {EXIT(0), .open_text = "sleep (pid 3)"},
     OUTCOME_BROKEN, LANE_TEST, "descriptor 3 was still open: sleep (pid 3)"},
    {"exit 77, descriptor 3 open", {EXIT(77), .open_text = "x"},
     OUTCOME_BROKEN, LANE_TEST, "descriptor 3 was still open: x"},
    {"exit 0, a lost attachment", {EXIT(0), .attach_text = "cannot keep x"},
     OUTCOME_BROKEN, LANE_TEST, "cannot keep x"},
    {"exit 77", {EXIT(77), .last_line = "no arm"}, OUTCOME_SKIP, LANE_NONE,
     "no arm"},
    {"exit 75", {EXIT(75)}, OUTCOME_BROKEN, LANE_UNKNOWN, ""},
    {"exit 75, product", {EXIT(75), .blame = LANE_PRODUCT,
      .blame_text = "panic"}, OUTCOME_BROKEN, LANE_PRODUCT, "panic"},
    {"exit 75, failed case", {EXIT(75), .failed_count = 1,
      .first_failed = "a"}, OUTCOME_BROKEN, LANE_UNKNOWN, "a"},
    {"exit 2", {EXIT(2)}, OUTCOME_BROKEN, LANE_TEST, "exited with status 2"},
    {"exit 127, last line", {EXIT(127), .last_line = "not found"},
     OUTCOME_BROKEN, LANE_TEST, "exited with status 127: not found"},
    {"exit 255, host", {EXIT(255), .blame = LANE_HOST, .blame_text = "gone"},
     OUTCOME_BROKEN, LANE_HOST, "exited with status 255: gone"},
    {"SIGSEGV", {.end = STEP_END_SIGNAL, .code = SIGSEGV},
     OUTCOME_BROKEN, LANE_TEST, "killed by SIGSEGV"},
    {"deadline", {.end = STEP_END_DEADLINE, .deadline_ms = 60000},
     OUTCOME_BROKEN, LANE_UNKNOWN, "did not end within 1 min 00 s"},
    {"deadline, host", {.end = STEP_END_DEADLINE, .deadline_ms = 60000,
      .blame = LANE_HOST, .blame_text = "slow"},
     OUTCOME_BROKEN, LANE_HOST, "did not end within 1 min 00 s: slow"},
    {"abort", {.end = STEP_END_ABORT, .end_text = "the job was aborted"},
     OUTCOME_ABORTED, LANE_UNKNOWN, "the job was aborted"},
    {"abort and garbage", {.end = STEP_END_ABORT, .record_text = "r"},
     OUTCOME_ABORTED, LANE_UNKNOWN, ""},
    {"unstarted", {.end = STEP_END_UNSTARTED, .end_text = "start x: no"},
     OUTCOME_BROKEN, LANE_TEST, "start x: no"},
    {"no end", {.end = STEP_END_NONE}, OUTCOME_BROKEN, LANE_HARNESS,
     "its end was not seen"},
    {"garbage, exit 0", {EXIT(0), .record_text = "record line 3: what"},
     OUTCOME_BROKEN, LANE_TEST, "record line 3: what"},
    {"garbage, exit 1", {EXIT(1), .record_text = "record line 3: what"},
     OUTCOME_BROKEN, LANE_TEST, "record line 3: what"},
    {"garbage, blame", {EXIT(1), .record_text = "r", .blame = LANE_PRODUCT,
      .blame_text = "p"}, OUTCOME_BROKEN, LANE_TEST, "r"},
    {"disk, exit 0", {EXIT(0), .disk_text = "disk full"},
     OUTCOME_BROKEN, LANE_HARNESS, "disk full"},
    {"disk, exit 1", {EXIT(1), .disk_text = "disk full"},
     OUTCOME_BROKEN, LANE_HARNESS, "disk full"},
    {"zeroed facts", {.code = 0}, OUTCOME_BROKEN, LANE_HARNESS,
     "its end was not seen"},
};

static void
test_steps(void)
{
    struct step_verdict verdict;
    size_t i;

    for (i = 0; i < ARRAY_LEN(STEPS); i++) {
        step_verdict_make(&STEPS[i].facts, &verdict);
        ok(verdict.status == STEPS[i].status &&
               verdict.lane == STEPS[i].lane,
           "%s is %s, lane %s", STEPS[i].what,
           outcome_name(STEPS[i].status), lane_name(STEPS[i].lane));
        is_str(verdict.reason, STEPS[i].reason, "%s: reason", STEPS[i].what);
    }
}

/* No fact whatever makes a pass of anything but a clean exit 0. */
static void
test_no_false_pass(void)
{
    static const int CODES[] = {0, 1, 2, 75, 77, 255};
    struct step_verdict verdict;
    unsigned bits, code, end;
    bool clean, right = true;

    for (end = STEP_END_NONE; end <= STEP_END_ABORT; end++)
        for (code = 0; code < ARRAY_LEN(CODES); code++)
            for (bits = 0; bits < 256; bits++) {
                struct step_facts facts = {
                    .end = (enum step_end)end,
                    .code = CODES[code],
                    .disk_text = bits & 1 ? "d" : NULL,
                    .record_text = bits & 2 ? "r" : NULL,
                    .open_text = bits & 4 ? "o" : NULL,
                    .attach_text = bits & 8 ? "a" : NULL,
                    .failed_count = bits & 16 ? 1 : 0,
                    .first_failed = bits & 16 ? "f" : NULL,
                    .missing_count = bits & 32 ? 1 : 0,
                    .first_missing = bits & 32 ? "m" : NULL,
                    .blame = bits & 64 ? LANE_HOST : LANE_NONE,
                    .blame_text = bits & 64 ? "b" : NULL,
                    .fail_is_broken = (bits & 128) != 0,
                };

                clean = end == STEP_END_EXIT && CODES[code] == 0 &&
                        (bits & 63) == 0;
                step_verdict_make(&facts, &verdict);
                right = right && (verdict.status == OUTCOME_PASS) == clean;
                right = right && outcome_is_final(verdict.status);
                right = right &&
                        ((verdict.lane == LANE_NONE) ==
                         (verdict.status == OUTCOME_PASS ||
                          verdict.status == OUTCOME_SKIP));
            }
    ok(right, "only a clean exit 0 is a pass; every other end has a lane");
}

static void
test_reason(void)
{
    struct step_verdict verdict;
    struct step_facts facts = {.end = STEP_END_EXIT, .code = 1};
    char text[2000];
    size_t i;

    facts.last_line = "bell \a and \x1b[31m red";
    step_verdict_make(&facts, &verdict);
    is_str(verdict.reason, "bell \\x07 and \\x1b[31m red",
           "control bytes are shown, not sent");
    for (i = 0; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    text[i] = '\0';
    facts.last_line = text;
    step_verdict_make(&facts, &verdict);
    ok(strlen(verdict.reason) < STEP_REASON_BYTES, "a long reason is cut");
    is_str(verdict.reason + strlen(verdict.reason) - 5, "\xc3\xa9...",
           "between two characters");
}

#define PART(t, f, s, l) \
    {.testid = (t), .finally = (f), .verdict = {.status = (s), .lane = (l)}}
#define P OUTCOME_PASS
#define S OUTCOME_SKIP

static const struct {
    const char *what;
    struct step_part parts[4];
    size_t count;
    enum outcome status;
    enum lane lane;
    const char *by;
} JOBS[] = {
    {"nothing", {PART(NULL, false, P, LANE_NONE)}, 0, OUTCOME_BROKEN,
     LANE_HARNESS, NULL},
    {"only final steps", {PART("f", true, P, LANE_NONE)}, 1, OUTCOME_BROKEN,
     LANE_HARNESS, NULL},
    {"all pass", {PART("a", false, P, LANE_NONE), PART("b", false, P, 0),
      PART("f", true, P, 0)}, 3, OUTCOME_PASS, LANE_NONE, NULL},
    {"pass and skip", {PART("a", false, S, 0), PART("b", false, P, 0)}, 2,
     OUTCOME_PASS, LANE_NONE, NULL},
    {"all skip", {PART("a", false, S, 0), PART("b", false, S, 0)}, 2,
     OUTCOME_SKIP, LANE_NONE, "a"},
    {"a fail", {PART("a", false, P, 0),
      PART("b", false, OUTCOME_FAIL, LANE_PRODUCT)}, 2, OUTCOME_FAIL,
     LANE_PRODUCT, "b"},
    {"broken before fail", {PART("a", false, OUTCOME_BROKEN, LANE_HOST),
      PART("b", false, OUTCOME_FAIL, LANE_PRODUCT)}, 2, OUTCOME_FAIL,
     LANE_PRODUCT, "b"},
    {"broken and blocked", {PART("a", false, OUTCOME_BROKEN, LANE_HOST),
      PART("b", false, OUTCOME_BLOCKED, LANE_HOST)}, 2, OUTCOME_BROKEN,
     LANE_HOST, "a"},
    {"aborted and broken", {PART("a", false, OUTCOME_BROKEN, LANE_HOST),
      PART("b", false, OUTCOME_ABORTED, LANE_UNKNOWN)}, 2, OUTCOME_ABORTED,
     LANE_UNKNOWN, "b"},
    {"fail and aborted", {PART("a", false, OUTCOME_FAIL, LANE_PRODUCT),
      PART("b", false, OUTCOME_ABORTED, LANE_UNKNOWN)}, 2, OUTCOME_FAIL,
     LANE_PRODUCT, "a"},
    {"two broken: the first", {PART("a", false, OUTCOME_BROKEN, LANE_TEST),
      PART("b", false, OUTCOME_BROKEN, LANE_HOST)}, 2, OUTCOME_BROKEN,
     LANE_TEST, "a"},
    {"a final step fails after a pass", {PART("a", false, P, 0),
      PART("f", true, OUTCOME_FAIL, LANE_PRODUCT)}, 2, OUTCOME_FAIL,
     LANE_PRODUCT, "f"},
    {"a final step breaks after skips", {PART("a", false, S, 0),
      PART("f", true, OUTCOME_BROKEN, LANE_HOST)}, 2, OUTCOME_BROKEN,
     LANE_HOST, "f"},
    {"a final step fails after broken",
     {PART("a", false, OUTCOME_BROKEN, LANE_HOST),
      PART("f", true, OUTCOME_FAIL, LANE_PRODUCT)}, 2, OUTCOME_BROKEN,
     LANE_HOST, "a"},
    {"a step without an end", {PART("a", false, P, 0),
      PART("b", false, OUTCOME_NONE, LANE_NONE)}, 2, OUTCOME_BROKEN,
     LANE_HARNESS, "b"},
    {"a step that runs", {PART("a", false, P, 0),
      PART("b", false, OUTCOME_RUNNING, LANE_NONE)}, 2, OUTCOME_BROKEN,
     LANE_HARNESS, "b"},
    {"blocked alone", {PART("a", false, OUTCOME_BLOCKED, LANE_NONE)}, 1,
     OUTCOME_BLOCKED, LANE_HARNESS, "a"},
};

static void
test_jobs(void)
{
    struct step_verdict verdict;
    const struct step_part *by;
    size_t i;

    for (i = 0; i < ARRAY_LEN(JOBS); i++) {
        by = step_verdict_job(JOBS[i].parts, JOBS[i].count, &verdict);
        ok(verdict.status == JOBS[i].status && verdict.lane == JOBS[i].lane,
           "%s: %s, lane %s", JOBS[i].what, outcome_name(JOBS[i].status),
           lane_name(JOBS[i].lane));
        is_str(by != NULL ? by->testid : NULL, JOBS[i].by, "%s: by whom",
               JOBS[i].what);
    }
}

int
main(void)
{
    test_steps();
    test_no_false_pass();
    test_reason();
    test_jobs();
    return tap_done();
}
