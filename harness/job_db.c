/* harness/job_db.c - what assay-job reads and writes of its own job. */
#include <config.h>

#include "harness/job_db.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/step_result.h"
#include "harness/strv.h"

static const struct query Q_CLAIM = {
    "job-claim",
    "update assay.job j set status = 'preparing', task = $3::bigint,"
    " harness = $4::text, waits_for = null,"
    " started_at = coalesce(j.started_at, clock_timestamp())"
    " from assay.flight f"
    " where j.flight = $1::bigint and j.job = $2::text"
    "  and f.flight = j.flight and f.finished_at is null"
    "  and f.abort_reason is null"
    "  and (j.status = 'queued'"
    "   or (j.status = 'preparing' and j.task = $3::bigint))",
    4, 0
};

static const struct query Q_LOAD = {
    "job-load",
    "select j.recipe, j.arch, c.name, j.setup, coalesce((select"
    "  max(g.last_step) from assay.give_way g where g.flight = j.flight"
    "  and g.job = j.job), 0)"
    " from assay.job j"
    " left join assay.candidate c on c.candidate = j.candidate"
    " where j.flight = $1::bigint and j.job = $2::text",
    2, 5
};

static const struct query Q_ROLES = {
    "job-roles",
    "select role, arch, preset, array_to_string(flags, ','), same_class,"
    " array_to_string(wants, chr(31))"
    " from assay.job_role where flight = $1::bigint and job = $2::text"
    " order by position, role",
    2, 6
};

static const struct query Q_RUNVARS = {
    "job-runvars",
    "select name, value, origin = 'definition'"
    " from assay.runvar where flight = $1::bigint and job = $2::text",
    2, 3
};

static const struct query Q_ABORT_REASON = {
    "job-abort-reason",
    "select abort_reason from assay.flight where flight = $1::bigint", 1, 1
};

static const struct query Q_WAITS = {
    "job-waits",
    "update assay.job set waits_for = $3::text"
    " where flight = $1::bigint and job = $2::text and status = 'preparing'"
    "  and waits_for is distinct from $3::text",
    3, 0
};

static const struct query Q_REQUEUE = {
    "job-requeue",
    "update assay.job set status = 'queued', task = null,"
    " waits_for = $4::text"
    " where flight = $1::bigint and job = $2::text and status = 'preparing'"
    "  and task = $3::bigint",
    4, 0
};

static const struct query Q_RUNNING = {
    "job-running",
    "update assay.job set status = 'running', waits_for = null"
    " where flight = $1::bigint and job = $2::text and status = 'preparing'"
    "  and task = $3::bigint",
    3, 0
};

static const struct query Q_STEP_BEGIN = {
    "job-step-begin",
    "insert into assay.step"
    " (flight, job, step, program, testid, status, log_path, harness)"
    " values ($1::bigint, $2::text, $3::int, $4::text, $5::text, 'running',"
    "  $6::text, $7::text)"
    " on conflict (flight, job, step) do nothing",
    7, 0
};

static const struct query Q_STEP_UNRUN = {
    "job-step-unrun",
    "insert into assay.step"
    " (flight, job, step, program, testid, status, lane, reason, harness,"
    "  finished_at, elapsed_ms)"
    " values ($1::bigint, $2::text, $3::int, $4::text, $5::text, $6::text,"
    "  $7::text, $8::text, $9::text, clock_timestamp(), 0)"
    " on conflict (flight, job, step) do nothing",
    9, 0
};

static const struct query Q_STEP_PROGRESS = {
    "job-step-progress",
    "update assay.step set progress = $4::text"
    " where flight = $1::bigint and job = $2::text and step = $3::int"
    "  and status = 'running'",
    4, 0
};

/* The first part tells whether the step still runs; all else hangs on it, so
 * that a repetition adds nothing. */
