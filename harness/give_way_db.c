/* harness/give_way_db.c - see give_way_db.h. */
#include <config.h>

#include "harness/give_way_db.h"

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/mem.h"

static const struct query Q_ASK = { "give-way-ask",
    "insert into assay.give_way (task, flight, job, for_flight, for_job)"
    " select j.task, j.flight, j.job, $3::bigint, $4::text"
    " from assay.job j where j.flight = $1::bigint and j.job = $2::text"
    "  and j.status = 'running'"
    " on conflict (task) do nothing", 4, 0 };

static const struct query Q_REASON = { "give-way-reason",
    "select 'gave way to flight ' || g.for_flight || ' job ' || g.for_job"
    " from assay.give_way g where g.task = $1::bigint"
    "  and g.gave_at is null", 1, 1 };

/* A step that runs when its runner has died will never say how it ended. */
static const struct query Q_STOP = { "give-way-stop-steps",
    "update assay.step s set status = 'aborted', finished_at ="
    "  clock_timestamp(), reason = 'its runner died', elapsed_ms ="
    "  (extract(epoch from clock_timestamp() - s.started_at) * 1000)::bigint"
    " from assay.give_way g join assay.job j on j.flight = g.flight"
    "  and j.job = g.job and j.task = g.task"
    "  and j.status in ('preparing', 'running')"
    " where g.task = $1::bigint and g.gave_at is null"
    "  and s.flight = g.flight and s.job = g.job"
    "  and s.finished_at is null", 1, 0 };

static const struct query Q_KEEP = { "give-way-keep",
    "update assay.give_way g set gave_at = clock_timestamp(),"
    " started_at = j.started_at,"
    " hosts = array(select r.host from assay.job_role r"
    "  where r.flight = j.flight and r.job = j.job and r.host is not null"
    "  order by r.position),"
    " runvars = (select jsonb_object_agg(v.name, v.value)"
    "  from assay.runvar v where v.flight = j.flight and v.job = j.job"
    "  and v.origin = 'result'),"
    " last_step = (select greatest("
    "   coalesce((select max(s.step) from assay.step s"
    "    where s.flight = j.flight and s.job = j.job), 0),"
    "   coalesce((select max(o.last_step) from assay.give_way o"
    "    where o.flight = j.flight and o.job = j.job), 0))),"
    " steps = coalesce((select jsonb_agg(to_jsonb(s) || jsonb_build_object("
    "   'cases', (select jsonb_agg(to_jsonb(c) order by c.id)"
    "    from assay.step_case c where c.flight = s.flight"
    "    and c.job = s.job and c.step = s.step),"
    "   'metrics', (select jsonb_agg(to_jsonb(m) order by m.measurement)"
    "    from assay.measurement m where m.flight = s.flight"
    "    and m.job = s.job and m.step = s.step),"
    "   'attachments', (select jsonb_agg(to_jsonb(a) order by a.name)"
    "    from assay.attachment a where a.flight = s.flight"
    "    and a.job = s.job and a.step = s.step)) order by s.step)"
    "  from assay.step s where s.flight = j.flight and s.job = j.job),"
    "  '[]')"
    " from assay.job j where g.task = $1::bigint and g.gave_at is null"
    "  and j.flight = g.flight and j.job = g.job and j.task = g.task"
    "  and j.status in ('preparing', 'running')", 1, 0 };

/* The job as it was before it began. */
static const struct query Q_QUEUE = { "give-way-queue",
    "with g as (select x.flight, x.job from assay.give_way x"
    "  where x.task = $1::bigint),"
    " cases as (delete from assay.step_case c using g"
    "  where c.flight = g.flight and c.job = g.job),"
    " metrics as (delete from assay.measurement m using g"
    "  where m.flight = g.flight and m.job = g.job),"
    " files as (delete from assay.attachment a using g"
    "  where a.flight = g.flight and a.job = g.job),"
    " steps as (delete from assay.step s using g"
    "  where s.flight = g.flight and s.job = g.job),"
    " vars as (delete from assay.runvar v using g"
    "  where v.flight = g.flight and v.job = g.job"
    "  and v.origin = 'result'),"
    " roles as (update assay.job_role r set host = null from g"
    "  where r.flight = g.flight and r.job = g.job)"
    " update assay.job j set status = 'queued', task = null,"
    "  started_at = null, prepare_ms = null, harness = null, waits_for = null"
    " from g where j.flight = g.flight and j.job = g.job", 1, 0 };

static const struct query Q_DEAD = { "give-way-dead",
    "select g.task from assay.give_way g"
    " join assay.task t on t.task = g.task and t.ended_at is not null"
    " join assay.job j on j.task = g.task"
    "  and j.status in ('preparing', 'running')"
    " where g.gave_at is null for update of j skip locked", 0, 1 };

