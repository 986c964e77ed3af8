/* results/gated_db.c - see gated_db.h. */
#include <config.h>

#include "results/gated_db.h"

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "results/decide.h"
#include "results/flake.h"
#include "results/report.h"

/* A row without a pattern says that the decision was made without any. */
static const struct query Q_ALLOW = {
    "gated_allow",
    "select a.one->>'job', a.one->>'testid', a.one->>'source' from ("
    "  select r.allow from assay.gate_run r"
    "  where (r.flight = $1::bigint"
    "   or (r.flight is null and r.smoke_flight = $1::bigint))"
    "  and r.decided_at is not null order by r.run desc limit 1) g"
    " left join lateral jsonb_array_elements(g.allow)"
    "  with ordinality a(one, place) on true"
    " where g.allow is not null order by a.place", 1, 3
};

static const struct query Q_ANSWER = {
    "gated_answer",
    "select r.state, r.summary, r.ruling from assay.gate_run r"
    " where (r.flight = $1::bigint"
    "  or (r.flight is null and r.smoke_flight = $1::bigint))"
    " and r.decided_at is not null order by r.run desc limit 1", 1, 3
};

json_t *
gated_allow_json(const struct decide_allow *allow, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *one = json_object();

        json_put_text(one, "job", allow[i].job);
        json_put_text(one, "testid", allow[i].testid);
        json_put_text(one, "source", allow[i].source);
        must(json_array_append_new(list, one) == 0);
    }
    return list;
}

static bool
read_gate(struct db *db, int64_t flight, struct arena *arena,
          const struct decide_allow **allow, size_t *count, bool *known_out,
          struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, flight) };
    struct decide_allow *list;
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_ALLOW, params, &rows, why))
        return false;
    *known_out = db_rows_count(rows) > 0;
    list = arena_alloc(arena, (size_t)db_rows_count(rows) * sizeof *list + 1);
    *count = 0;
    for (int i = 0; i < db_rows_count(rows); i++) {
        if (db_text(rows, i, 0) != NULL)
            list[(*count)++] = (struct decide_allow){
                db_copy_text(arena, rows, i, 0),
                db_copy_text(arena, rows, i, 1),
                db_copy_text(arena, rows, i, 2),
            };
    }
    *allow = list;
    db_rows_free(rows);
    return true;
}

bool
gated_allow(struct db *db, int64_t flight, struct arena *arena,
            const struct decide_allow **allow, size_t *count,
            struct fault *why)
{
    bool known = false;

    if (*allow == NULL
        && !read_gate(db, flight, arena, allow, count, &known, why))
        return false;
    return known || flake_allow(db, arena, allow, count, why);
}

bool
gated_answer(struct db *db, int64_t flight, struct arena *arena,
             const struct report_gate **out, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, flight) };
    struct db_rows *rows = NULL;
    struct report_gate *gate;

    *out = NULL;
    if (!db_run(db, &Q_ANSWER, params, &rows, why))
        return false;
    if (db_rows_count(rows) > 0) {
        gate = arena_alloc(arena, sizeof *gate);
        gate->words = "";
        gate->answer = arena_printf(arena, "%s: %s; the decision is %s",
                                    db_copy_text(arena, rows, 0, 0),
                                    db_copy_text(arena, rows, 0, 1),
                                    db_copy_text(arena, rows, 0, 2));
        *out = gate;
    }
    db_rows_free(rows);
    return true;
}
