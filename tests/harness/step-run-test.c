/* tests/harness/step-run-test.c - steps that behave, and steps that do not:
 * hang, flood, die, leave children, write nonsense, fill the disk. */
#include <config.h>

#include "tests/tap.h"

#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/orphan.h"
#include "harness/proc.h"
#include "harness/step_result.h"
#include "harness/step_run.h"

static char top[] = "/tmp/assay-step-XXXXXX";
static uv_loop_t *loop;
static int number;

/* What a run is to be like; zero is the default. */
struct want {
    const char *dir;            /* below 'top' */
    int64_t deadline_ms, grace_ms, log_max_bytes;
    const char *const *cases;
    const char *program;        /* in place of the shell */
    int64_t stop_after_ms;      /* step_run_stop() then */
    bool fail_is_broken;
    int64_t condemn_after_ms;   /* step_run_condemn() then, and end it */
};

struct got {
    struct step_result result;
    bool done;
    int64_t wall_ms;
    struct buf log, progress;
    char *dir;
};

static void
on_done(void *owner, struct step_result *result)
{
    struct got *got = owner;

    must(!got->done);
    got->done = true;
    step_result_move(&got->result, result);
}

static void
on_progress(void *owner, const char *text)
{
    struct got *got = owner;

    buf_addf(&got->progress, "%s;", text);
}

static struct step_run *stop_run;

static void
on_stop(uv_timer_t *timer UNUSED)
{
    step_run_stop(stop_run, "the test says so");
}

static void
on_condemn(uv_timer_t *timer UNUSED)
{
    step_run_condemn(stop_run, &(struct step_sign){
        .text = "h1: Panic on CPU 0: x", .line = "(XEN) Panic on CPU 0: x",
        .file = "consoles/h1/000001.log", .number = 812, .byte = 40960,
        .pattern = "xen-panic",
        .lane = LANE_PRODUCT,
    });
    step_run_end(stop_run);
}

/* Runs 'script' by sh, to its end. */
static void
run(struct got *got, const char *script, const struct want *want)
{
    static const struct want NORMAL = {.deadline_ms = 0};
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    struct fault why = FAULT_INIT;
    char log[400], mark[64];
    const char *env[] = {mark, "COLOUR=blue", NULL};
    json_t *runvars = json_object();
    uv_timer_t timer;

    if (want == NULL)
        want = &NORMAL;
    if (want->program != NULL)
        argv[0] = want->program;
    *got = (struct got){.log = BUF_INIT, .progress = BUF_INIT};
    number++;
    snprintf(mark, sizeof(mark), "ASSAY_STEP_MARK=%d.%d", getpid(), number);
    got->dir = xasprintf("%s/%s/%d", top,
                         want->dir != NULL ? want->dir : "work", number);
    snprintf(log, sizeof(log), "%s/%s/%d.log", top,
             want->dir != NULL ? want->dir : ".", number);
    json_put_text(runvars, "guest", "pv");
    got->wall_ms = clock_mono_ms(clock_system());
    stop_run = step_run_start(
        loop, clock_system(),
        &(struct step_spec){
            .argv = argv, .env_add = env, .mark = mark, .dir = got->dir,
            .log_path = log, .log_name = "the.log", .cases = want->cases,
            .runvars = runvars, .fixed = runvars,
            .deadline_ms = want->deadline_ms > 0 ? want->deadline_ms : 30000,
            .grace_ms = want->grace_ms > 0 ? want->grace_ms : 300,
            .log_max_bytes = want->log_max_bytes, .alone = true,
            .fail_is_broken = want->fail_is_broken, .progress = on_progress,
        },
        on_done, got);
    json_decref(runvars);
    must(!got->done);
    uv_timer_init(loop, &timer);
    if (want->stop_after_ms > 0)
        uv_timer_start(&timer, on_stop, (uint64_t)want->stop_after_ms, 0);
    if (want->condemn_after_ms > 0)
        uv_timer_start(&timer, on_condemn, (uint64_t)want->condemn_after_ms,
                       0);
    while (!got->done)
        uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
    got->wall_ms = clock_mono_ms(clock_system()) - got->wall_ms;
    if (got->result.log_bytes < 1 << 20 &&
        !fs_read_file(log, 1 << 20, &got->log, &why))
        buf_adds(&got->log, "(no log)");
    (void)unlink(log);
}

static void
got_free(struct got *got)
{
    struct fault why = FAULT_INIT;

    (void)!fs_remove_tree(got->dir, &why);
    step_result_fini(&got->result);
    buf_free(&got->log);
    buf_free(&got->progress);
    free(got->dir);
}

