/* bisector/bisection_db.c - see bisection_db.h. What is asked of the history is
 * in bisection_past_db.c. */
#include <config.h>

#include "bisector/bisection_db.h"

#include <inttypes.h>
#include <stdio.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/db_value.h"
#include "harness/fault.h"

#define REAL_TEXT_BYTES 32
#define LOCK_CLASS "16962"      /* 'BB' */

#define MS(column) "coalesce(extract(epoch from " column ") * 1000, -1)" \
    "::bigint"
#define BISECTION_COLUMNS \
    " b.bisection, b.flight, b.basis, b.branch, b.job, b.testid," \
    " b.signature, b.definition, b.setup::text, b.recipe, b.author," \
    " array_to_json(b.people)::text, b.parallel, b.state, b.reason," \
    " b.verdict, b.component, b.culprit, b.chance, " MS("b.begun_at") ", " \
    MS("b.ended_at") ", r.runs, r.running, r.host_ms" \
    " from assay.bisection b cross join lateral (select count(*) as runs," \
    "  count(*) filter (where x.state <> 'ended') as running," \
    "  coalesce(sum(x.host_ms), 0)::bigint as host_ms" \
    "  from assay.bisection_run x where x.bisection = b.bisection) r"
#define BISECTION_COLUMN_COUNT 24

static struct bisection
take_row(struct arena *arena, const struct db_rows *rows, int i)
{
    return (struct bisection){
        .bisection = db_int(rows, i, 0, 0), .flight = db_int(rows, i, 1, 0),
        .basis = db_int(rows, i, 2, 0),
        .branch = db_copy_text(arena, rows, i, 3),
        .job = db_copy_text(arena, rows, i, 4),
        .testid = db_copy_text(arena, rows, i, 5),
        .signature = db_copy_text(arena, rows, i, 6),
        .definition = db_copy_text(arena, rows, i, 7),
        .setup = db_copy_text(arena, rows, i, 8),
        .recipe = db_copy_text(arena, rows, i, 9),
        .author = db_copy_text(arena, rows, i, 10),
        .people = db_copy_text(arena, rows, i, 11),
        .parallel = (int)db_int(rows, i, 12, 1),
        .state = db_copy_text(arena, rows, i, 13),
        .reason = db_copy_text(arena, rows, i, 14),
        .verdict = db_copy_text(arena, rows, i, 15),
        .component = db_copy_text(arena, rows, i, 16),
        .culprit = db_copy_text(arena, rows, i, 17),
        .chance = db_double(rows, i, 18, 0),
        .begun_ms = db_int(rows, i, 19, -1),
        .ended_ms = db_int(rows, i, 20, -1),
        .runs = db_int(rows, i, 21, 0), .running = db_int(rows, i, 22, 0),
        .host_ms = db_int(rows, i, 23, 0),
    };
}

bool
bisection_db_begin(struct db *db, const struct bisection *it,
                   int64_t *bisection_out, struct fault *why)
{
    static const struct query Q_BISECTION_BEGIN = {
        "bisection-begin",
        "insert into assay.bisection (flight, basis, branch, job, testid,"
        " signature, definition, setup, recipe, author, people, parallel)"
        " select $1::bigint, $2::bigint, $3::text, $4::text, $5::text,"
        " $6::text, $7::text, $8::jsonb, $9::text, $10::text,"
        " array(select jsonb_array_elements_text($11::jsonb)), $12::int"
        " returning bisection", 12, 1
    };
    char flight[DB_INT_BYTES], basis[DB_INT_BYTES],
        parallel[DB_INT_BYTES];
    const char *params[] = {
        db_int_text(flight, it->flight), db_int_text(basis, it->basis),
        it->branch, it->job, it->testid,
        it->signature[0] == '\0' ? NULL : it->signature,
        it->definition, it->setup,
        it->recipe[0] == '\0' ? NULL : it->recipe, it->author, it->people,
        db_int_text(parallel, it->parallel),
    };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_BISECTION_BEGIN, params, &rows, why)) {
        if (why->kind == FAULT_CONFLICT) {
            fault_set(why, FAULT_CONFLICT, "this failure of %s %s on branch "
                      "%s is looked into already", it->job, it->testid,
                      it->branch);
            fault_hint(why, "'assay bisect list' shows where");
        }
        return false;
    }
    *bisection_out = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return true;
}

bool
bisection_db_read(struct db *db, int64_t bisection, struct arena *arena,
                  struct bisection *out, struct fault *why)
{
    static const struct query Q_BISECTION_READ = {
        "bisection-read",
        "select" BISECTION_COLUMNS " where b.bisection = $1::bigint",
        1, BISECTION_COLUMN_COUNT
    };
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, bisection) };
    struct db_rows *rows = NULL;
    bool found;

    if (!db_run(db, &Q_BISECTION_READ, params, &rows, why))
        return false;
    found = db_rows_count(rows) > 0;
    if (found) {
        *out = take_row(arena, rows, 0);
    } else {
        fault_set(why, FAULT_NOT_FOUND, "there is no bisection %" PRId64,
                  bisection);
        fault_hint(why, "'assay bisect list' shows them");
    }
    db_rows_free(rows);
    return found;
}

