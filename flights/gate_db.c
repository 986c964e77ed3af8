/* flights/gate_db.c - see gate_db.h. */
#include <config.h>

#include "flights/gate_db.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/db_value.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "results/decide.h"

#define AT_MS(column) "(extract(epoch from " column ") * 1000)::bigint"

static const char *const state_names[] = {
    [GATE_STATE_NONE] = "none", [GATE_BEGUN] = "begun",
    [GATE_SMOKE] = "smoke", [GATE_FULL] = "full",
    [GATE_RETEST] = "retest", [GATE_DECIDED] = "decided",
    [GATE_PUSHED] = "pushed",
    [GATE_HELD] = "held", [GATE_TESTED] = "tested", [GATE_LOST] = "lost",
    [GATE_ABORTED] = "aborted", [GATE_FAILED] = "failed",
};
static_assert(ARRAY_LEN(state_names) == GATE_STATE_COUNT, "a name each");

static const char *const purpose_names[] = {
    [POLICY_PURPOSE_NONE] = "none", [POLICY_CANDIDATE] = "candidate",
    [POLICY_BASELINE] = "baseline", [POLICY_CURRENT] = "current",
};

const char *
gate_state_name(enum gate_state state)
{
    return state < GATE_STATE_COUNT ? state_names[state] : "none";
}

static const char *
int_or_null(char text[static DB_INT_BYTES], int64_t value)
{
    return value == 0 ? NULL : db_int_text(text, value);
}

bool
gate_state_is_end(enum gate_state state)
{
    return state >= GATE_PUSHED && state < GATE_STATE_COUNT;
}

