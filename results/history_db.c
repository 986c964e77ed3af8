/* results/history_db.c - see history_db.h. Records are made and taken apart by
 * the database; results/history_check.h has checked them in between. */
#include <config.h>

#include "results/history_db.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/db_value.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "results/history.h"

/* Reading: the SQL --------------------------------------------------------- */

#define AT(column) \
    "to_char(" column " at time zone 'UTC'," \
    " 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
/* Paths of an imported flight, without what history_db_add() put before. */
#define HOME_PREFIX "'imported/' || o.origin || '/'"
#define OUR_PATH(path) \
    "case when o.origin is not null and starts_with(" path ", " HOME_PREFIX \
    ") then substr(" path ", length(" HOME_PREFIX ") + 1) else " path " end"
#define OUR_EVIDENCE(e) \
    "case when " e " ? 'file' then jsonb_set(" e ", '{file}'," \
    " coalesce(to_jsonb(" OUR_PATH("(" e "->>'file')") "), 'null'))" \
    " else " e " end"

static const struct query Q_OWN_ORIGIN = {
    "history_own_origin", "select origin from assay.origin", 0, 1
};
/* With all that they need, in whatever branch. */
static const struct query Q_LIST = {
    "history_list",
    "with recursive chosen (flight) as ("
    "  select f.flight from assay.flight f where f.finished_at is not null"
    "  and $2::bigint[] is null and ($1::text is null or f.branch = $1::text)"
    "  union select unnest($2::bigint[])"
    "  union select n.needs_flight from chosen c"
    "  join assay.job_need n on n.flight = c.flight)"
    " select c.flight, f.finished_at is not null, f.flight is not null"
    " from chosen c left join assay.flight f on f.flight = c.flight"
    " order by c.flight", 2, 3
};
static const struct query Q_FLIGHT = {
    "history_flight",
    "select json_strip_nulls(json_build_object("
    " 'flight', coalesce(o.number, f.flight),"
    " 'origin', coalesce(o.origin, (select origin from assay.origin)),"
    " 'branch', f.branch, 'intended', f.intended, 'blessing', f.blessing,"
    " 'outcome', f.outcome, 'harness', f.harness,"
    " 'definition', f.definition, 'source', f.source,"
    " 'priority', f.priority, 'created_at', " AT("f.created_at") ","
    " 'started_at', " AT("f.started_at") ","
    " 'finished_at', " AT("f.finished_at") ","
    " 'abort_reason', f.abort_reason,"
    " 'trees', (select json_agg(json_build_object('tree', t.tree,"
    "   'revision', t.revision) order by t.tree collate \"C\")"
    "   from assay.flight_tree t where t.flight = f.flight)))"
    " from assay.flight f"
    " left join assay.flight_origin o on o.flight = f.flight"
    " where f.flight = $1::bigint and f.finished_at is not null", 1, 1
};
static const struct query Q_JOBS = {
    "history_jobs",
    "select j.job, json_strip_nulls(json_build_object("
    " 'job', j.job, 'recipe', j.recipe, 'status', j.status, 'lane', j.lane,"
    " 'reason', j.reason, 'evidence', " OUR_EVIDENCE("j.evidence") ","
    " 'arch', j.arch, 'candidate', (select c.name from assay.candidate c"
    "   where c.candidate = j.candidate),"
    " 'harness', j.harness, 'created_at', " AT("j.created_at") ","
    " 'started_at', " AT("j.started_at") ","
    " 'finished_at', " AT("j.finished_at") ","
    " 'needs', (select json_agg(json_build_object('job', x.needs_job,"
    "   'flight', case when not x.here then x.number end,"
    "   'origin', case when not x.here then x.origin end)"
    "   order by x.origin collate \"C\", x.number, x.needs_job collate \"C\")"
    "   from (select n.needs_job, n.needs_flight = n.flight as here,"
    "    coalesce(p.number, n.needs_flight) as number,"
    "    coalesce(p.origin, (select origin from assay.origin)) as origin"
    "    from assay.job_need n left join assay.flight_origin p"
    "    on p.flight = n.needs_flight"
    "    where n.flight = j.flight and n.job = j.job) x),"
    " 'roles', (select json_agg(json_build_object('role', r.role,"
    "   'arch', r.arch, 'flags', r.flags, 'same_class', r.same_class,"
    "   'preset', r.preset, 'host', r.host) order by r.position, r.role)"
    "   from assay.job_role r where r.flight = j.flight and r.job = j.job),"
    " 'runvars', (select json_agg(json_build_object('name', v.name,"
    "   'value', v.value, 'result', v.origin = 'result', 'synth', v.synth)"
    "   order by v.name collate \"C\")"
    "   from assay.runvar v where v.flight = j.flight and v.job = j.job),"
    " 'firmware', (select json_agg(json_build_object('boot', w.boot,"
    "   'host', w.host, 'source', w.source, 'said', w.said)"
    "   order by w.firmware) from assay.boot_firmware w"
    "   where w.flight = j.flight and w.job = j.job)))"
    " from assay.job j"
    " left join assay.flight_origin o on o.flight = j.flight"
    " where j.flight = $1::bigint order by j.job collate \"C\"", 1, 2
};
static const struct query Q_STEPS = {
    "history_steps",
    "select s.job, json_strip_nulls(json_build_object("
    " 'step', s.step, 'testid', s.testid, 'program', s.program,"
    " 'status', s.status, 'lane', s.lane, 'reason', s.reason,"
    " 'evidence', " OUR_EVIDENCE("s.evidence") ","
    " 'exit_code', s.exit_code, 'exit_signal', s.exit_signal,"
    " 'progress', s.progress, 'started_at', " AT("s.started_at") ","
    " 'finished_at', " AT("s.finished_at") ", 'elapsed_ms', s.elapsed_ms,"
    " 'log_path', " OUR_PATH("s.log_path") ", 'log_bytes', s.log_bytes,"
    " 'log_sha256', s.log_sha256, 'harness', s.harness, 'boot', s.boot,"
    " 'reused_job', s.reused_job, 'reused_step', s.reused_step,"
    " 'cases', (select json_agg(json_build_object('id', k.id,"
    "   'status', k.status, 'note', k.note, 'at', " AT("k.at") ")"
    "   order by k.id collate \"C\") from assay.step_case k"
    "   where k.flight = s.flight and k.job = s.job and k.step = s.step),"
    " 'measurements', (select json_agg(json_build_object('name', m.name,"
    "   'value', m.value, 'unit', m.unit, 'better', m.better,"
    "   'at', " AT("m.at") ") order by m.measurement)"
    "   from assay.measurement m"
    "   where m.flight = s.flight and m.job = s.job and m.step = s.step),"
    " 'attachments', (select json_agg(json_build_object('name', t.name,"
    "   'kind', t.kind, 'sha256', t.sha256, 'bytes', a.bytes)"
    "   order by t.name collate \"C\") from assay.attachment t"
    "   join assay.artefact a on a.sha256 = t.sha256"
    "   where t.flight = s.flight and t.job = s.job and t.step = s.step)))"
    " from assay.step s"
    " left join assay.flight_origin o on o.flight = s.flight"
    " where s.flight = $1::bigint order by s.job collate \"C\", s.step", 1, 2
};
static const struct query Q_FIND = {
    "history_find",
    "select f.flight from assay.flight f"
    " where f.flight = $2::bigint"
    " and exists (select from assay.origin g where g.origin = $1::text)"
    " and not exists (select from assay.flight_origin o"
    "  where o.flight = f.flight)"
    " union all select o.flight from assay.flight_origin o"
    " where o.origin = $1::text and o.number = $2::bigint", 2, 1
};
static const struct query Q_HAS_JOB = {
    "history_has_job",
    "select exists (select from assay.job where flight = $1::bigint"
    " and job = $2::text)", 2, 1
};