static void
verdict_is(const struct got *got, enum outcome status, enum lane lane,
           const char *reason, const char *what)
{
    ok(got->result.verdict.status == status &&
           got->result.verdict.lane == lane,
       "%s: %s, lane %s", what, outcome_name(status), lane_name(lane));
    if (got->result.verdict.status != status)
        diag("it is %s, lane %s: %s",
             outcome_name(got->result.verdict.status),
             lane_name(got->result.verdict.lane),
             got->result.verdict.reason);
    has_str(got->result.verdict.reason, reason, "%s: says why", what);
}

/* Script and verdict, one a row. */
static const struct {
    const char *what, *script;
    struct want want;
    enum outcome status;
    enum lane lane;
    const char *reason;
} ROWS[] = {
    {"exit 0", "exit 0", {0}, OUTCOME_PASS, LANE_NONE, ""},
    {"exit 1", "echo FAIL: it broke; exit 1", {0}, OUTCOME_FAIL,
     LANE_PRODUCT, "FAIL: it broke"},
    {"exit 1 that is no word of the product", "exit 1",
     {.fail_is_broken = true}, OUTCOME_BROKEN, LANE_UNKNOWN, ""},
    {"exit 77", "echo SKIP: no hap; exit 77", {0}, OUTCOME_SKIP, LANE_NONE,
     "SKIP: no hap"},
    {"exit 75", "echo blame host no power >&3; exit 75", {0}, OUTCOME_BROKEN,
     LANE_HOST, "no power"},
    {"exit 3", "exit 3", {0}, OUTCOME_BROKEN, LANE_TEST,
     "exited with status 3"},
    {"SIGSEGV", "kill -SEGV $$", {0}, OUTCOME_BROKEN, LANE_TEST, "SIGSEGV"},
    {"SIGKILL", "kill -KILL $$", {0}, OUTCOME_BROKEN, LANE_TEST, "SIGKILL"},
    {"SIGTERM of its own", "kill -TERM $$", {0}, OUTCOME_BROKEN, LANE_TEST,
     "SIGTERM"},
    {"no such program", "", {.program = "/no/such/program"}, OUTCOME_BROKEN,
     LANE_TEST, "/no/such/program"},
    {"a program that is none", "", {.program = "/etc/hostname"},
     OUTCOME_BROKEN, LANE_TEST, "/etc/hostname"},
    {"a failed case, exit 0", "echo case x fail no >&3", {0}, OUTCOME_FAIL,
     LANE_PRODUCT, "x: no"},
    {"garbage on descriptor 3", "echo PASS >&3", {0}, OUTCOME_BROKEN,
     LANE_TEST, "record line 1"},
    {"binary on descriptor 3", "head -c 100000 /dev/urandom >&3", {0},
     OUTCOME_BROKEN, LANE_TEST, "record line"},
    {"zeros on descriptor 3", "head -c 1000000 /dev/zero >&3; exit 0", {0},
     OUTCOME_BROKEN, LANE_TEST, "record line 1"},
    {"garbage after good records, exit 1",
     "echo case a pass >&3; echo oops >&3; exit 1", {0}, OUTCOME_BROKEN,
     LANE_TEST, "record line 2"},
    {"a record cut short", "printf 'case a pass' >&3", {0}, OUTCOME_BROKEN,
     LANE_TEST, "cut short"},
    {"descriptor 3 closed early", "exec 3>&-; exit 0", {0}, OUTCOME_PASS,
     LANE_NONE, ""},
    {"both outputs closed", "exec >&- 2>&- 3>&-; exit 0", {0}, OUTCOME_PASS,
     LANE_NONE, ""},
    {"set of a definition", "echo set guest pvh >&3", {0}, OUTCOME_BROKEN,
     LANE_TEST, "set guest: the flight has defined it"},
    {"an attachment that is not there", "echo attach nothing >&3", {0},
     OUTCOME_BROKEN, LANE_TEST, "cannot keep nothing"},
    {"a fifo as attachment", "mkfifo f; echo attach f >&3", {0},
     OUTCOME_BROKEN, LANE_TEST, "not a regular file"},
    {"a directory as attachment", "echo attach / >&3", {0}, OUTCOME_BROKEN,
     LANE_TEST, "not a regular file"},
    {"a device as attachment", "echo attach /dev/zero >&3", {0},
     OUTCOME_BROKEN, LANE_TEST, "not a regular file"},
    {"a failure with a lost attachment",
     "echo attach nothing >&3; echo bad; exit 1", {0}, OUTCOME_FAIL,
     LANE_PRODUCT, "bad; cannot keep nothing"},
    {"a hang", "sleep 3000", {.deadline_ms = 200}, OUTCOME_BROKEN,
     LANE_UNKNOWN, "did not end within 0.2 s"},
    {"a hang that ignores TERM",
     "trap '' TERM; while :; do sleep 3000; done", {.deadline_ms = 200},
     OUTCOME_BROKEN, LANE_UNKNOWN, "did not end"},
    {"a hang that exits 0 on TERM", "trap 'exit 0' TERM; sleep 3000 & wait",
     {.deadline_ms = 200}, OUTCOME_BROKEN, LANE_UNKNOWN, "did not end"},
    {"a stopped process", "kill -STOP $$; exit 0", {.deadline_ms = 200},
     OUTCOME_BROKEN, LANE_UNKNOWN, "did not end"},
    {"an abort", "sleep 3000", {.stop_after_ms = 100}, OUTCOME_ABORTED,
     LANE_UNKNOWN, "the test says so"},
    {"an abort that is ignored for a while", "trap '' TERM; sleep 3000",
     {.stop_after_ms = 100}, OUTCOME_ABORTED, LANE_UNKNOWN,
     "the test says so"},
    {"a host that died", "sleep 3000", {.condemn_after_ms = 100},
     OUTCOME_FAIL, LANE_PRODUCT, "h1: Panic on CPU 0: x"},
    {"a host that died, and a step that says pass on TERM",
     "trap 'exit 0' TERM; sleep 3000 & wait", {.condemn_after_ms = 100},
     OUTCOME_FAIL, LANE_PRODUCT, "h1: Panic on CPU 0: x"},
    {"a child that keeps descriptor 3", "sleep 3001 & exit 0", {0},
     OUTCOME_BROKEN, LANE_TEST, "descriptor 3 was still open: sleep"},
    {"a daemon that keeps descriptor 3",
     "setsid sleep 3001 </dev/null >/dev/null 2>&1 & sleep 0.1; exit 0", {0},
     OUTCOME_BROKEN, LANE_TEST, "descriptor 3 was still open: sleep"},
    {"a child that ends by itself soon", "(sleep 0.2; echo late) & exit 0",
     {0}, OUTCOME_PASS, LANE_NONE, ""},
};

