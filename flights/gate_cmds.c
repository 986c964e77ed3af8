/* flights/gate_cmds.c - assay gate run|status. */
#include <config.h>

#include "flights/gate_cmds.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flights/branch.h"
#include "flights/gate.h"
#include "flights/gate_db.h"
#include "flights/lever_db.h"
#include "flights/operator.h"
#include "flights/watch.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/service.h"
#include "harness/signals.h"
#include "harness/table.h"
#include "harness/task_db.h"
#include "results/seal.h"

#define LOOK_MS 2000
#define RUNS_SHOWN 10

/* Run --------------------------------------------------------------------- */

struct runner {
    const char *name;           /* as given */
    struct arena arena;
    int64_t task, run, flight;
    bool over, failed;
};

struct running {
    struct gate gate;
    struct runner *runners;
    size_t count;
    bool alone;                 /* one branch: its flight can be watched */
    char key[SEAL_FINGERPRINT_BYTES];
};

/* What people say may be more than one line. */
static const char *
escaped(struct arena *arena, const char *text)
{
    struct buf out = BUF_INIT;
    const char *copy;

    buf_add_escaped(&out, text, strlen(text));
    copy = arena_strdup(arena, buf_text(&out));
    buf_free(&out);
    return copy;
}

static void
print_line(void *owner UNUSED, const char *branch, const char *text)
{
    struct buf line = BUF_INIT;

    buf_add_escaped(&line, text, strlen(text));
    fprintf(stderr, "%s: %s\n", branch, buf_text(&line));
    buf_free(&line);
}

/* One gate a branch; who was killed does not keep it. */
static bool
begin(struct running *r, struct runner *runner, bool again,
      struct fault *why)
{
    const char *text = "";
    struct branch branch;

    if (!branch_load(runner->name, &runner->arena, &branch, why) ||
        !task_begin(r->gate.db, "controller",
                    arena_printf(&runner->arena, "gate %s", branch.name), "",
                    &runner->task, why) ||
        !gate_begin(&r->gate, runner->name, again, &runner->arena,
                    &runner->run, &text, why))
        return false;
    print_line(NULL, branch.name, text);
    runner->over = runner->run == 0;
    return true;
}

/* To the next flight that has to be waited for, or to the end. */
static bool
advance(struct running *r, struct runner *runner, bool *moved,
        struct fault *why)
{
    enum gate_next next = GATE_GO_ON;

    while (next == GATE_GO_ON) {
        if (!signals_check(why) ||
            !gate_advance(&r->gate, runner->run, &next, &runner->flight,
                          why))
            return false;
        *moved = *moved || next != GATE_WAIT;
    }
    runner->over = next == GATE_OVER;
    return true;
}

/* False when the watcher left before the flight's end. */
static bool
watch(struct running *r, struct runner *runner, bool *left_out,
      struct fault *why)
{
    struct db *before = r->gate.db;
    enum watch_end end = WATCH_NONE;

    if (!watch_flight(&r->gate.db, runner->flight, &end, why))
        return false;
    *left_out = end == WATCH_LEFT;
    return *left_out || r->gate.db == before ||
           task_resume(r->gate.db, runner->task, why);
}

static bool
wait_for_news(struct running *r, struct fault *why)
{
    char channel[64], payload[256];

    (void)db_wait(r->gate.db, LOOK_MS);
    while (db_notified(r->gate.db, channel, payload))
        continue;
    if (!signals_check(why))
        return false;
    return db_is_alive(r->gate.db) ||
           fault_set(why, FAULT_LOST, "the database went away; flights go "
                     "on, and so will the gate when it is run again");
}

/* One round over all branches; '*open_out' is how many still run. What one
 * cannot do does not stop the others. */
static void
round_of(struct running *r, bool *moved, size_t *open_out)
{
    *moved = false;
    *open_out = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct runner *runner = &r->runners[i];
        struct fault why = FAULT_INIT;

        if (runner->over || runner->failed)
            continue;
        if (!advance(r, runner, moved, &why)) {
            runner->failed = true;
            fault_context(&why, "%s", runner->name);
            fault_print(&why);
        }
        *open_out += !runner->over && !runner->failed;
    }
}