static const struct query Q_LIST = { "give-way-list",
    "select g.for_flight, g.for_job,"
    " (extract(epoch from g.asked_at) * 1000)::bigint,"
    " (extract(epoch from g.gave_at) * 1000)::bigint,"
    " (extract(epoch from g.started_at) * 1000)::bigint,"
    " array_to_string(g.hosts, ' '), g.steps::text,"
    " coalesce(jsonb_array_length(g.steps), 0)"
    " from assay.give_way g join assay.task t on t.task = g.task"
    " where g.flight = $1::bigint and g.job = $2::text"
    "  and (g.gave_at is not null or t.ended_at is null)"
    " order by g.asked_at", 2, 8 };

bool
give_way_db_ask(struct db *db, int64_t flight, const char *job,
                int64_t for_flight, const char *for_job, bool *asked_out,
                struct fault *why)
{
    char f[DB_INT_BYTES], to[DB_INT_BYTES];
    const char *params[] = { db_int_text(f, flight), job,
                             db_int_text(to, for_flight), for_job };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_ASK, params, &rows, why))
        return false;
    *asked_out = db_rows_affected(rows) == 1;
    db_rows_free(rows);
    return true;
}

bool
give_way_db_reason(struct db *db, int64_t task, char **reason_out,
                   struct fault *why)
{
    char t[DB_INT_BYTES];
    const char *params[] = { db_int_text(t, task) };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_REASON, params, &rows, why))
        return false;
    *reason_out = db_rows_count(rows) == 0 ? NULL
                                           : xstrdup(db_text(rows, 0, 0));
    db_rows_free(rows);
    return true;
}

static bool
done_tx(struct db *db, void *arg, struct fault *why)
{
    const char *params[] = { arg };
    struct db_rows *rows = NULL;
    bool kept;

    if (!db_run(db, &Q_STOP, params, NULL, why)
        || !db_run(db, &Q_KEEP, params, &rows, why))
        return false;
    kept = db_rows_affected(rows) == 1;
    db_rows_free(rows);
    if (kept)
        return db_run(db, &Q_QUEUE, params, NULL, why);
    /* It has been done before, or it never comes to that. */
    rows = NULL;
    if (!db_run(db, &Q_REASON, params, &rows, why))
        return false;
    kept = db_rows_count(rows) == 0;
    db_rows_free(rows);
    return kept || fault_set(why, FAULT_DATA, "task %s has no job that gives "
                             "way", params[0]);
}

bool
give_way_db_done(struct db *db, int64_t task, struct fault *why)
{
    char t[DB_INT_BYTES];

    (void)db_int_text(t, task);
    return db_transact(db, done_tx, t, why);
}

struct dead {
    int jobs;
};

static bool
dead_tx(struct db *db, void *arg, struct fault *why)
{
    struct dead *dead = arg;
    struct db_rows *rows = NULL;
    bool ok = db_run(db, &Q_DEAD, NULL, &rows, why);

    dead->jobs = 0;
    for (int i = 0; ok && i < db_rows_count(rows); i++) {
        ok = give_way_db_done(db, db_int(rows, i, 0, 0), why);
        dead->jobs++;
    }
    db_rows_free(rows);
    return ok;
}

bool
give_way_db_dead(struct db *db, int *jobs_out, struct fault *why)
{
    struct dead dead = { 0 };

    if (!db_transact(db, dead_tx, &dead, why))
        return false;
    *jobs_out = dead.jobs;
    return true;
}

bool
give_way_db_list(struct db *db, int64_t flight, const char *job,
                 struct arena *arena, struct give_way **out,
                 size_t *count_out, struct fault *why)
{
    char f[DB_INT_BYTES];
    const char *params[] = { db_int_text(f, flight), job };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_LIST, params, &rows, why))
        return false;
    *count_out = (size_t)db_rows_count(rows);
    *out = arena_alloc(arena, (*count_out + 1) * sizeof **out);
    for (int i = 0; i < (int)*count_out; i++)
        (*out)[i] = (struct give_way){
            .for_flight = db_int(rows, i, 0, 0),
            .for_job = db_copy_text(arena, rows, i, 1),
            .asked_ms = db_int(rows, i, 2, -1),
            .gave_ms = db_int(rows, i, 3, -1),
            .started_ms = db_int(rows, i, 4, -1),
            .hosts = db_copy_text(arena, rows, i, 5),
            .steps = db_copy(arena, rows, i, 6),
            .step_count = (int)db_int(rows, i, 7, 0),
        };
    db_rows_free(rows);
    return true;
}
