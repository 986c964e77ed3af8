/* flights/retest_cmds.c - assay flight retest. */
#include <config.h>

#include "flights/retest_cmds.h"

#include <inttypes.h>

#include "flights/retest.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/service.h"
#include "harness/signals.h"

#define WAIT_MS 5000
#define EXIT_BLAMED 1
#define EXIT_OPEN 3

static void
print_line(void *owner UNUSED, const char *text)
{
    fprintf(stderr, "%s\n", text);
}

/* Waits for something to happen; false when we are told to stop. */
static bool
wait_for_news(struct db *db)
{
    char channel[64], payload[256];

    (void)db_wait(db, WAIT_MS);
    while (db_notified(db, channel, payload))
        continue;
    return signals_stop_asked() == 0;
}

static bool
go_on(struct db *db, int64_t flight, const struct retest_options *options,
      bool wait, struct retest_state *state, struct fault *why)
{
    do {
        if (!retest_advance(db, flight, options, state, why))
            return false;
        if (state->running == 0 || !wait)
            return true;
    } while (wait_for_news(db));
    return fault_set(why, FAULT_CANCELLED, "stopped; flight %" PRId64
                     " and what was found stay, and the same command goes on",
                     state->wait_flight);
}

static bool
print_state(struct cmd_call *call, int64_t flight,
            const struct retest_state *state, struct fault *why)
{
    json_t *json;
    bool ok = true;

    if (cmd_json(call)) {
        json = json_object();
        json_put_int(json, "flight", flight);
        json_put_int(json, "failures", (int64_t)state->failures);
        json_put_int(json, "running", (int64_t)state->running);
        json_put_int(json, "open", (int64_t)state->causes[BLAME_NONE]);
        for (int k = BLAME_PRODUCT; k < BLAME_CAUSE_COUNT; k++)
            json_put_int(json, blame_cause_name((enum blame_cause)k),
                         (int64_t)state->causes[k]);
        must(json_object_set_new(json, "too_many",
                                 json_boolean(state->too_many)) == 0);
        ok = json_print(json, stdout, why);
        json_decref(json);
    } else if (state->too_many) {
        printf("flight %" PRId64 ": more than %d %% of the jobs failed: name "
               "those to retest with --job\n", flight, RETEST_SHARE_PERCENT);
    } else {
        printf("flight %" PRId64 ": %zu failure%s: product %zu, host %zu, "
               "flake %zu, harness %zu, open %zu", flight, state->failures,
               state->failures == 1 ? "" : "s",
               state->causes[BLAME_PRODUCT], state->causes[BLAME_HOST],
               state->causes[BLAME_FLAKE], state->causes[BLAME_HARNESS],
               state->causes[BLAME_NONE]);
        printf(state->running > 0 ? ", %zu not known yet\n" : "\n",
               state->running);
    }
    return ok;
}

static bool
run_retest(struct cmd_call *call, struct fault *why)
{
    struct retest_options options = {
        .budget = { .runs = (int)cmd_int(call, "runs"),
                    .host_ms = cmd_int(call, "host-time") },
        .say = print_line,
    };
    struct retest_state state = { .failures = 0 };
    struct arena arena = ARENA_INIT;
    struct db *db = NULL;
    const char **jobs;
    int64_t flight;
    int count = 0;
    bool ok;

    signals_catch();
    ok = cmd_number(call, 0, "a flight", &flight, why);
    while (cmd_list(call, "job", count) != NULL)
        count++;
    jobs = arena_alloc(&arena, ((size_t)count + 1) * sizeof *jobs);
    for (int i = 0; i < count; i++)
        jobs[i] = cmd_list(call, "job", i);
    if (count > 0)
        options.jobs = jobs;
    ok = ok && db_open("assay", &db, why) && db_listen(db, "assay", why)
        && service_ensure_assayd(NULL, why)
        && go_on(db, flight, &options, !cmd_flag(call, "no-wait"), &state,
                 why)
        && print_state(call, flight, &state, why);
    if (ok)
        cmd_exit_status(call, state.running > 0 ? EXIT_OPEN
                        : state.too_many || state.causes[BLAME_PRODUCT] > 0
                          || state.causes[BLAME_NONE] > 0 ? EXIT_BLAMED : 0);
    db_close(db);
    arena_free(&arena);
    return ok;
}

static const struct cmd_opt retest_opts[] = {
    { "host-time", CMD_OPT_DURATION, "TIME", NULL, 0, 0,
      "time of hosts that each failure may cost (default: no limit)" },
    { "job", CMD_OPT_LIST, "NAME", NULL, 0, 0,
      "this job, however many failed; may be given again" },
    { "no-wait", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "start what comes next and do not wait for it" },
    { "runs", CMD_OPT_INT, "N", "12", 1, 1000,
      "runs that each failure may cost" },
    { 0 },
};

const struct cmd retest_cmds[] = {
    { "flight retest", "FLIGHT", 1, 1, CMD_WRITES, retest_opts, run_retest,
      "find out whose fault a flight's failures are, by running them again",
      "Each failing job is run again alone: with the new and the last good "
      "version, on the host where it failed and on a sibling, until the odds "
      "decide. Without --job that is done when one job failed, or at most "
      "10 % of them. The same command again goes on where it stopped.\n\n"
      "Exit status 0: not the product's fault; 1: it is, or it is not known; "
      "3: --no-wait, and runs are under way." },
    { 0 },
};