static const struct query Q_STEP_END = {
    "job-step-end",
    "with done as ("
    "  update assay.step set status = $4::text, lane = $5::text,"
    "   reason = $6::text, evidence = $7::jsonb, exit_code = $8::int,"
    "   exit_signal = $9::int, progress = coalesce($10::text, progress),"
    "   elapsed_ms = $11::bigint, log_bytes = $12::bigint,"
    "   log_sha256 = $13::text, finished_at = clock_timestamp(),"
    "   boot = coalesce((select b.nonce from assay.boot b"
    "    where b.flight = $1::bigint and b.job = $2::text"
    "     and b.host = $18::text and b.status = 'up'"
    "    order by b.up_at desc limit 1), (select p.boot"
    "    from assay.prepared p join assay.allocation a"
    "     on a.allocation = p.allocation"
    "    where p.host = $18::text and p.ended_at is null"
    "     and p.state = 'used' and a.flight = $1::bigint"
    "     and a.job = $2::text))"
    "  where flight = $1::bigint and job = $2::text and step = $3::int"
    "   and status = 'running'"
    "  returning flight, job, step),"
    " cases as ("
    "  insert into assay.step_case (flight, job, step, id, status, note)"
    "  select d.flight, d.job, d.step, x.id, x.status, x.note"
    "  from done d, jsonb_to_recordset($14::jsonb)"
    "   as x(id text, status text, note text)),"
    " metrics as ("
    "  insert into assay.measurement"
    "   (flight, job, step, name, value, unit, better)"
    "  select d.flight, d.job, d.step, x.name, x.value, x.unit, x.better"
    "  from done d, jsonb_to_recordset($15::jsonb)"
    "   as x(name text, value double precision, unit text, better text)),"
    " sets as ("
    "  insert into assay.runvar as r (flight, job, name, value, origin)"
    "  select d.flight, d.job, x.key, x.value, 'result'"
    "  from done d, jsonb_each_text($16::jsonb) as x"
    "  on conflict (flight, job, name) do update set value = excluded.value"
    "  where r.origin = 'result'),"
    " files as ("
    "  insert into assay.artefact (sha256, bytes, kind)"
    "  select distinct on (x.sha256) x.sha256, x.bytes, x.kind"
    "  from done d, jsonb_to_recordset($17::jsonb)"
    "   as x(sha256 text, bytes bigint, kind text)"
    "  order by x.sha256 on conflict (sha256) do nothing)"
    " insert into assay.attachment (flight, job, step, name, kind, sha256)"
    " select d.flight, d.job, d.step, x.name, x.kind, x.sha256"
    " from done d, jsonb_to_recordset($17::jsonb)"
    "  as x(name text, kind text, sha256 text)",
    18, 0
};

static const struct query Q_FINISH = {
    "job-finish",
    "update assay.job set status = $4::text, lane = $5::text,"
    " reason = $6::text, waits_for = null,"
    " evidence = (select s.evidence from assay.step s"
    "  where s.flight = $1::bigint and s.job = $2::text"
    "   and s.testid = $7::text),"
    " finished_at = clock_timestamp(), prepare_ms = $8::bigint"
    " where flight = $1::bigint and job = $2::text and task = $3::bigint"
    "  and status in ('preparing', 'running')",
    8, 0
};

bool
job_db_claim(struct db *db, int64_t flight, const char *job, int64_t task,
             bool *claimed_out, struct fault *why)
{
    char f[DB_INT_BYTES], t[DB_INT_BYTES];
    const char *params[] = {db_int_text(f, flight), job, db_int_text(t, task),
                            harness_revision()};
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_CLAIM, params, &rows, why))
        return false;
    *claimed_out = db_rows_affected(rows) == 1;
    db_rows_free(rows);
    return true;
}

static char *
copy_or_null(const char *s)
{
    return s != NULL ? xstrdup(s) : NULL;
}

static char **
split(const char *joined, char between)
{
    char **list = xcalloc(1, sizeof(*list));
    const char *at = joined, *comma;
    char *word;

    while (at != NULL && *at != '\0') {
        comma = strchr(at, between);
        word = xstrndup(at, comma != NULL ? (size_t)(comma - at)
                                          : strlen(at));
        strv_add(&list, word);
        free(word);
        at = comma != NULL ? comma + 1 : NULL;
    }
    return list;
}

static bool
load_roles(struct db *db, const char *const params[], struct job_row *row,
           struct fault *why)
{
    struct db_rows *rows = NULL;
    size_t i;