bool
bisection_db_list(struct db *db, bool open, int limit, struct arena *arena,
                  struct bisection **out, size_t *count_out,
                  struct fault *why)
{
    static const struct query Q_BISECTION_LIST = {
        "bisection-list",
        "select" BISECTION_COLUMNS
        " where not $1::boolean or b.ended_at is null"
        " order by b.bisection desc limit $2::int", 2, BISECTION_COLUMN_COUNT
    };
    char most[DB_INT_BYTES];
    const char *params[] = { open ? "true" : "false",
                             db_int_text(most, limit) };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_BISECTION_LIST, params, &rows, why))
        return false;
    *count_out = (size_t)db_rows_count(rows);
    *out = arena_alloc(arena, *count_out * sizeof(**out) + 1);
    for (size_t i = 0; i < *count_out; i++)
        (*out)[i] = take_row(arena, rows, (int)i);
    db_rows_free(rows);
    return true;
}

bool
bisection_db_lock(struct db *db, int64_t bisection, bool *got_out,
                  struct fault *why)
{
    static const struct query Q_BISECTION_LOCK = {
        "bisection-lock",
        "select pg_try_advisory_lock(" LOCK_CLASS ", $1::int)", 1, 1
    };
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, bisection) };

    return db_value_bool(db, &Q_BISECTION_LOCK, params, got_out, why);
}

/* Runs what changes one open bisection. */
static bool
change(struct db *db, const struct query *query, const char *const params[],
       int64_t bisection, struct fault *why)
{
    struct db_rows *rows = NULL;
    bool changed;

    if (!db_run(db, query, params, &rows, why))
        return false;
    changed = db_rows_affected(rows) == 1;
    db_rows_free(rows);
    return changed
        || fault_set(why, FAULT_CONFLICT, "bisection %" PRId64 " is at its "
                     "end", bisection);
}

bool
bisection_db_set_state(struct db *db, int64_t bisection, const char *state,
                       const char *reason, struct fault *why)
{
    static const struct query Q_BISECTION_STATE = {
        "bisection-state",
        "update assay.bisection set state = $2::text, reason = $3::text"
        " where bisection = $1::bigint and ended_at is null", 3, 0
    };
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, bisection), state, reason };

    return change(db, &Q_BISECTION_STATE, params, bisection, why);
}

bool
bisection_db_set_setup(struct db *db, int64_t bisection, int64_t flight,
                       const char *setup, const char *reason,
                       struct fault *why)
{
    static const struct query Q_BISECTION_SETUP = {
        "bisection-setup",
        "update assay.bisection set flight = $2::bigint, setup = $3::jsonb,"
        " reason = $4::text"
        " where bisection = $1::bigint and ended_at is null", 4, 0
    };
    char number[DB_INT_BYTES], bad[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, bisection),
                             db_int_text(bad, flight), setup, reason };

    return change(db, &Q_BISECTION_SETUP, params, bisection, why);
}

bool
bisection_db_end(struct db *db, int64_t bisection,
                 const struct bisection_end *end, struct fault *why)
{
    static const struct query Q_BISECTION_END = {
        "bisection-end",
        "update assay.bisection set state = 'ended',"
        " ended_at = clock_timestamp(), reason = $2::text,"
        " verdict = $3::text, component = $4::text, culprit = $5::text,"
        " chance = $6::float8"
        " where bisection = $1::bigint and ended_at is null", 6, 0
    };
    char number[DB_INT_BYTES], chance[REAL_TEXT_BYTES];
    const char *params[] = { db_int_text(number, bisection), end->reason,
                             end->verdict, end->component, end->culprit,
                             chance };

    snprintf(chance, sizeof(chance), "%.17g", end->chance);
    return change(db, &Q_BISECTION_END, params, bisection, why);
}

/* Runs --------------------------------------------------------------------- */

