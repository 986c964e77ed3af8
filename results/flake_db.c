/* results/flake_db.c - see flake.h. */
#include <config.h>

#include "results/flake.h"

#include <inttypes.h>
#include <math.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "results/decide.h"

#define MS(column) "(extract(epoch from " column ") * 1000)::bigint"

static const struct query Q_RATES = {
    "flake_rates",
    "with recent as materialized (select f.flight, power(0.5,"
    "   extract(epoch from now() - coalesce(f.finished_at, now()))"
    "   / (86400.0 * $5::int)) as weight,"
    "  (select string_agg(v.tree || '=' || v.revision, ' '"
    "    order by v.tree, v.revision) from assay.flight_version v"
    "   where v.flight = f.flight) as version"
    "  from assay.flight f where f.finished_at is not null"
    "  and ($1::text is null or f.branch = $1::text)"
    "  order by f.flight desc limit $4::int),"
    " runs as (select s.job, s.testid, coalesce(h.class, '') as class,"
    "   coalesce(r.version, '') as version, s.status = 'pass' as good,"
    "   r.weight, s.flight"
    "  from recent r join assay.step s on s.flight = r.flight"
    "  left join lateral (select h.class from assay.job_role o"
    "   join assay.host h on h.host = o.host where o.flight = s.flight"
    "   and o.job = s.job order by o.position limit 1) h on true"
    "  where ($2::text is null or s.job = $2::text)"
    "  and ($3::text is null or s.testid = $3::text)"
    "  and (s.status = 'pass' or (s.status in ('fail', 'broken')"
    "   and s.lane not in ('host', 'harness')))),"
    " cells as (select job, testid, class, version,"
    "   count(*) filter (where good) as pass_count,"
    "   count(*) filter (where not good) as fail_count,"
    "   coalesce(sum(weight) filter (where good), 0) as passes,"
    "   coalesce(sum(weight) filter (where not good), 0) as fails,"
    "   coalesce(max(flight) filter (where not good), 0) as last"
    "  from runs group by job, testid, class, version)"
    " select c.*, exists (select from assay.quarantine q"
    "   where q.ended_at is null and q.until > now()"
    "   and q.job in (c.job, '*') and q.testid in (c.testid, '*'))"
    " from cells c where not $6::boolean"
    "  or (c.pass_count > 0 and c.fail_count > 0)"
    " order by c.fails / (c.passes + c.fails + 1e-9) desc,"
    "  c.job collate \"C\", c.testid collate \"C\", c.class, c.version", 6, 10
};
static const struct query Q_HOSTS = {
    "flake_hosts",
    "select distinct on (n.count, m.host) m.host, h.state, m.reason, n.count,"
    " m.flight, m.job, " MS("m.at")
    " from assay.host_mark m join assay.host h using (host)"
    " join (select host, count(*) from assay.host_mark"
    "  where at > now() - $1::int * interval '1 day' group by host) n"
    "  using (host)"
    " order by n.count desc, m.host, m.at desc", 1, 7
};
static const struct query Q_QUARANTINES = {
    "flake_quarantines",
    "select quarantine, job, testid, owner, reason, " MS("begun_at") ", "
    MS("until") " from assay.quarantine where ended_at is null"
    " and until > clock_timestamp() order by job, testid, quarantine", 0, 7
};
static const struct query Q_BEGIN = {
    "flake_quarantine_begin",
    "insert into assay.quarantine (job, testid, owner, reason, until)"
    " values ($1::text, $2::text, $3::text, $4::text, clock_timestamp()"
    "  + $5::bigint * interval '1 millisecond') returning quarantine", 5, 1
};
static const struct query Q_END = {
    "flake_quarantine_end",
    "update assay.quarantine set ended_at = clock_timestamp()"
    " where job = $1::text and testid = $2::text and ended_at is null"
    " and until > clock_timestamp()", 2, 0
};

void
flake_rate_of(double passes, double fails, struct flake_rate *out)
{
    static const double Z = 1.959964;
    double n = passes + fails, p, middle, half;

    *out = (struct flake_rate){ .rate = 0.5, .low = 0, .high = 1 };
    if (n <= 0)
        return;
    p = passes / n;
    middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n);
    half = Z / (1 + Z * Z / n) * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n));
    out->rate = p;
    out->low = fmax(0, middle - half);
    out->high = fmin(1, middle + half);
}

bool
flake_read(struct db *db, const struct flake_request *request,
           struct arena *arena, struct flake **out, size_t *count_out,
           struct fault *why)
{
    char flights[DB_INT_BYTES], days[DB_INT_BYTES];
    const char *params[] = {
        request->branch, request->job, request->testid, flights, days,
        request->flaky ? "true" : "false",
    };
    struct db_rows *rows = NULL;
    struct flake *list;

