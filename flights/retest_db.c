/* flights/retest_db.c - see retest_db.h. */
#include <config.h>

#include "flights/retest_db.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/db_value.h"

#define REAL_TEXT_BYTES 32
/* Flights of a branch that the history of a test is taken from. */
#define HISTORY "200"
/* The outcome of test $3 of job $2 in flight 'f', or that of the job. */
#define STATUS_OF(f, j) \
    "coalesce((select s.status from assay.step s where s.flight = " f \
    " and s.job = " j " and s.testid = $3::text and $3::text <> ''), " \
    "(select case when q.status = 'pass' or $3::text = '' then q.status::text" \
    " else 'broken' end from assay.job q where q.flight = " f \
    " and q.job = " j "))"

/* Another version than that of the flight $1. */
#define OTHER_VERSION(f) \
    "exists (select from assay.flight_version t where t.flight = $1::bigint" \
    " and not exists (select from assay.flight_version o where o.flight = " \
    f " and o.tree = t.tree and o.revision = t.revision))"

static const struct query Q_GOOD = {
    "retest_good",
    "with before as (select f.flight from assay.flight f"
    "  where f.branch = $4::text and f.flight < $1::bigint"
    "  and f.finished_at is not null order by f.flight desc limit " HISTORY ")"
    " select b.flight from before b"
    " join assay.job j on j.flight = b.flight and j.job = $2::text"
    " where " STATUS_OF("b.flight", "$2::text") " in ('pass', 'reused')"
    " and " OTHER_VERSION("b.flight")
    " order by b.flight desc limit 1", 4, 1
};
/* What is known to have had another cause says nothing of the test. */
static const struct query Q_PAST = {
    "retest_past",
    "with before as (select f.flight from assay.flight f"
    "  where f.branch = $4::text and f.flight < $1::bigint"
    "  and f.flight <= $6::bigint"
    "  and not exists (select from assay.blame k where k.flight = f.flight"
    "   and k.job = $2::text and k.cause in ('product', 'host', 'harness'))"
    "  and " OTHER_VERSION("f.flight")
    "  and f.finished_at is not null order by f.flight desc limit " HISTORY "),"
    " was as (select " STATUS_OF("b.flight", "$2::text") " as status"
    "  from before b)"
    " select (select count(*) from was where status in ('pass', 'fail',"
    "   'broken')),"
    "  (select count(*) from was where status in ('fail', 'broken')),"
    "  exists (select from assay.failure l join before b using (flight)"
    "   where l.signature = $5::text),"
    "  (select string_agg(r.host, ' ' order by r.position)"
    "   from assay.job_role r where r.flight = $6::bigint"
    "   and r.job = $2::text)", 6, 4
};
static const struct query Q_ELSEWHERE = {
    "retest_elsewhere",
    "select l.job, r.host, j.status from assay.failure l"
    " join assay.job_role r using (flight, job)"
    " join assay.job j using (flight, job)"
    " where l.flight = $1::bigint and l.signature = $3::text"
    " and r.host is not null and not exists (select from assay.job_role o"
    "  where o.flight = $1::bigint and o.job = $2::text and o.host = r.host)"
    " order by l.job collate \"C\", r.position limit 1", 3, 3
};
static const struct query Q_SIBLINGS = {
    "retest_siblings",
    "select h.host from assay.host o join assay.host h"
    " on h.class = o.class and h.arch = o.arch and h.site = o.site"
    " where o.host = $1::text and h.host <> o.host"
    " and h.state in ('good', 'suspect')"
    " order by (h.state = 'good') desc, (select count(*)"
    "   from assay.host_mark m where m.host = h.host"
    "   and m.at > now() - interval '30 days'), h.host collate \"C\"", 1, 1
};
static const struct query Q_RUNS = {
    "retest_runs",
    "select r.cell, r.source, r.run_flight, r.run_job, r.host, r.status,"
    " r.alike, f.blessing = 'constructing', j.status = 'starved',"
    " coalesce(extract(epoch from j.finished_at - j.started_at) * 1000"
    "  * greatest((select count(*) from assay.job_role o"
    "    where o.flight = j.flight and o.job = j.job), 1), 0)::bigint"
    " from assay.blame_run r join assay.flight f on f.flight = r.run_flight"
    " join assay.job j on j.flight = r.run_flight and j.job = r.run_job"
    " where r.flight = $1::bigint and r.job = $2::text order by r.number",
    2, 10
};
static const struct query Q_ADD_RUN = {
    "retest_add_run",
    "insert into assay.blame_run (flight, job, number, cell, source,"
    " run_flight, run_job, host, status, alike)"
    " select $1::bigint, $2::text, coalesce(max(number), 0) + 1,"
    "  $3::assay.blame_cell, $4::text, $5::bigint, $6::text, $7::text,"
    "  $8::assay.outcome, $9::boolean from assay.blame_run"
    " where flight = $1::bigint and job = $2::text", 9, 0
};
static const struct query Q_TAKE = {
    "retest_take",
    "update assay.blame_run r set status = e.status::assay.outcome,"
    " alike = e.alike"
    " from (select x.run_flight, x.run_job,"
    "  " STATUS_OF("x.run_flight", "x.run_job") " as status,"
    "  exists (select from assay.failure l where l.flight = x.run_flight"
    "   and l.job = x.run_job and l.signature = $4::text) as alike"
    "  from assay.blame_run x join assay.job j on j.flight = x.run_flight"
    "   and j.job = x.run_job"
    "  where x.flight = $1::bigint and x.job = $2::text"
    "   and j.finished_at is not null) e"
    " where r.flight = $1::bigint and r.job = $2::text"
    "  and r.source = 'retest' and r.run_flight = e.run_flight"
    "  and r.run_job = e.run_job"
    "  and r.status in ('queued', 'preparing', 'running')", 4, 0
};
static const struct query Q_ENDED = {
    "retest_ended",
    "select r.run_flight from assay.blame_run r join assay.job j"
    " on j.flight = r.run_flight and j.job = r.run_job"
    " where r.flight = $1::bigint and r.job = $2::text"
    " and j.finished_at is not null and r.source = 'retest'"
    " and r.status in ('queued', 'preparing', 'running')", 2, 1
};
static const struct query Q_KEEP = {
    "retest_keep",
    "insert into assay.blame (flight, job, testid, signature, cause, product,"
    " host, flake, harness, good_flight, runs, host_ms, reason)"
    " values ($1::bigint, $2::text, $3::text, $4::text, $5::text, $6::float8,"
    "  $7::float8, $8::float8, $9::float8, nullif($10::bigint, 0), $11::int,"
    "  $12::bigint, $13::text)"
    " on conflict (flight, job) do update set testid = excluded.testid,"
    "  signature = excluded.signature, cause = excluded.cause,"
    "  product = excluded.product, host = excluded.host,"
    "  flake = excluded.flake, harness = excluded.harness,"
    "  good_flight = excluded.good_flight, runs = excluded.runs,"
    "  host_ms = excluded.host_ms, reason = excluded.reason,"
    "  updated_at = clock_timestamp()", 13, 0
};
static const struct query Q_DECIDED = {
    "retest_decided",
    "select cause from assay.blame where flight = $1::bigint"
    " and job = $2::text and cause <> 'open'", 2, 1
};
static const struct query Q_MARK = {
    "retest_mark",
    "insert into assay.host_mark (host, flight, job, reason)"
    " select h.host, $2::bigint, $3::text, $4::text from assay.host h"
    " where h.host = $1::text on conflict do nothing", 4, 0
};

