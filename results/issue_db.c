/* results/issue_db.c - see issue_db.h. */
#include <config.h>

#include "results/issue_db.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/db_value.h"
#include "harness/fault.h"
#include "results/issue_reach.h"
#include "results/signature.h"

#define MS(column) "(extract(epoch from " column ") * 1000)::bigint"

static const struct query Q_SIGNATURE = {
    "issue_signature",
    "select signature from assay.signature where signature = $1::text", 1, 1
};
static const struct query Q_FAILURE = {
    "issue_failure",
    "select distinct signature from assay.failure where flight = $1::bigint"
    " and job = $2::text and ($3::text is null or testid = $3::text)", 3, 1
};
static const struct query Q_ADD = {
    "issue_add",
    "with i as (insert into assay.issue (title, reference, owner, lane)"
    "  values ($1::text, $2::text, $3::text, $4::assay.lane)"
    "  returning issue),"
    " s as (insert into assay.issue_signature (issue, signature)"
    "  select issue, $5::text from i) select issue from i", 5, 1
};
static const struct query Q_ATTACH = {
    "issue_attach",
    "insert into assay.issue_signature (issue, signature)"
    " select issue, $2::text from assay.issue where issue = $1::bigint"
    " on conflict do nothing", 2, 0
};
static const struct query Q_EXISTS = {
    "issue_exists",
    "select closed_at is not null from assay.issue"
    " where issue = $1::bigint", 1, 1
};
static const struct query Q_LIST = {
    "issue_list",
    "select i.issue, i.title, i.reference, i.owner, i.lane, s.state,"
    " coalesce(i.close_reason, ''), s.branches, s.unfixed, s.failures,"
    " s.flights, s.first_flight, s.last_flight, " MS("i.opened_at") ", "
    MS("s.last_at") ", s.regressed"
    " from assay.issue i join assay.issue_state s using (issue)"
    " where case when $1::bigint > 0 then i.issue = $1::bigint"
    "  else $2::boolean or s.state = 'open' end order by i.issue", 2, 16
};
static const struct query Q_DETAILS = {
    "issue_details",
    "(select 'signature', x.signature, s.title from assay.issue_signature x"
    "  join assay.signature s using (signature) where x.issue = $1::bigint"
    "  order by x.signature)"
    " union all (select 'fix', k.branch, k.revision || ', says ' || k.author"
    "  from assay.issue_fix k where k.issue = $1::bigint order by k.branch)"
    " union all (select 'commit', c.tree, c.revision || ', says ' || c.author"
    "  from assay.issue_commit c where c.issue = $1::bigint"
    "  order by c.at, c.tree, c.revision)"
    " union all (select 'tested', a.branch, 'flight ' || a.flight || ', '"
    "  || a.tree || ' ' || left(a.tested, 12) || case a.contains when true"
    "  then ', contains ' when false then ', does not contain '"
    "  else ', nobody asked git for ' end || left(a.revision, 12)"
    "  || case when a.showed then ', and showed it' else '' end"
    "  from assay.issue_asks a where a.issue = $1::bigint"
    "  order by a.branch, a.flight desc, a.revision, a.showed limit $2::int)"
    " union all (select 'seen', l.flight || '/' || l.job || case when l.testid"
    "  = '' then '' else '/' || l.testid end, l.text"
    "  from assay.issue_signature x join assay.failure l using (signature)"
    "  where x.issue = $1::bigint order by l.flight desc, l.job"
    "  limit $2::int)", 2, 3
};
static const struct query Q_FIX = {
    "issue_fix",
    "insert into assay.issue_fix (issue, branch, revision, author)"
    " select issue, $2::text, $3::text, $4::text from assay.issue"
    "  where issue = $1::bigint"
    " on conflict (issue, branch) do update set revision = excluded.revision,"
    "  author = excluded.author, at = excluded.at", 4, 0
};
static const struct query Q_COMMIT = {
    "issue_commit",
    "insert into assay.issue_commit (issue, tree, revision, author)"
    " select issue, $2::text, $3::text, $4::text from assay.issue"
    "  where issue = $1::bigint on conflict do nothing", 4, 0
};
static const struct query Q_ASKS = {
    "issue_asks",
    "select distinct a.issue, a.flight, a.branch, a.tree, a.revision,"
    " a.tested from assay.issue_asks a join assay.issue i using (issue)"
    " where a.contains is null and case when $1::bigint > 0"
    "  then a.issue = $1::bigint else i.closed_at is null end"
    " order by a.issue, a.flight, a.tree, a.revision limit 1000", 1, 6
};
/* Of several revisions of one tree each has to contain it. */
static const struct query Q_REACHED = {
    "issue_reached",
    "insert into assay.issue_reach (issue, tree, revision, flight, contains)"
    " values ($1::bigint, $2::text, $3::text, $4::bigint, $5::boolean)"
    " on conflict (issue, tree, revision, flight) do update"
    "  set contains = issue_reach.contains and excluded.contains", 5, 0
};
static const struct query Q_CLOSE = {
    "issue_close",
    "update assay.issue set closed_at = clock_timestamp(),"
    " close_reason = $2::text where issue = $1::bigint"
    " and closed_at is null", 2, 0
};