static bool
has_process(const char *pattern)
{
    struct buf out = BUF_INIT;
    struct fault why = FAULT_INIT;
    bool found = proc_run((const char *const[]){"pgrep", "-f", pattern, NULL},
                          NULL, 0, 5000, &out, &why);

    buf_free(&out);
    return found;
}

static void
test_rows(void)
{
    struct got got;
    size_t i;

    for (i = 0; i < ARRAY_LEN(ROWS); i++) {
        run(&got, ROWS[i].script, &ROWS[i].want);
        verdict_is(&got, ROWS[i].status, ROWS[i].lane, ROWS[i].reason,
                   ROWS[i].what);
        if (got.wall_ms > 5000)
            diag("it took %" PRId64 " ms", got.wall_ms);
        got_free(&got);
    }
    ok(!has_process("^sleep 300[01]"), "none of their processes is left");
}

static void
test_condemned(void)
{
    static const struct want DIES = {.condemn_after_ms = 100};
    struct got got;

    run(&got, "echo a last line; sleep 3000", &DIES);
    is_str(json_text(got.result.evidence, "file"), "consoles/h1/000001.log",
           "the evidence of a dead host is its console");
    is_str(json_text(got.result.evidence, "text"), "(XEN) Panic on CPU 0: x",
           "with the line");
    is_int(json_int(got.result.evidence, "line", 0), 812,
           "its number there, not in the log");
    is_int(json_int(got.result.evidence, "byte", 0), 40960,
           "and where it begins");
    is_str(json_text(got.result.evidence, "pattern"), "xen-panic",
           "and the pattern");
    got_free(&got);
}

