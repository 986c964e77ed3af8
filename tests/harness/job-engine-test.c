/* tests/harness/job-engine-test.c - the life of a job, cell by cell, and whole
 * lives with hands that only write down what they are asked for. */
#include <config.h>

#include "tests/tap.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "harness/buf.h"
#include "harness/job_engine.h"
#include "harness/job_plan.h"
#include "harness/mem.h"

static struct buf calls;        /* "book settle start:a ..." */
static struct job_plan plan;
static struct job_engine *engine;
/* A step that ends inside start(), as one that cannot be executed might. */
static const char *ends_at_once;

static void
op_book(void *owner UNUSED)
{
    buf_adds(&calls, " book");
}

static void
op_settle(void *owner UNUSED)
{
    buf_adds(&calls, " settle");
}

static void
end_step(const char *testid, enum outcome status)
{
    struct step_verdict verdict = {
        .status = status,
        .lane = status == OUTCOME_PASS ? LANE_NONE : LANE_PRODUCT,
    };
    size_t i = 0;

    while (strcmp(plan.steps[i].testid, testid) != 0)
        i++;
    job_engine_step_ended(engine, i, &verdict);
}

static void
op_start(void *owner UNUSED, size_t step, int64_t limit_ms)
{
    buf_addf(&calls, " start:%s", plan.steps[step].testid);
    if (limit_ms != plan.steps[step].deadline_ms)
        buf_addf(&calls, "(%" PRId64 ")", limit_ms);
    if (ends_at_once != NULL &&
        strcmp(ends_at_once, plan.steps[step].testid) == 0)
        end_step(ends_at_once, OUTCOME_BROKEN);
}

static void
op_stop(void *owner UNUSED, size_t step, bool aborted)
{
    buf_addf(&calls, " %s:%s", aborted ? "stop" : "kill",
             plan.steps[step].testid);
}

static void
op_unrun(void *owner UNUSED, size_t step, const struct step_verdict *verdict)
{
    buf_addf(&calls, " %s:%s", outcome_name(verdict->status),
             plan.steps[step].testid);
}

static bool leaves;             /* what op_leave() answers */

static bool
op_leave(void *owner UNUSED)
{
    if (leaves)
        buf_adds(&calls, " leave");
    return leaves;
}

static void
op_wake_in(void *owner UNUSED, int64_t ms)
{
    if (ms > 0)
        buf_addf(&calls, " wake:%" PRId64, ms);
}

static void
op_finish(void *owner UNUSED, const struct step_verdict *verdict,
          const char *testid)
{
    buf_addf(&calls, " finish:%s%s%s", outcome_name(verdict->status),
             testid != NULL ? "/" : "", testid != NULL ? testid : "");
}

static void
op_give_way(void *owner UNUSED)
{
    buf_adds(&calls, " give-way");
}

static void
op_ended(void *owner UNUSED, enum job_end end)
{
    static const char *const NAMES[JOB_END_COUNT] = {
        "none", "done", "no-hosts", "lost", "gave-way",
    };

    buf_addf(&calls, " ended:%s", NAMES[end]);
}

static const struct job_engine_ops OPS = {
    .book = op_book, .settle = op_settle, .start = op_start,
    .stop = op_stop, .unrun = op_unrun, .leave = op_leave,
    .wake_in = op_wake_in, .finish = op_finish, .give_way = op_give_way,
    .ended = op_ended,
};

/* "^h ~a b+c ?d !e | f _g": h looks whether what a prepares is there, b and c
 * are parallel, d is skipped, e goes on after a failure, f and g are final, g
 * switches the host off. */