static bool
not_found(int64_t issue, struct fault *why)
{
    return fault_set(why, FAULT_NOT_FOUND, "there is no issue %" PRId64,
                     issue);
}

/* "12/job" or "12/job/test/id". */
static bool
split(struct arena *arena, const char *what, const char *params[static 3])
{
    const char *job = strchr(what, '/'), *testid;
    int64_t flight;

    if (job == NULL)
        return false;
    params[0] = arena_printf(arena, "%.*s", (int)(job - what), what);
    job++;
    testid = strchr(job, '/');
    params[1] = testid == NULL ? job
        : arena_printf(arena, "%.*s", (int)(testid - job), job);
    params[2] = testid == NULL ? NULL : testid + 1;
    return parse_int64(params[0], 1, INT64_MAX, &flight);
}

bool
issue_signature(struct db *db, const char *what, struct arena *arena,
                const char **out, struct fault *why)
{
    const char *params[3] = { what };
    struct db_rows *rows = NULL;
    bool ok, failure = split(arena, what, params);

    ok = failure || strlen(what) == SIGNATURE_BYTES - 1
        || fault_set(why, FAULT_USAGE, "'%s' is neither a signature nor a "
                     "failure FLIGHT/JOB[/TESTID]", what);
    ok = ok && db_run(db, failure ? &Q_FAILURE : &Q_SIGNATURE, params, &rows,
                      why);
    if (ok && db_rows_count(rows) == 0)
        ok = fault_set(why, FAULT_NOT_FOUND, "nothing is known of %s", what);
    else if (ok && db_rows_count(rows) > 1)
        ok = fault_set(why, FAULT_USAGE, "%s failed in %d ways: name the "
                       "testid too", what, db_rows_count(rows));
    if (ok)
        *out = db_copy_text(arena, rows, 0, 0);
    db_rows_free(rows);
    return ok;
}

bool
issue_add(struct db *db, const struct issue *issue, const char *signature,
          int64_t *number_out, struct fault *why)
{
    const char *params[] = { issue->title, issue->reference, issue->owner,
                             issue->lane, signature };

    return db_value_int(db, &Q_ADD, params, 0, number_out, why);
}

/* FAULT_NOT_FOUND; FAULT_CONFLICT when it is closed. */
static bool
must_be_open(struct db *db, const char *number, int64_t issue,
             struct fault *why)
{
    const char *params[] = { number };
    struct db_rows *rows = NULL;
    bool ok = db_run(db, &Q_EXISTS, params, &rows, why);

    if (ok && db_rows_count(rows) == 0)
        ok = not_found(issue, why);
    else if (ok && db_bool(rows, 0, 0))
        ok = fault_set(why, FAULT_CONFLICT, "issue %s is closed", number);
    db_rows_free(rows);
    return ok;
}

bool
issue_attach(struct db *db, int64_t issue, const char *signature,
             struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { number, signature };

    db_int_text(number, issue);
    return must_be_open(db, number, issue, why)
        && db_run(db, &Q_ATTACH, params, NULL, why);
}