static void
test_contract(void)
{
    struct got got;

    run(&got,
        "pwd; cat <&4; echo $COLOUR; cat /dev/fd/4; read x && echo input;"
        " echo err >&2; echo metric a 1.5 ms lower >&3;"
        " echo metric a 2.5 ms lower >&3; echo set b c d >&3;"
        " echo progress 1/2 half >&3; echo progress 2/2 >&3;"
        " echo data >file; echo attach ./file log >&3;"
        " echo attach \"$PWD/file\" log2 >&3; echo case x skip why >&3; exit 0",
        NULL);
    verdict_is(&got, OUTCOME_PASS, LANE_NONE, "", "a full step");
    has_str(buf_text(&got.log), got.dir, "it runs in its directory");
    has_str(buf_text(&got.log),
            "{\"guest\":\"pv\"}\nblue\n{\"guest\":\"pv\"}\nerr\n",
            "runvars on 4, twice; environment; no input; errors in the log");
    is_int((int64_t)json_array_size(got.result.metrics), 2, "two metrics");
    is_str(json_text(got.result.sets, "b"), "c d", "a runvar");
    is_str(buf_text(&got.progress), "1/2 half;2/2;", "progress");
    is_str(got.result.progress, "2/2", "the last progress");
    is_int((int64_t)json_array_size(got.result.attached), 2,
           "attachments by path");
    is_str(json_text(json_array_get(got.result.attached, 0), "name"), "file",
           "named from the step's directory");
    is_str(json_text(json_array_get(got.result.attached, 0), "sha256"),
           "6667b2d1aab6a00caa5aee5af8ad9f1465e567abf1c209d15727d57b3e8f6e5f",
           "by hash");
    is_int((int64_t)json_object_size(got.result.evidence), 0,
           "a pass needs no evidence");
    is_int(got.result.exit_code, 0, "exit code");
    is_int((int64_t)strlen(got.result.log_sha256), 64, "the log has a hash");
    got_free(&got);

    run(&got, "echo one; echo two; printf '\\n\\n'; exit 1", NULL);
    is_str(json_text(got.result.evidence, "text"), "two",
           "the last line is evidence");
    is_int(json_int(got.result.evidence, "line", 0), 2, "with its number");
    is_str(json_text(got.result.evidence, "file"), "the.log", "and its file");
    got_free(&got);
}

static void
test_cases(void)
{
    static const char *const CASES[] = {"a", "b", "c", NULL};
    const struct want want = {.cases = CASES};
    struct got got;

    run(&got, "for i in a b c d; do echo case $i pass >&3; done", &want);
    verdict_is(&got, OUTCOME_PASS, LANE_NONE, "", "all expected cases");
    got_free(&got);
    run(&got, "echo case b pass >&3", &want);
    verdict_is(&got, OUTCOME_BROKEN, LANE_TEST,
               "2 expected cases did not report: a, ...", "missing cases");
    is_int((int64_t)json_array_size(got.result.cases), 3,
           "the missing ones have rows");
    is_str(json_text(json_array_get(got.result.cases, 2), "status"),
           "missing", "that say so");
    got_free(&got);
    run(&got, "echo case b fail >&3; exit 1", &want);
    verdict_is(&got, OUTCOME_FAIL, LANE_PRODUCT, "b",
               "missing cases hide no failure");
    got_free(&got);
    run(&got, "exit 77", &want);
    verdict_is(&got, OUTCOME_SKIP, LANE_NONE, "", "a skip needs no cases");
    is_int((int64_t)json_array_size(got.result.cases), 0,
           "and misses none");
    got_free(&got);
}

static void
test_leftovers(void)
{
    struct got got;

    run(&got,
        "setsid sh -c 'exec 3>&- >/dev/null 2>&1; sleep 3002' & sleep 0.1;"
        " exit 0", NULL);
    verdict_is(&got, OUTCOME_PASS, LANE_NONE, "",
               "a daemon that closed descriptor 3");
    has_str(json_text(got.result.evidence, "leftover"), "(pid ",
            "is recorded");
    got_free(&got);
    run(&got,
        "env -i setsid setsid sh -c 'exec 3>&-; (sleep 3002 &) ; sleep 3002'"
        " >/dev/null 2>&1 & sleep 0.1; exit 1", NULL);
    verdict_is(&got, OUTCOME_FAIL, LANE_PRODUCT, "",
               "one that hides and has children");
    got_free(&got);
    run(&got,
        "i=0; while [ $i -lt 50 ]; do setsid sleep 3002 3>&- & i=$((i+1));"
        " done; sleep 0.2; exit 0", NULL);
    verdict_is(&got, OUTCOME_PASS, LANE_NONE, "", "fifty of them");
    has_str(json_text(got.result.evidence, "leftover"), ", ...",
            "the first few are named");
    got_free(&got);
    ok(!has_process("^sleep 3002"), "all are gone");
    run(&got, "(sleep 0.1; echo case late pass >&3) & exit 0", NULL);
    verdict_is(&got, OUTCOME_PASS, LANE_NONE, "",
               "what a child says while it may linger");
    is_int((int64_t)json_array_size(got.result.cases), 1, "counts");
    got_free(&got);
}

