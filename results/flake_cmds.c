/* results/flake_cmds.c - assay flake: pass rates, and quarantine. */
#include <config.h>

#include "results/flake_cmds.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/table.h"
#include "results/flake.h"

static json_t *
flake_json(const struct flake *flake)
{
    json_t *row = json_object();

    json_put_text(row, "job", flake->job);
    json_put_text(row, "testid", flake->testid);
    json_put_text(row, "class", flake->class);
    json_put_text(row, "version", flake->version);
    json_put_int(row, "passes", flake->pass_count);
    json_put_int(row, "fails", flake->fail_count);
    json_put_int(row, "last_failure", flake->last_flight);
    must(json_object_set_new(row, "weight",
                             json_real(flake->passes + flake->fails)) == 0);
    must(json_object_set_new(row, "rate", json_real(flake->rate.rate)) == 0);
    must(json_object_set_new(row, "low", json_real(flake->rate.low)) == 0);
    must(json_object_set_new(row, "high", json_real(flake->rate.high)) == 0);
    must(json_object_set_new(row, "quarantined",
                             json_boolean(flake->quarantined)) == 0);
    return row;
}

static void
add_row(struct table *table, const struct flake *flake)
{
    char rate[24], interval[32], count[32], last[24];

    (void)snprintf(rate, sizeof(rate), "%.1f %%", 100 * flake->rate.rate);
    (void)snprintf(interval, sizeof(interval), "%.0f-%.0f %%",
                   100 * flake->rate.low, 100 * flake->rate.high);
    (void)snprintf(count, sizeof(count), "%" PRId64 "/%" PRId64,
                   flake->fail_count, flake->pass_count + flake->fail_count);
    (void)snprintf(last, sizeof(last), "%" PRId64, flake->last_flight);
    table_add(table, (const char *const[]){
        flake->job, flake->testid, rate, interval, count,
        flake->last_flight > 0 ? last : NULL,
        flake->quarantined ? "yes" : NULL, flake->class, flake->version,
    });
}

static bool
print_rates(struct cmd_call *call, const struct flake_request *request,
            struct db *db, struct fault *why)
{
    static const char *const COLUMNS[] = {
        "job", "testid", ">pass rate", ">95 %", ">failed", ">last",
        "quarantine", "class", "~version", NULL,
    };
    struct arena arena = ARENA_INIT;
    struct table *table = table_new(COLUMNS);
    json_t *json = json_array();
    struct flake *list = NULL;
    size_t count = 0;
    bool ok;

    ok = flake_read(db, request, &arena, &list, &count, why);
    for (size_t i = 0; i < count; i++) {
        add_row(table, &list[i]);
        must(json_array_append_new(json, flake_json(&list[i])) == 0);
    }
    ok = ok && (cmd_json(call) ? json_print(json, stdout, why)
                : table_print(table, stdout, why));
    json_decref(json);
    table_free(table);
    arena_free(&arena);
    return ok;
}

static bool
run_rates(struct cmd_call *call, struct fault *why)
{
    const struct flake_request request = {
        .branch = cmd_text(call, "branch"), .job = cmd_arg(call, 0),
        .testid = cmd_argc(call) > 1 ? cmd_arg(call, 1) : NULL,
        .flights = (int)cmd_int(call, "flights"),
        .flaky = cmd_argc(call) == 0,
    };
    struct db *db = NULL;
    bool ok = db_open("assay", &db, why)
        && print_rates(call, &request, db, why);

    db_close(db);
    return ok;
}

static bool
run_hosts(struct cmd_call *call, struct fault *why)
{
    static const char *const COLUMNS[] = {
        "host", "state", ">marks", "last", "job", "~reason", NULL,
    };
    struct arena arena = ARENA_INIT;
    struct table *table = table_new(COLUMNS);
    json_t *json = json_array();
    struct flake_host *list = NULL;
    struct db *db = NULL;
    size_t count = 0;
    bool ok;

    ok = db_open("assay", &db, why)
        && flake_hosts(db, (int)cmd_int(call, "days"), &arena, &list, &count,
                       why);
    for (size_t i = 0; i < count; i++) {
        const struct flake_host *host = &list[i];
        char last[32];
        json_t *row = json_object();

        clock_iso(host->last_ms, last);
        table_add(table, (const char *const[]){
            host->host, host->state,
            arena_printf(&arena, "%" PRId64, host->count), last,
            arena_printf(&arena, "%" PRId64 "/%s", host->flight, host->job),
            host->reason,
        });
        json_put_text(row, "host", host->host);
        json_put_text(row, "state", host->state);
        json_put_int(row, "marks", host->count);
        json_put_text(row, "last", last);
        json_put_int(row, "flight", host->flight);
        json_put_text(row, "job", host->job);
        json_put_text(row, "reason", host->reason);
        must(json_array_append_new(json, row) == 0);
    }
    ok = ok && (cmd_json(call) ? json_print(json, stdout, why)
                : table_print(table, stdout, why));
    json_decref(json);
    table_free(table);
    db_close(db);
    arena_free(&arena);
    return ok;
}

