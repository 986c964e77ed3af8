/* harness/pool_cmds.c - "assay plan policy", "assay flight priority": who is
 * served before whom. */
#include <config.h>

#include "harness/pool_cmds.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/plan_db.h"
#include "harness/plan_past_db.h"
#include "harness/pool_policy.h"
#include "harness/yaml.h"

static bool
set_policy(struct db *db, const char *file, struct arena *arena,
           struct fault *why)
{
    const struct passwd *pw = getpwuid(getuid());
    struct pool_policy policy;
    struct buf text = BUF_INIT;
    bool ok;

    ok = fs_read_file(file, YAML_MAX_BYTES, &text, why)
        && pool_policy_parse(file, buf_text(&text), arena, &policy, why)
        && plan_past_db_policy_set(db, buf_text(&text),
                                   pw != NULL ? pw->pw_name : "unknown",
                                   why);
    if (ok)
        puts("in force within half a minute");
    buf_free(&text);
    return ok;
}

static bool
print_policy(struct cmd_call *call, const char *text, struct fault *why)
{
    json_t *root;
    bool ok;

    if (!cmd_json(call))
        return fputs(text[0] != '\0' ? text
                     : "# none was given: see assay-pool(5)\n", stdout) >= 0
            || fault_errno(why, FAULT_SYSTEM, "write");
    root = json_object();
    json_put_text(root, "policy", text[0] != '\0' ? text : NULL);
    ok = json_print(root, stdout, why);
    json_decref(root);
    return ok;
}

static bool
run_policy(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *file = cmd_arg(call, 0), *text = "";
    struct db *db = NULL;
    bool ok = db_open("assay", &db, why);

    if (ok && file != NULL)
        ok = set_policy(db, file, &arena, why);
    else if (ok)
        ok = plan_past_db_policy(db, &arena, &text, why)
            && print_policy(call, text, why);
    db_close(db);
    arena_free(&arena);
    return ok;
}

static bool
run_priority(struct cmd_call *call, struct fault *why)
{
    int64_t flight, priority;
    struct db *db = NULL;
    bool ok;

    if (!cmd_number(call, 0, "a flight", &flight, why))
        return false;
    if (cmd_text(call, "to") == NULL
        || !parse_int64(cmd_text(call, "to"), -1000000, 1000000, &priority))
        return fault_set(why, FAULT_USAGE, "say --to N: lower goes first, 0 "
                         "is usual");
    ok = db_open("assay", &db, why)
        && plan_db_priority(db, flight, (int)priority, why);
    db_close(db);
    return ok;
}

static const struct cmd_opt priority_opts[] = {
    { .name = "to", .type = CMD_OPT_TEXT, .arg = "N",
      .help = "its new priority" },
    { .name = NULL },
};
const struct cmd pool_cmds[] = {
    { "flight priority", "FLIGHT", 1, 1, CMD_WRITES, priority_opts,
      run_priority,
      "serve a flight earlier or later",
      "Lower goes first; 0 is usual. What waits is planned again at once, "
      "what runs\ngoes on. A priority below 0 is for admins: database roles "
      "that are members of\nthe one that owns the database, which the server "
      "checks." },
    { "plan policy", "[FILE]", 0, 1, CMD_WRITES, NULL, run_policy,
      "the policy of the queue, or a new one from a file",
      "See assay-pool(5)." },
    { .path = NULL },
};