static bool
run_all(struct running *r, struct fault *why)
{
    size_t open = 0;
    bool moved = false;

    if (!db_listen(r->gate.db, "assay", why))
        return false;
    do {
        round_of(r, &moved, &open);
        if (!signals_check(why))
            return false;
        if (open > 0 && !moved &&
            (!service_ensure_assayd(NULL, why) || !wait_for_news(r, why)))
            return false;
    } while (open > 0);
    return true;
}

static bool
run_one(struct running *r, bool wait, struct fault *why)
{
    struct runner *runner = &r->runners[0];
    bool moved = false, left = false;

    while (!runner->over) {
        if (!advance(r, runner, &moved, why))
            return false;
        if (runner->over)
            break;
        if (!service_ensure_assayd(NULL, why))
            return false;
        if (!wait) {
            fprintf(stderr, "flight %" PRId64 " runs; run the gate again "
                    "when it has ended\n", runner->flight);
            return true;
        }
        if (!watch(r, runner, &left, why))
            return false;
        if (left)
            return fault_set(why, FAULT_CANCELLED, "left; 'assay gate run "
                             "%s' goes on", runner->name);
    }
    return true;
}

/* 0: pushed, or nothing to do; 1: not pushed. */
static bool
end_of(struct running *r, const struct runner *runner, int *status,
       struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct gate_run run;
    bool ok = true;

    if (runner->failed)
        *status = 1;
    if (runner->run == 0 || runner->failed)
        return true;
    ok = gate_db_read(r->gate.db, runner->run, &arena, &run, why);
    if (ok && run.state != GATE_PUSHED && run.state != GATE_TESTED &&
        gate_state_is_end(run.state))
        *status = 1;
    if (ok && gate_state_is_end(run.state))
        printf("%s: %s %.12s: %s\n", run.branch, gate_state_name(run.state),
               run.revision, escaped(&arena, run.summary));
    arena_free(&arena);
    return ok;
}

static bool
names_of(struct cmd_call *call, struct arena *arena, struct running *r,
         struct fault *why)
{
    char **names = NULL;

    if (cmd_flag(call, "all") == (cmd_argc(call) > 0))
        return fault_set(why, FAULT_USAGE, "say which branches, or --all");
    if (cmd_flag(call, "all") && !branch_list(arena, &names, why))
        return false;
    while (names != NULL ? names[r->count] != NULL
                         : cmd_arg(call, (int)r->count) != NULL)
        r->count++;
    r->runners = arena_alloc(arena, (r->count + 1) * sizeof *r->runners);
    for (size_t i = 0; i < r->count; i++)
        r->runners[i].name = names != NULL ? names[i]
                                           : cmd_arg(call, (int)i);
    r->alone = r->count == 1;
    return r->count > 0 ||
           fault_set(why, FAULT_NOT_FOUND, "this site has no branches");
}

static bool
open_gate(struct running *r, struct arena *arena, struct fault *why)
{
    const char *key = getenv("ASSAY_SIGN_KEY");

    r->gate.clock = clock_system();
    r->gate.say = print_line;
    if (!operator_name(arena, &r->gate.author, why))
        return false;
    if (key != NULL && key[0] != '\0') {
        if (!seal_key(key, r->key, why))
            return fault_context(why, "ASSAY_SIGN_KEY");
        r->gate.sign_key = r->key;
    }
    return db_open("assay", &r->gate.db, why);
}

static bool
run_branches(struct running *r, bool again, bool wait, struct fault *why)
{
    for (size_t i = 0; i < r->count; i++) {
        struct runner *runner = &r->runners[i];
        struct fault begin_why = FAULT_INIT;

        if (begin(r, runner, again, &begin_why))
            continue;
        if (r->alone) {
            *why = begin_why;
            return false;
        }
        runner->failed = true;
        fault_context(&begin_why, "%s", runner->name);
        fault_print(&begin_why);
    }
    if (r->alone || !wait) {
        for (size_t i = 0; i < r->count; i++) {
            struct running one = *r;

            one.runners = &r->runners[i];
            if (!r->runners[i].failed && !run_one(&one, wait, why)) {
                r->gate.db = one.gate.db;
                return false;
            }
            r->gate.db = one.gate.db;
        }
        return true;
    }
    return run_all(r, why);
}