/* Writing: the SQL --------------------------------------------------------- */

/* $1: the flight as JSON, $2: its number here, $3: what goes before paths. */
#define JOBS "json_array_elements($1::json->'jobs') as j"
#define STEPS \
    JOBS " cross join json_array_elements(j->'steps') as s"
#define THEIR_EVIDENCE(e) \
    "case when " e " ? 'file' and $3::text <> '' then jsonb_set(" e "," \
    " '{file}', to_jsonb($3::text || (" e "->>'file'))) else " e " end"

static const struct query Q_SEQUENCE = {
    "history_sequence",
    "select last_value + is_called::int from assay.flight_flight_seq", 0, 1
};
static const struct query Q_KEEP_NUMBER = {
    "history_keep_number",
    "select setval('assay.flight_flight_seq', greatest($1::bigint,"
    " (select last_value from assay.flight_flight_seq)))", 1, 1
};
static const struct query Q_NEXT_NUMBER = {
    "history_next_number", "select nextval('assay.flight_flight_seq')", 0, 1
};
/* Open until all of it is there: evidence is written once. */
static const struct query Q_ADD_FLIGHT = {
    "history_add_flight",
    "insert into assay.flight (flight, branch, blessing, intended, outcome,"
    " harness, definition, source, priority, created_at, started_at,"
    " abort_reason) overriding system value"
    " select $2::bigint, f->>'branch', 'importing', f->>'intended',"
    " 'running', f->>'harness', f->>'definition', f->>'source',"
    " (f->>'priority')::int, (f->>'created_at')::timestamptz,"
    " (f->>'started_at')::timestamptz, f->>'abort_reason'"
    " from (select $1::json) as x(f)", 2, 0
};
static const struct query Q_ADD_TREES = {
    "history_add_trees",
    "insert into assay.flight_tree (flight, tree, revision)"
    " select $2::bigint, t.tree, t.revision"
    " from json_to_recordset($1::json->'trees') as t(tree text,"
    " revision text)", 2, 0
};
static const struct query Q_ADD_CANDIDATES = {
    "history_add_candidates",
    "insert into assay.candidate (name, source)"
    " select distinct j->>'candidate', 'history of ' || ($1::json->>'origin')"
    " from " JOBS " where j->>'candidate' is not null"
    " on conflict (name) do nothing", 1, 0
};
static const struct query Q_ADD_JOBS = {
    "history_add_jobs",
    "insert into assay.job (flight, job, recipe, status, lane, reason,"
    " evidence, arch, candidate, harness, created_at, started_at,"
    " finished_at)"
    " select $2::bigint, j->>'job', j->>'recipe', j->>'status', j->>'lane',"
    " j->>'reason', " THEIR_EVIDENCE("(j->'evidence')::jsonb") ","
    " j->>'arch', (select c.candidate from assay.candidate c"
    "  where c.name = j->>'candidate'), j->>'harness',"
    " (j->>'created_at')::timestamptz, (j->>'started_at')::timestamptz,"
    " (j->>'finished_at')::timestamptz from " JOBS, 3, 0
};
static const struct query Q_ADD_NEEDS = {
    "history_add_needs",
    "insert into assay.job_need (flight, job, needs_flight, needs_job)"
    " select $2::bigint, j->>'job', case"
    "  when n->>'flight' is null then $2::bigint"
    "  when n->>'origin' = (select origin from assay.origin)"
    "   then (n->>'flight')::bigint"
    "  else (select o.flight from assay.flight_origin o"
    "   where o.origin = n->>'origin'"
    "   and o.number = (n->>'flight')::bigint) end, n->>'job'"
    " from " JOBS " cross join json_array_elements(j->'needs') as n", 2, 0
};
static const struct query Q_ADD_ROLES = {
    "history_add_roles",
    "insert into assay.job_role (flight, job, role, position, arch, flags,"
    " same_class, preset, host)"
    " select $2::bigint, j->>'job', r->>'role', n, r->>'arch',"
    " array(select json_array_elements_text(r->'flags')),"
    " (r->>'same_class')::int, r->>'preset', r->>'host' from " JOBS
    " cross join json_array_elements(j->'roles') with ordinality as x(r, n)",
    2, 0
};
static const struct query Q_ADD_RUNVARS = {
    "history_add_runvars",
    "insert into assay.runvar (flight, job, name, value, origin, synth)"
    " select $2::bigint, j->>'job', v->>'name', v->>'value',"
    " case when (v->>'result')::boolean then 'result' else 'definition' end,"
    " (v->>'synth')::boolean"
    " from " JOBS " cross join json_array_elements(j->'runvars') as v", 2, 0
};
/* What a boot said is known when another flight of the file had it. */
static const struct query Q_ADD_FIRMWARE = {
    "history_add_firmware",
    "insert into assay.boot_firmware (boot, flight, job, host, source, said)"
    " select w->>'boot', $2::bigint, j->>'job', w->>'host', w->>'source',"
    " w->>'said' from " JOBS " cross join"
    " json_array_elements(j->'firmware') with ordinality as x(w, n)"
    " order by j->>'job', n on conflict do nothing", 2, 0
};
static const struct query Q_ADD_STEPS = {
    "history_add_steps",
    "insert into assay.step (flight, job, step, program, testid, status,"
    " lane, reason, evidence, exit_code, exit_signal, progress, started_at,"
    " finished_at, elapsed_ms, log_path, log_bytes, log_sha256, harness,"
    " boot, reused_job, reused_step)"
    " select $2::bigint, j->>'job', (s->>'step')::int, s->>'program',"
    " s->>'testid', s->>'status', s->>'lane', s->>'reason', "
    THEIR_EVIDENCE("(s->'evidence')::jsonb") ", (s->>'exit_code')::int,"
    " (s->>'exit_signal')::int, s->>'progress',"
    " (s->>'started_at')::timestamptz, (s->>'finished_at')::timestamptz,"
    " (s->>'elapsed_ms')::bigint, $3::text || (s->>'log_path'),"
    " (s->>'log_bytes')::bigint, s->>'log_sha256', s->>'harness',"
    " s->>'boot', s->>'reused_job', (s->>'reused_step')::int"
    " from " STEPS, 3, 0
};
static const struct query Q_ADD_CASES = {
    "history_add_cases",
    "insert into assay.step_case (flight, job, step, id, status, note, at)"
    " select $2::bigint, j->>'job', (s->>'step')::int, k->>'id',"
    " k->>'status', k->>'note', (k->>'at')::timestamptz"
    " from " STEPS " cross join json_array_elements(s->'cases') as k", 2, 0
};
/* In their order, which their numbers keep. */
static const struct query Q_ADD_MEASUREMENTS = {
    "history_add_measurements",
    "insert into assay.measurement (flight, job, step, name, value, unit,"
    " better, at)"
    " select $2::bigint, j->>'job', (s->>'step')::int, m->>'name',"
    " (m->>'value')::double precision, m->>'unit', m->>'better',"
    " (m->>'at')::timestamptz from " STEPS " cross join"
    " json_array_elements(s->'measurements') with ordinality as x(m, n)"
    " order by j->>'job', (s->>'step')::int, n", 2, 0
};
static const struct query Q_ADD_ARTEFACTS = {
    "history_add_artefacts",
    "insert into assay.artefact (sha256, bytes, kind)"
    " select distinct on (a->>'sha256') a->>'sha256', (a->>'bytes')::bigint,"
    " a->>'kind'"
    " from " STEPS " cross join json_array_elements(s->'attachments') as a"
    " order by a->>'sha256' on conflict (sha256) do nothing", 1, 0
};
static const struct query Q_ADD_ATTACHMENTS = {
    "history_add_attachments",
    "insert into assay.attachment (flight, job, step, name, kind, sha256)"
    " select $2::bigint, j->>'job', (s->>'step')::int, a->>'name',"
    " a->>'kind', a->>'sha256'"
    " from " STEPS " cross join json_array_elements(s->'attachments') as a",
    2, 0
};
static const struct query Q_ADD_ORIGIN = {
    "history_add_origin",
    "insert into assay.flight_origin (flight, origin, number)"
    " select $2::bigint, f->>'origin', (f->>'flight')::bigint"
    " from (select $1::json) as x(f)"
    " where f->>'origin' <> (select origin from assay.origin)", 2, 0
};
static const struct query Q_ADD_END = {
    "history_add_end",
    "update assay.flight set outcome = f->>'outcome',"
    " blessing = f->>'blessing',"
    " finished_at = (f->>'finished_at')::timestamptz"
    " from (select $1::json) as x(f) where flight.flight = $2::bigint", 2, 0
};