static void
plan_make(const char *text)
{
    char *copy = xstrdup(text), *at = copy, *word;
    bool finally = false;
    int batch = 0;

    job_plan_fini(&plan);
    while ((word = strsep(&at, " ")) != NULL) {
        char *part;

        if (strcmp(word, "|") == 0) {
            finally = true;
            continue;
        }
        batch++;
        while ((part = strsep(&word, "+")) != NULL) {
            struct job_step *step = job_plan_add(&plan);

            step->batch = batch;
            step->finally = finally;
            step->deadline_ms = 100000;
            step->go_on = part[0] == '!';
            step->checks = part[0] == '^';
            step->prepares = part[0] == '~';
            step->powers_off = part[0] == '_';
            if (part[0] == '?')
                step->skip_reason = xstrdup("not here");
            step->testid = xstrdup(part + strspn(part, "?!^~_"));
        }
    }
    free(copy);
}

static void
engine_make(const char *text, bool no_wait)
{
    const struct job_engine_config config = {
        .no_wait = no_wait, .retry_ms = 5000, .abort_limit_ms = 60000,
    };

    job_engine_free(engine);
    plan_make(text);
    buf_reset(&calls);
    leaves = false;
    engine = job_engine_new(&plan, &config, &OPS, NULL);
}

static void
event(enum job_event what)
{
    job_engine_event(engine, what);
}

/* To a state, by the shortest way. */
static void
bring(enum job_state state)
{
    engine_make("a b | f", false);
    if (state == JOB_STATE_NEW)
        return;
    event(JOB_EVENT_START);
    if (state == JOB_STATE_BOOKING)
        return;
    if (state == JOB_STATE_WAITING) {
        event(JOB_EVENT_BUSY);
        return;
    }
    if (state == JOB_STATE_FINISHING || state == JOB_STATE_ENDED) {
        event(JOB_EVENT_NEVER);
        if (state == JOB_STATE_ENDED)
            event(JOB_EVENT_FINISHED);
        return;
    }
    event(JOB_EVENT_BOOKED);
    if (state == JOB_STATE_SETTLING)
        return;
    event(JOB_EVENT_SETTLED);
    if (state == JOB_STATE_STOPPING)
        job_engine_abort(engine, "enough");
    if (state == JOB_STATE_LOSING)
        event(JOB_EVENT_LOST);
}

static void
fire(enum job_event what)
{
    if (what == JOB_EVENT_ABORT)
        job_engine_abort(engine, "enough");
    else if (what == JOB_EVENT_GIVE_WAY)
        job_engine_give_way(engine, "gave way to flight 7 job x");
    else if (what == JOB_EVENT_BATCH_ENDED)
        end_step("a", OUTCOME_PASS);
    else
        event(what);
}

/* The whole table: state after the event, '-' for "cannot happen". Columns:
 * start booked busy never wake settled batch-ended abort give-way lost
 * finished. */
static const char *const WANT[JOB_STATE_COUNT] = {
    [JOB_STATE_NEW] = "B---N--NNE-",
    [JOB_STATE_BOOKING] = "-SWFB--BBE-",
    [JOB_STATE_WAITING] = "----B--FWE-",
    [JOB_STATE_SETTLING] = "----SR-SSE-",
    [JOB_STATE_RUNNING] = "----R-SPPL-",
    [JOB_STATE_STOPPING] = "----P-SPPL-",
    [JOB_STATE_FINISHING] = "----F--FFEE",
    [JOB_STATE_LOSING] = "----LLELLLL",
    [JOB_STATE_ENDED] = "----EE-EEEE",
};
static const char LETTERS[] = "NBWSRPFLE";

static bool
aborts(enum job_state state, enum job_event what)
{
    struct rlimit none = {0, 0};
    pid_t pid;
    int status = 0;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)!freopen("/dev/null", "w", stderr);
        bring(state);
        if (what == JOB_EVENT_BATCH_ENDED)
            job_engine_event(engine, JOB_EVENT_BATCH_ENDED);
        else
            fire(what);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void
