/* results/issue_cmds.c - assay issue: known causes of failures. */
#include <config.h>

#include "results/issue_cmds.h"

#include <inttypes.h>
#include <pwd.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/outcome.h"
#include "harness/pattern_scan.h"
#include "harness/table.h"
#include "results/failure.h"
#include "results/issue_db.h"
#include "results/issue_reach.h"

#define SEEN_LIMIT 10

/* A failure of a flight whose jobs nobody looked at yet is looked at now. */
static bool
look_at(struct db *db, const char *what, struct fault *why)
{
    struct pattern_code *code;
    int64_t flight;
    char number[24];
    bool ok;

    if (strchr(what, '/') == NULL)
        return true;
    (void)snprintf(number, sizeof(number), "%.*s",
                   (int)strcspn(what, "/"), what);
    if (!parse_int64(number, 1, INT64_MAX, &flight))
        return true;            /* told by issue_signature() */
    code = pattern_code_try();
    ok = failure_record(db, flight, NULL, code, NULL, why);
    pattern_code_free(code);
    return ok;
}

static bool
run_add(struct cmd_call *call, struct fault *why)
{
    const char *lane = cmd_text(call, "lane"), *what = cmd_arg(call, 1);
    struct issue issue = {
        .title = cmd_arg(call, 0), .reference = cmd_text(call, "reference"),
        .owner = cmd_text(call, "owner"), .lane = lane,
    };
    struct arena arena = ARENA_INIT;
    const char *signature = NULL;
    struct db *db = NULL;
    int64_t number = 0, to = cmd_int(call, "issue");
    json_t *json;
    bool ok;

    ok = lane_parse(lane) != LANE_NONE
        || fault_set(why, FAULT_USAGE, "there is no lane '%s'", lane);
    ok = ok && (issue.title[0] != '\0' || to > 0
                || fault_set(why, FAULT_USAGE, "an issue needs a title"));
    ok = ok && db_open("assay", &db, why) && look_at(db, what, why)
        && issue_signature(db, what, &arena, &signature, why);
    if (ok && to > 0) {
        ok = issue_attach(db, to, signature, why);
        number = to;
    } else if (ok) {
        ok = issue_add(db, &issue, signature, &number, why);
    }
    if (ok && cmd_json(call)) {
        json = json_pack("{s:I, s:s}", "issue", (json_int_t)number,
                         "signature", signature);
        ok = json_print(json, stdout, why);
        json_decref(json);
    } else if (ok) {
        printf("issue %" PRId64 ": signature %s\n", number, signature);
    }
    db_close(db);
    arena_free(&arena);
    return ok;
}

static json_t *
issue_json(const struct issue *issue)
{
    json_t *row = json_object();

    json_put_int(row, "issue", issue->issue);
    json_put_text(row, "title", issue->title);
    json_put_text(row, "reference", issue->reference);
    json_put_text(row, "owner", issue->owner);
    json_put_text(row, "lane", issue->lane);
    json_put_text(row, "state", issue->state);
    json_put_text(row, "close_reason", issue->close_reason);
    json_put_text(row, "branches", issue->branches);
    json_put_text(row, "unfixed", issue->unfixed);
    json_put_text(row, "regressed", issue->regressed);
    json_put_int(row, "failures", issue->failures);
    json_put_int(row, "flights", issue->flights);
    json_put_int(row, "first_flight", issue->first_flight);
    json_put_int(row, "last_flight", issue->last_flight);
    json_put_int(row, "last_seen_ms", issue->last_ms);
    return row;
}

static const char *
state_word(const struct issue *issue)
{
    return strcmp(issue->state, "open") == 0 && issue->regressed[0] != '\0'
        ? "regressed" : issue->state;
}

