/* flights/flight_db.c - see flight_db.h. */
#include <config.h>

#include "flights/flight_db.h"

#include <inttypes.h>

#include "flights/plan.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/json.h"


static bool
no_flight(struct fault *why, int64_t flight)
{
    fault_set(why, FAULT_NOT_FOUND, "there is no flight %" PRId64, flight);
    return fault_hint(why, "'assay flight list' shows the latest");
}

/* Check ------------------------------------------------------------------- */

static const struct query Q_CANDIDATE = {
    "flight-candidate",
    "select (select count(*) from assay.candidate where name = $1::text),"
    " (select count(*) from assay.candidate_part p"
    "  join assay.candidate c on c.candidate = p.candidate"
    "  where c.name = $1::text and p.arch = $2::text),"
    " (select string_agg(name, ', ' order by candidate)"
    "  from assay.candidate)",
    2, 3
};

static const struct query Q_HOST = {
    "flight-host", "select host from assay.host where host = $1::text", 1, 1
};

static const struct query Q_JOB = {
    "flight-job",
    "select job from assay.job where flight = $1::bigint and job = $2::text",
    2, 1
};

static bool
check_candidate(struct db *db, const struct plan *plan,
                const struct plan_job *job, struct fault *why)
{
    const char *params[] = { job->candidate, job->arch };
    struct db_rows *rows = NULL;
    const char *known;
    bool ok;

    if (!db_run(db, &Q_CANDIDATE, params, &rows, why))
        return false;
    ok = db_int(rows, 0, 0, 0) > 0;
    known = db_text(rows, 0, 2);
    if (!ok) {
        fault_set(why, FAULT_CONFIG, "%s:%d: there is no candidate '%s'",
                  plan->file, job->candidate_line, job->candidate);
        if (known != NULL)
            fault_hint(why, "known are %s", known);
        else
            fault_hint(why, "make one: assay candidate add --deb bookworm");
    } else if (db_int(rows, 0, 1, 0) == 0) {
        ok = fault_set(why, FAULT_CONFIG, "%s:%d: candidate '%s' has nothing"
                       " for %s, which job '%s' tests", plan->file,
                       job->candidate_line, job->candidate, job->arch,
                       job->job);
    }
    db_rows_free(rows);
    return ok;
}

static bool
exists(struct db *db, const struct query *query, const char *const params[],
       bool *exists_out, struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, query, params, &rows, why))
        return false;
    *exists_out = db_rows_count(rows) > 0;
    db_rows_free(rows);
    return true;
}

static bool
check_presets(struct db *db, const struct plan *plan,
              const struct plan_job *job, struct fault *why)
{
    for (size_t i = 0; i < job->role_count; i++) {
        const char *params[] = { job->roles[i].preset };
        bool there = false;

        if (params[0] == NULL)
            continue;
        if (!exists(db, &Q_HOST, params, &there, why))
            return false;
        if (!there) {
            fault_set(why, FAULT_CONFIG, "%s:%d: job '%s' wants host '%s', "
                      "which does not exist", plan->file, job->line,
                      job->job, params[0]);
            return fault_hint(why, "'assay host list' shows all");
        }
    }
    return true;
}

static bool
check_needs(struct db *db, const struct plan *plan,
            const struct plan_job *job, struct fault *why)
{
    char number[DB_INT_BYTES];

    for (size_t i = 0; i < job->need_count; i++) {
        const char *params[] = { number, job->needs[i].job };
        bool there = false;

        if (job->needs[i].flight == 0)
            continue;
        db_int_text(number, job->needs[i].flight);
        if (!exists(db, &Q_JOB, params, &there, why))
            return false;
        if (!there)
            return fault_set(why, FAULT_CONFIG, "%s:%d: flight %s has no job"
                             " '%s', which job '%s' needs", plan->file,
                             job->needs_line, number, params[1], job->job);
    }
    return true;
}

/* The same question was asked for an earlier job. */
static bool
candidate_checked(const struct plan *plan, size_t job)
{
    const struct plan_job *this = &plan->jobs[job];

    for (size_t i = 0; i < job; i++)
        if (plan->jobs[i].candidate != NULL &&
            strcmp(plan->jobs[i].candidate, this->candidate) == 0 &&
            strcmp(plan->jobs[i].arch, this->arch) == 0)
            return true;
    return false;
}

