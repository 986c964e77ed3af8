/* harness/db_value.c - see db_value.h. */
#include <config.h>

#include "harness/db_value.h"

#include "harness/arena.h"
#include "harness/db.h"

bool
db_value_int(struct db *db, const struct query *query,
             const char *const params[], int64_t missing, int64_t *out,
             struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, query, params, &rows, why))
        return false;
    *out = db_rows_count(rows) > 0 ? db_int(rows, 0, 0, missing) : missing;
    db_rows_free(rows);
    return true;
}

bool
db_value_bool(struct db *db, const struct query *query,
              const char *const params[], bool *out, struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, query, params, &rows, why))
        return false;
    *out = db_bool(rows, 0, 0);
    db_rows_free(rows);
    return true;
}

bool
db_value_list(struct db *db, const struct query *query,
              const char *const params[], struct arena *arena, int64_t **out,
              size_t *count_out, struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, query, params, &rows, why))
        return false;
    *count_out = (size_t)db_rows_count(rows);
    *out = arena_alloc(arena, *count_out * sizeof **out + 1);
    for (size_t i = 0; i < *count_out; i++)
        (*out)[i] = db_int(rows, (int)i, 0, 0);
    db_rows_free(rows);
    return true;
}

bool
db_value_changed(struct db *db, const struct query *query,
                 const char *const params[], int64_t *changed_out,
                 struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, query, params, &rows, why))
        return false;
    *changed_out = db_rows_affected(rows);
    db_rows_free(rows);
    return true;
}