/* The index of 'word', 0 for one that is not known. */
static int
index_of(const char *const words[], size_t count, const char *word)
{
    for (size_t i = 1; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return (int)i;
    return 0;
}

/* Begin ------------------------------------------------------------------- */

static const struct query Q_BEGIN = { "gate-begin",
    "insert into assay.gate_run (branch, purpose, state, source, definition,"
    " tree, revision, old, baseline, trees, candidate, smoke_flight, flight,"
    " retest_flight, again, author, harness)"
    " values ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text,"
    " $7::text, $8::text, $9::text, $10::jsonb, $11::bigint, $12::bigint,"
    " $13::bigint, $14::bigint, $15::bigint, $16::text, $17::text)"
    " returning run",
    17, 1 };

bool
gate_db_begin(struct db *db, const struct gate_run *run, int64_t *run_out,
              struct fault *why)
{
    char candidate[DB_INT_BYTES], smoke[DB_INT_BYTES];
    char flight[DB_INT_BYTES], retest[DB_INT_BYTES];
    char again[DB_INT_BYTES];
    const char *params[] = {
        run->branch, purpose_names[run->purpose], state_names[run->state],
        run->source, run->definition, run->tree, run->revision, run->old,
        run->baseline, run->trees, int_or_null(candidate, run->candidate),
        int_or_null(smoke, run->smoke_flight), int_or_null(flight, run->flight),
        int_or_null(retest, run->retest_flight), int_or_null(again, run->again),
        run->author, harness_revision(),
    };

    return db_value_int(db, &Q_BEGIN, params, 0, run_out, why);
}

/* Read -------------------------------------------------------------------- */

#define RUN_COLUMNS \
    "r.run, r.branch, r.purpose, r.state, r.source, r.definition, r.tree," \
    " r.revision, r.old, r.baseline, r.trees::text, r.candidate," \
    " r.smoke_flight, r.flight, r.retest_flight, r.again, r.result," \
    " r.summary, r.ruling, r.ruling_sha256, r.author, " \
    AT_MS("r.begun_at") ", " AT_MS("r.decided_at") ", " AT_MS("r.finished_at")
#define RUN_COLUMN_COUNT 24

static const struct query Q_READ = { "gate-run",
    "select " RUN_COLUMNS " from assay.gate_run r where r.run = $1::bigint",
    1, RUN_COLUMN_COUNT };

static const struct query Q_RUNS = { "gate-runs",
    "select " RUN_COLUMNS " from assay.gate_run r"
    " where r.branch = $1::text order by r.run desc limit $2::int",
    2, RUN_COLUMN_COUNT };

static const struct query Q_LATEST = { "gate-latest",
    "select distinct on (r.branch) " RUN_COLUMNS " from assay.gate_run r"
    " order by r.branch, r.run desc",
    0, RUN_COLUMN_COUNT };

static void
read_run(struct arena *arena, const struct db_rows *rows, int i,
         struct gate_run *out)
{
    *out = (struct gate_run){
        .run = db_int(rows, i, 0, 0),
        .branch = db_copy_text(arena, rows, i, 1),
        .purpose = (enum policy_purpose)index_of(
            purpose_names, ARRAY_LEN(purpose_names), db_text(rows, i, 2)),
        .state = (enum gate_state)index_of(
            state_names, ARRAY_LEN(state_names), db_text(rows, i, 3)),
        .source = db_copy_text(arena, rows, i, 4),
        .definition = db_copy_text(arena, rows, i, 5),
        .tree = db_copy_text(arena, rows, i, 6),
        .revision = db_copy_text(arena, rows, i, 7),
        .old = db_copy_text(arena, rows, i, 8),
        .baseline = db_copy_text(arena, rows, i, 9),
        .trees = db_copy_text(arena, rows, i, 10),
        .candidate = db_int(rows, i, 11, 0),
        .smoke_flight = db_int(rows, i, 12, 0),
        .flight = db_int(rows, i, 13, 0),
        .retest_flight = db_int(rows, i, 14, 0),
        .again = db_int(rows, i, 15, 0),
        .result = db_copy_text(arena, rows, i, 16),
        .summary = db_copy_text(arena, rows, i, 17),
        .ruling = db_copy_text(arena, rows, i, 18),
        .ruling_sha256 = db_copy_text(arena, rows, i, 19),
        .author = db_copy_text(arena, rows, i, 20),
        .begun_ms = db_int(rows, i, 21, -1),
        .decided_ms = db_int(rows, i, 22, -1),
        .finished_ms = db_int(rows, i, 23, -1),
    };
}

static bool
read_runs(struct db *db, const struct query *query,
          const char *const params[], struct arena *arena,
          struct gate_run **out, size_t *count_out, struct fault *why)
{
    struct db_rows *rows = NULL;
    int count;

    if (!db_run(db, query, params, &rows, why))
        return false;
    count = db_rows_count(rows);
    *out = arena_alloc(arena, (size_t)count * sizeof **out + 1);
    *count_out = (size_t)count;
    for (int i = 0; i < count; i++)
        read_run(arena, rows, i, &(*out)[i]);
    db_rows_free(rows);
    return true;
}

bool
gate_db_read(struct db *db, int64_t run, struct arena *arena,
             struct gate_run *out, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { number };
    struct gate_run *list;
    size_t count = 0;

    (void)int_or_null(number, run);
    if (!read_runs(db, &Q_READ, params, arena, &list, &count, why))
        return false;
    if (count == 0)
        return fault_set(why, FAULT_NOT_FOUND, "there is no run %s of the "
                         "gate", number);
    *out = list[0];
    return true;
}

bool
gate_db_latest(struct db *db, struct arena *arena, struct gate_run **out,
               size_t *count_out, struct fault *why)
{
    return read_runs(db, &Q_LATEST, NULL, arena, out, count_out, why);
}

bool
gate_db_runs(struct db *db, const char *branch, int limit,
             struct arena *arena, struct gate_run **out, size_t *count_out,
             struct fault *why)
{
    char text[DB_INT_BYTES];
    const char *params[] = { branch, int_or_null(text, limit) };

    return read_runs(db, &Q_RUNS, params, arena, out, count_out, why);
}

/* Steps ------------------------------------------------------------------- */

static bool
step(struct db *db, const struct query *query, const char *const params[],
     struct fault *why)
{
    int64_t changed;

    if (!db_value_changed(db, query, params, &changed, why))
        return false;
    return changed == 1
        || fault_set(why, FAULT_CONFLICT, "run %s of the gate was moved on by "
                     "another process", params[0]);
}

static const struct query Q_CANDIDATE_SET = { "gate-candidate-set",
    "update assay.gate_run set candidate = $2::bigint"
    " where run = $1::bigint and state = 'begun'", 2, 0 };

bool
gate_db_set_candidate(struct db *db, int64_t run, int64_t candidate,
                      struct fault *why)
{
    char number[DB_INT_BYTES], text[DB_INT_BYTES];
    const char *params[] = { int_or_null(number, run),
                             int_or_null(text, candidate) };

    return step(db, &Q_CANDIDATE_SET, params, why);
}

static const struct query Q_FLIGHT_SET = { "gate-flight-set",
    "update assay.gate_run set state = $3::text,"
    " smoke_flight = case when $3::text = 'smoke' then $4::bigint"
    "  else smoke_flight end,"
    " flight = case when $3::text = 'full' then $4::bigint"
    "  else flight end,"
    " retest_flight = case when $3::text = 'retest' then $4::bigint"
    "  else retest_flight end"
    " where run = $1::bigint and state = $2::text", 4, 0 };

bool
gate_db_set_flight(struct db *db, int64_t run, enum gate_state from,
                   enum gate_state to, int64_t flight, struct fault *why)
{
    char number[DB_INT_BYTES], text[DB_INT_BYTES];
    const char *params[] = { int_or_null(number, run), state_names[from],
                             state_names[to], int_or_null(text, flight) };

    must(to == GATE_SMOKE || to == GATE_FULL || to == GATE_RETEST);
    return step(db, &Q_FLIGHT_SET, params, why);
}

static const struct query Q_DECIDE = { "gate-decide",
    "update assay.gate_run set state = $3::text,"
    " push = $3::text = 'decided', result = $4::text, summary = $5::text,"
    " ruling = $6::text, ruling_sha256 = $7::text, allow = $8::jsonb,"
    " decided_at = clock_timestamp(),"
    " finished_at = case when $3::text <> 'decided'"
    "  then clock_timestamp() end"
    " where run = $1::bigint and state = $2::text", 8, 0 };

bool
gate_db_decide(struct db *db, int64_t run, enum gate_state from,
               const struct gate_decided *decided, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = {
        int_or_null(number, run), state_names[from],
        state_names[decided->state], decided->result, decided->summary,
        decided->ruling, decided->ruling_sha256, decided->allow,
    };

    return step(db, &Q_DECIDE, params, why);
}

static const struct query Q_FINISH = { "gate-finish",
    "update assay.gate_run set state = $3::text,"
    " summary = coalesce($4::text, summary),"
    " finished_at = clock_timestamp()"
    " where run = $1::bigint and state = $2::text", 4, 0 };

bool
gate_db_finish(struct db *db, int64_t run, enum gate_state from,
               enum gate_state to, const char *summary, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { int_or_null(number, run), state_names[from],
                             state_names[to], summary };

    must(gate_state_is_end(to));
    return step(db, &Q_FINISH, params, why);
}

/* History ----------------------------------------------------------------- */

static const struct query Q_CANDIDATE = { "gate-candidate",
    "select candidate from assay.candidate where name = $1::text", 1, 1 };

bool
gate_db_candidate(struct db *db, const char *name, int64_t *candidate_out,
                  struct fault *why)
{
    const char *params[] = { name };

    return db_value_int(db, &Q_CANDIDATE, params, 0, candidate_out, why);
}

static const struct query Q_TESTED = { "gate-is-tested",
    "select exists (select from assay.flight f"
    " join assay.flight_tree t on t.flight = f.flight"
    " where f.branch = $1::text and t.tree = $2::text"
    " and t.revision = $3::text and f.finished_at is not null"
    " and f.blessing = f.intended and f.outcome <> 'aborted'"
    " and not exists (select from assay.gate_run r"
    "  where r.smoke_flight = f.flight)"
    " and exists (select from assay.step s"
    "  where s.flight = f.flight and s.status = 'pass'))",
    3, 1 };

bool
gate_db_is_tested(struct db *db, const char *branch, const char *tree,
                  const char *revision, bool *tested_out, struct fault *why)
{
    const char *params[] = { branch, tree, revision };

    return db_value_bool(db, &Q_TESTED, params, tested_out, why);
}

static const struct query Q_PUSHED = { "gate-pushed",
    "select r.revision from assay.gate_run r"
    " where r.branch = $1::text and r.tree = $2::text"
    " and r.state = 'pushed' order by r.run desc limit 1000",
    2, 1 };

bool
gate_db_pushed(struct db *db, const char *branch, const char *tree,
               struct arena *arena, char ***revisions_out,
               struct fault *why)
{
    const char *params[] = { branch, tree };
    struct db_rows *rows = NULL;
    char **list;
    int count;

    if (!db_run(db, &Q_PUSHED, params, &rows, why))
        return false;
    count = db_rows_count(rows);
    list = arena_alloc(arena, ((size_t)count + 1) * sizeof *list);
    for (int i = 0; i < count; i++)
        list[i] = arena_strdup(arena, db_text(rows, i, 0));
    db_rows_free(rows);
    *revisions_out = list;
    return true;
}

static const struct query Q_INTENDED = { "gate-intended",
    "select intended from assay.flight where flight = $1::bigint", 1, 1 };

bool
gate_db_intended(struct db *db, int64_t flight, struct arena *arena,
                 const char **intended_out, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { int_or_null(number, flight) };
    struct db_rows *rows = NULL;
    bool there;

    if (!db_run(db, &Q_INTENDED, params, &rows, why))
        return false;
    there = db_rows_count(rows) > 0;
    if (there)
        *intended_out = db_copy_text(arena, rows, 0, 0);
    db_rows_free(rows);
    return there || fault_set(why, FAULT_NOT_FOUND, "there is no flight %s",
                              number);
}

static const struct query Q_BASELINE = { "gate-baseline",
    "select max(b.flight) from assay.flight f"
    " join assay.flight b on b.branch = f.branch and b.source = f.source"
    "  and b.finished_at is not null and b.blessing = b.intended"
    "  and b.outcome <> 'aborted' and b.flight <> f.flight"
    " join assay.flight_tree t on t.flight = b.flight"
    "  and t.tree = $2::text and t.revision = $3::text"
    " where f.flight = $1::bigint",
    3, 1 };

bool
gate_db_baseline(struct db *db, int64_t flight, const char *tree,
                 const char *baseline, int64_t *baseline_out,
                 struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { int_or_null(number, flight), tree, baseline };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_BASELINE, params, &rows, why))
        return false;
    *baseline_out = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return true;
}

static const struct query Q_LEVERS_SINCE = { "gate-levers-since",
    "select exists (select from assay.gate_lever l"
    " join assay.gate_run r on r.run = $2::bigint"
    " where l.branch = $1::text and l.run is null"
    " and l.at > coalesce(r.decided_at, r.begun_at))",
    2, 1 };

bool
gate_db_levers_since(struct db *db, const char *branch, int64_t run,
                     bool *any_out, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { branch, int_or_null(number, run) };

    return db_value_bool(db, &Q_LEVERS_SINCE, params, any_out, why);
}
