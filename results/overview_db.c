/* results/overview_db.c - the SQL of lists. */
#include <config.h>

#include "results/overview_db.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/fault.h"

#define MS(column) "(extract(epoch from " column ") * 1000)::bigint"

static const struct query Q_FLIGHTS = {
    "overview_flights",
    "select f.flight, f.branch, f.intended, f.blessing, f.outcome, "
    MS("f.created_at") ", " MS("f.started_at") ", " MS("f.finished_at") ","
    " (select string_agg(s.n, ' ') from (select j.status || '=' || count(*)"
    "    as n from assay.job j where j.flight = f.flight"
    "    group by j.status) s),"
    " (select string_agg(distinct c.name::text, ', ') from assay.job j"
    "    join assay.candidate c using (candidate)"
    "    where j.flight = f.flight)"
    " from assay.flight f order by f.flight desc limit $1::int", 1, 10
};
static const struct query Q_HOSTS = {
    "overview_hosts",
    "select h.host, h.site, h.arch, h.firmware, h.class, h.state,"
    " (select string_agg(g.flag, ' ' order by g.flag)"
    "    from assay.host_flag g where g.host = h.host),"
    " (select case when a.flight is null then t.kind || ' ' || t.refkey"
    "         else 'flight ' || a.flight || ', ' || coalesce(a.job, '') end"
    "    from assay.allocation a join assay.task t using (task)"
    "    where a.host = h.host and a.ended_at is null limit 1),"
    " b.status, " MS("b.armed_at")
    " from assay.host h left join lateral (select o.status, o.armed_at"
    "    from assay.boot o where o.host = h.host"
    "    order by o.armed_at desc limit 1) b on true"
    " order by h.host collate \"C\"", 0, 10
};
static const struct query Q_LOG_PATH = {
    "overview_log_path",
    "select log_path from assay.step where flight = $1::bigint"
    " and job = $2::text and step = $3::int", 3, 1
};

/* "pass=2 fail=1" into counts; our own query wrote it. */
static void
counts_parse(const char *text, int64_t counts[static OUTCOME_COUNT])
{
    while (text != NULL && *text != '\0') {
        size_t bytes = strcspn(text, "=");
        char word[32];

        if (bytes < sizeof word && text[bytes] == '=') {
            memcpy(word, text, bytes);
            word[bytes] = '\0';
            counts[outcome_parse(word)] += strtoll(text + bytes + 1, NULL,
                                                   10);
        }
        text += strcspn(text, " ");
        text += strspn(text, " ");
    }
}

bool
overview_flights(struct db *db, int limit, struct arena *arena,
              struct overview_flight **out, size_t *count_out,
              struct fault *why)
{
    char limit_text[DB_INT_BYTES];
    const char *params[] = { limit_text };
    struct overview_flight *list;
    struct db_rows *rows = NULL;
    bool ok;

    (void)snprintf(limit_text, sizeof limit_text, "%d", limit);
    ok = db_run(db, &Q_FLIGHTS, params, &rows, why);
    if (!ok)
        goto out;
    list = arena_alloc(arena, (size_t)db_rows_count(rows)
                              * sizeof *list + 1);
    for (int i = 0; i < db_rows_count(rows); i++) {
        list[i].flight = db_int(rows, i, 0, 0);
        list[i].branch = db_copy_text(arena, rows, i, 1);
        list[i].intended = db_copy_text(arena, rows, i, 2);
        list[i].blessing = db_copy_text(arena, rows, i, 3);
        list[i].outcome = outcome_parse(db_text(rows, i, 4));
        list[i].created_ms = db_int(rows, i, 5, -1);
        list[i].started_ms = db_int(rows, i, 6, -1);
        list[i].finished_ms = db_int(rows, i, 7, -1);
        counts_parse(db_text(rows, i, 8), list[i].jobs);
        list[i].candidates = db_copy_text(arena, rows, i, 9);
    }
    *out = list;
    *count_out = (size_t)db_rows_count(rows);
out:
    db_rows_free(rows);
    return ok;
}

bool
overview_hosts(struct db *db, struct arena *arena,
               struct overview_host **out, size_t *count_out,
               struct fault *why)
{
    struct overview_host *list;
    struct db_rows *rows = NULL;
    bool ok;

    ok = db_run(db, &Q_HOSTS, NULL, &rows, why);
    if (!ok)
        goto out;
    list = arena_alloc(arena, (size_t)db_rows_count(rows)
                              * sizeof *list + 1);
    for (int i = 0; i < db_rows_count(rows); i++) {
        list[i].name = db_copy_text(arena, rows, i, 0);
        list[i].site = db_copy_text(arena, rows, i, 1);
        list[i].arch = db_copy_text(arena, rows, i, 2);
        list[i].firmware = db_copy_text(arena, rows, i, 3);
        list[i].class = db_copy_text(arena, rows, i, 4);
        list[i].state = db_copy_text(arena, rows, i, 5);
        list[i].flags = db_copy_text(arena, rows, i, 6);
        list[i].owner = db_copy_text(arena, rows, i, 7);
        list[i].last_boot = db_copy_text(arena, rows, i, 8);
        list[i].last_boot_ms = db_int(rows, i, 9, -1);
    }
    *out = list;
    *count_out = (size_t)db_rows_count(rows);
out:
    db_rows_free(rows);
    return ok;
}

bool
overview_log_path(struct db *db, int64_t flight, const char *job, int step,
                  struct arena *arena, const char **path_out,
                  struct fault *why)
{
    char flight_text[DB_INT_BYTES], step_text[DB_INT_BYTES];
    const char *params[] = { flight_text, job, step_text };
    struct db_rows *rows = NULL;
    bool ok;

    db_int_text(flight_text, flight);
    (void)snprintf(step_text, sizeof step_text, "%d", step);
    ok = db_run(db, &Q_LOG_PATH, params, &rows, why);
    if (!ok)
        goto out;
    ok = db_rows_count(rows) == 1;
    if (!ok) {
        fault_set(why, FAULT_NOT_FOUND, "there is no step %d of job %s of "
                  "flight %s", step, job, flight_text);
        goto out;
    }
    *path_out = db_copy_text(arena, rows, 0, 0);
out:
    db_rows_free(rows);
    return ok;
}
