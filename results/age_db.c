/* results/age_db.c - how long a branch has waited for a good flight: SQL. */
#include <config.h>

#include "results/age.h"

#include <inttypes.h>

#include "harness/db.h"
#include "harness/fault.h"

#define MS(column) "(extract(epoch from " column ") * 1000)::bigint"

static const struct query Q_AGE = {
    "age",
    "with this as (select f.* from assay.flight f"
    "  where f.flight = $1::bigint),"
    " good as (select f.flight, f.finished_at from assay.flight f, this t"
    "  where f.branch = t.branch and f.flight < t.flight"
    "  and f.outcome = 'pass' and f.intended = t.intended"
    "  order by f.flight desc limit 1),"
    " bad as (select min(f.flight) as flight, count(*) as n"
    "  from assay.flight f, this t where f.branch = t.branch"
    "  and f.flight <= t.flight and f.outcome <> 'pass'"
    "  and f.intended = t.intended"
    "  and f.flight > coalesce((select flight from good), 0)),"
    " mine as (select v.tree, v.revision from assay.flight_version v"
    "  where v.flight = $1::bigint),"
    " same as (select min(v.flight) as flight, count(*) as n"
    "  from (select tree, revision from mine order by tree limit 1) m"
    "  join this t on true join assay.flight_version v"
    "   on v.branch = t.branch and v.tree = m.tree"
    "   and v.revision = m.revision and v.flight <= t.flight"
    "  where not exists (select from assay.flight_version x"
    "    where x.flight = v.flight and not exists (select from mine"
    "      where mine.tree = x.tree and mine.revision = x.revision))"
    "  and (select count(*) from assay.flight_version x"
    "    where x.flight = v.flight) = (select count(*) from mine))"
    " select " MS("coalesce(t.finished_at, t.started_at, t.created_at)") ","
    "  t.outcome = 'pass', g.flight, " MS("g.finished_at") ", b.flight,"
    "  b.n, (select " MS("coalesce(f.started_at, f.created_at)")
    "   from assay.flight f where f.flight = b.flight), s.flight, s.n,"
    "  (select " MS("coalesce(f.started_at, f.created_at)")
    "   from assay.flight f where f.flight = s.flight)"
    " from this t left join good g on true cross join bad b"
    " cross join same s", 1, 10
};

bool
age_read(struct db *db, int64_t flight, struct report_age *out,
         struct fault *why)
{
    char flight_text[DB_INT_BYTES];
    const char *params[] = { flight_text };
    struct db_rows *rows = NULL;
    bool ok;

    db_int_text(flight_text, flight);
    ok = db_run(db, &Q_AGE, params, &rows, why);
    if (!ok)
        goto out;
    ok = db_rows_count(rows) == 1;
    if (!ok) {
        fault_set(why, FAULT_NOT_FOUND, "there is no flight %" PRId64,
                  flight);
        goto out;
    }
    *out = (struct report_age){
        .now_ms = db_int(rows, 0, 0, -1),
        .good = { db_int(rows, 0, 2, 0), db_int(rows, 0, 3, -1), 1 },
        .failing = { db_int(rows, 0, 4, 0), db_int(rows, 0, 6, -1),
                     db_int(rows, 0, 5, 0) },
        .same = { db_int(rows, 0, 7, 0), db_int(rows, 0, 9, -1),
                  db_int(rows, 0, 8, 0) },
    };
    if (db_bool(rows, 0, 1))        /* it is itself the good one */
        out->failing = (struct report_since){ 0, -1, 0 };
out:
    db_rows_free(rows);
    return ok;
}