static void
add_row(struct table *table, const struct issue *issue)
{
    char number[24], seen[24], flights[24], last[32] = "never";

    (void)snprintf(number, sizeof(number), "%" PRId64, issue->issue);
    (void)snprintf(seen, sizeof(seen), "%" PRId64, issue->failures);
    (void)snprintf(flights, sizeof(flights), "%" PRId64, issue->flights);
    if (issue->last_ms >= 0) {
        clock_iso(issue->last_ms, last);
        last[10] = '\0';
    }
    table_add(table, (const char *const[]){
        number, state_word(issue), seen, flights, last,
        issue->unfixed[0] == '\0' ? NULL : issue->unfixed, issue->owner,
        issue->reference, issue->title,
    });
}

static bool
run_list(struct cmd_call *call, struct fault *why)
{
    static const char *const COLUMNS[] = {
        ">issue", "state", ">seen", ">flights", "last", "~without the fix",
        "owner", "~reference", "~title", NULL,
    };
    struct arena arena = ARENA_INIT;
    struct issue *list = NULL;
    struct table *table = table_new(COLUMNS);
    struct db *db = NULL;
    size_t count = 0;
    json_t *json = json_array();
    bool ok;

    ok = db_open("assay", &db, why)
        && issue_list(db, 0, cmd_flag(call, "all"), &arena, &list, &count,
                      why);
    for (size_t i = 0; i < count; i++) {
        add_row(table, &list[i]);
        must(json_array_append_new(json, issue_json(&list[i])) == 0);
    }
    ok = ok && (cmd_json(call) ? json_print(json, stdout, why)
                : table_print(table, stdout, why));
    json_decref(json);
    table_free(table);
    db_close(db);
    arena_free(&arena);
    return ok;
}

static void
print_issue(const struct issue *issue, const struct issue_line *lines,
            size_t count)
{
    struct buf text = BUF_INIT;

    printf("issue %" PRId64 ": %s\n%s%s%s, lane %s", issue->issue,
           issue->title, state_word(issue),
           issue->close_reason[0] == '\0' ? "" : ": ", issue->close_reason,
           issue->lane);
    if (issue->owner[0] != '\0')
        printf(", owner %s", issue->owner);
    if (issue->reference[0] != '\0')
        printf(", %s", issue->reference);
    printf("\nseen %" PRId64 " times in %" PRId64 " flights", issue->failures,
           issue->flights);
    if (issue->flights > 0)
        printf(", %" PRId64 " to %" PRId64 ", on %s", issue->first_flight,
               issue->last_flight, issue->branches);
    printf("\n");
    if (issue->unfixed[0] != '\0' && strcmp(issue->state, "closed") != 0)
        printf("without the fix: %s\n", issue->unfixed);
    if (issue->regressed[0] != '\0' && strcmp(issue->state, "closed") != 0)
        printf("regressed, it was fixed there: %s\n", issue->regressed);
    for (size_t i = 0; i < count; i++) {
        buf_reset(&text);
        buf_add_escaped(&text, lines[i].text, strlen(lines[i].text));
        printf("%-9s %s  %s\n", lines[i].kind, lines[i].name,
               buf_text(&text));
    }
    buf_free(&text);
}

static bool
print_json(const struct issue *issue, const struct issue_line *lines,
           size_t count, struct fault *why)
{
    json_t *json = issue_json(issue), *list = json_array();
    bool ok;

    for (size_t i = 0; i < count; i++) {
        json_t *row = json_object();

        json_put_text(row, "kind", lines[i].kind);
        json_put_text(row, "name", lines[i].name);
        json_put_text(row, "text", lines[i].text);
        must(json_array_append_new(list, row) == 0);
    }
    must(json_object_set_new(json, "details", list) == 0);
    ok = json_print(json, stdout, why);
    json_decref(json);
    return ok;
}

static bool
run_show(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct issue_line *lines = NULL;
    struct issue *issue = NULL;
    struct db *db = NULL;
    size_t count = 0, line_count = 0;
    int64_t number;
    bool ok;

    ok = cmd_number(call, 0, "an issue", &number, why)
        && db_open("assay", &db, why)
        && issue_list(db, number, true, &arena, &issue, &count, why)
        && issue_details(db, number, SEEN_LIMIT, &arena, &lines, &line_count,
                         why);
    if (ok && cmd_json(call))
        ok = print_json(issue, lines, line_count, why);
    else if (ok)
        print_issue(issue, lines, line_count);
    db_close(db);
    arena_free(&arena);
    return ok;
}

