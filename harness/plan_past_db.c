/* harness/plan_past_db.c - see plan_past_db.h. */
#include <config.h>

#include "harness/plan_past_db.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/fault.h"

#define LISTED ((char)31)       /* between the parts of a key */

/* Runs that tell how long a job takes: those that came to their end. */
static const struct query Q_LENGTHS = { "plan-lengths",
    "with open as (select distinct j.recipe from assay.job j"
    "  where j.status in ('queued', 'preparing', 'running')),"
    " run as (select j.recipe, j.job, a.host, h.class, j.finished_at,"
    "  extract(epoch from j.finished_at - j.started_at) * 1000"
    "   - coalesce(j.prepare_ms, 0) as ms, nullif(j.prepare_ms, 0) as ready"
    "  from assay.job j join open o on o.recipe = j.recipe"
    "  join assay.allocation a on a.flight = j.flight and a.job = j.job"
    "  join assay.host h on h.host = a.host"
    "  where j.status in ('pass', 'fail') and j.started_at is not null"
    "  and j.finished_at > clock_timestamp() - interval '90 days')"
    " select case when host is not null then 'h' when class is not null"
    "   then 'c' when job is not null then 'j' else 'r' end"
    "  || coalesce(job, recipe) || chr(31) || coalesce(host, class, '')"
    "  collate \"C\" as key,"
    " avg(ms)::bigint, coalesce(stddev_samp(ms), avg(ms) / 4)::bigint,"
    " (extract(epoch from max(finished_at)) * 1000)::bigint,"
    " coalesce(avg(ready), 0)::bigint"
    " from run group by grouping sets ((job, host), (job, class), (job),"
    "  (recipe)) order by key", 0, 5 };

/* On which hosts the jobs that are open were, and what came of it at last. */
static const struct query Q_LASTS = { "plan-lasts",
    "with open as (select distinct j.job, f.branch"
    "  from assay.flight f join assay.job j on j.flight = f.flight"
    "  where f.finished_at is null"
    "  and j.status in ('queued', 'preparing')),"
    " run as (select o.job, o.branch, j.status, a.host, h.class,"
    "  j.finished_at,"
    "  max(j.finished_at) over (partition by o.job, o.branch) as newest"
    "  from open o join assay.flight f on f.branch = o.branch"
    "  join assay.job j on j.flight = f.flight and j.job = o.job"
    "   and j.status in ('pass', 'fail')"
    "   and j.finished_at > clock_timestamp() - interval '90 days'"
    "  join assay.allocation a on a.flight = j.flight and a.job = j.job"
    "  join assay.host h on h.host = a.host)"
    " select job || chr(31) || branch collate \"C\" as key, host, class,"
    "  (extract(epoch from max(finished_at)) * 1000)::bigint,"
    "  bool_or(finished_at = newest and status = 'fail')"
    " from run group by job, branch, host, class order by key, host", 0, 5 };

static const struct query Q_USES = { "plan-uses",
    "select f.branch, sum(extract(epoch from"
    "  coalesce(a.ended_at, clock_timestamp()) - greatest(a.begun_at,"
    "  clock_timestamp() - $1::bigint * interval '1 millisecond')))"
    "  ::double precision * 1000"
    " from assay.allocation a join assay.flight f on f.flight = a.flight"
    " where a.ended_at is null or a.ended_at > clock_timestamp()"
    "  - $1::bigint * interval '1 millisecond'"
    " group by f.branch order by f.branch", 1, 2 };

static const struct query Q_POLICY = { "plan-policy",
    "select p.policy from assay.pool_policy p"
    " order by p.pool_policy desc limit 1", 0, 1 };

static const struct query Q_POLICY_SET = { "plan-policy-set",
    "insert into assay.pool_policy (policy, who)"
    " values ($1::text, $2::text)", 2, 0 };

#define ROOM(count, type) arena_alloc(arena, ((size_t)(count) + 1) \
                                             * sizeof(type))

static bool
read_lengths(struct db *db, struct arena *arena, struct plan_past *out,
             struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_LENGTHS, NULL, &rows, why))
        return false;
    out->length_count = db_rows_count(rows);
    out->lengths = ROOM(out->length_count, struct plan_length);
    for (int i = 0; i < out->length_count; i++)
        out->lengths[i] = (struct plan_length){
            db_copy(arena, rows, i, 0), db_int(rows, i, 1, 0),
            db_int(rows, i, 2, 0), db_int(rows, i, 3, 0),
            db_int(rows, i, 4, 0),
        };
    db_rows_free(rows);
    return true;
}

