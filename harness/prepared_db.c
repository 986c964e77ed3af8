/* harness/prepared_db.c - see prepared_db.h. */
#include <config.h>

#include "harness/prepared_db.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/mem.h"

/* What the job of task $4 has on host $3, in state 'used'. */
#define MINE \
    " assay.prepared p join assay.allocation a" \
    "  on a.allocation = p.allocation and a.ended_at is null" \
    "  and a.flight = $1::bigint and a.job = $2::text" \
    "  and a.task = $4::bigint"
#define MINE_IS " p.host = $3::text and p.ended_at is null" \
    " and p.state = 'used'"

static const struct query Q_TAKE = {
    "prepared-take",
    "with mine as (select p.prepared, p.job, coalesce(p.boot, '') as boot,"
    "  p.took_ms, (extract(epoch from clock_timestamp() - p.begun_at)"
    "   * 1000)::bigint as age_ms, p.wear,"
    "  case when p.harness <> $6::text then 'another revision of the harness'"
    "   when p.setup <> $5::text then 'the recipe has changed'"
    "   when p.inputs <> assay.setup_inputs($1::bigint, $2::text, $3::text)"
    "   then 'the candidate or the host''s file has changed' end as wrong"
    "  from" MINE " where" MINE_IS "),"
    " gone as (update assay.prepared p set ended_at = clock_timestamp(),"
    "  end_reason = mine.wrong from mine"
    "  where p.prepared = mine.prepared and mine.wrong is not null)"
    " select job, boot, took_ms, age_ms, wear from mine where wrong is null",
    6, 5
};

static const struct query Q_ADD = {
    "prepared-add",
    "insert into assay.prepared (host, flight, job, setup, inputs, harness,"
    " boot, took_ms, allocation)"
    " select $3::text, $1::bigint, $2::text, $5::text,"
    "  assay.setup_inputs($1::bigint, $2::text, $3::text), $6::text,"
    "  (select b.nonce from assay.boot b where b.flight = $1::bigint"
    "   and b.job = $2::text and b.host = $3::text and b.status = 'up'"
    "   order by b.up_at desc limit 1), $7::bigint, a.allocation"
    " from assay.allocation a where a.host = $3::text"
    "  and a.task = $4::bigint and a.ended_at is null"
    " on conflict (host) where ended_at is null do nothing",
    7, 0
};

/* As many are left as wait for one: a host that nobody comes for is off. */
static const struct query Q_LEAVE = {
    "prepared-leave",
    "update assay.prepared p set state = 'left', off = $6::boolean"
    " from assay.allocation a, assay.job me, assay.host h"
    " where" MINE_IS " and a.allocation = p.allocation"
    "  and a.ended_at is null and a.task = $4::bigint"
    "  and h.host = p.host and h.state = 'good'"
    "  and me.flight = $1::bigint and me.job = $2::text"
    "  and me.setup = p.setup and p.setup = $5::text"
    "  and p.flight = me.flight"
    "  and not exists (select from assay.runvar v where v.flight = me.flight"
    "   and v.job = me.job and v.name = 'spoiled')"
    "  and (select count(*) from assay.job o join assay.job_role r"
    "    on r.flight = o.flight and r.job = o.job"
    "   where o.flight = me.flight and o.setup = p.setup"
    "    and o.status = 'queued' and p.wear < o.setup_uses"
    "    and r.arch = h.arch and coalesce(r.preset, p.host) = p.host)"
    "   > (select count(*) from assay.prepared k"
    "    where k.flight = me.flight and k.setup = p.setup"
    "    and k.ended_at is null and k.state in ('left', 'ready'))",
    6, 0
};

static const struct query Q_END = {
    "prepared-end", "select assay.end_prepared($1::text, $2::text)", 2, 1
};

static const struct query Q_STEP = {
    "prepared-step",
    "insert into assay.step (flight, job, step, program, testid, status,"
    " reason, harness, started_at, finished_at, elapsed_ms, log_path,"
    " log_bytes, log_sha256, boot, reused_job, reused_step)"
    " select $1::bigint, $2::text, $5::int, $6::text, $7::text, 'reused',"
    "  $8::text, $9::text, clock_timestamp() - $10::bigint"
    "  * interval '1 millisecond', clock_timestamp(), $10::bigint, $11::text,"
    "  $12::bigint, $13::text, p.boot, s.job, s.step"
    " from" MINE
    " join assay.step s on s.flight = p.flight and s.job = p.job"
    "  and s.testid = $7::text and s.status = 'pass'"
    " where" MINE_IS
    " on conflict (flight, job, step) do nothing",
    13, 0
};

static const struct query Q_LAST = {
    "prepared-last",
    "select jsonb_strip_nulls(jsonb_build_object('flight', p.flight,"
    "  'job', p.job, 'wear', p.wear, 'uses', j.setup_uses,"
    "  'boot', p.boot, 'harness', p.harness, 'took_ms', p.took_ms,"
    "  'age_ms', (extract(epoch from clock_timestamp() - p.begun_at)"
    "   * 1000)::bigint, 'inputs', left(encode(sha256(convert_to("
    "   p.inputs::text, 'UTF8')), 'hex'), 16),"
    "  'state', case when p.ended_at is not null or p.state = 'ready' and"
    "   not exists (select from assay.prepared_ready r"
    "    where r.prepared = p.prepared) then 'gone' else p.state end,"
    "  'why', coalesce(p.end_reason, case when p.state = 'ready'"
    "   and not exists (select from assay.prepared_ready r"
    "    where r.prepared = p.prepared) then 'leased since, or its flight has"
    " ended' end)))"
    " from assay.prepared p join assay.job j on j.flight = p.flight"
    "  and j.job = p.job"
    " where p.host = $1::text order by p.prepared desc limit 1",
    1, 1
};