/* Reading ------------------------------------------------------------------ */

bool
history_db_origin(struct db *db, struct arena *arena, const char **origin_out,
                  struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_OWN_ORIGIN, NULL, &rows, why))
        return false;
    *origin_out = arena_strdup(arena, db_rows_count(rows) == 1
                               ? db_text(rows, 0, 0) : "");
    db_rows_free(rows);
    return true;
}

bool
history_db_list(struct db *db, const char *branch, const int64_t *flights,
                size_t flight_count, struct arena *arena, int64_t **out,
                size_t *count_out, struct fault *why)
{
    struct buf numbers = BUF_INIT;
    const char *params[] = { branch, NULL };
    struct db_rows *rows = NULL;
    bool ok;

    for (size_t i = 0; i < flight_count; i++)
        buf_addf(&numbers, "%c%" PRId64, i == 0 ? '{' : ',', flights[i]);
    buf_addc(&numbers, '}');
    if (flight_count > 0)
        params[1] = buf_text(&numbers);
    ok = db_run(db, &Q_LIST, params, &rows, why);
    buf_free(&numbers);
    if (!ok)
        return false;
    *count_out = (size_t)db_rows_count(rows);
    *out = arena_alloc(arena, *count_out * sizeof **out + 1);
    for (int i = 0; ok && i < db_rows_count(rows); i++) {
        (*out)[i] = db_int(rows, i, 0, 0);
        if (!db_bool(rows, i, 2))
            ok = fault_set(why, FAULT_NOT_FOUND, "there is no flight %"
                           PRId64, (*out)[i]);
        else if (!db_bool(rows, i, 1))
            ok = fault_set(why, FAULT_CONFLICT, "flight %" PRId64 " has not "
                           "ended: it is no history yet", (*out)[i]);
    }
    db_rows_free(rows);
    return ok;
}