static bool
gate_run_cmd(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct running r = { .runners = NULL };
    struct fault end_why = FAULT_INIT;
    int status = 0;
    bool ok;

    signals_catch();
    ok = names_of(call, &arena, &r, why) && open_gate(&r, &arena, why) &&
         run_branches(&r, cmd_flag(call, "again"),
                      !cmd_flag(call, "no-wait"), why);
    for (size_t i = 0; i < r.count; i++) {
        if (ok)
            ok = end_of(&r, &r.runners[i], &status, why);
        /* Our session ends with us anyway, and the task with it. */
        if (r.gate.db != NULL && r.runners[i].task != 0 &&
            !task_end(r.gate.db, r.runners[i].task, "done", &end_why))
            fault_print(&end_why);
        arena_free(&r.runners[i].arena);
    }
    if (ok)
        cmd_exit_status(call, status);
    db_close(r.gate.db);
    arena_free(&arena);
    return ok;
}

/* Status ------------------------------------------------------------------ */

static const char *
moment(struct arena *arena, int64_t ms)
{
    char text[32];

    if (ms < 0)
        return NULL;
    clock_iso(ms, text);
    return arena_printf(arena, "%.10s %.5s", text, text + 11);
}

/* "2 waivers (1 ends with 4.17.0-rc3, ...)": the debt. */
static const char *
lever_text(struct arena *arena, const struct policy_lever *lever)
{
    const char *scope = "", *end = "";

    switch (lever->kind) {
    case POLICY_FORCE:
        return arena_printf(arena, "lever %" PRId64 ": force, by %s: %s",
                            lever->id, lever->author, lever->reason);
    case POLICY_FORCE_REV:
        return arena_printf(arena, "lever %" PRId64 ": force-rev %.12s, by "
                            "%s: %s", lever->id, lever->revision,
                            lever->author, lever->reason);
    case POLICY_HOLD:
        return arena_printf(arena, "lever %" PRId64 ": BLOCKED by %s: %s",
                            lever->id, lever->author, lever->reason);
    case POLICY_WAIVE:
    case POLICY_LEVER_NONE:
        break;
    }
    if (lever->testid[0] != '\0')
        scope = arena_printf(arena, " %s", lever->testid);
    if (lever->until_rc[0] != '\0')
        end = arena_printf(arena, ", until %s", lever->until_rc);
    if (lever->passes_max > 0)
        end = arena_printf(arena, "%s, passed %" PRId64 " of %" PRId64
                           " times", end, lever->passes, lever->passes_max);
    if (lever->issue != 0)
        end = arena_printf(arena, "%s, until issue %" PRId64 " is closed",
                           end, lever->issue);
    return arena_printf(arena, "lever %" PRId64 ": waived %s%s%s, by %s: %s",
                        lever->id, lever->job, scope, end, lever->author,
                        lever->reason);
}

static json_t *
run_json(const struct gate_run *run)
{
    json_t *out = json_object();

    json_put_int(out, "run", run->run);
    json_put_text(out, "branch", run->branch);
    json_put_text(out, "state", gate_state_name(run->state));
    json_put_text(out, "tree", run->tree);
    json_put_text(out, "revision", run->revision);
    json_put_text(out, "old", run->old);
    json_put_text(out, "baseline", run->baseline);
    json_put_int(out, "smoke_flight", run->smoke_flight);
    json_put_int(out, "flight", run->flight);
    json_put_int(out, "retest_flight", run->retest_flight);
    json_put_text(out, "result", run->result);
    json_put_text(out, "summary", run->summary);
    json_put_text(out, "ruling", run->ruling);
    json_put_text(out, "author", run->author);
    json_put_int(out, "begun_ms", run->begun_ms);
    json_put_int(out, "finished_ms", run->finished_ms);
    return out;
}

struct status {
    struct db *db;
    struct arena arena;
    struct gate_run *runs;
    size_t count;
};

static json_t *
levers_json(const struct policy_lever *levers, size_t count,
            struct arena *arena)
{
    json_t *out = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *one = json_object();
        const char *ended = policy_lever_ended(&levers[i]);

        json_put_int(one, "lever", levers[i].id);
        json_put_text(one, "text", lever_text(arena, &levers[i]));
        json_put_text(one, "ended", ended);
        json_array_append_new(out, one);
    }
    return out;
}

