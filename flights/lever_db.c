/* flights/lever_db.c - see lever_db.h. */
#include <config.h>

#include "flights/lever_db.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/db_value.h"
#include "harness/fault.h"

#define AT_MS(column) "(extract(epoch from " column ") * 1000)::bigint"

static const char *
int_text(struct arena *arena, int64_t value)
{
    return value == 0 ? NULL : arena_printf(arena, "%" PRId64, value);
}

static const char *
text_or_null(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* Add --------------------------------------------------------------------- */

static const struct query Q_ADD = { "lever-add",
    "insert into assay.gate_lever (kind, branch, revision, job, testid,"
    " until_rc, passes, issue, author, reason)"
    " values ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text,"
    " $7::int, $8::bigint, $9::text, $10::text) returning lever",
    10, 1 };

static const struct query Q_ISSUE = { "lever-issue",
    "select closed_at is not null from assay.issue where issue = $1::bigint",
    1, 1 };

static bool
is_blank(const char *text)
{
    while (text != NULL && isspace((unsigned char)*text))
        text++;
    return text == NULL || *text == '\0';
}

static bool
check_words(const char *author, const char *reason, struct fault *why)
{
    if (is_blank(reason)) {
        fault_set(why, FAULT_USAGE, "a lever without a reason is refused");
        return fault_hint(why, "--reason TEXT: who reads the log next year "
                          "wants to know");
    }
    return !is_blank(author) ||
           fault_set(why, FAULT_USAGE, "a lever needs an author");
}

static bool
check_issue(struct db *db, const char *issue, struct fault *why)
{
    const char *params[] = { issue };
    struct db_rows *rows = NULL;
    bool ok;

    if (issue == NULL)
        return true;
    if (!db_run(db, &Q_ISSUE, params, &rows, why))
        return false;
    ok = db_rows_count(rows) > 0;
    if (!ok)
        fault_set(why, FAULT_NOT_FOUND, "there is no issue %s", issue);
    else if (db_bool(rows, 0, 0))
        ok = fault_set(why, FAULT_CONFLICT, "issue %s is closed: the waiver "
                       "would have ended already", issue);
    db_rows_free(rows);
    return ok;
}

bool
lever_db_add(struct db *db, const struct lever_row *row, int64_t *lever_out,
             struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *params[] = {
        row->kind, row->branch, text_or_null(row->revision),
        text_or_null(row->job), text_or_null(row->testid),
        text_or_null(row->until_rc), int_text(&arena, row->passes),
        int_text(&arena, row->issue), row->author, row->reason,
    };
    struct db_rows *rows = NULL;
    bool ok;

    ok = check_words(row->author, row->reason, why) &&
         check_issue(db, params[7], why) &&
         db_run(db, &Q_ADD, params, &rows, why);
    if (ok) {
        *lever_out = db_int(rows, 0, 0, 0);
        db_rows_free(rows);
    }
    arena_free(&arena);
    return ok;
}

/* End --------------------------------------------------------------------- */

static const struct query Q_END = { "lever-end",
    "insert into assay.gate_lever (kind, branch, ends, run, author, reason)"
    " select 'end', l.branch, l.lever, $2::bigint, $3::text, $4::text"
    " from assay.gate_lever l"
    " where l.lever = $1::bigint and l.kind <> 'end'"
    " on conflict (ends) do nothing",
    4, 0 };

static const struct query Q_THERE = { "lever-there",
    "select lever from assay.gate_lever"
    " where lever = $1::bigint and kind <> 'end'", 1, 1 };

bool
lever_db_end(struct db *db, int64_t lever, int64_t run, const char *author,
             const char *reason, struct fault *why)
{
    char number[DB_INT_BYTES], run_text[DB_INT_BYTES];
    const char *params[] = { number, run != 0 ? run_text : NULL, author,
                             reason };
    struct db_rows *rows = NULL;
    bool done, there;

    db_int_text(number, lever);
    db_int_text(run_text, run);
    if (!check_words(author, reason, why) ||
        !db_run(db, &Q_END, params, &rows, why))
        return false;
    done = db_rows_affected(rows) > 0;
    db_rows_free(rows);
    if (done)
        return true;
    if (!db_run(db, &Q_THERE, params, &rows, why))
        return false;
    there = db_rows_count(rows) > 0;
    db_rows_free(rows);
    if (!there)
        return fault_set(why, FAULT_NOT_FOUND, "there is no lever %s",
                         number);
    return fault_set(why, FAULT_CONFLICT, "lever %s has been taken back "
                     "already", number);
}

/* Active ------------------------------------------------------------------ */

static const struct query Q_ACTIVE = { "lever-active",
    "select l.lever, l.kind, l.author, l.reason, " AT_MS("l.at") ","
    " l.revision, l.job, l.testid, l.until_rc, l.passes, l.issue,"
    " i.state <> 'open'"
    " from assay.gate_lever l"
    " left join assay.issue_state i on i.issue = l.issue"
    " where l.branch = $1::text and l.kind <> 'end'"
    " and not exists (select from assay.gate_lever e where e.ends = l.lever)"
    " order by l.lever",
    1, 12 };

/* A pass is a flight that ended after the waiver was given, in which every
 * cell that it covers passed. */
static const struct query Q_PASSES = { "lever-passes",
    "select count(*) from ("
    " select from assay.flight f join assay.step s on s.flight = f.flight"
    " where f.branch = $1::text and f.finished_at > ("
    "  select l.at from assay.gate_lever l where l.lever = $2::bigint)"
    " and f.blessing = f.intended"
    " and s.job ~ $3::text and s.testid ~ $4::text"
    " group by f.flight having bool_and(s.status in ('pass', 'reused')))"
    " as passed",
    4, 1 };

/* A pattern of allow files as a regular expression. */
static const char *
regex(struct arena *arena, const char *pattern)
{
    struct buf out = BUF_INIT;
    const char *text;

    buf_adds(&out, "^");
    for (const char *p = pattern; *p != '\0'; p++) {
        if (p[0] == '@' && p[1] == '@') {
            buf_adds(&out, ".*");
            p++;
        } else if (*p == '@') {
            buf_adds(&out, "[^ !\"#$%&'()*+,./-]*");
        } else {
            buf_addf(&out, isalnum((unsigned char)*p) ? "%c" : "\\%c", *p);
        }
    }
    buf_adds(&out, "$");
    text = arena_strdup(arena, buf_text(&out));
    buf_free(&out);
    return text;
}

static bool
count_passes(struct db *db, const char *branch, struct arena *arena,
             struct policy_lever *lever, struct fault *why)
{
    const char *params[] = {
        branch, arena_printf(arena, "%" PRId64, lever->id),
        regex(arena, lever->job),
        regex(arena, lever->testid[0] != '\0' ? lever->testid : "@@"),
    };

    if (lever->passes_max == 0)
        return true;
    return db_value_int(db, &Q_PASSES, params, 0, &lever->passes, why);
}

static enum policy_lever_kind
kind_of(const char *word)
{
    static const struct {
        const char *word;
        enum policy_lever_kind kind;
    } kinds[] = {
        { "force", POLICY_FORCE }, { "force-rev", POLICY_FORCE_REV },
        { "block", POLICY_HOLD }, { "waive", POLICY_WAIVE },
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].word, word) == 0)
            return kinds[i].kind;
    return POLICY_LEVER_NONE;
}

