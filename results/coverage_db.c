/* results/coverage_db.c - what a flight is held to, from the history. */
#include <config.h>

#include "results/coverage.h"

#include "harness/arena.h"
#include "harness/db.h"

/* To switch a host off is no test. A reused step is the one it stands for. */
#define COVERED " s.status in ('pass', 'fail', 'reused')" \
    " and s.program <> 'host-power-off'"

/* "whole": of each job of the flight, the last run that passed, which is the
 * baseline's as a rule, so that the search ends where it begins; a job that
 * never passed is not searched for. "offset 0" makes each a look-up by key. A
 * skip counts when the step found so itself (exit status 77), not when its
 * recipe, a file of the site, leaves it out here. */
static const struct query Q_STANDARD = {
    "coverage_standard",
    "with base as materialized (select b.flight, b.branch, b.source,"
    "  b.blessing from assay.flight b where b.flight = $1::bigint),"
    " whole as materialized (select j.job, l.flight, b.branch, b.blessing"
    "  from base b cross join assay.job j cross join lateral ("
    "   select e.flight from (select f.flight from assay.flight f"
    "     where f.branch = b.branch and f.flight <= b.flight"
    "     and f.source = b.source and f.blessing = b.blessing"
    "     order by f.flight desc limit 1000) e"
    "    cross join lateral (select from assay.job o"
    "     where o.flight = e.flight and o.job = j.job and o.status = 'pass'"
    "     and exists (select from assay.step s where s.flight = o.flight"
    "      and s.job = o.job and s.status in ('pass', 'reused')) offset 0) o"
    "    order by e.flight desc limit 1) l"
    "  where j.flight = $2::bigint and exists ("
    "   select from assay.cell_passed p where p.branch = b.branch"
    "   and p.job = j.job and p.blessing = b.blessing)),"
    " run as materialized (select w.job, w.flight from whole w"
    "  union select j.job, j.flight from base b"
    "  join assay.job j on j.flight = b.flight)"
    " select distinct on (c.job collate \"C\", c.testid collate \"C\")"
    "  c.job, c.testid, c.flight, c.passed from ("
    "  select s.* from run r cross join lateral (select s.job, s.testid,"
    "   s.flight, s.status <> 'fail' as passed from assay.step s"
    "   where s.flight = r.flight and s.job = r.job and" COVERED
    "   offset 0) s"
    "  union all"
    "  select s.* from run r cross join lateral (select k.job,"
    "   s.testid || '/' || k.id, k.flight, k.status = 'pass'"
    "   from assay.step_case k join assay.step s on s.flight = k.flight"
    "    and s.job = k.job and s.step = k.step"
    "   where k.flight = r.flight and k.job = r.job"
    "   and k.status in ('pass', 'fail') offset 0) s"
    "  union all"
    "  select p.job, p.testid, p.flight, true from whole w"
    "  cross join lateral (select s.testid from assay.step s"
    "   where s.flight = w.flight and s.job = w.job and s.status = 'skip'"
    "   and s.exit_code is not null union all"
    "   select s.testid || '/' || k.id from assay.step_case k"
    "   join assay.step s on s.flight = k.flight and s.job = k.job"
    "    and s.step = k.step"
    "   where k.flight = w.flight and k.job = w.job"
    "   and k.status in ('skip', 'missing') offset 0) s"
    "  cross join lateral (select p.job, p.testid, p.flight"
    "   from assay.cell_passed p where p.branch = w.branch"
    "   and p.job = w.job and p.testid = s.testid"
    "   and p.blessing = w.blessing and p.flight < w.flight offset 0) p) c"
    " order by c.job collate \"C\", c.testid collate \"C\", c.flight desc", 2, 4
};

bool
coverage_read(struct db *db, int64_t baseline, int64_t flight,
              struct arena *arena, struct coverage_baseline *out,
              struct fault *why)
{
    char base[DB_INT_BYTES], number[DB_INT_BYTES];
    const char *params[] = { db_int_text(base, baseline),
                             db_int_text(number, flight) };
    struct coverage_cell *cells;
    struct db_rows *rows = NULL;

    *out = (struct coverage_baseline){ .flight = baseline };
    if (baseline == 0)
        return true;
    if (!db_run(db, &Q_STANDARD, params, &rows, why))
        return false;
    out->cell_count = (size_t)db_rows_count(rows);
    cells = arena_alloc(arena, out->cell_count * sizeof *cells + 1);
    for (int i = 0; i < db_rows_count(rows); i++)
        cells[i] = (struct coverage_cell){
            db_copy_text(arena, rows, i, 0), db_copy_text(arena, rows, i, 1),
            db_int(rows, i, 2, 0), db_bool(rows, i, 3)
        };
    db_rows_free(rows);
    out->cells = cells;
    return true;
}
