/* bisector/lab_cmds.c - assay bisect start, list, stop, resume and due:
 * bisections whose tests are flights. */
#include <config.h>

#include "bisector/lab_cmds.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "bisector/culprit.h"
#include "bisector/lab.h"
#include "bisector/lab_text.h"
#include "flights/operator.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "harness/service.h"
#include "harness/signals.h"
#include "harness/strv.h"
#include "harness/table.h"

#define WAIT_MS 2000
#define LIST_MOST 50
#define OPEN_MOST 1000
/* One that could not go on is tried again after so long. */
#define AGAIN_MS 60000
#define GRACE_MS 3000
#define POLL_MS 20

static void
print_line(void *owner UNUSED, const char *text)
{
    fprintf(stderr, "%s\n", text);
}

static const struct lab_opts plain = { .say = print_line };

static void
wait_for_news(struct db *db)
{
    char channel[64], payload[256];

    (void)db_wait(db, WAIT_MS);
    while (db_notified(db, channel, payload))
        continue;
}

/* Following one ------------------------------------------------------------ */

static int
exit_of(const struct bisection *it)
{
    static const struct {
        const char *verdict;
        int status;
    } ends[] = {
        { "culprit", CULPRIT_EXIT_CULPRIT },
        { "component", CULPRIT_EXIT_CULPRIT },
        { "not-reproducible", CULPRIT_EXIT_FLAKE },
        { "fixed", CULPRIT_EXIT_FLAKE },
        { "good-fails", CULPRIT_EXIT_GOOD_FAILS },
        { "suspects", CULPRIT_EXIT_SUSPECTS },
        { "gave-up", CULPRIT_EXIT_GAVE_UP },
        { "bad-cannot-be-tested", CULPRIT_EXIT_BLOCKED },
    };
    size_t i;

    for (i = 0; i < ARRAY_LEN(ends); i++)
        if (strcmp(it->verdict, ends[i].verdict) == 0)
            return ends[i].status;
    return CULPRIT_EXIT_MORE;
}

static bool
show(struct cmd_call *call, struct db *db, int64_t number, struct fault *why)
{
    struct lab lab = LAB_INIT;
    struct buf text = BUF_INIT;
    json_t *json = NULL;
    bool ok;

    ok = lab_load(&lab, db, number, why);
    if (ok && cmd_json(call))
        ok = lab_json(&lab, &json, why) && json_print(json, stdout, why);
    else if (ok && (ok = lab_text(&lab, &text, why)))
        fputs(buf_text(&text), stdout);
    if (ok)
        cmd_exit_status(call, exit_of(&lab.it));
    json_decref(json);
    buf_free(&text);
    lab_fini(&lab);
    return ok;
}

static void
tell_progress(struct db *db, int64_t number, struct buf *last)
{
    struct fault ignored = FAULT_INIT;
    struct lab lab = LAB_INIT;
    struct buf text = BUF_INIT;

    if (lab_load(&lab, db, number, &ignored)) {
        lab_progress(&lab, &text);
        if (strcmp(buf_text(&text), buf_text(last)) != 0) {
            fprintf(stderr, "bisection %" PRId64 ": %s\n", number,
                    buf_text(&text));
            buf_reset(last);
            buf_adds(last, buf_text(&text));
        }
    }
    buf_free(&text);
    lab_fini(&lab);
}

static bool
is_running(struct db *db, int64_t number, bool *is_out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct bisection it;
    bool ok;

    ok = bisection_db_read(db, number, &arena, &it, why);
    *is_out = ok && strcmp(it.state, "running") == 0;
    arena_free(&arena);
    return ok;
}

/* To the end: by ourselves, unless another process has it; then we look on, and
 * step in when it goes. */
static bool
follow(struct db *db, int64_t number, struct fault *why)
{
    enum lab_next next = LAB_WAIT;
    struct buf last = BUF_INIT;
    bool ours = false, ok = true, runs = true;

    while (ok && runs && next != LAB_OVER) {
        ok = (ours || bisection_db_lock(db, number, &ours, why))
            && (!ours || lab_advance(db, number, &plain, &next, why))
            && is_running(db, number, &runs, why);
        if (!ok || !runs)
            break;
        tell_progress(db, number, &last);
        wait_for_news(db);
        if (signals_stop_asked() != 0)
            ok = fault_set(why, FAULT_CANCELLED, "stopped looking; the "
                           "flights go on, and \"assay bisect resume %" PRId64
                           "\" does", number);
    }
    buf_free(&last);
    return ok;
}

