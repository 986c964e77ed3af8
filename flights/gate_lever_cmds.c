/* flights/gate_lever_cmds.c - what people may say: assay gate force|force-rev|
 * block|unblock|waive|withdraw|log. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flights/branch.h"
#include "flights/gate_cmds.h"
#include "flights/lever_db.h"
#include "flights/operator.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/git.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/table.h"

/* What all of them have: a branch that exists, author and reason. */
static bool
fill(struct cmd_call *call, struct arena *arena, struct lever_row *row,
     struct fault *why)
{
    struct branch branch;

    if (!branch_load(cmd_arg(call, 0), arena, &branch, why))
        return false;
    row->branch = branch.name;
    row->reason = cmd_text(call, "reason");
    row->author = cmd_text(call, "author");
    return row->author != NULL || operator_name(arena, &row->author, why);
}

static bool
print_lever(struct cmd_call *call, int64_t lever, struct fault *why)
{
    json_t *out;
    bool ok;

    if (!cmd_json(call)) {
        printf("lever %" PRId64 "\n", lever);
        return true;
    }
    out = json_object();
    json_put_int(out, "lever", lever);
    ok = json_print(out, stdout, why);
    json_decref(out);
    return ok;
}

static bool
pull(struct cmd_call *call, struct lever_row *row, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct db *db = NULL;
    int64_t lever = 0;
    bool ok;

    ok = fill(call, &arena, row, why) && db_open("assay", &db, why) &&
         lever_db_add(db, row, &lever, why) && print_lever(call, lever, why);
    db_close(db);
    arena_free(&arena);
    return ok;
}

static bool
force_cmd(struct cmd_call *call, struct fault *why)
{
    struct lever_row row = { .kind = "force" };

    return pull(call, &row, why);
}

static bool
force_rev_cmd(struct cmd_call *call, struct fault *why)
{
    struct lever_row row = { .kind = "force-rev",
                             .revision = cmd_arg(call, 1) };

    if (!git_is_revision(row.revision))
        return fault_set(why, FAULT_USAGE, "'%s' is no whole revision: a "
                         "force does not guess", row.revision);
    return pull(call, &row, why);
}

static bool
block_cmd(struct cmd_call *call, struct fault *why)
{
    struct lever_row row = { .kind = "block" };

    return pull(call, &row, why);
}

static bool
is_tag(const char *name)
{
    char *ref = xasprintf("refs/tags/%s", name);
    bool ok = git_is_ref(ref);

    free(ref);
    return ok;
}

static bool
waive_cmd(struct cmd_call *call, struct fault *why)
{
    struct lever_row row = {
        .kind = "waive", .job = cmd_arg(call, 1),
        .testid = cmd_arg(call, 2), .until_rc = cmd_text(call, "until-rc"),
        .passes = cmd_int(call, "passes"), .issue = cmd_int(call, "issue"),
    };

    if (row.until_rc == NULL && row.passes == 0 && row.issue == 0) {
        fault_set(why, FAULT_USAGE, "a waiver has to end");
        return fault_hint(why, "--until-rc TAG, --passes N or --issue N: "
                          "the first that comes ends it");
    }
    if (row.until_rc != NULL && !is_tag(row.until_rc))
        return fault_set(why, FAULT_USAGE, "'%s' cannot be the name of a "
                         "tag", row.until_rc);
    return pull(call, &row, why);
}

/* Takes back --------------------------------------------------------------- */

static bool
author_of(struct cmd_call *call, struct arena *arena, const char **out,
          struct fault *why)
{
    *out = cmd_text(call, "author");
    return *out != NULL || operator_name(arena, out, why);
}

static bool
withdraw_cmd(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *author = NULL;
    struct db *db = NULL;
    int64_t lever = 0;
    bool ok;

    if (!cmd_number(call, 0, "a lever", &lever, why))
        return false;
    ok = author_of(call, &arena, &author, why) &&
         db_open("assay", &db, why) &&
         lever_db_end(db, lever, 0, author, cmd_text(call, "reason"), why);
    db_close(db);
    arena_free(&arena);
    return ok;
}

/* Every block of the branch. */
static bool
unblock_cmd(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct policy_lever *levers = NULL;
    struct lever_row row = { .kind = "block" };
    struct db *db = NULL;
    size_t count = 0, ended = 0;
    bool ok;

    ok = fill(call, &arena, &row, why) && db_open("assay", &db, why) &&
         lever_db_active(db, row.branch, &arena, &levers, &count, why);
    for (size_t i = 0; i < count && ok; i++) {
        if (levers[i].kind != POLICY_HOLD)
            continue;
        ok = lever_db_end(db, levers[i].id, 0, row.author, row.reason, why);
        ended++;
    }
    if (ok && ended == 0)
        ok = fault_set(why, FAULT_CONFLICT, "branch %s is not blocked",
                       row.branch);
    db_close(db);
    arena_free(&arena);
    return ok;
}

/* The log ------------------------------------------------------------------ */

static const char *
scope_of(struct arena *arena, const struct lever_row *row)
{
    if (row->ends != 0)
        return arena_printf(arena, "lever %" PRId64, row->ends);
    if (row->revision[0] != '\0')
        return row->revision;
    if (row->job[0] == '\0')
        return NULL;
    return arena_printf(arena, "%s%s%s", row->job,
                        row->testid[0] != '\0' ? " " : "", row->testid);
}