bool
flight_db_check(struct db *db, const struct plan *plan, struct fault *why)
{
    for (size_t i = 0; i < plan->job_count; i++) {
        const struct plan_job *job = &plan->jobs[i];

        if (job->candidate != NULL && !candidate_checked(plan, i) &&
            !check_candidate(db, plan, job, why))
            return false;
        if (!check_presets(db, plan, job, why) ||
            !check_needs(db, plan, job, why))
            return false;
    }
    return true;
}

/* Create ------------------------------------------------------------------ */

static const struct query Q_INSERT_FLIGHT = {
    "flight-insert",
    "insert into assay.flight (branch, intended, harness, definition,"
    " source, priority, deadline_at, supersede) values ($1::text, $2::text,"
    " $3::text, $4::text, $5::text, $6::int,"
    " now() + nullif($7::bigint, 0) * interval '1 millisecond',"
    " $8::boolean) returning flight",
    8, 1
};

/* Jobs are served in the order in which they were created. */
static const struct query Q_INSERT_JOBS = {
    "flight-insert-jobs",
    "insert into assay.job (flight, job, recipe, arch, diverse, setup,"
    " setup_uses, preemptable, candidate, created_at)"
    " select $1::bigint, j->>'job', j->>'recipe', j->>'arch',"
    " j->>'diverse', j->>'setup', (j->>'setup_uses')::int,"
    " (j->>'preemptable')::boolean,"
    " (select c.candidate from assay.candidate c"
    "  where c.name = j->>'candidate'),"
    " now() + n * interval '1 microsecond'"
    " from jsonb_array_elements($2::jsonb) with ordinality as t(j, n)",
    2, 0
};

static const struct query Q_INSERT_NEEDS = {
    "flight-insert-needs",
    "insert into assay.job_need (flight, job, needs_flight, needs_job)"
    " select $1::bigint, j->>'job', coalesce((k->>'flight')::bigint,"
    " $1::bigint), k->>'job'"
    " from jsonb_array_elements($2::jsonb) as t(j),"
    " jsonb_array_elements(j->'needs') as u(k)",
    2, 0
};

static const struct query Q_INSERT_ROLES = {
    "flight-insert-roles",
    "insert into assay.job_role (flight, job, role, position, arch, flags,"
    " wants, same_class, preset)"
    " select $1::bigint, j->>'job', r->>'role', n, r->>'arch',"
    " array(select jsonb_array_elements_text(r->'flags')),"
    " array(select jsonb_array_elements_text(r->'wants')),"
    " (r->>'class')::int, r->>'preset'"
    " from jsonb_array_elements($2::jsonb) as t(j),"
    " jsonb_array_elements(j->'roles') with ordinality as u(r, n)",
    2, 0
};

static const struct query Q_INSERT_RUNVARS = {
    "flight-insert-runvars",
    "insert into assay.runvar (flight, job, name, value)"
    " select $1::bigint, j->>'job', v->>'name', v->>'value'"
    " from jsonb_array_elements($2::jsonb) as t(j),"
    " jsonb_array_elements(j->'runvars') as u(v)",
    2, 0
};

static const struct query Q_INSERT_TREES = {
    "flight-insert-trees",
    "insert into assay.flight_tree (flight, tree, revision)"
    " select $1::bigint, t->>'tree', t->>'revision'"
    " from jsonb_array_elements($2::jsonb) as u(t)",
    2, 0
};

static json_t *
role_json(const struct plan_role *role)
{
    json_t *out = json_object(), *flags = json_array();
    json_t *wants = json_array();

    for (size_t i = 0; role->flags != NULL && role->flags[i] != NULL; i++)
        json_array_append_new(flags, json_string(role->flags[i]));
    for (size_t i = 0; role->wants != NULL && role->wants[i] != NULL; i++)
        json_array_append_new(wants, json_string(role->wants[i]));
    json_put_text(out, "role", role->role);
    json_put_text(out, "arch", role->arch);
    json_put_text(out, "preset", role->preset);
    json_put_int(out, "class", role->same_class);
    json_object_set_new(out, "flags", flags);
    json_object_set_new(out, "wants", wants);
    return out;
}

