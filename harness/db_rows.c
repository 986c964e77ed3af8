/* harness/db_rows.c - what an answer of the database says: see db.h. */
#include <config.h>

#include "harness/db_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <libpq-fe.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/mem.h"

struct db_rows {
    PGresult *result;
};

struct db_rows *
db_rows_new(PGresult *result)
{
    struct db_rows *rows = xmalloc(sizeof *rows);

    rows->result = result;
    return rows;
}

int
db_rows_count(const struct db_rows *rows)
{
    return PQntuples(rows->result);
}

int64_t
db_rows_affected(const struct db_rows *rows)
{
    int64_t count = 0;

    if (!parse_int64(PQcmdTuples(rows->result), 0, INT64_MAX, &count))
        return 0;               /* "" : not a command that touches rows */
    return count;
}

const char *
db_text(const struct db_rows *rows, int row, int col)
{
    must(row < PQntuples(rows->result) && col < PQnfields(rows->result));
    if (PQgetisnull(rows->result, row, col))
        return NULL;
    return PQgetvalue(rows->result, row, col);
}

const char *
db_copy(struct arena *arena, const struct db_rows *rows, int row, int col)
{
    const char *text = db_text(rows, row, col);

    return text == NULL ? NULL : arena_strdup(arena, text);
}

const char *
db_copy_text(struct arena *arena, const struct db_rows *rows, int row,
             int col)
{
    const char *text = db_text(rows, row, col);

    return text == NULL ? "" : arena_strdup(arena, text);
}

const char *
db_int_text(char out[static DB_INT_BYTES], int64_t value)
{
    snprintf(out, DB_INT_BYTES, "%" PRId64, value);
    return out;
}

int64_t
db_int(const struct db_rows *rows, int row, int col, int64_t missing)
{
    const char *text = db_text(rows, row, col);
    int64_t value = missing;

    if (text != NULL)
        must(parse_int64(text, INT64_MIN, INT64_MAX, &value));
    return value;
}

double
db_double(const struct db_rows *rows, int row, int col, double missing)
{
    const char *text = db_text(rows, row, col);
    double value = missing;

    if (text == NULL || !parse_double(text, &value))
        return missing;         /* null, or NaN and the infinities */
    return value;
}

bool
db_bool(const struct db_rows *rows, int row, int col)
{
    const char *text = db_text(rows, row, col);

    return text != NULL && text[0] == 't';
}

void
db_rows_free(struct db_rows *rows)
{
    if (rows == NULL)
        return;
    PQclear(rows->result);
    free(rows);
}