bool
lever_db_active(struct db *db, const char *branch, struct arena *arena,
                struct policy_lever **out, size_t *count_out,
                struct fault *why)
{
    const char *params[] = { branch };
    struct db_rows *rows = NULL;
    struct policy_lever *levers;
    bool ok = true;
    int count;

    if (!db_run(db, &Q_ACTIVE, params, &rows, why))
        return false;
    count = db_rows_count(rows);
    levers = arena_alloc(arena, (size_t)count * sizeof *levers + 1);
    for (int i = 0; i < count; i++)
        levers[i] = (struct policy_lever){
            .id = db_int(rows, i, 0, 0),
            .kind = kind_of(db_text(rows, i, 1)),
            .author = db_copy_text(arena, rows, i, 2),
            .reason = db_copy_text(arena, rows, i, 3),
            .at_ms = db_int(rows, i, 4, 0),
            .revision = db_copy_text(arena, rows, i, 5),
            .job = db_copy_text(arena, rows, i, 6),
            .testid = db_copy_text(arena, rows, i, 7),
            .until_rc = db_copy_text(arena, rows, i, 8),
            .passes_max = db_int(rows, i, 9, 0),
            .issue = db_int(rows, i, 10, 0),
            .issue_is_closed = db_bool(rows, i, 11),
        };
    db_rows_free(rows);
    for (int i = 0; i < count && ok; i++)
        ok = count_passes(db, branch, arena, &levers[i], why);
    *out = levers;
    *count_out = (size_t)count;
    return ok;
}

/* Log --------------------------------------------------------------------- */

static const struct query Q_LOG = { "lever-log",
    "select l.lever, " AT_MS("l.at") ", l.kind, l.branch, l.revision, l.job,"
    " l.testid, l.until_rc, l.passes, l.issue, l.ends, l.run, l.author,"
    " l.reason, e.lever"
    " from assay.gate_lever l"
    " left join assay.gate_lever e on e.ends = l.lever"
    " where $1::text is null or l.branch = $1::text order by l.lever",
    1, 15 };

bool
lever_db_log(struct db *db, const char *branch, struct arena *arena,
             struct lever_row **out, size_t *count_out, struct fault *why)
{
    const char *params[] = { branch };
    struct db_rows *rows = NULL;
    struct lever_row *list;
    int count;

    if (!db_run(db, &Q_LOG, params, &rows, why))
        return false;
    count = db_rows_count(rows);
    list = arena_alloc(arena, (size_t)count * sizeof *list + 1);
    for (int i = 0; i < count; i++)
        list[i] = (struct lever_row){
            .lever = db_int(rows, i, 0, 0),
            .at_ms = db_int(rows, i, 1, 0),
            .kind = db_copy_text(arena, rows, i, 2),
            .branch = db_copy_text(arena, rows, i, 3),
            .revision = db_copy_text(arena, rows, i, 4),
            .job = db_copy_text(arena, rows, i, 5),
            .testid = db_copy_text(arena, rows, i, 6),
            .until_rc = db_copy_text(arena, rows, i, 7),
            .passes = db_int(rows, i, 8, 0),
            .issue = db_int(rows, i, 9, 0),
            .ends = db_int(rows, i, 10, 0),
            .run = db_int(rows, i, 11, 0),
            .author = db_copy_text(arena, rows, i, 12),
            .reason = db_copy_text(arena, rows, i, 13),
            .ended_by = db_int(rows, i, 14, 0),
        };
    db_rows_free(rows);
    *out = list;
    *count_out = (size_t)count;
    return true;
}