test_cells(void)
{
    enum job_state state, next;
    enum job_event what;
    char want;
    int s, e;

    for (s = 0; s < JOB_STATE_COUNT; s++)
        for (e = 0; e < JOB_EVENT_COUNT; e++) {
            state = (enum job_state)s;
            what = (enum job_event)e;
            want = WANT[s][e];
            if (want == '-') {
                ok(job_engine_cell(state, what) == 'x' &&
                       aborts(state, what),
                   "%s: %s cannot happen", job_state_name(state),
                   job_event_name(what));
                continue;
            }
            bring(state);
            if (job_engine_state(engine) != state)
                tap_bail("cannot reach %s", job_state_name(state));
            fire(what);
            next = job_engine_state(engine);
            ok(LETTERS[next] == want, "%s: %s leads to %s",
               job_state_name(state), job_event_name(what),
               job_state_name(next));
        }
}

/* Whole lives. Words: s(tart) b(ooked) B(usy) N(ever) w(ake) t(settled)
 * a(bort) g(ive way) l(ost) f(inished), p(repared), L(eaves its host prepared),
 * and "x=pass" for the end of step x. */
static const struct {
    const char *what, *plan;
    bool no_wait;
    const char *events, *calls;
} LIVES[] = {
    {"all pass", "a b | f", false, "s b t a=pass t b=pass t f=pass t f",
     " book settle start:a settle start:b settle start:f settle finish:pass"
     " ended:done"},
    {"a failure ends the body", "a b c | f", false,
     "s b t a=fail t f=pass t f",
     " book settle start:a settle blocked:b blocked:c start:f settle"
     " finish:fail/a ended:done"},
    {"some go on after a failure", "!a b | f", false,
     "s b t a=fail t b=pass t f=pass t f",
     " book settle start:a settle start:b settle start:f settle"
     " finish:fail/a ended:done"},
    {"parallel steps, all end", "a+b c", false,
     "s b t b=fail a=pass t f",
     " book settle start:a start:b settle blocked:c finish:fail/b"
     " ended:done"},
    {"skips", "?a ?b c ?d | f", false, "s b t c=pass t f=pass t f",
     " book settle skip:a skip:b start:c settle skip:d start:f settle"
     " finish:pass ended:done"},
    {"everything skipped", "?a", false, "s b t f",
     " book settle skip:a finish:skip/a ended:done"},
    {"a final step fails", "a | f g", false,
     "s b t a=pass t f=broken t g=pass t f",
     " book settle start:a settle start:f settle start:g settle"
     " finish:broken/f ended:done"},
    {"busy, then free", "a", false, "s B w b t a=pass t f",
     " book wake:5000 book settle start:a settle finish:pass ended:done"},
    {"busy, nobody waits", "a", true, "s B",
     " book ended:no-hosts"},
    {"never any host", "a | f", false, "s N f",
     " book finish:starved ended:done"},
    {"abort while waiting", "a | f", false, "s B a f",
     " book wake:5000 finish:aborted ended:done"},
    {"abort while booking", "a | f", false, "s a b f",
     " book finish:aborted ended:done"},
    {"abort before the start", "a | f", false, "a s B f",
     " book finish:aborted ended:done"},
    {"abort of a step", "a b | f", false,
     "s b t a a=aborted t f=pass t f",
     " book settle start:a stop:a settle aborted:b start:f(60000) settle"
     " finish:aborted/a ended:done"},
    {"abort of parallel steps", "a+b | f", false,
     "s b t a=pass a b=aborted t f=pass t f",
     " book settle start:a start:b stop:b settle start:f(60000) settle"
     " finish:aborted/b ended:done"},
    {"abort between steps", "a b | f", false,
     "s b t a=pass a t f=pass t f",
     " book settle start:a settle aborted:b start:f(60000) settle"
     " finish:aborted/b ended:done"},
    {"abort in a final step: it gets the short limit", "a | f g", false,
     "s b t a=pass t a w f=aborted t g=pass t f",
     " book settle start:a settle start:f wake:60000 stop:f settle"
     " start:g(60000) settle finish:aborted/f ended:done"},
    {"the second abort stops final steps", "a | f g", false,
     "s b t a a=aborted t a f=aborted t f",
     " book settle start:a stop:a settle start:f(60000) stop:f settle"
     " aborted:g finish:aborted/a ended:done"},
    {"an abort after the last step comes too late", "a", false,
     "s b t a=pass a t f",
     " book settle start:a settle finish:pass ended:done"},
    {"lost while it runs", "a+b | f", false, "s b t l a=broken b=broken",
     " book settle start:a start:b kill:a kill:b ended:lost"},
    {"lost between steps", "a | f", false, "s b l",
     " book settle ended:lost"},
    {"lost at the very end", "a", false, "s b t a=pass t l",
     " book settle start:a settle finish:pass ended:lost"},
    {"lost while it is being stopped", "a | f", false, "s b t a l a=aborted",
     " book settle start:a stop:a kill:a ended:lost"},
    {"a fresh host is not checked", "^h ~a b | _g", false,
     "s b t a=pass t b=pass t g=pass t f",
     " book settle start:a settle start:b settle start:g settle finish:pass"
     " ended:done"},
    {"a prepared host", "^h ~a b | _g", false,
     "p s b t h=pass t b=pass t g=pass t f",
     " book settle start:h settle reused:a start:b settle start:g settle"
     " finish:pass ended:done"},
    {"one that is not as it was left", "^h ~a b | _g", false,
     "p s b t h=fail t a=pass t b=pass t g=pass t f",
     " book settle start:h settle start:a settle start:b settle start:g"
     " settle finish:pass ended:done"},
    {"its own preparation fails then", "^h ~a b", false,
     "p s b t h=broken t a=fail t f",
     " book settle start:h settle start:a settle blocked:b finish:fail/a"
     " ended:done"},
    {"a check is no test", "^h ~a ?b", false, "p s b t h=pass t f",
     " book settle start:h settle reused:a skip:b finish:skip/h ended:done"},
    {"abort of a check", "^h ~a b | f", false,
     "p s b t a h=aborted t f=pass t f",
     " book settle start:h stop:h settle aborted:a aborted:b start:f(60000)"
     " settle finish:aborted/h ended:done"},
    {"abort after a check", "^h ~a b", false, "p s b t h=pass a t f",
     " book settle start:h settle aborted:a aborted:b finish:aborted/a"
     " ended:done"},
    {"the host is left prepared", "^h ~a b | f _g", false,
     "L s b t a=pass t b=pass t f=pass t f",
     " book settle start:a settle start:b settle start:f settle leave skip:g"
     " finish:pass ended:done"},
    {"also without a power-off", "^h ~a b", false,
     "L s b t a=pass t b=pass t f",
     " book settle start:a settle start:b settle leave finish:pass"
     " ended:done"},
    {"not after a failure", "~a b | _g", false,
     "L s b t a=pass t b=fail t g=pass t f",
     " book settle start:a settle start:b settle start:g settle finish:fail/b"
     " ended:done"},
    {"not after one of a final step", "~a | f _g", false,
     "L s b t a=pass t f=broken t g=pass t f",
     " book settle start:a settle start:f settle start:g settle"
     " finish:broken/f ended:done"},
    {"not after an abort", "~a | f _g", false,
     "L s b t a=pass t a f=pass t g=pass t f",
     " book settle start:a settle start:f wake:60000 settle start:g(60000)"
     " settle finish:pass ended:done"},
    {"gives way: the step is stopped, final ones run, it is queued again",
     "a b | f", false, "s b t g a=aborted t f=pass t f",
     " book settle start:a stop:a settle aborted:b start:f(60000) settle"
     " give-way ended:gave-way"},
    {"gives way between steps", "a b | f", false, "s b t a=pass g t f=pass t f",
     " book settle start:a settle aborted:b start:f(60000) settle give-way"
     " ended:gave-way"},
    {"the last step ends before it gives way: that stands", "a b | f", false,
     "s b t a=pass t g b=pass t f=pass t f",
     " book settle start:a settle start:b stop:b settle start:f(60000) settle"
     " finish:pass ended:done"},
    {"what has failed by then stands", "a b | f", false,
     "s b t a=fail g t f=pass t f",
     " book settle start:a settle blocked:b start:f settle finish:fail/a"
     " ended:done"},
    {"a step that fails before it is stopped stands", "a b | f", false,
     "s b t g a=fail t f=pass t f",
     " book settle start:a stop:a settle aborted:b start:f(60000) settle"
     " finish:fail/a ended:done"},
    {"in a final step it is too late to give way", "a | f", false,
     "s b t a=pass t g f=pass t f",
     " book settle start:a settle start:f settle finish:pass ended:done"},
    {"an abort is more than giving way", "a b | f", false,
     "s b t g a a=aborted t f=pass t f",
     " book settle start:a stop:a settle aborted:b start:f(60000) settle"
     " finish:aborted/a ended:done"},
    {"and comes first", "a b | f", false, "s b t a g a=aborted t f=pass t f",
     " book settle start:a stop:a settle aborted:b start:f(60000) settle"
     " finish:aborted/a ended:done"},
    {"lost while it gives way", "a | f", false, "s b t g l a=aborted",
     " book settle start:a stop:a kill:a ended:lost"},
    {"lost when it has given way", "a | f", false,
     "s b t g a=aborted t f=pass t l",
     " book settle start:a stop:a settle start:f(60000) settle give-way"
     " ended:lost"},
    {"no hosts, no steps to run", "| f", false, "s b t f=pass t f",
     " book settle start:f settle finish:broken ended:done"},
};

