/* harness/assayd_db.c - see assayd_db.h. */
#include <config.h>

#include "harness/assayd_db.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"

static const struct query Q_JOBS = {
    "assayd-jobs",
    "select j.flight, j.job, j.status = 'queued',"
    " f.abort_reason is not null,"
    " n.waits, coalesce(n.blocked, false), j.waits_for,"
    " b.ordered_at is not null, t.pid, t.node, t.pid_start"
    " from assay.flight f"
    " join assay.job j on j.flight = f.flight"
    "  and j.status in ('queued', 'preparing', 'running')"
    " left join lateral ("
    "  select string_agg(case when d.flight = d_of.flight then d.job"
    "    else d.flight || '.' || d.job end, ', ' order by d.flight, d.job)"
    "   filter (where d.status in ('queued', 'preparing', 'running'))"
    "   as waits,"
    "   bool_or(d.status not in ('queued', 'preparing', 'running', 'pass'))"
    "   as blocked"
    "  from assay.job_need d_of"
    "  join assay.job d on d.flight = d_of.needs_flight"
    "   and d.job = d_of.needs_job"
    "  where d_of.flight = j.flight and d_of.job = j.job) n on true"
    " left join assay.task t on t.task = j.task and t.ended_at is null"
    " left join assay.booking b on b.flight = j.flight and b.job = j.job"
    " where f.finished_at is null"
    "  and (f.blessing <> 'constructing' or f.abort_reason is not null)"
    " order by j.flight, j.job collate \"C\"",
    0, 11
};

static const struct query Q_ABORT_QUEUED = {
    "assayd-abort-queued",
    "update assay.job j set status = 'aborted',"
    " reason = 'flight aborted: ' || f.abort_reason, lane = 'unknown',"
    " waits_for = null, finished_at = clock_timestamp()"
    " from assay.flight f"
    " where f.flight = j.flight and f.finished_at is null"
    "  and f.abort_reason is not null and j.status = 'queued'",
    0, 0
};

static const struct query Q_BLOCK = {
    "assayd-block",
    "update assay.job j set status = 'blocked', reason = b.reason,"
    " lane = b.lane,"
    " waits_for = null, finished_at = clock_timestamp()"
    " from ("
    "  select n.flight, n.job, string_agg('needs ' ||"
    "   case when d.flight = n.flight then d.job"
    "   else d.flight || '.' || d.job end || ', which is ' || d.status,"
    "   '; ' order by d.flight, d.job) as reason,"
    "   coalesce(min(d.lane), 'unknown') as lane"
    "  from assay.job_need n"
    "  join assay.job d on d.flight = n.needs_flight"
    "   and d.job = n.needs_job"
    "  where d.status not in ('queued', 'preparing', 'running', 'pass')"
    "  group by n.flight, n.job) b, assay.flight f"
    " where b.flight = j.flight and b.job = j.job"
    "  and f.flight = j.flight and f.finished_at is null"
    "  and f.blessing <> 'constructing' and j.status = 'queued'",
    0, 0
};

static const struct query Q_GIVE_UP = {
    "assayd-give-up",
    "update assay.job set status = $4::text, lane = 'harness',"
    " reason = $3::text, waits_for = null, finished_at = clock_timestamp()"
    " where flight = $1::bigint and job = $2::text and status = 'queued'",
    4, 0
};

/* The words of jobs that were taken meanwhile are their runners'. */
static const struct query Q_WAITS = {
    "assayd-waits",
    "update assay.job j set waits_for = x.text"
    " from jsonb_to_recordset($1::jsonb)"
    "  as x(flight bigint, job text, text text)"
    " where j.flight = x.flight and j.job = x.job and j.status = 'queued'",
    1, 0
};

static const struct query Q_ENDED = {
    "assayd-ended-flights",
    "select f.flight from assay.flight f"
    " where f.finished_at is null"
    "  and (f.blessing <> 'constructing' or f.abort_reason is not null)"
    "  and not exists (select from assay.job j where j.flight = f.flight"
    "   and j.status in ('queued', 'preparing', 'running'))"
    " order by f.flight",
    0, 1
};

static const struct query Q_STATUSES = {
    "assayd-statuses",
    "select j.status from assay.job j where j.flight = $1::bigint",
    1, 1
};

static const struct query Q_FINISH = {
    "assayd-finish",
    "update assay.flight set outcome = $2::text, blessing = intended,"
    " started_at = coalesce(started_at, clock_timestamp()),"
    " finished_at = clock_timestamp()"
    " where flight = $1::bigint and finished_at is null",
    2, 0
};

static const struct query Q_PLANNER = {
    "assayd-planner",
    "insert into assay.planner (task, jobs_max)"
    " values ($1::bigint, $2::int) on conflict (task) do nothing",
    2, 0
};