static bool
read_elsewhere(struct db *db, const struct retest_case *it,
               struct arena *arena, struct retest_past *out,
               struct fault *why)
{
    char flight[DB_INT_BYTES];
    const char *params[] = { flight, it->job, it->signature };
    struct db_rows *rows = NULL;
    bool ok;

    db_int_text(flight, it->flight);
    ok = db_run(db, &Q_ELSEWHERE, params, &rows, why);
    if (ok && db_rows_count(rows) > 0) {
        out->other_job = arena_strdup(arena, db_text(rows, 0, 0));
        out->other_host = arena_strdup(arena, db_text(rows, 0, 1));
        out->other_status = outcome_parse(db_text(rows, 0, 2));
    }
    db_rows_free(rows);
    return ok;
}

bool
retest_db_past(struct db *db, const struct retest_case *it,
               struct arena *arena, struct retest_past *out,
               struct fault *why)
{
    char flight[DB_INT_BYTES], good[DB_INT_BYTES];
    const char *params[] = { flight, it->job, it->testid, it->branch,
                             it->signature, good };
    struct db_rows *rows = NULL;
    bool ok;

    *out = (struct retest_past){ .good_flight = 0 };
    db_int_text(flight, it->flight);
    ok = db_run(db, &Q_GOOD, params, &rows, why);
    if (!ok)
        return false;
    if (db_rows_count(rows) > 0)
        out->good_flight = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    rows = NULL;
    db_int_text(good, out->good_flight);
    ok = db_run(db, &Q_PAST, params, &rows, why);
    if (ok) {
        out->runs = (double)db_int(rows, 0, 0, 0);
        out->fails = (double)db_int(rows, 0, 1, 0);
        out->seen_before = db_bool(rows, 0, 2);
        out->good_hosts = db_text(rows, 0, 3) == NULL ? ""
            : arena_strdup(arena, db_text(rows, 0, 3));
    }
    db_rows_free(rows);
    return ok && read_elsewhere(db, it, arena, out, why);
}

bool
retest_db_siblings(struct db *db, const char *host, struct arena *arena,
                   const char *const **out, struct fault *why)
{
    const char *params[] = { host }, **list;
    struct db_rows *rows = NULL;
    bool ok = db_run(db, &Q_SIBLINGS, params, &rows, why);

    if (!ok)
        return false;
    list = arena_alloc(arena, ((size_t)db_rows_count(rows) + 1)
                              * sizeof *list);
    for (int i = 0; i < db_rows_count(rows); i++)
        list[i] = arena_strdup(arena, db_text(rows, i, 0));
    *out = list;
    db_rows_free(rows);
    return true;
}

