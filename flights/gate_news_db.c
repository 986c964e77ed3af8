/* flights/gate_news_db.c - see gate_news_db.h. */
#include <config.h>

#include "flights/gate_news_db.h"


#include "flights/gate_db.h"
#include "harness/arena.h"
#include "harness/db.h"


/* The causes in column 1; a row without one has none. */
static const char *const *
read_causes(struct arena *arena, const struct db_rows *rows)
{
    int count = db_rows_count(rows);
    const char **list = arena_alloc(arena, ((size_t)count + 1) *
                                               sizeof *list);
    size_t used = 0;

    for (int i = 0; i < count; i++) {
        const char *cause = db_text(rows, i, 1);

        if (cause != NULL)
            list[used++] = arena_strdup(arena, cause);
    }
    return list;
}

static const struct query Q_TOLD = { "gate-news-told",
    "with good as (select coalesce(max(g.run), 0) as run"
    "  from assay.gate_run g where g.branch = $1::text"
    "  and g.run < $2::bigint and g.state = 'pushed'"
    "  and g.purpose = 'candidate' and not exists ("
    "   select from assay.gate_cause c where c.run = g.run))"
    " select distinct good.run, t.cause from good left join ("
    "  select r.run, c.cause from assay.gate_run r"
    "  join assay.gate_cause c on c.run = r.run"
    "  where r.branch = $1::text and r.run < $2::bigint) t"
    "  on t.run > good.run order by 2",
    2, 2 };

bool
gate_news_db_told(struct db *db, const struct gate_run *run,
                  struct arena *arena, int64_t *good_out,
                  const char *const **out, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { run->branch, db_int_text(number, run->run) };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_TOLD, params, &rows, why))
        return false;
    *good_out = db_int(rows, 0, 0, 0);
    *out = read_causes(arena, rows);
    db_rows_free(rows);
    return true;
}

static const struct query Q_CAUSES = { "gate-news-causes",
    "select run, cause from assay.gate_cause where run = $1::bigint", 1, 2 };

bool
gate_news_db_causes(struct db *db, int64_t run, struct arena *arena,
                    const char *const **out, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, run) };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_CAUSES, params, &rows, why))
        return false;
    *out = read_causes(arena, rows);
    db_rows_free(rows);
    return true;
}

static const struct query Q_ADD = { "gate-news-add",
    "insert into assay.gate_cause (run, cause) values ($1::bigint, $2::text)",
    2, 0 };

bool
gate_news_db_add(struct db *db, int64_t run, const char *cause,
                 struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, run), cause };

    return db_run(db, &Q_ADD, params, NULL, why);
}