bool
assayd_db_planner(struct db *db, int64_t task, int jobs_max,
                  struct fault *why)
{
    char number[DB_INT_BYTES], most[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, task),
                             db_int_text(most, jobs_max) };

    return db_run(db, &Q_PLANNER, params, NULL, why);
}

bool
assayd_db_jobs(struct db *db, struct arena *arena, struct assayd_jobs *out,
               struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_JOBS, NULL, &rows, why))
        return false;
    out->count = (size_t)db_rows_count(rows);
    out->v = arena_alloc(arena, out->count * sizeof *out->v + 1);
    for (int i = 0; i < (int)out->count; i++)
        out->v[i] = (struct assayd_job){
            .flight = db_int(rows, i, 0, 0),
            .job = db_copy(arena, rows, i, 1),
            .queued = db_bool(rows, i, 2),
            .abort = db_bool(rows, i, 3),
            .needs_open = db_copy(arena, rows, i, 4),
            .blocked = db_bool(rows, i, 5),
            .waits_for = db_copy(arena, rows, i, 6),
            .ordered = db_bool(rows, i, 7),
            .pid = (pid_t)db_int(rows, i, 8, 0),
            .node = db_copy(arena, rows, i, 9),
            .pid_start = db_int(rows, i, 10, 0),
        };
    db_rows_free(rows);
    return true;
}

bool
assayd_db_abort_queued(struct db *db, struct fault *why)
{
    return db_run(db, &Q_ABORT_QUEUED, NULL, NULL, why);
}

bool
assayd_db_block(struct db *db, struct fault *why)
{
    return db_run(db, &Q_BLOCK, NULL, NULL, why);
}

static bool
give_up(struct db *db, int64_t flight, const char *job, const char *reason,
        enum outcome outcome, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { number, job, reason, outcome_name(outcome) };

    db_int_text(number, flight);
    return db_run(db, &Q_GIVE_UP, params, NULL, why);
}

bool
assayd_db_give_up(struct db *db, int64_t flight, const char *job,
                  const char *reason, struct fault *why)
{
    return give_up(db, flight, job, reason, OUTCOME_BROKEN, why);
}

bool
assayd_db_starve(struct db *db, int64_t flight, const char *job,
                 const char *reason, struct fault *why)
{
    return give_up(db, flight, job, reason, OUTCOME_STARVED, why);
}

bool
assayd_db_waits(struct db *db, const struct assayd_jobs *jobs,
                const char *const *texts, struct fault *why)
{
    json_t *list = json_array();
    const char *params[1];
    char *text;
    bool ok = true;

    for (size_t i = 0; i < jobs->count; i++) {
        const struct assayd_job *job = &jobs->v[i];
        json_t *one;

        if (texts[i] == NULL || (job->waits_for != NULL &&
                                 strcmp(texts[i], job->waits_for) == 0))
            continue;
        one = json_object();
        json_put_int(one, "flight", job->flight);
        json_put_text(one, "job", job->job);
        json_put_text(one, "text", texts[i]);
        json_array_append_new(list, one);
    }
    if (json_array_size(list) > 0) {
        text = json_dumps(list, JSON_COMPACT);
        must(text != NULL);
        params[0] = text;
        ok = db_run(db, &Q_WAITS, params, NULL, why);
        free(text);
    }
    json_decref(list);
    return ok;
}

bool
assayd_db_ended_flights(struct db *db, struct arena *arena,
                        int64_t **flights_out, size_t *count_out,
                        struct fault *why)
{
    struct db_rows *rows = NULL;
    int count;

    if (!db_run(db, &Q_ENDED, NULL, &rows, why))
        return false;
    count = db_rows_count(rows);
    *flights_out = arena_alloc(arena, (size_t)count * sizeof **flights_out
                                      + 1);
    *count_out = (size_t)count;
    for (int i = 0; i < count; i++)
        (*flights_out)[i] = db_int(rows, i, 0, 0);
    db_rows_free(rows);
    return true;
}

bool
assayd_db_finish(struct db *db, struct arena *arena, int64_t flight,
                 enum outcome *outcome_out, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { number, NULL };
    struct db_rows *rows = NULL;
    enum outcome *parts;
    int count;

    db_int_text(number, flight);
    if (!db_run(db, &Q_STATUSES, params, &rows, why))
        return false;
    count = db_rows_count(rows);
    parts = arena_alloc(arena, (size_t)count * sizeof *parts + 1);
    for (int i = 0; i < count; i++)
        parts[i] = outcome_parse(db_text(rows, i, 0));
    db_rows_free(rows);
    *outcome_out = outcome_combine(parts, (size_t)count);
    params[1] = outcome_name(*outcome_out);
    return db_run(db, &Q_FINISH, params, NULL, why);
}