    if (!db_run(db, &Q_ROLES, params, &rows, why))
        return false;
    row->role_count = (size_t)db_rows_count(rows);
    row->roles = xcalloc(row->role_count + 1, sizeof(*row->roles));
    for (i = 0; i < row->role_count; i++)
        row->roles[i] = (struct job_row_role){
            .role = xstrdup(db_text(rows, (int)i, 0)),
            .arch = xstrdup(db_text(rows, (int)i, 1)),
            .preset = copy_or_null(db_text(rows, (int)i, 2)),
            .flags = split(db_text(rows, (int)i, 3), ','),
            .wants = split(db_text(rows, (int)i, 5), (char)31),
            .same_class = (int)db_int(rows, (int)i, 4, 0),
        };
    db_rows_free(rows);
    return true;
}

static bool
load_runvars(struct db *db, const char *const params[], struct job_row *row,
             struct fault *why)
{
    struct db_rows *rows = NULL;
    int i;

    if (!db_run(db, &Q_RUNVARS, params, &rows, why))
        return false;
    row->runvars = json_object();
    row->fixed = json_object();
    for (i = 0; i < db_rows_count(rows); i++) {
        json_put_text(row->runvars, db_text(rows, i, 0),
                      db_text(rows, i, 1));
        if (db_bool(rows, i, 2))
            json_put_text(row->fixed, db_text(rows, i, 0),
                          db_text(rows, i, 1));
    }
    db_rows_free(rows);
    return true;
}

bool
job_db_load(struct db *db, int64_t flight, const char *job,
            struct job_row **out, struct fault *why)
{
    char f[DB_INT_BYTES];
    const char *params[] = {db_int_text(f, flight), job};
    struct db_rows *rows = NULL;
    struct job_row *row = NULL;
    bool ok;

    ok = db_run(db, &Q_LOAD, params, &rows, why);
    if (!ok)
        goto out;
    ok = db_rows_count(rows) == 1;
    if (!ok) {
        fault_set(why, FAULT_NOT_FOUND, "flight %" PRId64 " has no job %s",
                  flight, job);
        goto out;
    }
    row = xcalloc(1, sizeof(*row));
    row->flight = flight;
    row->job = xstrdup(job);
    row->recipe = xstrdup(db_text(rows, 0, 0));
    row->arch = xstrdup(db_text(rows, 0, 1));
    row->candidate = copy_or_null(db_text(rows, 0, 2));
    row->setup = copy_or_null(db_text(rows, 0, 3));
    row->last_step = (int)db_int(rows, 0, 4, 0);
    ok = load_roles(db, params, row, why) &&
         load_runvars(db, params, row, why);
    if (!ok)
        goto out;
    *out = row;
    row = NULL;
out:
    job_row_free(row);
    db_rows_free(rows);
    return ok;
}

void
job_row_free(struct job_row *row)
{
    size_t i;

    if (row == NULL)
        return;
    for (i = 0; i < row->role_count; i++) {
        free(row->roles[i].role);
        free(row->roles[i].arch);
        free(row->roles[i].preset);
        strv_free(row->roles[i].flags);
        strv_free(row->roles[i].wants);
    }
    free(row->roles);
    json_decref(row->runvars);
    json_decref(row->fixed);
    free(row->job);
    free(row->recipe);
    free(row->arch);
    free(row->candidate);
    free(row->setup);
    free(row);
}

bool
job_db_abort_reason(struct db *db, int64_t flight, char **reason_out,
                    struct fault *why)
{
    char f[DB_INT_BYTES];
    const char *params[] = {db_int_text(f, flight)};
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_ABORT_REASON, params, &rows, why))
        return false;
    *reason_out = db_rows_count(rows) == 1
                      ? copy_or_null(db_text(rows, 0, 0)) : NULL;
    db_rows_free(rows);
    return true;
}

bool
job_db_waits(struct db *db, int64_t flight, const char *job,
             const char *text, struct fault *why)
{
    char f[DB_INT_BYTES];
    const char *params[] = {db_int_text(f, flight), job, text};

    return db_run(db, &Q_WAITS, params, NULL, why);
}

bool
job_db_requeue(struct db *db, int64_t flight, const char *job, int64_t task,
               const char *waits_for, struct fault *why)
{
    char f[DB_INT_BYTES], t[DB_INT_BYTES];
    const char *params[] = {db_int_text(f, flight), job, db_int_text(t, task),
                            waits_for};

    return db_run(db, &Q_REQUEUE, params, NULL, why);
}

bool
job_db_running(struct db *db, int64_t flight, const char *job, int64_t task,
               struct fault *why)
{
    char f[DB_INT_BYTES], t[DB_INT_BYTES];
    const char *params[] = {db_int_text(f, flight), job, db_int_text(t, task)};