static bool
print_quarantines(struct cmd_call *call, struct db *db, struct fault *why)
{
    static const char *const COLUMNS[] = {
        "job", "testid", "owner", "until", "~reason", NULL,
    };
    struct arena arena = ARENA_INIT;
    struct flake_quarantine *list = NULL;
    struct table *table = table_new(COLUMNS);
    json_t *json = json_array(), *row;
    size_t count = 0;
    char until[32];
    bool ok;

    ok = flake_quarantines(db, &arena, &list, &count, why);
    for (size_t i = 0; i < count; i++) {
        clock_iso(list[i].until_ms, until);
        table_add(table, (const char *const[]){
            list[i].job, list[i].testid, list[i].owner, until,
            list[i].reason,
        });
        row = json_object();
        json_put_text(row, "job", list[i].job);
        json_put_text(row, "testid", list[i].testid);
        json_put_text(row, "owner", list[i].owner);
        json_put_text(row, "until", until);
        json_put_text(row, "reason", list[i].reason);
        must(json_array_append_new(json, row) == 0);
    }
    ok = ok && (cmd_json(call) ? json_print(json, stdout, why)
                : table_print(table, stdout, why));
    json_decref(json);
    table_free(table);
    arena_free(&arena);
    return ok;
}

static bool
run_quarantine(struct cmd_call *call, struct fault *why)
{
    const char *owner = cmd_text(call, "owner");
    const char *reason = cmd_text(call, "reason");
    struct flake_quarantine what = {
        .job = cmd_arg(call, 0), .testid = cmd_arg(call, 1),
        .owner = owner == NULL ? "" : owner,
        .reason = reason == NULL ? "" : reason,
    };
    struct db *db = NULL;
    int64_t number;
    bool ok;

    ok = cmd_argc(call) != 1
        || fault_set(why, FAULT_USAGE, "name the testid too; '*' is any");
    ok = ok && db_open("assay", &db, why);
    if (ok && cmd_argc(call) == 0)
        ok = print_quarantines(call, db, why);
    else if (ok && cmd_flag(call, "end"))
        ok = flake_quarantine_end(db, what.job, what.testid, why);
    else if (ok)
        ok = flake_quarantine_begin(db, &what, cmd_int(call, "for"), &number,
                                    why);
    db_close(db);
    return ok;
}

#define RATE_OPTS \
    { "branch", CMD_OPT_TEXT, "BRANCH", NULL, 0, 0, \
      "flights of this branch alone" }, \
    { "flights", CMD_OPT_INT, "N", "200", 1, 100000, \
      "look at the last N flights" }, \
    { 0 }

static const struct cmd_opt rate_opts[] = { RATE_OPTS };
static const struct cmd_opt quarantine_opts[] = {
    { "end", CMD_OPT_FLAG, NULL, NULL, 0, 0, "take it back" },
    { "for", CMD_OPT_DURATION, "TIME", "14d", 1, INT64_MAX, "how long" },
    { "owner", CMD_OPT_TEXT, "NAME", NULL, 0, 0, "who mends the test" },
    { "reason", CMD_OPT_TEXT, "TEXT", NULL, 0, 0, "why" },
    { 0 },
};

static const struct cmd_opt hosts_opts[] = {
    { "days", CMD_OPT_INT, "N", "30", 1, 3650, "of the last N days" },
    { 0 },
};

const struct cmd flake_cmds[] = {
    { "flake hosts", "", 0, 0, CMD_READS, hosts_opts, run_hosts,
      "list hosts that were found at fault, and for what", NULL },
    { "flake list", "", 0, 0, CMD_READS, rate_opts, run_rates,
      "list tests that pass and fail with one and the same version", NULL },
    { "flake quarantine", "[JOB TESTID]", 0, 2, CMD_WRITES, quarantine_opts,
      run_quarantine, "list or name tests that are not believed for a while",
      "A quarantine has an owner, a reason and an end. '*' stands for any job "
      "or testid." },
    { "flake show", "JOB [TESTID]", 1, 2, CMD_READS, rate_opts, run_rates,
      "show how often a test passes, by class of hosts and version", NULL },
    { 0 },
};