static json_t *
job_json(const struct plan_job *job)
{
    json_t *out = json_object(), *needs = json_array();
    json_t *roles = json_array(), *runvars = json_array();

    for (size_t i = 0; i < job->need_count; i++) {
        json_t *need = json_object();

        json_put_text(need, "job", job->needs[i].job);
        if (job->needs[i].flight != 0)
            json_put_int(need, "flight", job->needs[i].flight);
        json_array_append_new(needs, need);
    }
    for (size_t i = 0; i < job->role_count; i++)
        json_array_append_new(roles, role_json(&job->roles[i]));
    for (size_t i = 0; i < job->runvar_count; i++) {
        json_t *runvar = json_object();

        json_put_text(runvar, "name", job->runvars[i].name);
        json_put_text(runvar, "value", job->runvars[i].value);
        json_array_append_new(runvars, runvar);
    }
    json_put_text(out, "job", job->job);
    json_put_text(out, "recipe", job->recipe);
    json_put_text(out, "arch", job->arch);
    json_put_text(out, "candidate", job->candidate);
    json_put_text(out, "diverse", job->diverse);
    json_put_text(out, "setup", job->setup);
    if (job->setup != NULL)
        json_put_int(out, "setup_uses", job->setup_uses);
    json_object_set_new(out, "preemptable", json_boolean(job->preemptable));
    json_object_set_new(out, "needs", needs);
    json_object_set_new(out, "roles", roles);
    json_object_set_new(out, "runvars", runvars);
    return out;
}

struct creation {
    const struct plan *plan;
    const char *jobs, *trees;   /* JSON */
    int64_t flight;             /* out */
};

static bool
create(struct db *db, void *arg, struct fault *why)
{
    static const struct query *const inserts[] = {
        &Q_INSERT_JOBS, &Q_INSERT_NEEDS, &Q_INSERT_ROLES, &Q_INSERT_RUNVARS,
    };
    struct creation *c = arg;
    char number[DB_INT_BYTES], priority[DB_INT_BYTES];
    char deadline[DB_INT_BYTES];
    const char *params[] = { c->plan->branch, c->plan->intended,
                             harness_revision(), c->plan->definition,
                             c->plan->source, priority, deadline,
                             c->plan->supersede ? "true" : "false" };
    const char *job_params[] = { number, c->jobs };
    const char *tree_params[] = { number, c->trees };
    struct db_rows *rows = NULL;

    db_int_text(priority, c->plan->priority);
    db_int_text(deadline, c->plan->deadline_ms);
    if (!db_run(db, &Q_INSERT_FLIGHT, params, &rows, why))
        return false;
    c->flight = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    db_int_text(number, c->flight);
    for (size_t i = 0; i < ARRAY_LEN(inserts); i++)
        if (!db_run(db, inserts[i], job_params, NULL, why))
            return false;
    return db_run(db, &Q_INSERT_TREES, tree_params, NULL, why);
}

static json_t *
trees_json(const struct plan *plan)
{
    json_t *out = json_array();

    for (size_t i = 0; i < plan->tree_count; i++) {
        json_t *tree = json_object();

        json_put_text(tree, "tree", plan->trees[i].tree);
        json_put_text(tree, "revision", plan->trees[i].revision);
        json_array_append_new(out, tree);
    }
    return out;
}

/* Takes 'json'; the caller frees. */
static char *
text_of(json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);

    must(text != NULL);
    json_decref(json);
    return text;
}

bool
flight_db_create(struct db *db, const struct plan *plan, int64_t *flight_out,
                 struct fault *why)
{
    struct creation c = { .plan = plan };
    json_t *list = json_array();
    char *jobs, *trees;
    bool ok;

    for (size_t i = 0; i < plan->job_count; i++)
        json_array_append_new(list, job_json(&plan->jobs[i]));
    c.jobs = jobs = text_of(list);
    c.trees = trees = text_of(trees_json(plan));
    ok = db_transact(db, create, &c, why);
    if (ok)
        *flight_out = c.flight;
    free(jobs);
    free(trees);
    return ok;
}