static bool
follow_and_show(struct cmd_call *call, struct db *db, int64_t number,
                struct fault *why)
{
    return db_listen(db, "assay", why) && service_ensure_assayd(NULL, why)
        && follow(db, number, why) && show(call, db, number, why);
}

/* Commands ----------------------------------------------------------------- */

static bool
take_start(struct cmd_call *call, struct lab_start *start, char ***people,
           struct fault *why)
{
    const char *confidence = cmd_text(call, "confidence"), *address;
    int i;

    start->job = cmd_arg(call, 1);
    start->testid = cmd_arg(call, 2);
    start->basis = cmd_int(call, "basis");
    start->recipe = cmd_text(call, "recipe");
    start->parallel = (int)cmd_int(call, "parallel");
    start->max_runs = cmd_int(call, "max-tests");
    for (i = 0; (address = cmd_list(call, "mail", i)) != NULL; i++)
        strv_add(people, address);
    start->people = strv_const(*people);
    if (!parse_double(confidence, &start->confidence)
        || start->confidence < .51 || start->confidence > .999999)
        return fault_set(why, FAULT_USAGE, "--confidence '%s' is not a number "
                         "from 0.51 to 0.999999", confidence);
    return cmd_number(call, 0, "a flight", &start->flight, why);
}

static bool
print_begun(struct cmd_call *call, int64_t number, struct fault *why)
{
    json_t *json;
    bool ok = true;

    if (cmd_json(call)) {
        json = json_object();
        json_put_int(json, "bisection", number);
        ok = json_print(json, stdout, why);
        json_decref(json);
    } else {
        printf("bisection %" PRId64 "\n", number);
    }
    return ok;
}

/* assayd may have begun it by itself. */
static bool
join(struct db *db, const struct lab_start *start, int64_t *number_out,
     struct fault *why)
{
    struct fault ignored = FAULT_INIT;

    if (why->kind != FAULT_CONFLICT
        || !bisection_db_open_of(db, start->flight, start->job,
                                 start->testid, number_out, &ignored)
        || *number_out == 0)
        return false;
    fprintf(stderr, "this failure is looked into already, as was asked for "
            "then\n");
    return true;
}

static bool
bisect_start(struct cmd_call *call, struct fault *why)
{
    struct lab_start start = { .author = "" };
    struct arena arena = ARENA_INIT;
    char **people = NULL;
    struct db *db = NULL;
    int64_t number = 0;
    bool ok;

    signals_catch();
    ok = take_start(call, &start, &people, why)
        && operator_name(&arena, &start.author, why)
        && db_open("assay", &db, why)
        && (lab_start(db, &start, &number, why)
            || join(db, &start, &number, why));
    if (ok && cmd_flag(call, "no-wait")) {
        ok = print_begun(call, number, why);
    } else if (ok) {
        fprintf(stderr, "bisection %" PRId64 "\n", number);
        ok = follow_and_show(call, db, number, why);
    }
    strv_free(people);
    db_close(db);
    arena_free(&arena);
    return ok;
}

static bool
bisect_resume(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct db *db = NULL;
    struct bisection it;
    int64_t number;
    bool ok;

    signals_catch();
    ok = cmd_number(call, 0, "a bisection", &number, why)
        && db_open("assay", &db, why)
        && bisection_db_read(db, number, &arena, &it, why);
    if (ok && strcmp(it.state, "stopped") == 0)
        ok = bisection_db_set_state(db, number, "running", "", why);
    if (ok && cmd_flag(call, "no-wait"))
        ok = print_begun(call, number, why);
    else
        ok = ok && follow_and_show(call, db, number, why);
    arena_free(&arena);
    db_close(db);
    return ok;
}

/* Its flights that nobody else waits for are ended. */
static bool
bisect_stop(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct db *db = NULL;
    const char *name;
    int64_t number;
    bool ok;

    ok = cmd_number(call, 0, "a bisection", &number, why)
        && operator_name(&arena, &name, why) && db_open("assay", &db, why)
        && bisection_db_set_state(db, number, "stopped",
                                  arena_printf(&arena, "by %s", name), why)
        && lab_abandon(db, number, why);
    db_close(db);
    arena_free(&arena);
    return ok;
}

/* How far those are that are not at their end. */
static void
add_progress(struct db *db, struct bisection *list, size_t count,
             struct arena *arena)
{
    size_t i;