static const char *
until_of(struct arena *arena, const struct lever_row *row)
{
    const char *text = row->until_rc;

    if (row->passes > 0)
        text = arena_printf(arena, "%s%s%" PRId64 " passes", text,
                            text[0] != '\0' ? " or " : "", row->passes);
    if (row->issue != 0)
        text = arena_printf(arena, "%s%sissue %" PRId64, text,
                            text[0] != '\0' ? " or " : "", row->issue);
    return text[0] != '\0' ? text : NULL;
}

static bool
log_table(struct arena *arena, const struct lever_row *rows, size_t count,
          struct fault *why)
{
    static const char *const names[] = { ">LEVER", "AT", "BRANCH", "KIND",
                                         "SCOPE", "UNTIL", "ENDED", "AUTHOR",
                                         "~REASON", NULL };
    struct table *table = table_new(names);
    bool ok;

    for (size_t i = 0; i < count; i++) {
        char at[32];

        clock_iso(rows[i].at_ms, at);
        table_add(table, (const char *const[]){
            arena_printf(arena, "%" PRId64, rows[i].lever),
            arena_printf(arena, "%.10s %.5s", at, at + 11), rows[i].branch,
            rows[i].kind, scope_of(arena, &rows[i]),
            until_of(arena, &rows[i]),
            rows[i].ended_by == 0
                ? NULL : arena_printf(arena, "by %" PRId64,
                                      rows[i].ended_by),
            rows[i].run == 0
                ? rows[i].author
                : arena_printf(arena, "%s, run %" PRId64, rows[i].author,
                               rows[i].run),
            rows[i].reason });
    }
    ok = table_print(table, stdout, why);
    table_free(table);
    return ok;
}

static bool
log_json(const struct lever_row *rows, size_t count, struct fault *why)
{
    json_t *list = json_array();
    bool ok;

    for (size_t i = 0; i < count; i++) {
        json_t *row = json_object();

        json_put_int(row, "lever", rows[i].lever);
        json_put_int(row, "at_ms", rows[i].at_ms);
        json_put_text(row, "kind", rows[i].kind);
        json_put_text(row, "branch", rows[i].branch);
        json_put_text(row, "revision", rows[i].revision);
        json_put_text(row, "job", rows[i].job);
        json_put_text(row, "testid", rows[i].testid);
        json_put_text(row, "until_rc", rows[i].until_rc);
        json_put_int(row, "passes", rows[i].passes);
        json_put_int(row, "issue", rows[i].issue);
        json_put_int(row, "ends", rows[i].ends);
        json_put_int(row, "run", rows[i].run);
        json_put_int(row, "ended_by", rows[i].ended_by);
        json_put_text(row, "author", rows[i].author);
        json_put_text(row, "reason", rows[i].reason);
        json_array_append_new(list, row);
    }
    ok = json_print(list, stdout, why);
    json_decref(list);
    return ok;
}

static bool
log_cmd(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct lever_row *rows = NULL;
    struct db *db = NULL;
    size_t count = 0;
    bool ok;

    ok = db_open("assay", &db, why) &&
         lever_db_log(db, cmd_arg(call, 0), &arena, &rows, &count, why) &&
         (cmd_json(call) ? log_json(rows, count, why)
                         : log_table(&arena, rows, count, why));
    db_close(db);
    arena_free(&arena);
    return ok;
}

/* Tables ------------------------------------------------------------------ */

#define WORDS \
    { "reason", CMD_OPT_TEXT, "TEXT", NULL, 0, 0, \
      "why; without it nothing is done" }, \
    { "author", CMD_OPT_TEXT, "NAME", NULL, 0, 0, \
      "who says so (default: the user)" }

static const struct cmd_opt lever_opts[] = {
    WORDS,
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL }
};

static const struct cmd_opt waive_opts[] = {
    WORDS,
    { "until-rc", CMD_OPT_TEXT, "TAG", NULL, 0, 0,
      "ends when the repository has this tag" },
    { "passes", CMD_OPT_INT, "N", NULL, 1, 1000,
      "ends when it has passed in so many flights" },
    { "issue", CMD_OPT_INT, "N", NULL, 1, INT64_MAX,
      "ends when this issue is closed" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL }
};

const struct cmd gate_lever_cmds[] = {
    { "gate force", "BRANCH", 1, 1, CMD_WRITES, lever_opts, force_cmd,
      "push what is judged next, whatever is found", NULL },
    { "gate force-rev", "BRANCH REVISION", 2, 2, CMD_WRITES, lever_opts,
      force_rev_cmd, "push this revision when it was tested, whatever is "
      "found", NULL },
    { "gate block", "BRANCH", 1, 1, CMD_WRITES, lever_opts, block_cmd,
      "push nothing until it is unblocked; stronger than a force", NULL },
    { "gate unblock", "BRANCH", 1, 1, CMD_WRITES, lever_opts, unblock_cmd,
      "take back every block of a branch", NULL },
    { "gate waive", "BRANCH JOB [TESTID]", 2, 3, CMD_WRITES, waive_opts,
      waive_cmd, "do not hold some cells against a revision for a while",
      "JOB and TESTID are patterns as in allow files: @ is one word, @@ is "
      "anything. A waiver ends by itself, with the first of --until-rc, "
      "--passes and --issue that comes." },
    { "gate withdraw", "LEVER", 1, 1, CMD_WRITES, lever_opts, withdraw_cmd,
      "take a lever back", NULL },
    { "gate log", "[BRANCH]", 0, 1, CMD_READS, NULL, log_cmd,
      "all levers, who pulled them and why, and what ended them", NULL },
    { NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL }
};