/* Start and abort --------------------------------------------------------- */

static const struct query Q_START = {
    "flight-start",
    "update assay.flight set blessing = 'running', outcome = 'running',"
    " started_at = clock_timestamp()"
    " where flight = $1::bigint and blessing = 'constructing'"
    "  and finished_at is null",
    1, 0
};

static const struct query Q_ABORT = {
    "flight-abort",
    "update assay.flight set abort_reason = $2::text"
    " where flight = $1::bigint and finished_at is null"
    "  and abort_reason is null",
    2, 0
};

static const struct query Q_OPEN = {
    "flight-open",
    "select finished_at is null from assay.flight where flight = $1::bigint",
    1, 1
};

/* Runs 'query'; when it changed nothing, says why if that is wrong. */
static bool
change(struct db *db, const struct query *query, int64_t flight,
       const char *text, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { number, text };
    struct db_rows *rows = NULL;
    bool changed, there, open;

    db_int_text(number, flight);
    if (!db_run(db, query, params, &rows, why))
        return false;
    changed = db_rows_affected(rows) > 0;
    db_rows_free(rows);
    if (changed)
        return true;
    rows = NULL;
    if (!db_run(db, &Q_OPEN, params, &rows, why))
        return false;
    there = db_rows_count(rows) > 0;
    open = there && db_bool(rows, 0, 0);
    db_rows_free(rows);
    if (!there)
        return no_flight(why, flight);
    if (!open)
        return fault_set(why, FAULT_CONFLICT, "flight %s has ended", number);
    return true;
}

bool
flight_db_start(struct db *db, int64_t flight, struct fault *why)
{
    return change(db, &Q_START, flight, NULL, why);
}

bool
flight_db_abort(struct db *db, int64_t flight, const char *reason,
                struct fault *why)
{
    return change(db, &Q_ABORT, flight, reason, why);
}

/* Find a step ------------------------------------------------------------- */

static const struct query Q_STEP = {
    "flight-step",
    "select s.step, s.testid from assay.step s"
    " where s.flight = $1::bigint and s.job = $2::text order by s.step",
    2, 2
};

bool
flight_db_find_step(struct db *db, int64_t flight, const char *job,
                    const char *step, int *number_out, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { number, job };
    struct db_rows *rows = NULL;
    struct buf known = BUF_INIT;
    int64_t wanted = 0;
    bool found = false, job_there = true;

    db_int_text(number, flight);
    if (!db_run(db, &Q_STEP, params, &rows, why))
        return false;
    if (!parse_int64(step, 1, INT32_MAX, &wanted))
        wanted = 0;
    for (int i = 0; i < db_rows_count(rows) && !found; i++) {
        found = db_int(rows, i, 0, 0) == wanted ||
                strcmp(db_text(rows, i, 1), step) == 0;
        if (found)
            *number_out = (int)db_int(rows, i, 0, 0);
        buf_addf(&known, "%s%s", i > 0 ? ", " : "", db_text(rows, i, 1));
    }
    db_rows_free(rows);
    if (!found && exists(db, &Q_JOB, params, &job_there, why)) {
        if (!job_there)
            fault_set(why, FAULT_NOT_FOUND, "flight %s has no job '%s'",
                      number, job);
        else
            fault_set(why, FAULT_NOT_FOUND, "job %s of flight %s has no "
                      "step '%s'", job, number, step);
        if (known.len > 0)
            fault_hint(why, "its steps are %s", buf_text(&known));
    }
    buf_free(&known);
    return found;
}

static const struct query Q_STEP_ENDED = {
    "flight-step-ended",
    "select step from assay.step where flight = $1::bigint"
    " and job = $2::text and step = $3::int and finished_at is not null",
    3, 1
};

bool
flight_db_step_ended(struct db *db, int64_t flight, const char *job,
                     int step, bool *ended_out, struct fault *why)
{
    char number[DB_INT_BYTES], text[DB_INT_BYTES];
    const char *params[] = { number, job, text };

    db_int_text(number, flight);
    db_int_text(text, step);
    return exists(db, &Q_STEP_ENDED, params, ended_out, why);
}
