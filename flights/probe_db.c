/* flights/probe_db.c - see probe_db.h. */
#include <config.h>

#include "flights/probe_db.h"

#include <inttypes.h>
#include <stdio.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/fault.h"

static const char *
text_of(struct arena *arena, const struct db_rows *rows, int col)
{
    const char *text = db_text(rows, 0, col);

    return text == NULL ? "" : arena_strdup(arena, text);
}

/* A case of a step has the step's lane and log. */
static bool
read_cell(struct db *db, const char *const params[], struct arena *arena,
          struct probe_cell *out, bool *found_out, struct fault *why)
{
    static const struct query Q_PROBE_CELL = {
        "probe-cell",
        "select f.finished_at is not null, c.status, c.lane, c.reason,"
        " l.signature, coalesce(nullif(l.file, ''), c.log_path), j.status,"
        " j.reason, (select string_agg(t.testid, ', ' order by t.step)"
        "  from assay.step t where t.flight = j.flight and t.job = j.job)"
        " from assay.job j join assay.flight f on f.flight = j.flight"
        " left join lateral (select s.status::text, s.lane, s.reason,"
        "   s.log_path from assay.step s where s.flight = j.flight"
        "   and s.job = j.job and s.testid = $3::text"
        "  union all select k.status, s.lane, k.note, s.log_path"
        "   from assay.step_case k join assay.step s on s.flight = k.flight"
        "    and s.job = k.job and s.step = k.step"
        "   where k.flight = j.flight and k.job = j.job"
        "   and s.testid || '/' || k.id = $3::text limit 1) c on true"
        " left join assay.failure l on l.flight = j.flight and l.job = j.job"
        "  and l.testid = $3::text"
        " where j.flight = $1::bigint and j.job = $2::text",
        3, 9
    };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_PROBE_CELL, params, &rows, why))
        return false;
    *found_out = db_rows_count(rows) > 0;
    if (*found_out)
        *out = (struct probe_cell){
            .flight_ended = db_bool(rows, 0, 0),
            .known = db_text(rows, 0, 1) != NULL,
            .status = outcome_parse(text_of(arena, rows, 1)),
            .lane = lane_parse(text_of(arena, rows, 2)),
            .reason = text_of(arena, rows, 3),
            .signature = text_of(arena, rows, 4),
            .output = text_of(arena, rows, 5),
            .job_status = outcome_parse(text_of(arena, rows, 6)),
            .job_reason = text_of(arena, rows, 7),
            .testids = text_of(arena, rows, 8),
        };
    db_rows_free(rows);
    return true;
}

static bool
no_job(struct db *db, int64_t flight, const char *number, const char *job,
       struct arena *arena, struct fault *why)
{
    static const struct query Q_PROBE_JOBS = {
        "probe-jobs",
        "select (select string_agg(j.job, ', ' order by j.job)"
        "  from assay.job j where j.flight = f.flight)"
        " from assay.flight f where f.flight = $1::bigint", 1, 1
    };
    struct db_rows *rows = NULL;
    const char *jobs;

    if (!db_run(db, &Q_PROBE_JOBS, &number, &rows, why))
        return false;
    if (db_rows_count(rows) == 0) {
        fault_set(why, FAULT_NOT_FOUND, "there is no flight %" PRId64,
                  flight);
        fault_hint(why, "'assay flight list' shows the latest");
    } else {
        jobs = text_of(arena, rows, 0);
        fault_set(why, FAULT_NOT_FOUND, "flight %" PRId64 " has no job '%s'",
                  flight, job);
        fault_hint(why, "it has: %s", jobs);
    }
    db_rows_free(rows);
    return false;
}

bool
probe_db_cell(struct db *db, int64_t flight, const char *job,
              const char *testid, struct arena *arena,
              struct probe_cell *out, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { number, job, testid };
    bool found = false;

    db_int_text(number, flight);
    return read_cell(db, params, arena, out, &found, why)
        && (found || no_job(db, flight, number, job, arena, why));
}

bool
probe_db_gate(struct db *db, int64_t flight, struct arena *arena,
              struct probe_gate *out, struct fault *why)
{
    static const struct query Q_PROBE_GATE = {
        "probe-gate",
        "select source, definition, trees::text from assay.gate_run"
        " where flight = $1::bigint or smoke_flight = $1::bigint"
        " or retest_flight = $1::bigint order by run desc limit 1", 1, 3
    };
    char number[DB_INT_BYTES];
    const char *params[] = { number };
    struct db_rows *rows = NULL;

    *out = (struct probe_gate){ "", "", "" };
    db_int_text(number, flight);
    if (!db_run(db, &Q_PROBE_GATE, params, &rows, why))
        return false;
    if (db_rows_count(rows) > 0)
        *out = (struct probe_gate){ text_of(arena, rows, 0),
                                    text_of(arena, rows, 1),
                                    text_of(arena, rows, 2) };
    db_rows_free(rows);
    return true;
}