bool
bisection_db_runs(struct db *db, int64_t bisection, struct arena *arena,
                  struct bisection_run **out, size_t *count_out,
                  struct fault *why)
{
    static const struct query Q_BISECTION_RUNS = {
        "bisection-runs",
        "select r.number, r.at::text, r.about, r.oracle,"
        " array_to_json(r.hosts)::text, r.state, r.definition, r.result,"
        " r.reason, r.output, r.host, r.build, r.flight, r.host_ms, "
        MS("r.begun_at") ", " MS("r.ended_at") ", f.finished_at is not null,"
        " f.blessing = 'constructing'"
        " from assay.bisection_run r"
        " left join assay.flight f on f.flight = r.flight"
        " where r.bisection = $1::bigint order by r.number", 1, 18
    };
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, bisection) };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_BISECTION_RUNS, params, &rows, why))
        return false;
    *count_out = (size_t)db_rows_count(rows);
    *out = arena_alloc(arena, *count_out * sizeof(**out) + 1);
    for (int i = 0; i < db_rows_count(rows); i++)
        (*out)[i] = (struct bisection_run){
            .number = (int)db_int(rows, i, 0, 0),
            .at = db_copy_text(arena, rows, i, 1),
            .about = db_copy_text(arena, rows, i, 2),
            .oracle = db_copy_text(arena, rows, i, 3),
            .hosts = db_copy_text(arena, rows, i, 4),
            .state = db_copy_text(arena, rows, i, 5),
            .definition = db_copy_text(arena, rows, i, 6),
            .result = db_copy_text(arena, rows, i, 7),
            .reason = db_copy_text(arena, rows, i, 8),
            .output = db_copy_text(arena, rows, i, 9),
            .host = db_copy_text(arena, rows, i, 10),
            .build = db_int(rows, i, 11, 0),
            .flight = db_int(rows, i, 12, 0),
            .host_ms = db_int(rows, i, 13, 0),
            .begun_ms = db_int(rows, i, 14, -1),
            .ended_ms = db_int(rows, i, 15, -1),
            .flight_ended = db_bool(rows, i, 16),
            .flight_unstarted = db_bool(rows, i, 17),
        };
    db_rows_free(rows);
    return true;
}

bool
bisection_db_run_add(struct db *db, int64_t bisection,
                     const struct bisection_run *run, int *number_out,
                     struct fault *why)
{
    static const struct query Q_BISECTION_RUN_ADD = {
        "bisection-run-add",
        "insert into assay.bisection_run (bisection, number, at, about,"
        " oracle, hosts) select $1::bigint, coalesce(max(number), 0) + 1,"
        " $2::jsonb, $3::text, $4::text,"
        " array(select jsonb_array_elements_text($5::jsonb))"
        " from assay.bisection_run where bisection = $1::bigint"
        " returning number", 5, 1
    };
    char number[DB_INT_BYTES];
    const char *params[] = {
        db_int_text(number, bisection), run->at,
        run->about == NULL || run->about[0] == '\0' ? NULL : run->about,
        run->oracle, run->hosts == NULL ? "[]" : run->hosts,
    };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_BISECTION_RUN_ADD, params, &rows, why))
        return false;
    *number_out = (int)db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return true;
}

bool
bisection_db_run_fly(struct db *db, int64_t bisection, int number,
                     const char *oracle, const char *definition,
                     int64_t build, int64_t flight, struct fault *why)
{
    static const struct query Q_BISECTION_RUN_FLY = {
        "bisection-run-fly",
        "update assay.bisection_run set state = 'running',"
        " definition = $3::text, build = nullif($4::bigint, 0),"
        " flight = $5::bigint, oracle = $6::text"
        " where bisection = $1::bigint and number = $2::int", 6, 0
    };
    char id[DB_INT_BYTES], run[DB_INT_BYTES], made[DB_INT_BYTES],
        in[DB_INT_BYTES];
    const char *params[] = { db_int_text(id, bisection),
                             db_int_text(run, number), definition,
                             db_int_text(made, build),
                             db_int_text(in, flight), oracle };

    return db_run(db, &Q_BISECTION_RUN_FLY, params, NULL, why);
}

/* A flight that others have made costs only them. */
bool
bisection_db_run_end(struct db *db, int64_t bisection, int number,
                     const char *job, const char *result, const char *reason,
                     const char *output, struct fault *why)
{
    static const struct query Q_BISECTION_RUN_END = {
        "bisection-run-end",
        "update assay.bisection_run r set state = 'ended',"
        " ended_at = clock_timestamp(), result = $4::text,"
        " reason = $5::text, output = nullif($6::text, ''),"
        " host = coalesce((select string_agg(o.host, ' ' order by o.position)"
        "  from assay.job_role o where o.flight = r.flight"
        "  and o.job = $3::text), r.host),"
        " host_ms = case when r.oracle <> 'lab' then r.host_ms else"
        "  coalesce((select extract(epoch from j.finished_at - j.started_at)"
        "   * 1000 * greatest((select count(*) from assay.job_role o"
        "     where o.flight = j.flight and o.job = j.job), 1)"
        "   from assay.job j where j.flight = r.flight"
        "   and j.job = $3::text), 0) end"
        " where r.bisection = $1::bigint and r.number = $2::int"
        " and r.ended_at is null", 6, 0
    };
    char id[DB_INT_BYTES], run[DB_INT_BYTES];
    const char *params[] = { db_int_text(id, bisection),
                             db_int_text(run, number), job, result,
                             reason, output };

    return db_run(db, &Q_BISECTION_RUN_END, params, NULL, why);
}

