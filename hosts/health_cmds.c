/* hosts/health_cmds.c - whether hosts may be used, why, and since when. */
#include <config.h>

#include "hosts/health_cmds.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/table.h"
#include "hosts/health_db.h"
#include "hosts/host_db.h"
#include "hosts/site.h"

static const char *
caller(void)
{
    const struct passwd *user = getpwuid(getuid());

    return user == NULL ? "somebody" : user->pw_name;
}

static bool
set_state(struct db *db, const char *host, const char *state,
          const char *reason, struct fault *why)
{
    const struct health_order order = {
        .host = host, .state = state, .who = caller(), .why = reason,
    };
    struct health_done done = { .changed = false };
    bool ok = health_set(db, &order, &done, why);

    if (ok && done.last_of_class && strcmp(state, "good") != 0)
        fprintf(stderr, "assay: no good host of the class of %s is left\n",
                host);
    return ok;
}

static bool
run_quarantine(struct cmd_call *call, struct fault *why)
{
    static const char *const states[] = { "bad", "maintenance", "retired",
                                          "suspect" };
    const char *state = cmd_text(call, "as");
    struct db *db = NULL;
    bool known = false, ok;

    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        known = known || strcmp(states[i], state) == 0;
    if (!known)
        return fault_set(why, FAULT_USAGE, "'%s' is none of bad, "
                         "maintenance, retired, suspect", state);
    if (cmd_text(call, "why") == NULL)
        return fault_set(why, FAULT_USAGE, "say --why TEXT");
    ok = db_open("assay", &db, why)
        && set_state(db, cmd_arg(call, 0), state, cmd_text(call, "why"), why);
    db_close(db);
    return ok;
}

/* Good, or first to be checked where the site checks its hosts. */
static bool
release_state(struct cmd_call *call, const struct host *host,
              const char **state_out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct site site;
    bool ok;

    if (strcmp(host->state, "good") == 0)
        return fault_set(why, FAULT_CONFLICT, "%s is good", host->name);
    ok = site_load(host->site, &arena, &site, why);
    *state_out = ok && site.checks != NULL && !cmd_flag(call, "unchecked")
        ? "suspect" : "good";
    arena_free(&arena);
    return ok;
}

static bool
run_release(struct cmd_call *call, struct fault *why)
{
    const char *state = NULL;
    struct host *host = NULL;
    struct db *db = NULL;
    bool ok;

    ok = db_open("assay", &db, why)
        && host_db_get(db, cmd_arg(call, 0), &host, why)
        && release_state(call, host, &state, why)
        && set_state(db, host->name, state, cmd_text(call, "why"), why);
    if (ok)
        printf("%s is %s%s\n", host->name, state,
               strcmp(state, "good") == 0 ? ""
               : ": it is good when a check has passed on it");
    host_free(host);
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
    struct host *host = NULL;
    struct db *db = NULL;
    json_t *list = NULL;
    bool ok;

    ok = db_open("assay", &db, why)
        && (cmd_argc(call) == 0
            || host_db_get(db, cmd_arg(call, 0), &host, why))
        && health_history(db, cmd_arg(call, 0), (int)cmd_int(call, "last"),
                          &list, why)
        && (cmd_json(call) ? json_print(list, stdout, why)
                           : print_history(list, why));
    json_decref(list);
    host_free(host);
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

static const struct cmd_opt quarantine_opts[] = {
    { "as", CMD_OPT_TEXT, "STATE", "bad", 0, 0,
      "bad, maintenance, retired, or suspect: to be checked" },
    { "why", CMD_OPT_TEXT, "TEXT", NULL, 0, 0, "for those who find it so" },
    { .name = NULL },
};
static const struct cmd_opt release_opts[] = {
    { "unchecked", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "good at once, without a check" },
    { "why", CMD_OPT_TEXT, "TEXT", "released", 0, 0, "what was done to it" },
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
    { "host quarantine", "HOST", 1, 1, CMD_WRITES, quarantine_opts,
      run_quarantine, "take a host out of use, until it is released",
      "Only hosts that are good are given to jobs. The job that has it now "
      "keeps it to\nits end. For a time that is known, use 'assay host "
      "block'." },
    { "host release", "HOST", 1, 1, CMD_WRITES, release_opts, run_release,
      "end a quarantine",
      "Whoever, or whichever rule, has begun it. The host is good, or, where "
      "its site\nchecks hosts, suspect until a check has passed." },
    { .path = NULL },
};
