/* flights/flights_cmds.c - assay flight create|run|abort|dump. */
#include <config.h>

#include "flights/flights_cmds.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "flights/flight_db.h"
#include "flights/flight_state_db.h"
#include "flights/flight_yaml.h"
#include "flights/plan.h"
#include "flights/progress.h"
#include "flights/watch.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/service.h"
#include "harness/signals.h"
#include "results/report.h"

static bool
is_number(const char *text, int64_t *flight_out)
{
    return parse_int64(text, 1, INT64_MAX, flight_out);
}

/* Create ------------------------------------------------------------------ */

/* A file, or the name of a shipped flight ("xen-smoke"). */
static bool
find_file(struct arena *arena, const char *arg, const char **path_out,
          struct fault *why)
{
    char *path = NULL;

    *path_out = arg;
    if (strchr(arg, '/') != NULL || strstr(arg, ".yaml") != NULL ||
        fs_exists(arg))
        return true;
    if (!home_data(arena, arena_printf(arena, "flights/%s.yaml", arg), &path,
                   why))
        return fault_context(why, "flight '%s'", arg);
    *path_out = path;
    return true;
}

/* The file, changed as the options say. */
static bool
plan_of(struct cmd_call *call, struct arena *arena, struct plan *plan,
        struct fault *why)
{
    const char *candidate = cmd_text(call, "candidate");
    const char *file = NULL, **jobs;
    int count = 0;

    if (!find_file(arena, cmd_arg(call, 0), &file, why) ||
        !flight_yaml_load(file, arena, plan, why))
        return false;
    while (cmd_list(call, "job", count) != NULL)
        count++;
    jobs = arena_alloc(arena, ((size_t)count + 1) * sizeof *jobs);
    for (int i = 0; i < count; i++)
        jobs[i] = cmd_list(call, "job", i);
    if (count > 0 && !plan_select(plan, arena, jobs, why))
        return false;
    if (candidate != NULL && !plan_set_candidate(plan, candidate, why))
        return false;
    for (int i = 0; cmd_list(call, "runvar", i) != NULL; i++)
        if (!plan_set_runvar(plan, arena, cmd_list(call, "runvar", i), why))
            return false;
    plan->reuse = plan->reuse && !cmd_flag(call, "fresh");
    return plan_share(plan, arena, why);
}

/* 'db' is opened after the file has proved good: a wrong file changes
 * nothing, not even by starting a server. */
static bool
create(struct cmd_call *call, struct db **db, int64_t *flight_out,
       struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct plan plan;
    bool ok;

    ok = plan_of(call, &arena, &plan, why) && db_open("assay", db, why) &&
         flight_db_check(*db, &plan, why) &&
         flight_db_create(*db, &plan, flight_out, why);
    arena_free(&arena);
    return ok;
}

static bool
print_number(struct cmd_call *call, int64_t flight, struct fault *why)
{
    json_t *root;
    bool ok;

    if (!cmd_json(call)) {
        printf("%" PRId64 "\n", flight);
        return true;
    }
    root = json_object();
    json_put_int(root, "flight", flight);
    ok = json_print(root, stdout, why);
    json_decref(root);
    return ok;
}

static bool
flight_create(struct cmd_call *call, struct fault *why)
{
    struct db *db = NULL;
    int64_t flight = 0;
    bool ok;

    ok = create(call, &db, &flight, why) && print_number(call, flight, why);
    db_close(db);
    return ok;
}

/* Run --------------------------------------------------------------------- */

/* What a person wants to know at the end; the verdict's line is the last. */
static bool
print_end(struct db *db, int64_t flight, bool *pass_out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct buf out = BUF_INIT;
    struct fault no_report = FAULT_INIT;
    struct flight_state state;
    const char *path = NULL;
    bool ok;

    ok = flight_state_read(db, flight, &arena, &state, why);
    if (!ok)
        goto out;
    progress_summary(&state, &out);
    fputs(buf_text(&out), stdout);
    /* The verdict stands whether or not its page can be written. */
    if (report_publish(db, flight, &arena, &path, &no_report)) {
        printf("report: %s\n", path);
    } else {
        fflush(stdout);
        fault_context(&no_report, "write the report");
        fault_print(&no_report);
    }
    printf("flight %" PRId64 ": %s\n", flight, outcome_name(state.outcome));
    fflush(stdout);
    *pass_out = state.finished && state.outcome == OUTCOME_PASS;
out:
    buf_free(&out);
    arena_free(&arena);
    return ok;
}