    (void)snprintf(flights, sizeof(flights), "%d", request->flights);
    (void)snprintf(days, sizeof(days), "%d", FLAKE_HALF_LIFE_DAYS);
    if (!db_run(db, &Q_RATES, params, &rows, why))
        return false;
    *count_out = (size_t)db_rows_count(rows);
    list = arena_alloc(arena, *count_out * sizeof *list + 1);
    for (int i = 0; i < db_rows_count(rows); i++) {
        list[i] = (struct flake){
            .job = db_copy_text(arena, rows, i, 0),
            .testid = db_copy_text(arena, rows, i, 1),
            .class = db_copy_text(arena, rows, i, 2),
            .version = db_copy_text(arena, rows, i, 3),
            .pass_count = db_int(rows, i, 4, 0),
            .fail_count = db_int(rows, i, 5, 0),
            .passes = db_double(rows, i, 6, 0),
            .fails = db_double(rows, i, 7, 0),
            .last_flight = db_int(rows, i, 8, 0),
            .quarantined = db_bool(rows, i, 9),
        };
        flake_rate_of(list[i].passes, list[i].fails, &list[i].rate);
    }
    *out = list;
    db_rows_free(rows);
    return true;
}

bool
flake_hosts(struct db *db, int days, struct arena *arena,
            struct flake_host **out, size_t *count_out, struct fault *why)
{
    char days_text[DB_INT_BYTES];
    const char *params[] = { days_text };
    struct flake_host *list;
    struct db_rows *rows = NULL;

    (void)snprintf(days_text, sizeof(days_text), "%d", days);
    if (!db_run(db, &Q_HOSTS, params, &rows, why))
        return false;
    *count_out = (size_t)db_rows_count(rows);
    list = arena_alloc(arena, *count_out * sizeof *list + 1);
    for (int i = 0; i < db_rows_count(rows); i++)
        list[i] = (struct flake_host){
            .host = db_copy_text(arena, rows, i, 0),
            .state = db_copy_text(arena, rows, i, 1),
            .reason = db_copy_text(arena, rows, i, 2),
            .count = db_int(rows, i, 3, 0), .flight = db_int(rows, i, 4, 0),
            .job = db_copy_text(arena, rows, i, 5),
            .last_ms = db_int(rows, i, 6, -1),
        };
    *out = list;
    db_rows_free(rows);
    return true;
}

bool
flake_quarantines(struct db *db, struct arena *arena,
                  struct flake_quarantine **out, size_t *count_out,
                  struct fault *why)
{
    struct flake_quarantine *list;
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_QUARANTINES, NULL, &rows, why))
        return false;
    *count_out = (size_t)db_rows_count(rows);
    list = arena_alloc(arena, *count_out * sizeof *list + 1);
    for (int i = 0; i < db_rows_count(rows); i++)
        list[i] = (struct flake_quarantine){
            .number = db_int(rows, i, 0, 0),
            .job = db_copy_text(arena, rows, i, 1),
            .testid = db_copy_text(arena, rows, i, 2),
            .owner = db_copy_text(arena, rows, i, 3),
            .reason = db_copy_text(arena, rows, i, 4),
            .begun_ms = db_int(rows, i, 5, -1),
            .until_ms = db_int(rows, i, 6, -1),
        };
    *out = list;
    db_rows_free(rows);
    return true;
}

static bool
covers(const char *pattern, const char *word)
{
    return strcmp(pattern, "*") == 0 || strcmp(pattern, word) == 0;
}

bool
flake_is_quarantined(const struct flake_quarantine *list, size_t count,
                     const char *job, const char *testid)
{
    for (size_t i = 0; i < count; i++)
        if (covers(list[i].job, job) && covers(list[i].testid, testid))
            return true;
    return false;
}

bool
flake_allow(struct db *db, struct arena *arena,
            const struct decide_allow **allow, size_t *count,
            struct fault *why)
{
    struct flake_quarantine *list = NULL;
    struct decide_allow *all;
    size_t more = 0;

    if (!flake_quarantines(db, arena, &list, &more, why))
        return false;
    if (more == 0)
        return true;
    all = arena_alloc(arena, (*count + more) * sizeof *all);
    if (*count > 0)
        memcpy(all, *allow, *count * sizeof *all);
    for (size_t i = 0; i < more; i++)
        all[(*count)++] = (struct decide_allow){
            .job = strcmp(list[i].job, "*") == 0 ? "@@" : list[i].job,
            .testid = strcmp(list[i].testid, "*") == 0 ? "@@"
                : list[i].testid,
            .source = arena_printf(arena, "quarantine %" PRId64 " (%s)",
                                   list[i].number, list[i].owner),
        };
    *allow = all;
    return true;
}

bool
flake_quarantine_begin(struct db *db, const struct flake_quarantine *what,
                       int64_t for_ms, int64_t *number_out,
                       struct fault *why)
{
    char for_text[DB_INT_BYTES];
    const char *params[] = { what->job, what->testid, what->owner,
                             what->reason, for_text };
    struct db_rows *rows = NULL;
    bool ok;

    if (what->owner[0] == '\0' || what->reason[0] == '\0' || for_ms <= 0)
        return fault_set(why, FAULT_USAGE, "a quarantine needs an owner, a "
                         "reason and an end");
    db_int_text(for_text, for_ms);
    ok = db_run(db, &Q_BEGIN, params, &rows, why);
    if (ok)
        *number_out = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return ok;
}

bool
flake_quarantine_end(struct db *db, const char *job, const char *testid,
                     struct fault *why)
{
    const char *params[] = { job, testid };
    struct db_rows *rows = NULL;
    bool ok = db_run(db, &Q_END, params, &rows, why);

    if (ok && db_rows_affected(rows) == 0)
        ok = fault_set(why, FAULT_NOT_FOUND, "%s/%s is in no quarantine", job,
                       testid);
    db_rows_free(rows);
    return ok;
}