static bool
parse_row(const struct db_rows *rows, int row, int col, json_t **out,
          struct fault *why)
{
    const char *text = db_text(rows, row, col);

    return json_parse(text, strlen(text), out, why);
}

/* Rows of jobs and of steps, both by job, into the flight. */
static bool
add_jobs(json_t *flight, const struct db_rows *jobs,
         const struct db_rows *steps, struct fault *why)
{
    json_t *list = json_array();
    int at = 0;

    must(json_object_set_new(flight, "jobs", list) == 0);
    for (int i = 0; i < db_rows_count(jobs); i++) {
        json_t *job = NULL, *step_list = json_array();

        if (!parse_row(jobs, i, 1, &job, why)) {
            json_decref(step_list);
            return false;
        }
        must(json_array_append_new(list, job) == 0);
        must(json_object_set_new(job, "steps", step_list) == 0);
        for (; at < db_rows_count(steps)
             && strcmp(db_text(steps, at, 0), db_text(jobs, i, 0)) == 0;
             at++) {
            json_t *step = NULL;

            if (!parse_row(steps, at, 1, &step, why))
                return false;
            must(json_array_append_new(step_list, step) == 0);
        }
    }
    return true;
}

bool
history_db_read(struct db *db, int64_t flight, json_t **out,
                struct fault *why)
{
    struct db_rows *rows = NULL, *jobs = NULL, *steps = NULL;
    json_t *json = NULL;
    char number[DB_INT_BYTES];
    const char *params[] = { number };
    bool ok;