static bool
one_number(struct db *db, const struct query *query,
           const char *const params[], int64_t *out, struct fault *why)
{
    return db_value_int(db, query, params, 0, out, why);
}

/* One that taught its owner nothing teaches nobody. */
bool
bisection_db_same(struct db *db, int64_t bisection, const char *definition,
                  int64_t *flight_out, struct fault *why)
{
    static const struct query Q_BISECTION_SAME = {
        "bisection-same",
        "select max(r.flight) from assay.bisection_run r"
        " join assay.flight f on f.flight = r.flight"
        " where r.definition = $2::text and r.bisection <> $1::bigint"
        " and coalesce(r.result, '') <> 'nothing' and f.abort_reason is null"
        " and not exists (select from assay.bisection_run o"
        "  where o.bisection = $1::bigint and o.flight = r.flight)", 2, 1
    };
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, bisection), definition };

    return one_number(db, &Q_BISECTION_SAME, params, flight_out, why);
}

bool
bisection_db_alone(struct db *db, int64_t bisection, struct arena *arena,
                   int64_t **out, size_t *count_out, struct fault *why)
{
    static const struct query Q_BISECTION_ALONE = {
        "bisection-alone",
        "select r.flight from assay.bisection_run r"
        " join assay.flight f on f.flight = r.flight"
        " where r.bisection = $1::bigint and r.state = 'running'"
        " and r.oracle = 'lab' and f.finished_at is null"
        " and not exists (select from assay.bisection_run o"
        "  where o.flight = r.flight and o.bisection <> r.bisection"
        "  and o.state = 'running')", 1, 1
    };
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, bisection) };

    return db_value_list(db, &Q_BISECTION_ALONE, params, arena, out, count_out,
                         why);
}

bool
bisection_db_abandon(struct db *db, int64_t bisection, struct fault *why)
{
    static const struct query Q_BISECTION_ABANDON = {
        "bisection-abandon",
        "update assay.bisection_run set state = 'ended', result = 'nothing',"
        " reason = '" BISECTION_ABANDONED "', ended_at = clock_timestamp()"
        " where bisection = $1::bigint and state <> 'ended'", 1, 0
    };
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, bisection) };

    return db_run(db, &Q_BISECTION_ABANDON, params, NULL, why);
}

bool
bisection_db_others(struct db *db, const struct bisection *it,
                    struct arena *arena, struct bisection_run **out,
                    size_t *count_out, struct fault *why)
{
    static const struct query Q_BISECTION_OTHERS = {
        "bisection-others",
        "with mine as (select flight from assay.bisection_run"
        "  where bisection = $1::bigint and flight is not null"
        "  union select $4::bigint)"
        " select distinct on (x.flight) x.flight, x.at::text, x.oracle"
        " from (select r.flight, r.at, 'shared' as oracle"
        "  from assay.bisection_run r"
        "  join assay.bisection b on b.bisection = r.bisection"
        "  where b.definition = $2::text and b.bisection <> $1::bigint"
        "  and r.about is null and r.result <> 'nothing'"
        " union all select f.flight, (select jsonb_object_agg(t.tree,"
        "   t.revision) from assay.flight_tree t where t.flight = f.flight),"
        "   'branch' from assay.flight f join assay.flight g"
        "   on g.flight = $4::bigint"
        "   join assay.job j on j.flight = f.flight and j.job = $6::text"
        "  where f.branch = $3::text and f.flight > $5::bigint"
        "  and f.flight > $4::bigint"
        "  and (f.intended = g.intended or f.intended = g.intended"
        "   || '-retest') and f.finished_at is not null) x"
        " where x.flight is not null and x.at is not null"
        " and x.flight not in (select flight from mine)"
        " order by x.flight", 6, 3
    };
    char number[DB_INT_BYTES], flight[DB_INT_BYTES],
        basis[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, it->bisection), it->definition,
                             it->branch, db_int_text(flight, it->flight),
                             db_int_text(basis, it->basis), it->job };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_BISECTION_OTHERS, params, &rows, why))
        return false;
    *count_out = (size_t)db_rows_count(rows);
    *out = arena_alloc(arena, *count_out * sizeof(**out) + 1);
    for (int i = 0; i < db_rows_count(rows); i++)
        (*out)[i] = (struct bisection_run){
            .flight = db_int(rows, i, 0, 0),
            .at = db_copy_text(arena, rows, i, 1),
            .oracle = db_copy_text(arena, rows, i, 2),
        };
    db_rows_free(rows);
    return true;
}