static const char *
author(struct cmd_call *call)
{
    const struct passwd *user = getpwuid(getuid());

    return cmd_text(call, "author") != NULL ? cmd_text(call, "author")
        : user != NULL ? user->pw_name : "nobody";
}

static bool
say_state(struct db *db, int64_t number, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct issue *issue = NULL;
    size_t count = 0;
    bool ok = issue_list(db, number, true, &arena, &issue, &count, why);

    if (ok)
        printf("issue %" PRId64 ": %s%s%s\n", number, state_word(issue),
               issue->unfixed[0] == '\0' || strcmp(issue->state, "open") != 0
               ? "" : ", without the fix: ",
               strcmp(issue->state, "open") == 0 ? issue->unfixed : "");
    arena_free(&arena);
    return ok;
}

static bool
run_close(struct cmd_call *call, struct fault *why)
{
    const char *fix = cmd_text(call, "fix"), *branch;
    const char *reason = cmd_text(call, "reason");
    struct db *db = NULL;
    int64_t number;
    bool ok;

    ok = cmd_number(call, 0, "an issue", &number, why);
    if (ok && (fix == NULL) == (reason == NULL))
        ok = fault_set(why, FAULT_USAGE, "either --fix and --branch, or "
                       "--reason");
    if (ok && (fix == NULL) != (cmd_list(call, "branch", 0) == NULL))
        ok = fault_set(why, FAULT_USAGE, "--fix and --branch go together");
    if (ok && reason != NULL && reason[0] == '\0')
        ok = fault_set(why, FAULT_USAGE, "a reason says something");
    ok = ok && db_open("assay", &db, why);
    if (ok && reason != NULL)
        ok = issue_close(db, number, reason, why);
    for (int i = 0; ok && fix != NULL
         && (branch = cmd_list(call, "branch", i)) != NULL; i++)
        ok = issue_fix(db, number, branch, fix, author(call), why);
    ok = ok && say_state(db, number, why);
    db_close(db);
    return ok;
}

/* Fixes by commit ---------------------------------------------------------- */

/* What git said; with 'quiet' only what it could not say. */
static bool
ask_git(struct db *db, int64_t number, bool quiet, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct issue_answer *list = NULL;
    size_t count = 0;
    bool ok = issue_reach_ask(db, number, &arena, &list, &count, why);

    for (size_t i = 0; ok && i < count; i++) {
        const struct issue_answer *answer = &list[i];

        if (quiet && answer->known)
            continue;
        printf("issue %" PRId64 ": %s, flight %" PRId64 " (%s %.12s): %s "
               "%.12s%s%s\n", answer->issue, answer->branch, answer->flight,
               answer->tree, answer->tested, !answer->known
               ? "nobody knows whether it contains"
               : answer->contains ? "contains" : "does not contain",
               answer->commit, answer->known ? "" : ": ", answer->note);
    }
    arena_free(&arena);
    return ok;
}

static bool
add_commit(struct db *db, int64_t number, const char *value,
           const char *who, struct fault *why)
{
    const char *equals = strchr(value, '=');
    char *tree;
    bool ok;

    if (equals == NULL || equals == value || equals[1] == '\0')
        return fault_set(why, FAULT_USAGE, "--commit '%s' is not "
                         "TREE=REVISION", value);
    tree = xstrndup(value, (size_t)(equals - value));
    ok = issue_reach_add(db, number, tree, equals + 1, who, why);
    free(tree);
    return ok;
}

static bool
run_fix(struct cmd_call *call, struct fault *why)
{
    const char *commit;
    struct db *db = NULL;
    int64_t number;
    bool ok;

    ok = cmd_number(call, 0, "an issue", &number, why)
        && (cmd_list(call, "commit", 0) != NULL
            || fault_set(why, FAULT_USAGE, "which --commit fixes it?"))
        && db_open("assay", &db, why);
    for (int i = 0; ok
         && (commit = cmd_list(call, "commit", i)) != NULL; i++)
        ok = add_commit(db, number, commit, author(call), why);
    ok = ok && ask_git(db, number, false, why) && say_state(db, number, why);
    db_close(db);
    return ok;
}