static void
word(const char *text)
{
    static const struct {
        char letter;
        enum job_event what;
    } EVENTS[] = {
        {'s', JOB_EVENT_START}, {'b', JOB_EVENT_BOOKED},
        {'B', JOB_EVENT_BUSY}, {'N', JOB_EVENT_NEVER},
        {'w', JOB_EVENT_WAKE}, {'t', JOB_EVENT_SETTLED},
        {'a', JOB_EVENT_ABORT}, {'l', JOB_EVENT_LOST},
        {'f', JOB_EVENT_FINISHED}, {'g', JOB_EVENT_GIVE_WAY},
    };
    const char *equals = strchr(text, '=');
    char testid[8];
    size_t i;

    if (text[0] == 'p')
        job_engine_set_prepared(engine, "by another");
    leaves = leaves || text[0] == 'L';
    if (equals != NULL) {
        snprintf(testid, sizeof(testid), "%.*s", (int)(equals - text), text);
        end_step(testid, outcome_parse(equals + 1));
        return;
    }
    for (i = 0; i < ARRAY_LEN(EVENTS); i++)
        if (EVENTS[i].letter == text[0])
            fire(EVENTS[i].what);
}

static void
test_lives(void)
{
    char *copy, *at, *one;
    size_t i;

    for (i = 0; i < ARRAY_LEN(LIVES); i++) {
        engine_make(LIVES[i].plan, LIVES[i].no_wait);
        copy = at = xstrdup(LIVES[i].events);
        while ((one = strsep(&at, " ")) != NULL)
            word(one);
        is_str(buf_text(&calls), LIVES[i].calls, "%s", LIVES[i].what);
        is_int(job_engine_state(engine), JOB_STATE_ENDED, "%s: ended",
               LIVES[i].what);
        free(copy);
    }
}

static void
test_at_once(void)
{
    engine_make("a b+c | f", false);
    ends_at_once = "a";
    event(JOB_EVENT_START);
    event(JOB_EVENT_BOOKED);
    event(JOB_EVENT_SETTLED);
    is_int(job_engine_state(engine), JOB_STATE_SETTLING,
           "a step that ends inside its start is settled like any other");
    is_str(buf_text(&calls), " book settle start:a settle", "once");
    engine_make("b+a c", false);
    event(JOB_EVENT_START);
    event(JOB_EVENT_BOOKED);
    event(JOB_EVENT_SETTLED);
    is_int(job_engine_state(engine), JOB_STATE_RUNNING,
           "its neighbour is waited for");
    ends_at_once = NULL;
}

int
main(void)
{
    test_cells();
    test_lives();
    test_at_once();
    job_engine_free(engine);
    job_plan_fini(&plan);
    buf_free(&calls);
    return tap_done();
}
