/* harness/assayd_db.c - see assayd_db.h. */
#include <config.h>

#include "harness/assayd_db.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/host_match.h"
#include "harness/json.h"
#include "harness/task_db.h"

/* One row a role, NULL role for a job without. Flags are joined with commas:
 * the type of a flag has none (it is a word). */
static const struct query Q_JOBS = {
    "assayd-jobs",
    "select j.flight, j.job, j.status = 'queued',"
    " f.abort_reason is not null,"
    " n.waits, coalesce(n.blocked, false), j.waits_for,"
    " (select count(*) from assay.allocation a"
    "   where a.flight = j.flight and a.job = j.job"
    "   and a.ended_at is null),"
    " t.pid, t.node, t.pid_start,"
    " r.role, r.arch, array_to_string(r.flags, ','), r.same_class,"
    " r.preset, exists (select from assay.host_check c"
    "  where c.flight = j.flight and c.host = r.preset"
    "  and c.ended_at is null)"
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
    " left join assay.job_role r on r.flight = j.flight and r.job = j.job"
    " where f.finished_at is null"
    "  and (f.blessing <> 'constructing' or f.abort_reason is not null)"
    " order by f.priority, j.flight, j.created_at, j.job, r.position",
    0, 17
};

static const struct query Q_HOSTS = {
    "assayd-hosts",
    "select h.host, h.arch, h.class, h.state,"
    " exists (select from assay.allocation a"
    "  where a.host = h.host and a.ended_at is null)"
    " or exists (select from assay.host_window w where w.host = h.host"
    "  and w.ended_at is null and w.from_at <= clock_timestamp()"
    "  and w.until_at > clock_timestamp()),"
    " (select string_agg(g.flag, ',') from assay.host_flag g"
    "  where g.host = h.host)"
    " from assay.host h order by h.host",
    0, 6
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
    "update assay.job set status = 'broken', lane = 'harness',"
    " reason = $3::text, waits_for = null, finished_at = clock_timestamp()"
    " where flight = $1::bigint and job = $2::text and status = 'queued'",
    3, 0
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

/* "a,b" as a NULL-terminated list. */
static const char *const *
split(struct arena *arena, const char *joined)
{
    size_t count = 0;
    const char **list;
    char *copy;

    if (joined == NULL || joined[0] == '\0')
        return arena_alloc(arena, sizeof *list);
    for (const char *p = joined; p != NULL; p = strchr(p + 1, ','))
        count++;
    list = arena_alloc(arena, (count + 1) * sizeof *list);
    copy = arena_strdup(arena, joined);
    for (size_t i = 0; i < count; i++)
        list[i] = strsep(&copy, ",");
    return list;
}

static const char *
text_in(struct arena *arena, const struct db_rows *rows, int row, int col)
{
    const char *text = db_text(rows, row, col);

    return text == NULL ? NULL : arena_strdup(arena, text);
}

static void
read_job(struct arena *arena, const struct db_rows *rows, int row,
         struct assayd_job *job)
{
    job->flight = db_int(rows, row, 0, 0);
    job->job = text_in(arena, rows, row, 1);
    job->queued = db_bool(rows, row, 2);
    job->abort = db_bool(rows, row, 3);
    job->needs_open = text_in(arena, rows, row, 4);
    job->blocked = db_bool(rows, row, 5);
    job->waits_for = text_in(arena, rows, row, 6);
    job->holds = (int)db_int(rows, row, 7, 0);
    job->pid = (pid_t)db_int(rows, row, 8, 0);
    job->node = text_in(arena, rows, row, 9);
    job->pid_start = db_int(rows, row, 10, 0);
}

bool
assayd_db_jobs(struct db *db, struct arena *arena, struct assayd_jobs *out,
               struct fault *why)
{
    struct db_rows *rows = NULL;
    struct assayd_job *job = NULL;
    struct task_role *roles;
    int count;

    if (!db_run(db, &Q_JOBS, NULL, &rows, why))
        return false;
    count = db_rows_count(rows);
    out->v = arena_alloc(arena, (size_t)count * sizeof *out->v + 1);
    roles = arena_alloc(arena, (size_t)count * sizeof *roles + 1);
    out->count = 0;
    for (int i = 0; i < count; i++) {
        struct task_role *role = &roles[i];

        if (job == NULL || db_int(rows, i, 0, 0) != job->flight ||
            strcmp(db_text(rows, i, 1), job->job) != 0) {
            job = &out->v[out->count++];
            read_job(arena, rows, i, job);
            job->roles = role;
        }
        if (db_text(rows, i, 11) == NULL)
            continue;
        job->role_count++;
        role->arch = text_in(arena, rows, i, 12);
        role->flags = split(arena, db_text(rows, i, 13));
        role->same_class = (int)db_int(rows, i, 14, 0);
        role->host = text_in(arena, rows, i, 15);
        role->check = db_bool(rows, i, 16);
    }
    db_rows_free(rows);
    return true;
}

bool
assayd_db_hosts(struct db *db, struct arena *arena, struct assayd_hosts *out,
                struct fault *why)
{
    struct db_rows *rows = NULL;
    int count;

    if (!db_run(db, &Q_HOSTS, NULL, &rows, why))
        return false;
    count = db_rows_count(rows);
    out->v = arena_alloc(arena, (size_t)count * sizeof *out->v + 1);
    out->count = (size_t)count;
    for (int i = 0; i < count; i++) {
        struct match_host *host = &out->v[i];

        host->name = text_in(arena, rows, i, 0);
        host->arch = text_in(arena, rows, i, 1);
        host->class = text_in(arena, rows, i, 2);
        host->never = strcmp(db_text(rows, i, 3), "retired") == 0;
        host->suspect = strcmp(db_text(rows, i, 3), "suspect") == 0;
        if (strcmp(db_text(rows, i, 3), "good") != 0 && !host->suspect)
            host->obstacle = "its state";
        else if (db_bool(rows, i, 4))
            host->obstacle = "it is busy";
        host->flags = split(arena, db_text(rows, i, 5));
    }
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

bool
assayd_db_give_up(struct db *db, int64_t flight, const char *job,
                  const char *reason, struct fault *why)
{
    char number[24];
    const char *params[] = { number, job, reason };

    snprintf(number, sizeof number, "%" PRId64, flight);
    return db_run(db, &Q_GIVE_UP, params, NULL, why);
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
    char number[24];
    const char *params[] = { number, NULL };
    struct db_rows *rows = NULL;
    enum outcome *parts;
    int count;

    snprintf(number, sizeof number, "%" PRId64, flight);
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
