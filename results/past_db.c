/* results/past_db.c - reads how a job, or a host, did lately. Every query names
 * the flights that it wants: none reads a big table from end to end. */
#include <config.h>

#include "results/past.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/mem.h"

#define MS(column) "(extract(epoch from " column ") * 1000)::bigint"
#define RUN_COLUMNS \
    " j.flight, j.job, j.recipe, f.branch, (select string_agg(distinct" \
    "  r.host, ' ') from assay.job_role r where r.flight = j.flight" \
    "  and r.job = j.job), c.name, j.reason, j.status, j.lane," \
    MS("j.started_at") "," \
    " (extract(epoch from j.finished_at - j.started_at) * 1000)::bigint"

static const struct query Q_JOB = {
    "past_job",
    "select" RUN_COLUMNS " from assay.job j"
    " join assay.flight f on f.flight = j.flight"
    " left join assay.candidate c on c.candidate = j.candidate"
    " where j.job = $1::text and ($2::text = '' or f.branch = $2::text)"
    " order by j.flight desc limit $3::int", 3, 11
};
static const struct query Q_TESTS = {
    "past_tests",
    "select s.flight, s.testid, s.status from"
    " unnest($2::bigint[]) w (flight) join assay.step s"
    " on s.flight = w.flight and s.job = $1::text"
    " order by s.flight desc, s.step", 2, 3
};
static const struct query Q_SERIES = {
    "past_series",
    "select m.flight, s.testid, m.name, m.unit, m.better,"
    " percentile_cont(0.5) within group (order by m.value)"
    " from unnest($2::bigint[]) w (flight)"
    " join assay.step s on s.flight = w.flight and s.job = $1::text"
    " join assay.measurement m on m.flight = s.flight and m.job = s.job"
    " and m.step = s.step"
    " group by 1, 2, 3, 4, 5 order by 2, 3, 4, 5, 1 desc", 2, 6
};
static const struct query Q_HOST = {
    "past_host",
    "select h.arch, h.firmware, h.class, h.site, h.state from assay.host h"
    " where h.host = $1::text", 1, 5
};
static const struct query Q_HOST_RUNS = {
    "past_host_runs",
    "select" RUN_COLUMNS " from (select distinct r.flight, r.job"
    "  from assay.job_role r where r.host = $1::text"
    "  order by r.flight desc, r.job limit $2::int) u"
    " join assay.job j on j.flight = u.flight and j.job = u.job"
    " join assay.flight f on f.flight = j.flight"
    " left join assay.candidate c on c.candidate = j.candidate"
    " order by j.flight desc, j.started_at desc, j.job", 2, 11
};
static const struct query Q_BOOTS = {
    "past_boots",
    "select b.flight, b.job, b.status, b.reason, " MS("b.armed_at") ", "
    MS("b.up_at") " from assay.boot b where b.host = $1::text"
    " order by b.armed_at desc limit $2::int", 2, 6
};
static const struct query Q_MARKS = {
    "past_marks",
    "select m.flight, m.job, m.reason, " MS("m.at")
    " from assay.host_mark m where m.host = $1::text"
    " order by m.flight desc, m.job limit $2::int", 2, 4
};

static const struct query Q_SERVED = {
    "past_served",
    "select " MS("s.at") ", s.way, s.vendor, s.file"
    " from assay.netboot_served s where s.host = $1::text"
    " order by s.served desc limit $2::int", 2, 4
};
static const struct query Q_HEALTH = {
    "past_health",
    "select " MS("h.at") ", h.state, h.who, h.why"
    " from assay.host_health h where h.host = $1::text"
    " order by h.health desc limit $2::int", 2, 4
};

/* Runs, of which one more than 'limit' was asked for. */
static void
take_runs(const struct db_rows *rows, int limit, struct arena *arena,
          struct past *out)
{
    int count = db_rows_count(rows);
    struct past_run *runs;

    out->more = count > limit;
    if (out->more)
        count = limit;
    runs = arena_alloc(arena, (size_t)count * sizeof *runs + 1);
    for (int i = 0; i < count; i++) {
        runs[i] = (struct past_run){
            .flight = db_int(rows, i, 0, 0),
            .job = db_copy_text(arena, rows, i, 1),
            .recipe = db_copy_text(arena, rows, i, 2),
            .branch = db_copy_text(arena, rows, i, 3),
            .hosts = db_copy_text(arena, rows, i, 4),
            .tested = db_copy_text(arena, rows, i, 5),
            .reason = db_copy_text(arena, rows, i, 6),
            .status = outcome_parse(db_text(rows, i, 7)),
            .lane = lane_parse(db_text(rows, i, 8)),
            .started_ms = db_int(rows, i, 9, -1),
            .took_ms = db_int(rows, i, 10, -1),
        };
        past_rate_add(&out->rate, runs[i].status);
    }
    past_rate_close(&out->rate);
    out->runs = runs;
    out->run_count = (size_t)count;
}