static void
test_flood(void)
{
    const struct want capped = {.log_max_bytes = 100000};
    const struct want large = {.deadline_ms = 120000};
    struct got got;

    run(&got, "yes flood | head -c 5000000; echo end", &capped);
    verdict_is(&got, OUTCOME_PASS, LANE_NONE, "", "over the limit of a log");
    is_int(got.result.log_dropped_bytes, 5000004 - 100000,
           "each dropped byte is counted");
    is_int(json_int(got.result.evidence, "log_dropped_bytes", 0),
           5000004 - 100000, "and recorded");
    has_str(buf_text(&got.log), "4900004 more bytes were dropped",
            "and said in the log");
    got_free(&got);
    if (fs_free_bytes(top) < 3ll << 30) {
        skip("1 GiB of log", "the disk is small");
        return;
    }
    run(&got, "head -c 1073741824 /dev/zero; echo case a pass >&3", &large);
    verdict_is(&got, OUTCOME_PASS, LANE_NONE, "", "1 GiB of log");
    is_int(got.result.log_bytes, 1073741824, "is kept whole");
    diag("1 GiB of log: %" PRId64 " ms", got.result.elapsed_ms);
    got_free(&got);
}

static void
test_full_disk(void)
{
    const struct want want = {.dir = "small"};
    struct rlimit old, small;
    struct got got;
    char path[300];

    /* A limit on files in place of a full disk: the log fails, the step does
     * not notice. */
    must(getrlimit(RLIMIT_FSIZE, &old) == 0);
    small = old;
    small.rlim_cur = 1 << 20;
    must(setrlimit(RLIMIT_FSIZE, &small) == 0);
    run(&got, "head -c 3000000 /dev/zero; exit 0", NULL);
    must(setrlimit(RLIMIT_FSIZE, &old) == 0);
    verdict_is(&got, OUTCOME_BROKEN, LANE_HARNESS,
               "bytes of the log were lost: File too large",
               "a log that cannot be written");
    got_free(&got);

    snprintf(path, sizeof(path), "%s/small", top);
    must(mkdir(path, 0755) == 0);
    if (unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", path, "tmpfs", 0, "size=1m") != 0) {
        skip("a full disk", "no private mounts here");
        return;
    }
    run(&got, "head -c 3000000 /dev/zero; exit 0", &want);
    verdict_is(&got, OUTCOME_BROKEN, LANE_HARNESS, "No space left on device",
               "a disk that its log fills");
    got_free(&got);
    run(&got, "head -c 3000000 /dev/zero >file 2>/dev/null || exit 1", &want);
    verdict_is(&got, OUTCOME_BROKEN, LANE_HARNESS, "is full",
               "a disk that its files fill is no failure of the product");
    got_free(&got);
    run(&got, "exit 0", &want);
    verdict_is(&got, OUTCOME_PASS, LANE_NONE, "", "a disk with room again");
    got_free(&got);
    (void)umount(path);
}

static void
test_cost(void)
{
    enum { COUNT = 50 };
    int64_t begin = clock_mono_ms(clock_system());
    struct got got;
    int i;

    for (i = 0; i < COUNT; i++) {
        run(&got, "exit 0", NULL);
        got_free(&got);
    }
    diag("an empty step: %.1f ms",
         (double)(clock_mono_ms(clock_system()) - begin) / COUNT);
}

int
main(void)
{
    struct fault why = FAULT_INIT;

    (void)signal(SIGXFSZ, SIG_IGN);
    if (mkdtemp(top) == NULL)
        tap_bail("mkdtemp");
    loop = uv_default_loop();
    if (!proc_watch_init(loop, &why) || !orphan_watch_init(loop, &why))
        tap_bail("%s", why.text);
    test_rows();
    test_condemned();
    test_contract();
    test_cases();
    test_leftovers();
    test_flood();
    test_cost();
    test_full_disk();
    orphan_watch_fini();
    proc_watch_fini(loop);
    uv_run(loop, UV_RUN_DEFAULT);
    ok(uv_loop_alive(loop) == 0, "nothing is left in the loop");
    ok_fault(fs_remove_tree(top, &why), &why, "clean");
    return tap_done();
}