    db_int_text(number, flight);
    ok = db_run(db, &Q_FLIGHT, params, &rows, why)
        && db_run(db, &Q_JOBS, params, &jobs, why)
        && db_run(db, &Q_STEPS, params, &steps, why);
    if (ok && db_rows_count(rows) != 1)
        ok = fault_set(why, FAULT_CONFLICT, "flight %s has not ended",
                       number);
    ok = ok && parse_row(rows, 0, 0, &json, why)
        && add_jobs(json, jobs, steps, why) && history_check(json, why);
    if (ok)
        *out = json;
    else
        fault_context(why, "flight %s", number);
    if (!ok)
        json_decref(json);
    db_rows_free(rows);
    db_rows_free(jobs);
    db_rows_free(steps);
    return ok;
}

bool
history_db_find(struct db *db, const char *origin, int64_t number,
                int64_t *flight_out, struct fault *why)
{
    char text[DB_INT_BYTES];
    const char *params[] = { origin, text };

    db_int_text(text, number);
    return db_value_int(db, &Q_FIND, params, 0, flight_out, why);
}

bool
history_db_has_job(struct db *db, int64_t flight, const char *job,
                   bool *has_out, struct fault *why)
{
    char text[DB_INT_BYTES];
    const char *params[] = { text, job };

    db_int_text(text, flight);
    return db_value_bool(db, &Q_HAS_JOB, params, has_out, why);
}