static bool
flight_run(struct cmd_call *call, struct fault *why)
{
    struct db *db = NULL;
    enum watch_end end = WATCH_NONE;
    int64_t flight = 0;
    bool ok, pass = false, started = false;

    signals_catch();
    if (is_number(cmd_arg(call, 0), &flight))
        ok = db_open("assay", &db, why);
    else
        ok = create(call, &db, &flight, why);
    ok = ok && service_ensure_assayd(&started, why) &&
         (flight_db_start(db, flight, why) || why->kind == FAULT_CONFLICT);
    if (!ok)
        goto out;
    fprintf(stderr, "flight %" PRId64 "%s\n", flight,
            started ? " (assayd started)" : "");
    if (cmd_flag(call, "detach")) {
        ok = print_number(call, flight, why);
        goto out;
    }
    ok = watch_flight(&db, flight, &end, why);
    if (ok && end != WATCH_LEFT)
        ok = print_end(db, flight, &pass, why);
    if (ok)
        cmd_exit_status(call, end == WATCH_ENDED ? (pass ? 0 : 1) : 130);
out:
    db_close(db);
    return ok;
}

/* Abort, dump ------------------------------------------------------------- */

static bool
flight_abort(struct cmd_call *call, struct fault *why)
{
    struct db *db = NULL;
    int64_t flight = 0;
    bool ok;

    signals_catch();
    ok = cmd_number(call, 0, "a flight", &flight, why) &&
         db_open("assay", &db, why) &&
         flight_db_abort(db, flight, cmd_text(call, "reason"), why) &&
         service_ensure_assayd(NULL, why);
    if (ok)
        printf("flight %" PRId64 " is being aborted\n", flight);
    db_close(db);
    return ok;
}

static bool
flight_dump(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct buf out = BUF_INIT;
    struct db *db = NULL;
    struct plan plan;
    const char *file = NULL;
    int64_t flight = 0;
    bool ok;

    if (is_number(cmd_arg(call, 0), &flight))
        ok = db_open("assay", &db, why) &&
             flight_plan_read(db, flight, &arena, &plan, why);
    else
        ok = find_file(&arena, cmd_arg(call, 0), &file, why) &&
             flight_yaml_load(file, &arena, &plan, why);
    if (ok) {
        plan_dump(&plan, &out);
        fputs(buf_text(&out), stdout);
    }
    db_close(db);
    buf_free(&out);
    arena_free(&arena);
    return ok;
}

/* Tables ------------------------------------------------------------------ */

#define CREATE_OPTS \
    { "candidate", CMD_OPT_TEXT, "NAME", NULL, 0, 0, \
      "test this candidate in place of the file's" }, \
    { "fresh", CMD_OPT_FLAG, NULL, NULL, 0, 0, \
      "no job goes on from what another has prepared" }, \
    { "job", CMD_OPT_LIST, "NAME", NULL, 0, 0, \
      "only this job and what it needs; may be given again" }, \
    { "runvar", CMD_OPT_LIST, "JOB:NAME=VALUE", NULL, 0, 0, \
      "set a runvar; JOB '.' means all; may be given again" }

static const struct cmd_opt create_opts[] = {
    CREATE_OPTS,
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL }
};

static const struct cmd_opt run_opts[] = {
    CREATE_OPTS,
    { "detach", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "print the number and do not wait" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL }
};

static const struct cmd_opt abort_opts[] = {
    { "reason", CMD_OPT_TEXT, "TEXT", "by its operator", 0, 0,
      "why, for the jobs' records" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL }
};

const struct cmd flights_cmds[] = {
    { "flight create", "FILE", 1, 1, CMD_WRITES, create_opts, flight_create,
      "make a flight from a file and print its number",
      "FILE may be the name of a shipped flight (xen-smoke). Its matrix is "
      "expanded and every job is checked against its recipe; with any error "
      "nothing is made. 'assay flight run NUMBER' then runs it." },
    { "flight run", "FILE|FLIGHT", 1, 1, CMD_WRITES, run_opts, flight_run,
      "run a flight to its end; exit 0 only on a pass",
      "Makes the flight first if a file is given, starts assayd if it does "
      "not run, and shows how the jobs get on. The last lines are the path "
      "of the report and the verdict.\n\n"
      "An interrupt aborts the flight and waits until its jobs have ended; "
      "a second one leaves at once." },
    { "flight abort", "FLIGHT", 1, 1, CMD_WRITES, abort_opts, flight_abort,
      "end a flight early: queued jobs are not run, running ones stopped",
      NULL },
    { "flight dump", "FILE|FLIGHT", 1, 1, CMD_READS, NULL, flight_dump,
      "print jobs and runvars, a line each, for diff(1)",
      "What is not a runvar has a name with a colon; what a step has set "
      "has one with a tilde." },
    { NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL }
};