static bool
print_json(struct status *s, struct fault *why)
{
    json_t *list = json_array();
    bool ok = true;

    for (size_t i = 0; i < s->count && ok; i++) {
        json_t *run = run_json(&s->runs[i]);
        struct policy_lever *levers = NULL;
        size_t count = 0;

        ok = lever_db_active(s->db, s->runs[i].branch, &s->arena, &levers,
                             &count, why);
        if (ok)
            json_object_set_new(run, "levers",
                                levers_json(levers, count, &s->arena));
        json_array_append_new(list, run);
    }
    ok = ok && json_print(list, stdout, why);
    json_decref(list);
    return ok;
}

static bool
print_levers(struct status *s, const char *branch, size_t *debt,
             struct fault *why)
{
    struct policy_lever *levers = NULL;
    size_t count = 0;

    if (!lever_db_active(s->db, branch, &s->arena, &levers, &count, why))
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *ended = policy_lever_ended(&levers[i]);

        if (ended == NULL && levers[i].kind == POLICY_WAIVE)
            (*debt)++;
        printf("%s: %s%s%s\n", branch,
               escaped(&s->arena, lever_text(&s->arena, &levers[i])),
               ended != NULL ? "; over: " : "", ended != NULL ? ended : "");
    }
    return true;
}

static bool
print_table(struct status *s, struct fault *why)
{
    static const char *const names[] = { "BRANCH", ">RUN", "STATE",
                                         "REVISION", "OLD", ">FLIGHT",
                                         "SINCE", "~SUMMARY", NULL };
    struct table *table = table_new(names);
    size_t debt = 0;
    bool ok;

    for (size_t i = 0; i < s->count; i++) {
        const struct gate_run *run = &s->runs[i];
        int64_t flight = run->flight != 0 ? run->flight : run->smoke_flight;

        table_add(table, (const char *const[]){
            run->branch, arena_printf(&s->arena, "%" PRId64, run->run),
            gate_state_name(run->state),
            arena_printf(&s->arena, "%.12s", run->revision),
            arena_printf(&s->arena, "%.12s", run->old),
            flight == 0 ? NULL : arena_printf(&s->arena, "%" PRId64, flight),
            moment(&s->arena, run->finished_ms >= 0 ? run->finished_ms
                                                    : run->begun_ms),
            run->summary });
    }
    ok = table_print(table, stdout, why);
    table_free(table);
    for (size_t i = 0; i < s->count && ok; i++)
        if (i == 0 || strcmp(s->runs[i].branch, s->runs[i - 1].branch) != 0)
            ok = print_levers(s, s->runs[i].branch, &debt, why);
    if (ok && debt > 0)
        printf("waiver debt: %zu\n", debt);
    return ok;
}

static bool
gate_status_cmd(struct cmd_call *call, struct fault *why)
{
    struct status s = { .arena = ARENA_INIT };
    bool ok;

    ok = db_open("assay", &s.db, why) &&
         (cmd_argc(call) > 0
              ? gate_db_runs(s.db, cmd_arg(call, 0), RUNS_SHOWN, &s.arena,
                             &s.runs, &s.count, why)
              : gate_db_latest(s.db, &s.arena, &s.runs, &s.count, why)) &&
         (cmd_json(call) ? print_json(&s, why) : print_table(&s, why));
    db_close(s.db);
    arena_free(&s.arena);
    return ok;
}

/* Tables ------------------------------------------------------------------ */

static const struct cmd_opt run_opts[] = {
    { "all", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "every branch of this site, at the same time" },
    { "again", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "judge what was held once more, by what policy and levers are now" },
    { "no-wait", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "start what can be started, and do not wait for flights" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL }
};

const struct cmd gate_cmds[] = {
    { "gate run", "[BRANCH...]", 0, -1, CMD_WRITES, run_opts, gate_run_cmd,
      "test what a branch's input has, and push it if it may be",
      "Goes on with a run that was interrupted. Exit 0 when it was pushed or "
      "there was nothing to push, 1 when it was not." },
    { "gate status", "[BRANCH]", 0, 1, CMD_READS, NULL, gate_status_cmd,
      "the last run of each branch, or those of one, and its levers", NULL },
    { NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL }
};
