/* hosts/health_cmds.c - whether hosts may be used, why, and since when. */
#include <config.h>

#include "hosts/health_cmds.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/table.h"
#include "hosts/health_db.h"

static bool
run_state(struct cmd_call *call, struct fault *why)
{
    static const char *const states[] = { "good", "suspect", "bad",
                                          "maintenance", "retired" };
    const struct passwd *user = getpwuid(getuid());
    struct health_order order = {
        .host = cmd_arg(call, 0), .state = cmd_arg(call, 1),
        .who = user == NULL ? "somebody" : user->pw_name,
        .why = cmd_text(call, "why"),
    };
    struct health_done done = { .changed = false };
    struct db *db = NULL;
    bool known = false, ok;

    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        known = known || strcmp(states[i], order.state) == 0;
    if (!known)
        return fault_set(why, FAULT_USAGE, "'%s' is none of good, suspect, "
                         "bad, maintenance, retired", order.state);
    ok = db_open("assay", &db, why) && health_set(db, &order, &done, why);
    if (ok && done.last_of_class && strcmp(order.state, "good") != 0)
        fprintf(stderr, "assay: no good host of the class of %s is left\n",
                order.host);
    db_close(db);
    return ok;
}

static bool
print_history(const json_t *list, struct fault *why)
{
    static const char *const names[] = { "AT", "HOST", "WAS", "STATE", "WHO",
                                         "~WHY", NULL };
    struct table *table = table_new(names);
    const json_t *one;
    size_t i;
    bool ok;

    json_array_foreach(list, i, one) {
        const char *const cells[] = {
            json_text(one, "at"), json_text(one, "host"),
            json_text(one, "was"), json_text(one, "state"),
            json_text(one, "who"), json_text(one, "why"),
        };

        table_add(table, cells);
    }
    ok = table_print(table, stdout, why);
    table_free(table);
    return ok;
}

static bool
run_health(struct cmd_call *call, struct fault *why)
{
    struct db *db = NULL;
    json_t *list = NULL;
    bool ok;

    ok = db_open("assay", &db, why)
        && health_history(db, cmd_arg(call, 0), (int)cmd_int(call, "last"),
                          &list, why)
        && (cmd_json(call) ? json_print(list, stdout, why)
                           : print_history(list, why));
    json_decref(list);
    db_close(db);
    return ok;
}

static bool
run_judge(struct cmd_call *call, struct fault *why)
{
    struct db *db = NULL;
    json_t *list = NULL, *one;
    size_t i;
    bool ok;

    ok = db_open("assay", &db, why) && health_judge(db, NULL, &list, why);
    if (ok && cmd_json(call))
        ok = json_print(list, stdout, why);
    else if (ok)
        json_array_foreach(list, i, one)
            printf("%s: %lld jobs in a row broke: %s%s\n",
                   json_text(one, "host"),
                   (long long)json_int(one, "runs", 0),
                   json_flag(one, "quarantined", false)
                       ? "it is bad now"
                       : "it stays in use, the last good one of class ",
                   json_flag(one, "quarantined", false)
                       ? "" : json_text(one, "class"));
    json_decref(list);
    db_close(db);
    return ok;
}

static const struct cmd_opt state_opts[] = {
    { "why", CMD_OPT_TEXT, "TEXT", "no reason given", 0, 0,
      "for those who find it so" },
    { .name = NULL },
};
static const struct cmd_opt health_opts[] = {
    { "last", CMD_OPT_INT, "N", "50", 1, 100000, "as many at most" },
    { .name = NULL },
};

const struct cmd health_cmds[] = {
    { "host health", "[HOST]", 0, 1, CMD_READS, health_opts, run_health,
      "say when hosts were taken out of use, and why",
      "The newest first." },
    { "host judge", "", 0, 0, CMD_WRITES, NULL, run_judge,
      "take hosts out of use on which jobs break",
      "A host becomes bad when at least two jobs in a row broke on it whole, "
      "not by the\nproduct's fault, with at least two candidates that passed "
      "on other hosts. The last\ngood host of its class stays, and is named. "
      "For a timer, or by hand." },
    { "host state", "HOST good|suspect|bad|maintenance|retired", 2, 2,
      CMD_WRITES, state_opts, run_state,
      "say whether a host may be used",
      "Only hosts that are good are given to jobs. What was said is kept: "
      "see\n'assay host health'." },
    { .path = NULL },
};