    return db_run(db, &Q_RUNNING, params, NULL, why);
}

bool
job_db_step_begin(struct db *db, const struct job_step_row *row,
                  struct fault *why)
{
    char f[DB_INT_BYTES], s[DB_INT_BYTES];
    const char *params[] = {db_int_text(f, row->flight), row->job,
                            db_int_text(s, row->step), row->program,
                            row->testid, row->log_path, harness_revision()};

    return db_run(db, &Q_STEP_BEGIN, params, NULL, why);
}

static const char *
lane_or_null(enum lane lane)
{
    return lane != LANE_NONE ? lane_name(lane) : NULL;
}

static const char *
reason_or_null(const struct step_verdict *verdict)
{
    return verdict->reason[0] != '\0' ? verdict->reason : NULL;
}

bool
job_db_step_unrun(struct db *db, const struct job_step_row *row,
                  const struct step_verdict *verdict, struct fault *why)
{
    char f[DB_INT_BYTES], s[DB_INT_BYTES];
    const char *params[] = {db_int_text(f, row->flight), row->job,
                            db_int_text(s, row->step), row->program,
                            row->testid, outcome_name(verdict->status),
                            lane_or_null(verdict->lane),
                            reason_or_null(verdict), harness_revision()};

    return db_run(db, &Q_STEP_UNRUN, params, NULL, why);
}

bool
job_db_step_progress(struct db *db, const struct job_step_row *row,
                     const char *text, struct fault *why)
{
    char f[DB_INT_BYTES], s[DB_INT_BYTES];
    const char *params[] = {db_int_text(f, row->flight), row->job,
                            db_int_text(s, row->step), text};

    return db_run(db, &Q_STEP_PROGRESS, params, NULL, why);
}

bool
job_db_step_end(struct db *db, const struct job_step_row *row,
                const char *host, const struct step_result *result,
                struct fault *why)
{
    const json_t *const values[] = {result->evidence, result->cases,
                                    result->metrics, result->sets,
                                    result->attached};
    char *json[ARRAY_LEN(values)];
    char f[DB_INT_BYTES], s[DB_INT_BYTES], code[DB_INT_BYTES],
        sig[DB_INT_BYTES],
        elapsed[DB_INT_BYTES], bytes[DB_INT_BYTES];
    bool has_log = result->log_sha256[0] != '\0', ok;
    size_t i;

    for (i = 0; i < ARRAY_LEN(values); i++) {
        json[i] = json_dumps(values[i], JSON_COMPACT);
        must(json[i] != NULL);
    }
    const char *params[] = {
        db_int_text(f, row->flight),
        row->job,
        db_int_text(s, row->step),
        outcome_name(result->verdict.status),
        lane_or_null(result->verdict.lane),
        reason_or_null(&result->verdict),
        json_object_size(result->evidence) > 0 ? json[0] : NULL,
        result->exit_code >= 0 ? db_int_text(code, result->exit_code) : NULL,
        result->exit_signal > 0 ? db_int_text(sig, result->exit_signal) : NULL,
        result->progress,
        db_int_text(elapsed, result->elapsed_ms),
        has_log ? db_int_text(bytes, result->log_bytes) : NULL,
        has_log ? result->log_sha256 : NULL,
        json[1],
        json[2],
        json[3],
        json[4],
        host,
    };

    static_assert(ARRAY_LEN(params) <= DB_PARAMS_MAX, "fits");
    ok = db_run(db, &Q_STEP_END, params, NULL, why);
    for (i = 0; i < ARRAY_LEN(values); i++)
        free(json[i]);
    return ok;
}

bool
job_db_finish(struct db *db, int64_t flight, const char *job, int64_t task,
              const struct step_verdict *verdict, const char *testid,
              int64_t prepare_ms, struct fault *why)
{
    char f[DB_INT_BYTES], t[DB_INT_BYTES], p[DB_INT_BYTES];
    const char *params[] = {db_int_text(f, flight), job, db_int_text(t, task),
                            outcome_name(verdict->status),
                            lane_or_null(verdict->lane),
                            reason_or_null(verdict), testid,
                            prepare_ms >= 0 ? db_int_text(p, prepare_ms)
                                            : NULL};

    return db_run(db, &Q_FINISH, params, NULL, why);
}
