/* results/series_db.c - see series.h. */
#include <config.h>

#include "results/series.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/fault.h"

/* Where step 's' ran: hosts of one class, debug or not, by one harness. */
#define PLACE \
    "coalesce((select h.class from assay.job_role o join assay.host h" \
    "  on h.host = o.host where o.flight = s.flight and o.job = s.job" \
    "  order by o.position limit 1), '') || ' debug='" \
    " || coalesce((select v.value from assay.runvar v where v.flight =" \
    "  s.flight and v.job = s.job and v.name = 'debug'), (select p.value" \
    "  from assay.job j join assay.candidate_property p" \
    "  on p.candidate = j.candidate and p.arch = j.arch" \
    "  and p.name = 'debug' where j.flight = s.flight and j.job = s.job)," \
    "  '') || ' ' || s.harness"

/* From the measurements that are asked for to the flights: each is found by
 * an index, however long the history is. */
static const struct query Q_SERIES = {
    "series_read",
    "with recent as materialized (select f.flight from assay.flight f"
    "  where ($1::bigint = 0 or f.flight <= $1::bigint)"
    "  and (f.finished_at is not null or f.flight = $1::bigint)"
    "  and f.branch = coalesce($2::text, (select branch from assay.flight"
    "   where flight = $1::bigint), f.branch)"
    "  order by f.flight desc limit $6::int),"
    " wanted as materialized (select $3::text as job, $4::text as testid,"
    "   $5::text as name where $3::text is not null"
    "  union select s.job, s.testid, m.name from assay.step s"
    "   join assay.measurement m using (flight, job, step)"
    "   where $3::text is null and s.flight = $1::bigint)"
    " select w.job, w.testid, w.name, max(m.unit), bool_or(m.better ="
    "  'higher'), s.flight, percentile_cont(0.5) within group"
    "  (order by m.value), count(*), max(" PLACE ")"
    " from wanted w cross join recent r"
    " join assay.step s on s.flight = r.flight and s.job = w.job"
    "  and s.testid = w.testid and s.status = 'pass'"
    " join assay.measurement m on m.flight = s.flight and m.job = s.job"
    "  and m.step = s.step and m.name = w.name"
    " group by w.job, w.testid, w.name, s.flight"
    " order by w.job collate \"C\", w.testid collate \"C\","
    "  w.name collate \"C\", s.flight", 6, 9
};

static bool
is_of(const struct series *series, const struct db_rows *rows, int row)
{
    return strcmp(series->job, db_text(rows, row, 0)) == 0
        && strcmp(series->testid, db_text(rows, row, 1)) == 0
        && strcmp(series->name, db_text(rows, row, 2)) == 0;
}

bool
series_read(struct db *db, const struct series_request *request,
            struct arena *arena, struct series **out, size_t *count_out,
            struct fault *why)
{
    char flight[DB_INT_BYTES], flights[DB_INT_BYTES];
    const char *params[] = { flight, request->branch, request->job,
                             request->testid, request->name, flights };
    struct series_point *points;
    struct series *list, *last = NULL;
    struct db_rows *rows = NULL;
    size_t total;

    db_int_text(flight, request->flight);
    (void)snprintf(flights, sizeof(flights), "%d", request->flights);
    if (!db_run(db, &Q_SERIES, params, &rows, why))
        return false;
    total = (size_t)db_rows_count(rows);
    list = arena_alloc(arena, total * sizeof *list + 1);
    points = arena_alloc(arena, total * sizeof *points + 1);
    *count_out = 0;
    for (int i = 0; i < db_rows_count(rows); i++) {
        if (last == NULL || !is_of(last, rows, i)) {
            last = &list[(*count_out)++];
            *last = (struct series){
                .job = arena_strdup(arena, db_text(rows, i, 0)),
                .testid = arena_strdup(arena, db_text(rows, i, 1)),
                .name = arena_strdup(arena, db_text(rows, i, 2)),
                .unit = arena_strdup(arena, db_text(rows, i, 3)),
                .higher_is_better = db_bool(rows, i, 4),
                .points = &points[i],
            };
        }
        last->points[last->count++] = (struct series_point){
            .flight = db_int(rows, i, 5, 0),
            .value = db_double(rows, i, 6, 0),
            .repeats = db_int(rows, i, 7, 0),
            .place = arena_strdup(arena, db_text(rows, i, 8)),
        };
    }
    *out = list;
    db_rows_free(rows);
    return true;
}

void
series_of_last_place(const struct series *series, struct arena *arena,
                     struct series *out)
{
    *out = *series;
    out->count = 0;
    out->points = arena_alloc(arena, series->count * sizeof *out->points + 1);
    for (size_t i = 0; i < series->count; i++)
        if (strcmp(series->points[i].place,
                   series->points[series->count - 1].place) == 0)
            out->points[out->count++] = series->points[i];
}