bool
retest_db_runs(struct db *db, const struct retest_case *it,
               struct arena *arena, struct retest_run **out,
               size_t *count_out, struct fault *why)
{
    char flight[DB_INT_BYTES];
    const char *params[] = { flight, it->job };
    struct retest_run *list;
    struct db_rows *rows = NULL;
    bool ok;

    db_int_text(flight, it->flight);
    ok = db_run(db, &Q_RUNS, params, &rows, why);
    if (!ok)
        return false;
    list = arena_alloc(arena, (size_t)db_rows_count(rows) * sizeof *list + 1);
    for (int i = 0; i < db_rows_count(rows); i++)
        list[i] = (struct retest_run){
            .cell = blame_cell_parse(db_text(rows, i, 0)),
            .source = arena_strdup(arena, db_text(rows, i, 1)),
            .run_flight = db_int(rows, i, 2, 0),
            .run_job = arena_strdup(arena, db_text(rows, i, 3)),
            .host = arena_strdup(arena, db_text(rows, i, 4)),
            .status = outcome_parse(db_text(rows, i, 5)),
            .alike = db_bool(rows, i, 6),
            .unstarted = db_bool(rows, i, 7),
            .starved = db_bool(rows, i, 8),
            .host_ms = db_int(rows, i, 9, 0),
        };
    *out = list;
    *count_out = (size_t)db_rows_count(rows);
    db_rows_free(rows);
    return true;
}

bool
retest_db_add_run(struct db *db, const struct retest_case *it,
                  const struct retest_run *run, struct fault *why)
{
    char flight[DB_INT_BYTES], run_flight[DB_INT_BYTES];
    const char *params[] = {
        flight, it->job, blame_cell_name(run->cell), run->source, run_flight,
        run->run_job, run->host, outcome_name(run->status),
        run->alike ? "true" : "false",
    };

    db_int_text(flight, it->flight);
    db_int_text(run_flight, run->run_flight);
    return db_run(db, &Q_ADD_RUN, params, NULL, why);
}

bool
retest_db_take(struct db *db, const struct retest_case *it,
               struct fault *why)
{
    char flight[DB_INT_BYTES];
    const char *params[] = { flight, it->job, it->testid, it->signature };

    db_int_text(flight, it->flight);
    return db_run(db, &Q_TAKE, params, NULL, why);
}

bool
retest_db_ended(struct db *db, const struct retest_case *it,
                struct arena *arena, int64_t **out, size_t *count_out,
                struct fault *why)
{
    char flight[DB_INT_BYTES];
    const char *params[] = { db_int_text(flight, it->flight), it->job };

    return db_value_list(db, &Q_ENDED, params, arena, out, count_out, why);
}

bool
retest_db_keep(struct db *db, const struct retest_case *it,
               const struct retest_result *result, struct fault *why)
{
    char flight[DB_INT_BYTES], good[DB_INT_BYTES], runs[DB_INT_BYTES];
    char host_ms[DB_INT_BYTES], split[BLAME_CAUSE_COUNT][REAL_TEXT_BYTES];
    const struct blame_judgement *judgement = &result->judgement;
    const char *params[] = {
        flight, it->job, it->testid, it->signature,
        result->open ? "open" : judgement->cause == BLAME_NONE ? "unknown"
            : blame_cause_name(judgement->cause),
        split[BLAME_PRODUCT], split[BLAME_HOST], split[BLAME_FLAKE],
        split[BLAME_HARNESS], good, runs, host_ms, result->reason,
    };

    db_int_text(flight, it->flight);
    db_int_text(good, result->good_flight);
    db_int_text(runs, result->runs);
    db_int_text(host_ms, result->host_ms);
    for (int k = 0; k < BLAME_CAUSE_COUNT; k++)
        (void)snprintf(split[k], REAL_TEXT_BYTES, "%.9f",
                       judgement->split[k]);
    return db_run(db, &Q_KEEP, params, NULL, why);
}

bool
retest_db_decided(struct db *db, const struct retest_case *it,
                  bool *decided_out, enum blame_cause *cause_out,
                  struct fault *why)
{
    char flight[DB_INT_BYTES];
    const char *params[] = { flight, it->job };
    struct db_rows *rows = NULL;
    bool ok;

    db_int_text(flight, it->flight);
    ok = db_run(db, &Q_DECIDED, params, &rows, why);
    if (!ok)
        return false;
    *decided_out = db_rows_count(rows) > 0;
    if (*decided_out)
        *cause_out = blame_cause_parse(db_text(rows, 0, 0));
    db_rows_free(rows);
    return true;
}

bool
retest_db_mark(struct db *db, const char *host, int64_t flight,
               const char *job, const char *reason, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { host, number, job, reason };

    db_int_text(number, flight);
    return db_run(db, &Q_MARK, params, NULL, why);
}