    for (i = 0; i < count; i++) {
        struct fault ignored = FAULT_INIT;
        struct lab lab = LAB_INIT;
        struct buf text = BUF_INIT;

        if (strcmp(list[i].state, "running") == 0
            && lab_load(&lab, db, list[i].bisection, &ignored)) {
            lab_progress(&lab, &text);
            list[i].reason = arena_strdup(arena, buf_text(&text));
        }
        buf_free(&text);
        lab_fini(&lab);
    }
}

static bool
list_text(const struct bisection *list, size_t count, struct fault *why)
{
    static const char *const names[] = {
        ">bisection", "branch", "job", "testid", ">flight", ">runs", "state",
        "~answer", NULL
    };
    struct table *table = table_new(names);
    size_t i;
    bool ok;

    for (i = 0; i < count; i++) {
        const struct bisection *it = &list[i];
        char number[24], flight[24], runs[24];
        const char *const cells[] = { number, it->branch, it->job, it->testid,
                                      flight, runs, it->state, it->reason };

        snprintf(number, sizeof(number), "%" PRId64, it->bisection);
        snprintf(flight, sizeof(flight), "%" PRId64, it->flight);
        snprintf(runs, sizeof(runs), "%" PRId64, it->runs);
        table_add(table, cells);
    }
    ok = table_print(table, stdout, why);
    table_free(table);
    return ok;
}

static bool
bisect_list(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct bisection *list = NULL;
    struct db *db = NULL;
    json_t *json;
    size_t count = 0, i;
    bool ok;

    ok = db_open("assay", &db, why)
        && bisection_db_list(db, cmd_flag(call, "open"),
                             (int)cmd_int(call, "limit"), &arena, &list,
                             &count, why);
    if (ok)
        add_progress(db, list, count, &arena);
    if (ok && cmd_json(call)) {
        json = json_array();
        for (i = 0; i < count; i++)
            json_array_append_new(json, lab_row_json(&list[i]));
        ok = json_print(json, stdout, why);
        json_decref(json);
    } else if (ok) {
        ok = list_text(list, count, why);
    }
    arena_free(&arena);
    db_close(db);
    return ok;
}

/* By itself ---------------------------------------------------------------- */

/* One process a bisection: a build of one keeps no other waiting. */
struct worker {
    int64_t number;
    pid_t pid;                  /* 0: none */
    int64_t again_ms;           /* not before */
};
struct workers {
    struct worker *v;
    size_t count, cap;
    char *program;
};

static struct worker *
worker_of(struct workers *workers, int64_t number)
{
    size_t i;

    for (i = 0; i < workers->count; i++)
        if (workers->v[i].number == number)
            return &workers->v[i];
    workers->v = xgrow(workers->v, &workers->cap, workers->count,
                       sizeof(*workers->v));
    workers->v[workers->count] = (struct worker){ .number = number };
    return &workers->v[workers->count++];
}

static bool
worker_start(struct workers *workers, struct worker *worker,
             struct fault *why)
{
    struct proc_spec spec = PROC_SPEC_INIT;
    char number[24];
    const char *argv[] = { workers->program, "bisect", "resume", number,
                           NULL };

    snprintf(number, sizeof(number), "%" PRId64, worker->number);
    spec.argv = argv;
    spec.fds[1] = spec.fds[2] = 2;
    spec.die_with_parent = true;
    return proc_start(&spec, &worker->pid, why);
}

static size_t
workers_reap(struct workers *workers)
{
    struct proc_status status;
    size_t busy = 0, i;

    for (i = 0; i < workers->count; i++) {
        struct worker *worker = &workers->v[i];

        if (worker->pid != 0 && proc_poll_end(worker->pid, &status)) {
            worker->pid = 0;
            if (status.end != PROC_END_EXIT
                || status.code > CULPRIT_EXIT_MORE)
                worker->again_ms = clock_mono_ms(clock_system()) + AGAIN_MS;
        }
        busy += worker->pid != 0;
    }
    return busy;
}

static bool
workers_fill(struct workers *workers, struct db *db, struct fault *why)
{
    int64_t now = clock_mono_ms(clock_system());
    struct arena arena = ARENA_INIT;
    struct bisection *list = NULL;
    size_t count = 0, i;
    bool ok;

    ok = bisection_db_list(db, true, OPEN_MOST, &arena, &list, &count, why);
    for (i = 0; ok && i < count; i++) {
        struct worker *worker = worker_of(workers, list[i].bisection);

        if (strcmp(list[i].state, "running") == 0 && worker->pid == 0
            && now >= worker->again_ms)
            ok = worker_start(workers, worker, why);
    }
    arena_free(&arena);
    return ok;
}