static bool
run_check(struct cmd_call *call, struct fault *why)
{
    struct db *db = NULL;
    int64_t number = 0;
    bool ok = true;

    if (cmd_argc(call) > 0)
        ok = cmd_number(call, 0, "an issue", &number, why);
    ok = ok && db_open("assay", &db, why)
        && ask_git(db, number, cmd_flag(call, "quiet"), why);
    db_close(db);
    return ok;
}

static const struct cmd_opt check_opts[] = {
    { "quiet", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "say only what git could not tell" },
    { 0 },
};
static const struct cmd_opt fix_opts[] = {
    { "author", CMD_OPT_TEXT, "NAME", NULL, 0, 0,
      "who says so (default: you)" },
    { "commit", CMD_OPT_LIST, "TREE=REV", NULL, 0, 0,
      "a commit that fixes it; may be repeated, for each branch that has "
      "one of its own" },
    { 0 },
};
static const struct cmd_opt add_opts[] = {
    { "issue", CMD_OPT_INT, "N", NULL, 0, 0,
      "one more signature of that issue, instead of a new one" },
    { "lane", CMD_OPT_TEXT, "LANE", "product", 0, 0,
      "whose fault it is: product, test, host, harness, unknown" },
    { "owner", CMD_OPT_TEXT, "NAME", "", 0, 0, "who looks after it" },
    { "reference", CMD_OPT_TEXT, "TEXT", "", 0, 0,
      "where else it is known: an address, a number" },
    { 0 },
};
static const struct cmd_opt list_opts[] = {
    { "all", CMD_OPT_FLAG, NULL, NULL, 0, 0, "fixed and closed ones too" },
    { 0 },
};
static const struct cmd_opt close_opts[] = {
    { "author", CMD_OPT_TEXT, "NAME", NULL, 0, 0,
      "who says so (default: you)" },
    { "branch", CMD_OPT_LIST, "BRANCH", NULL, 0, 0,
      "a branch that has the fix" },
    { "fix", CMD_OPT_TEXT, "REVISION", NULL, 0, 0,
      "the first revision with the fix" },
    { "reason", CMD_OPT_TEXT, "TEXT", NULL, 0, 0,
      "close it without a fix: invalid, a duplicate" },
    { 0 },
};

const struct cmd issue_cmds[] = {
    { "issue add", "TITLE FAILURE", 2, 2, CMD_WRITES, add_opts, run_add,
      "make the cause of a failure a known issue",
      "FAILURE is FLIGHT/JOB[/TESTID] or a signature. Every failure with the "
      "same\nsignature, earlier and later ones, is of that issue." },
    { "issue check", "[ISSUE]", 0, 1, CMD_WRITES, check_opts, run_check,
      "ask git which tested revisions contain the fixes",
      "Of one issue, or of all that are not closed. assayd does so by itself "
      "when flights have ended." },
    { "issue close", "ISSUE", 1, 1, CMD_WRITES, close_opts, run_close,
      "say which branch has the fix, or that it is no issue",
      "An issue is fixed when every branch that showed it has the fix; a "
      "flight made\nafter that which shows it again opens it again. With "
      "assay issue fix git tells\ninstead of you." },
    { "issue fix", "ISSUE", 1, 1, CMD_WRITES, fix_opts, run_fix,
      "name the commit that fixes an issue",
      "A branch has the fix when git says that its last tested revision "
      "contains one of the commits. A flight that contains it and shows the "
      "issue again is a regression and opens it again; another commit counts "
      "when it is tested. The tree must be here: assay tree add. Branches "
      "without a tree are told by assay issue close." },
    { "issue list", "", 0, 0, CMD_READS, list_opts, run_list,
      "list known issues, with how often and when they were seen", NULL },
    { "issue show", "ISSUE", 1, 1, CMD_READS, NULL, run_show,
      "show an issue, its signatures, fixes and last failures", NULL },
    { 0 },
};
