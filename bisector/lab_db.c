/* bisector/lab_db.c - see lab_db.h. */
#include <config.h>

#include "bisector/lab_db.h"

#include <inttypes.h>
#include <stdio.h>

#include "harness/arena.h"
#include "harness/db.h"

#define INT_TEXT_BYTES 24

bool
lab_db_failed(struct db *db, int64_t flight, const char *job,
              const char *testid, bool *failed_out, struct fault *why)
{
    static const struct query Q_LAB_FAILED = {
        "lab-failed",
        "select count(*) from assay.step where flight = $1::bigint"
        " and job = $2::text and testid = $3::text and status = 'fail'",
        3, 1
    };
    char number[INT_TEXT_BYTES];
    const char *params[] = { number, job, testid };
    struct db_rows *rows = NULL;

    snprintf(number, sizeof(number), "%" PRId64, flight);
    if (!db_run(db, &Q_LAB_FAILED, params, &rows, why))
        return false;
    *failed_out = db_int(rows, 0, 0, 0) > 0;
    db_rows_free(rows);
    return true;
}

bool
lab_db_basis(struct db *db, int64_t flight, const char *job,
             const char *testid, int64_t *basis_out, struct fault *why)
{
    static const struct query Q_LAB_BASIS = {
        "lab-basis",
        "select max(s.flight) from assay.step s"
        " join assay.flight f on f.flight = s.flight"
        " join assay.flight b on b.flight = $1::bigint"
        "  and b.branch = f.branch and b.intended = f.intended"
        " where s.flight < $1::bigint and s.job = $2::text"
        " and s.testid = $3::text and s.status = 'pass'"
        " and exists (select from assay.flight_tree t"
        "  where t.flight = s.flight)",
        3, 1
    };
    char number[INT_TEXT_BYTES];
    const char *params[] = { number, job, testid };
    struct db_rows *rows = NULL;

    snprintf(number, sizeof(number), "%" PRId64, flight);
    if (!db_run(db, &Q_LAB_BASIS, params, &rows, why))
        return false;
    *basis_out = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return true;
}

bool
lab_db_trees(struct db *db, int64_t good, int64_t bad, struct arena *arena,
             struct lab_tree **out, int *count_out, struct fault *why)
{
    static const struct query Q_LAB_TREES = {
        "lab-trees",
        "select b.tree, g.revision, b.revision from assay.flight_tree b"
        " join assay.flight_tree g on g.tree = b.tree"
        "  and g.flight = $1::bigint"
        " where b.flight = $2::bigint order by 1",
        2, 3
    };
    char from[INT_TEXT_BYTES], to[INT_TEXT_BYTES];
    const char *params[] = { from, to };
    struct db_rows *rows = NULL;

    snprintf(from, sizeof(from), "%" PRId64, good);
    snprintf(to, sizeof(to), "%" PRId64, bad);
    if (!db_run(db, &Q_LAB_TREES, params, &rows, why))
        return false;
    *count_out = db_rows_count(rows);
    *out = arena_alloc(arena, (size_t)*count_out * sizeof(**out) + 1);
    for (int i = 0; i < *count_out; i++)
        (*out)[i] = (struct lab_tree){
            arena_strdup(arena, db_text(rows, i, 0)),
            arena_strdup(arena, db_text(rows, i, 1)),
            arena_strdup(arena, db_text(rows, i, 2)),
        };
    db_rows_free(rows);
    return true;
}