/* They are told, for a build must end with them. */
static void
workers_stop(struct workers *workers)
{
    int64_t until = clock_mono_ms(clock_system()) + GRACE_MS;
    size_t i;

    for (i = 0; i < workers->count; i++)
        if (workers->v[i].pid != 0)
            (void)kill(workers->v[i].pid, SIGTERM);
    while (workers_reap(workers) > 0 && clock_mono_ms(clock_system()) < until)
        (void)poll(NULL, 0, POLL_MS);
    for (i = 0; i < workers->count; i++)
        if (workers->v[i].pid != 0)
            proc_kill_group(workers->v[i].pid);
    free(workers->v);
}

/* Ends when there is nothing to do; whoever runs us looks again later. */
static bool
bisect_due(struct cmd_call *call UNUSED, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct workers workers = { .v = NULL };
    struct db *db = NULL;
    bool ok;

    signals_catch();
    ok = home_program(&arena, "assay", &workers.program, why)
        && db_open("assay", &db, why) && db_listen(db, "assay", why);
    while (ok) {
        ok = lab_due(db, &plain, why) && workers_fill(&workers, db, why);
        if (!ok || workers_reap(&workers) == 0)
            break;
        wait_for_news(db);
        ok = signals_check(why);
    }
    workers_stop(&workers);
    db_close(db);
    arena_free(&arena);
    return ok;
}

bool
lab_show(struct cmd_call *call, int64_t number, struct fault *why)
{
    struct db *db = NULL;
    bool ok;

    ok = db_open("assay", &db, why) && show(call, db, number, why);
    db_close(db);
    return ok;
}

static const struct cmd_opt start_opts[] = {
    { "basis", CMD_OPT_INT, "FLIGHT", NULL, 0, 0,
      "where it was good; default the last of the branch that passed" },
    { "recipe", CMD_OPT_TEXT, "FILE", NULL, 0, 0,
      "how the candidate is built, if that is not a shipped recipe" },
    { "confidence", CMD_OPT_TEXT, "P", "0.95", 0, 0,
      "how sure the answer must be" },
    { "max-tests", CMD_OPT_INT, "N", NULL, 0, 0,
      "stop after so many runs, with what is known" },
    { "parallel", CMD_OPT_INT, "K", NULL, 0, 64,
      "so many flights at once; default as many as fit on the hosts, at most "
      "4" },
    { "mail", CMD_OPT_LIST, "ADDRESS", NULL, 0, 0,
      "who hears of the culprit, beside the people of the commit" },
    { "no-wait", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "leave it to assayd; print its number" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL },
};
static const struct cmd_opt resume_opts[] = {
    { "no-wait", CMD_OPT_FLAG, NULL, NULL, 0, 0, "leave it to assayd" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL },
};
static const struct cmd_opt list_opts[] = {
    { "open", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "only those that are not at their end" },
    { "limit", CMD_OPT_INT, "N", "50", 1, 100000, "the last so many" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL },
};

const struct cmd bisect_lab_cmds[] = {
    { "bisect start", "FLIGHT JOB TESTID", 3, 3, CMD_WRITES, start_opts,
      bisect_start, "find what made a step of a flight's job fail, in the lab",
      "Each test is a flight of the job alone, with its candidate made at "
      "the revision as it was made for FLIGHT. TESTID is a step, or STEP/CASE. "
      "It is kept in the database, and shown by bisect show, graph and "
      "report; whoever is stopped or killed is followed by assayd. Exit "
      "status as of bisect run; 0 also when a host, its image or firmware, or "
      "the harness is to blame." },
    { "bisect list", "", 0, 0, CMD_READS, list_opts, bisect_list,
      "list the bisections of this site", NULL },
    { "bisect stop", "BISECTION", 1, 1, CMD_WRITES, NULL, bisect_stop,
      "stop a bisection and its flights; what is known is kept", NULL },
    { "bisect resume", "BISECTION", 1, 1, CMD_WRITES, resume_opts,
      bisect_resume, "go on with a bisection, and wait for its answer",
      "When another process works on it already, this one looks on. Exit "
      "status as of bisect run." },
    { "bisect due", "", 0, 0, CMD_WRITES, NULL, bisect_due,
      "begin and go on with all bisections that are due",
      "Every step that failed and that the verdict of its flight calls a "
      "regression is bisected, once; what is broken never is. assayd does "
      "this by itself." },
    { NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL },
};