bool
issue_list(struct db *db, int64_t issue, bool all, struct arena *arena,
           struct issue **out, size_t *count_out, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { number, all ? "true" : "false" };
    struct db_rows *rows = NULL;
    struct issue *list;
    bool ok;

    db_int_text(number, issue);
    ok = db_run(db, &Q_LIST, params, &rows, why);
    if (ok && issue > 0 && db_rows_count(rows) == 0)
        ok = not_found(issue, why);
    if (!ok)
        goto out;
    list = arena_alloc(arena, (size_t)db_rows_count(rows) * sizeof *list + 1);
    for (int i = 0; i < db_rows_count(rows); i++)
        list[i] = (struct issue){
            .issue = db_int(rows, i, 0, 0),
            .title = db_copy_text(arena, rows, i, 1),
            .reference = db_copy_text(arena, rows, i, 2),
            .owner = db_copy_text(arena, rows, i, 3),
            .lane = db_copy_text(arena, rows, i, 4),
            .state = db_copy_text(arena, rows, i, 5),
            .close_reason = db_copy_text(arena, rows, i, 6),
            .branches = db_copy_text(arena, rows, i, 7),
            .unfixed = db_copy_text(arena, rows, i, 8),
            .failures = db_int(rows, i, 9, 0),
            .flights = db_int(rows, i, 10, 0),
            .first_flight = db_int(rows, i, 11, 0),
            .last_flight = db_int(rows, i, 12, 0),
            .opened_ms = db_int(rows, i, 13, -1),
            .last_ms = db_int(rows, i, 14, -1),
            .regressed = db_copy_text(arena, rows, i, 15),
        };
    *out = list;
    *count_out = (size_t)db_rows_count(rows);
out:
    db_rows_free(rows);
    return ok;
}

bool
issue_details(struct db *db, int64_t issue, int limit, struct arena *arena,
              struct issue_line **out, size_t *count_out, struct fault *why)
{
    char number[DB_INT_BYTES], limit_text[DB_INT_BYTES];
    const char *params[] = { number, limit_text };
    struct db_rows *rows = NULL;
    struct issue_line *list;
    bool ok;

    db_int_text(number, issue);
    (void)snprintf(limit_text, sizeof(limit_text), "%d", limit);
    ok = db_run(db, &Q_DETAILS, params, &rows, why);
    if (!ok)
        goto out;
    list = arena_alloc(arena, (size_t)db_rows_count(rows) * sizeof *list + 1);
    for (int i = 0; i < db_rows_count(rows); i++)
        list[i] = (struct issue_line){
            .kind = db_copy_text(arena, rows, i, 0),
            .name = db_copy_text(arena, rows, i, 1),
            .text = db_copy_text(arena, rows, i, 2),
        };
    *out = list;
    *count_out = (size_t)db_rows_count(rows);
out:
    db_rows_free(rows);
    return ok;
}

bool
issue_fix(struct db *db, int64_t issue, const char *branch,
          const char *revision, const char *author, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { number, branch, revision, author };

    db_int_text(number, issue);
    return must_be_open(db, number, issue, why)
        && db_run(db, &Q_FIX, params, NULL, why);
}

bool
issue_commit(struct db *db, int64_t issue, const char *tree,
             const char *revision, const char *author, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { number, tree, revision, author };

    db_int_text(number, issue);
    return must_be_open(db, number, issue, why)
        && db_run(db, &Q_COMMIT, params, NULL, why);
}

bool
issue_asks(struct db *db, int64_t issue, struct arena *arena,
           struct issue_answer **out, size_t *count_out, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { number };
    struct db_rows *rows = NULL;
    struct issue_answer *list;
    bool ok;

    db_int_text(number, issue);
    ok = db_run(db, &Q_ASKS, params, &rows, why);
    if (!ok)
        goto out;
    list = arena_alloc(arena, (size_t)db_rows_count(rows) * sizeof *list + 1);
    for (int i = 0; i < db_rows_count(rows); i++)
        list[i] = (struct issue_answer){
            .issue = db_int(rows, i, 0, 0), .flight = db_int(rows, i, 1, 0),
            .branch = db_copy_text(arena, rows, i, 2),
            .tree = db_copy_text(arena, rows, i, 3),
            .commit = db_copy_text(arena, rows, i, 4),
            .tested = db_copy_text(arena, rows, i, 5), .note = "",
        };
    *out = list;
    *count_out = (size_t)db_rows_count(rows);
out:
    db_rows_free(rows);
    return ok;
}

bool
issue_reached(struct db *db, const struct issue_answer *answer,
              struct fault *why)
{
    char issue[DB_INT_BYTES], flight[DB_INT_BYTES];
    const char *params[] = { issue, answer->tree, answer->commit, flight,
                             answer->contains ? "true" : "false" };

    db_int_text(issue, answer->issue);
    db_int_text(flight, answer->flight);
    return db_run(db, &Q_REACHED, params, NULL, why);
}

bool
issue_close(struct db *db, int64_t issue, const char *reason,
            struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { number, reason };

    db_int_text(number, issue);
    return must_be_open(db, number, issue, why)
        && db_run(db, &Q_CLOSE, params, NULL, why);
}