/* "{31,30,...}" */
static const char *
flights_text(const struct past *past, struct arena *arena)
{
    struct buf text = BUF_INIT;
    const char *copy;

    for (size_t i = 0; i < past->run_count; i++)
        buf_addf(&text, "%c%" PRId64, i == 0 ? '{' : ',',
                 past->runs[i].flight);
    buf_addc(&text, '}');
    copy = arena_strdup(arena, buf_text(&text));
    buf_free(&text);
    return copy;
}

/* Index of the run of 'flight', at or after 'from': both go from the newest to
 * the oldest. */
static size_t
run_of(const struct past *past, int64_t flight, size_t from)
{
    while (from < past->run_count && past->runs[from].flight != flight)
        from++;
    return from;
}

static bool
read_tests(struct db *db, const char *const params[], struct arena *arena,
           struct past *out, struct fault *why)
{
    struct past_test *tests = NULL, *copy;
    struct db_rows *rows = NULL;
    size_t count = 0, cap = 0, run = 0;

    if (!db_run(db, &Q_TESTS, params, &rows, why))
        return false;
    for (int i = 0; i < db_rows_count(rows); i++) {
        const char *testid = db_text(rows, i, 1);
        size_t at = 0;

        run = run_of(out, db_int(rows, i, 0, 0), run);
        if (run == out->run_count)
            break;
        while (at < count && strcmp(tests[at].testid, testid) != 0)
            at++;
        if (at == count) {
            tests = xgrow(tests, &cap, count, sizeof *tests);
            tests[count++] = (struct past_test){
                .testid = db_copy_text(arena, rows, i, 1),
                .statuses = arena_alloc(arena, out->run_count
                                        * sizeof *tests->statuses),
            };
        }
        tests[at].statuses[run] = outcome_parse(db_text(rows, i, 2));
        past_rate_add(&tests[at].rate, tests[at].statuses[run]);
    }
    db_rows_free(rows);
    copy = arena_alloc(arena, count * sizeof *copy + 1);
    for (size_t i = 0; i < count; i++) {
        past_rate_close(&tests[i].rate);
        copy[i] = tests[i];
    }
    free(tests);
    out->tests = copy;
    out->test_count = count;
    return true;
}

static bool
read_series(struct db *db, const char *const params[], struct arena *arena,
            struct past *out, struct fault *why)
{
    struct past_series *series = NULL, *copy;
    struct db_rows *rows = NULL;
    size_t count = 0, cap = 0, run = 0;

    if (!db_run(db, &Q_SERIES, params, &rows, why))
        return false;
    for (int i = 0; i < db_rows_count(rows); i++) {
        struct past_series *last = count == 0 ? NULL : &series[count - 1];

        if (last == NULL || strcmp(last->testid, db_text(rows, i, 1)) != 0
            || strcmp(last->name, db_text(rows, i, 2)) != 0
            || strcmp(last->unit, db_text(rows, i, 3)) != 0
            || last->higher_is_better
               != (strcmp(db_text(rows, i, 4), "higher") == 0)) {
            series = xgrow(series, &cap, count, sizeof *series);
            last = &series[count++];
            *last = (struct past_series){
                .testid = db_copy_text(arena, rows, i, 1),
                .name = db_copy_text(arena, rows, i, 2),
                .unit = db_copy_text(arena, rows, i, 3),
                .higher_is_better = strcmp(db_text(rows, i, 4), "higher")
                    == 0,
                .values = arena_alloc(arena, out->run_count
                                      * sizeof *last->values),
                .known = arena_alloc(arena, out->run_count
                                     * sizeof *last->known),
            };
            run = 0;
        }
        run = run_of(out, db_int(rows, i, 0, 0), run);
        if (run == out->run_count)
            continue;
        last->values[run] = db_double(rows, i, 5, 0);
        last->known[run] = true;
        last->known_count++;
    }
    db_rows_free(rows);
    copy = arena_alloc(arena, count * sizeof *copy + 1);
    if (count > 0)
        memcpy(copy, series, count * sizeof *copy);
    free(series);
    out->series = copy;
    out->series_count = count;
    return true;
}

bool
past_read_job(struct db *db, const char *job, const char *branch, int limit,
              struct arena *arena, struct past *out, struct fault *why)
{
    char limit_text[DB_INT_BYTES];
    const char *params[] = { job, branch, limit_text };
    const char *wanted[] = { job, NULL };
    struct db_rows *rows = NULL;

    *out = (struct past){ .name = arena_strdup(arena, job), .what = "",
                          .branch = arena_strdup(arena, branch) };
    (void)snprintf(limit_text, sizeof limit_text, "%d", limit + 1);
    if (!db_run(db, &Q_JOB, params, &rows, why))
        return false;
    take_runs(rows, limit, arena, out);
    db_rows_free(rows);
    if (out->run_count == 0)
        return fault_set(why, FAULT_NOT_FOUND, "no flight%s%s has had a job "
                         "'%s'", branch[0] == '\0' ? "" : " of branch ",
                         branch, job);
    wanted[1] = flights_text(out, arena);
    return read_tests(db, wanted, arena, out, why)
        && read_series(db, wanted, arena, out, why);
}