static bool
read_lasts(struct db *db, struct arena *arena, struct plan_past *out,
           struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_LASTS, NULL, &rows, why))
        return false;
    out->last_count = db_rows_count(rows);
    out->lasts = ROOM(out->last_count, struct plan_last);
    for (int i = 0; i < out->last_count; i++)
        out->lasts[i] = (struct plan_last){
            .key = db_copy(arena, rows, i, 0),
            .host = db_copy(arena, rows, i, 1),
            .class = db_copy(arena, rows, i, 2),
            .at_ms = db_int(rows, i, 3, 0), .failed = db_bool(rows, i, 4),
        };
    db_rows_free(rows);
    return true;
}

static bool
read_uses(struct db *db, struct arena *arena, struct plan_past *out,
          struct fault *why)
{
    char window[DB_INT_BYTES];
    const char *params[] = { window };
    struct db_rows *rows = NULL;

    db_int_text(window, out->policy.fair_ms);
    if (!db_run(db, &Q_USES, params, &rows, why))
        return false;
    out->use_count = db_rows_count(rows);
    out->uses = ROOM(out->use_count, struct plan_use);
    for (int i = 0; i < out->use_count; i++)
        out->uses[i] = (struct plan_use){
            db_copy(arena, rows, i, 0), db_double(rows, i, 1, 0),
        };
    db_rows_free(rows);
    return true;
}

bool
plan_past_db_read(struct db *db, struct arena *arena, struct plan_past *out,
                  struct fault *why)
{
    const char *policy = NULL;

    *out = (struct plan_past){ 0 };
    pool_policy_default(&out->policy);
    return plan_past_db_policy(db, arena, &policy, why)
        && (policy[0] == '\0'
            || pool_policy_parse("policy in force", policy, arena,
                                 &out->policy, why))
        && read_lengths(db, arena, out, why)
        && read_lasts(db, arena, out, why)
        && read_uses(db, arena, out, why);
}

static int
compare_length(const void *key, const void *member)
{
    return strcmp(key, ((const struct plan_length *)member)->key);
}

const struct plan_length *
plan_length_find(const struct plan_past *past, char kind, const char *name,
                 const char *place)
{
    char key[400];

    if (past->length_count == 0
        || snprintf(key, sizeof key, "%c%s%c%s", kind, name, LISTED, place)
           >= (int)sizeof key)
        return NULL;
    return bsearch(key, past->lengths, (size_t)past->length_count,
                   sizeof *past->lengths, compare_length);
}

static int
compare_last(const void *key, const void *member)
{
    return strcmp(key, ((const struct plan_last *)member)->key);
}

const struct plan_last *
plan_last_find(const struct plan_past *past, const char *job,
               const char *branch, int *count_out)
{
    const struct plan_last *found;
    char key[400];
    int first, end;

    *count_out = 0;
    if (past->last_count == 0
        || snprintf(key, sizeof key, "%s%c%s", job, LISTED, branch)
           >= (int)sizeof key)
        return NULL;
    found = bsearch(key, past->lasts, (size_t)past->last_count,
                    sizeof *past->lasts, compare_last);
    if (found == NULL)
        return NULL;
    first = end = (int)(found - past->lasts);
    while (first > 0 && strcmp(past->lasts[first - 1].key, key) == 0)
        first--;
    while (end < past->last_count && strcmp(past->lasts[end].key, key) == 0)
        end++;
    *count_out = end - first;
    return &past->lasts[first];
}

bool
plan_past_db_policy(struct db *db, struct arena *arena,
                    const char **text_out, struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_POLICY, NULL, &rows, why))
        return false;
    *text_out = db_rows_count(rows) > 0 ? db_copy(arena, rows, 0, 0) : "";
    db_rows_free(rows);
    return true;
}

bool
plan_past_db_policy_set(struct db *db, const char *text, const char *who,
                        struct fault *why)
{
    const char *params[] = { text, who };

    return db_run(db, &Q_POLICY_SET, params, NULL, why);
}