/* Writing ------------------------------------------------------------------ */

struct adding {
    const json_t *flight;
    const char *text;           /* the same */
    int64_t number;             /* here; out */
};

static bool
ask_int(struct db *db, const struct query *query, const char *const params[],
        int64_t *out, struct fault *why)
{
    return db_value_int(db, query, params, 0, out, why);
}

/* The number that it has here. */
static bool
choose_number(struct db *db, struct adding *adding, bool own,
              struct fault *why)
{
    int64_t number = json_int(adding->flight, "flight", 0), next = 0, set;
    char text[DB_INT_BYTES];
    const char *params[] = { text };

    db_int_text(text, number);
    if (!ask_int(db, &Q_SEQUENCE, NULL, &next, why))
        return false;
    if (!own && number < next)
        return ask_int(db, &Q_NEXT_NUMBER, NULL, &adding->number, why);
    adding->number = number;
    return ask_int(db, &Q_KEEP_NUMBER, params, &set, why);
}

static bool
add(struct db *db, void *arg, struct fault *why)
{
    static const struct query *const STATEMENTS[] = {
        &Q_ADD_FLIGHT, &Q_ADD_TREES, &Q_ADD_CANDIDATES, &Q_ADD_JOBS,
        &Q_ADD_NEEDS, &Q_ADD_ROLES, &Q_ADD_RUNVARS, &Q_ADD_FIRMWARE,
        &Q_ADD_STEPS,
        &Q_ADD_CASES, &Q_ADD_MEASUREMENTS, &Q_ADD_ARTEFACTS,
        &Q_ADD_ATTACHMENTS, &Q_ADD_ORIGIN, &Q_ADD_END,
    };
    struct adding *adding = arg;
    const char *origin = json_text(adding->flight, "origin"), *own = NULL;
    struct arena arena = ARENA_INIT;
    const char *params[3] = { adding->text, NULL, "" };
    bool ok;

    ok = history_db_origin(db, &arena, &own, why);
    if (ok && strcmp(origin, own) != 0)
        params[2] = arena_printf(&arena, "imported/%s/", origin);
    ok = ok && choose_number(db, adding, params[2][0] == '\0', why);
    if (ok)
        params[1] = arena_printf(&arena, "%" PRId64, adding->number);
    for (size_t i = 0; ok && i < ARRAY_LEN(STATEMENTS); i++)
        ok = db_run(db, STATEMENTS[i], params, NULL, why);
    arena_free(&arena);
    return ok;
}

bool
history_db_add(struct db *db, const json_t *flight, int64_t *flight_out,
               struct fault *why)
{
    struct adding adding = { .flight = flight };
    char *text = json_dumps(flight, JSON_COMPACT);
    bool ok;

    must(text != NULL);
    adding.text = text;
    ok = db_transact(db, add, &adding, why);
    if (ok)
        *flight_out = adding.number;
    free(text);
    return ok;
}