/* Hosts -------------------------------------------------------------------- */

static bool
read_boots(struct db *db, const char *const params[], struct arena *arena,
           struct past *out, struct fault *why)
{
    struct db_rows *rows = NULL;
    struct past_boot *boots;

    if (!db_run(db, &Q_BOOTS, params, &rows, why))
        return false;
    out->boot_count = (size_t)db_rows_count(rows);
    boots = arena_alloc(arena, out->boot_count * sizeof *boots + 1);
    for (int i = 0; i < db_rows_count(rows); i++)
        boots[i] = (struct past_boot){
            db_int(rows, i, 0, 0), db_copy_text(arena, rows, i, 1),
            db_copy_text(arena, rows, i, 2), db_copy_text(arena, rows, i, 3),
            db_int(rows, i, 4, -1), db_int(rows, i, 5, -1),
        };
    out->boots = boots;
    db_rows_free(rows);
    return true;
}

static bool
read_marks(struct db *db, const char *const params[], struct arena *arena,
           struct past *out, struct fault *why)
{
    struct db_rows *rows = NULL;
    struct past_mark *marks;

    if (!db_run(db, &Q_MARKS, params, &rows, why))
        return false;
    out->mark_count = (size_t)db_rows_count(rows);
    marks = arena_alloc(arena, out->mark_count * sizeof *marks + 1);
    for (int i = 0; i < db_rows_count(rows); i++)
        marks[i] = (struct past_mark){
            .flight = db_int(rows, i, 0, 0),
            .job = db_copy_text(arena, rows, i, 1),
            .reason = db_copy_text(arena, rows, i, 2),
            .at_ms = db_int(rows, i, 3, -1),
        };
    out->marks = marks;
    db_rows_free(rows);
    return true;
}

static bool
read_served(struct db *db, const char *const params[], struct arena *arena,
            struct past *out, struct fault *why)
{
    struct db_rows *rows = NULL;
    struct past_served *served;

    if (!db_run(db, &Q_SERVED, params, &rows, why))
        return false;
    out->served_count = (size_t)db_rows_count(rows);
    served = arena_alloc(arena, out->served_count * sizeof *served + 1);
    for (int i = 0; i < db_rows_count(rows); i++)
        served[i] = (struct past_served){
            db_int(rows, i, 0, -1), db_copy_text(arena, rows, i, 1),
            db_copy_text(arena, rows, i, 2), db_copy_text(arena, rows, i, 3),
        };
    out->served = served;
    db_rows_free(rows);
    return true;
}

static bool
read_health(struct db *db, const char *const params[], struct arena *arena,
            struct past *out, struct fault *why)
{
    struct db_rows *rows = NULL;
    struct past_health *health;

    if (!db_run(db, &Q_HEALTH, params, &rows, why))
        return false;
    out->health_count = (size_t)db_rows_count(rows);
    health = arena_alloc(arena, out->health_count * sizeof *health + 1);
    for (int i = 0; i < db_rows_count(rows); i++)
        health[i] = (struct past_health){
            db_int(rows, i, 0, -1), db_copy_text(arena, rows, i, 1),
            db_copy_text(arena, rows, i, 2), db_copy_text(arena, rows, i, 3),
        };
    out->health = health;
    db_rows_free(rows);
    return true;
}

bool
past_read_host(struct db *db, const char *host, int limit,
               struct arena *arena, struct past *out, struct fault *why)
{
    char limit_text[DB_INT_BYTES], more_text[DB_INT_BYTES];
    const char *params[] = { host, limit_text };
    const char *more[] = { host, more_text };
    struct db_rows *rows = NULL;
    bool known;

    *out = (struct past){ .is_host = true, .branch = "",
                          .name = arena_strdup(arena, host) };
    (void)snprintf(limit_text, sizeof limit_text, "%d", limit);
    (void)snprintf(more_text, sizeof more_text, "%d", limit + 1);
    if (!db_run(db, &Q_HOST, params, &rows, why))
        return false;
    known = db_rows_count(rows) == 1;
    if (known)
        out->what = arena_printf(arena, "%s, %s firmware, class %s, site %s, "
                                 "%s", db_text(rows, 0, 0),
                                 db_text(rows, 0, 1), db_text(rows, 0, 2),
                                 db_text(rows, 0, 3), db_text(rows, 0, 4));
    db_rows_free(rows);
    if (!known)
        return fault_set(why, FAULT_NOT_FOUND, "there is no host '%s'", host);
    if (!db_run(db, &Q_HOST_RUNS, more, &rows, why))
        return false;
    take_runs(rows, limit, arena, out);
    db_rows_free(rows);
    return read_boots(db, params, arena, out, why)
        && read_marks(db, params, arena, out, why)
        && read_served(db, params, arena, out, why)
        && read_health(db, params, arena, out, why);
}