static const struct query Q_IDLE = {
    "prepared-idle",
    "select p.host, p.off from assay.prepared p"
    " join assay.host h on h.host = p.host"
    " where p.state = 'ready' and p.ended_at is null"
    " and not exists (select from assay.prepared_ready r"
    "  join assay.job o on o.flight = r.flight and o.setup = r.setup"
    "   and o.status in ('queued', 'preparing')"
    "   and r.wear < o.setup_uses"
    "  join assay.job_role l on l.flight = o.flight and l.job = o.job"
    "   and l.arch = h.arch and coalesce(l.preset, r.host) = r.host"
    "  where r.prepared = p.prepared) order by p.host",
    0, 2
};

bool
prepared_db_take(struct db *db, const struct prepared_key *key,
                 struct prepared **out, struct fault *why)
{
    char flight[DB_INT_BYTES], task[DB_INT_BYTES];
    const char *params[] = { db_int_text(flight, key->flight), key->job,
                             key->host, db_int_text(task, key->task),
                             key->setup, harness_revision() };
    struct db_rows *rows = NULL;
    struct prepared *prepared;

    *out = NULL;
    if (!db_run(db, &Q_TAKE, params, &rows, why))
        return false;
    if (db_rows_count(rows) == 1) {
        prepared = *out = xcalloc(1, sizeof *prepared);
        prepared->job = xstrdup(db_text(rows, 0, 0));
        prepared->boot = xstrdup(db_text(rows, 0, 1));
        prepared->took_ms = db_int(rows, 0, 2, 0);
        prepared->age_ms = db_int(rows, 0, 3, 0);
        prepared->wear = (int)db_int(rows, 0, 4, 0);
    }
    db_rows_free(rows);
    return true;
}

void
prepared_free(struct prepared *prepared)
{
    if (prepared == NULL)
        return;
    free(prepared->job);
    free(prepared->boot);
    free(prepared);
}

bool
prepared_db_add(struct db *db, const struct prepared_key *key,
                int64_t took_ms, struct fault *why)
{
    char flight[DB_INT_BYTES], task[DB_INT_BYTES], took[DB_INT_BYTES];
    const char *params[] = { db_int_text(flight, key->flight), key->job,
                             key->host, db_int_text(task, key->task),
                             key->setup, harness_revision(),
                             db_int_text(took, took_ms) };

    return db_run(db, &Q_ADD, params, NULL, why);
}

bool
prepared_db_leave(struct db *db, const struct prepared_key *key, bool off,
                  bool *left_out, struct fault *why)
{
    char flight[DB_INT_BYTES], task[DB_INT_BYTES];
    const char *params[] = { db_int_text(flight, key->flight), key->job,
                             key->host, db_int_text(task, key->task),
                             key->setup, off ? "true" : "false" };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_LEAVE, params, &rows, why))
        return false;
    *left_out = db_rows_affected(rows) == 1;
    db_rows_free(rows);
    return true;
}

bool
prepared_db_end(struct db *db, const char *host, const char *reason,
                struct fault *why)
{
    const char *params[] = { host, reason };

    return db_run(db, &Q_END, params, NULL, why);
}

bool
prepared_db_step(struct db *db, const struct prepared_key *key,
                 const struct prepared_step *step, struct fault *why)
{
    char flight[DB_INT_BYTES], task[DB_INT_BYTES], number[DB_INT_BYTES];
    char elapsed[DB_INT_BYTES], bytes[DB_INT_BYTES];
    const char *params[] = {
        db_int_text(flight, key->flight), key->job, key->host,
        db_int_text(task, key->task), db_int_text(number, step->step),
        step->program, step->testid, step->reason, harness_revision(),
        db_int_text(elapsed, step->elapsed_ms), step->log_path,
        step->log_path != NULL ? db_int_text(bytes, step->log_bytes) : NULL,
        step->log_sha256,
    };

    return db_run(db, &Q_STEP, params, NULL, why);
}

bool
prepared_db_last(struct db *db, const char *host, struct json_t **out,
                 struct fault *why)
{
    const char *params[] = { host };
    struct db_rows *rows = NULL;
    bool ok;

    if (!db_run(db, &Q_LAST, params, &rows, why))
        return false;
    *out = NULL;
    ok = db_rows_count(rows) == 0
        || json_parse(db_text(rows, 0, 0), strlen(db_text(rows, 0, 0)), out,
                      why);
    if (ok && *out == NULL)
        *out = json_null();
    db_rows_free(rows);
    return ok;
}

bool
prepared_db_idle(struct db *db, struct arena *arena,
                 struct prepared_idle **out, size_t *count_out,
                 struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_IDLE, NULL, &rows, why))
        return false;
    *count_out = (size_t)db_rows_count(rows);
    *out = arena_alloc(arena, (*count_out + 1) * sizeof **out);
    for (size_t i = 0; i < *count_out; i++)
        (*out)[i] = (struct prepared_idle){
            .host = db_copy(arena, rows, (int)i, 0),
            .off = db_bool(rows, (int)i, 1),
        };
    db_rows_free(rows);
    return true;
}
