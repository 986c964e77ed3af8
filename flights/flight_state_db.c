/* flights/flight_state_db.c - see flight_state_db.h. */
#include <config.h>

#include "flights/flight_state_db.h"

#include <inttypes.h>

#include "flights/plan.h"
#include "harness/arena.h"
#include "harness/booking_db.h"
#include "harness/db.h"
#include "harness/fault.h"

#define AGE_MS(from, to) \
    "(extract(epoch from coalesce(" to ", clock_timestamp()) - " from \
    ") * 1000)::bigint"

static bool
no_flight(struct fault *why, const char *number)
{
    fault_set(why, FAULT_NOT_FOUND, "there is no flight %s", number);
    return fault_hint(why, "'assay flight list' shows the latest");
}

/* State ------------------------------------------------------------------- */

static const struct query Q_FLIGHT_STATE = {
    "flight-state",
    "select branch, blessing, abort_reason, outcome,"
    " finished_at is not null, " AGE_MS("started_at", "finished_at")
    " from assay.flight where flight = $1::bigint",
    1, 6
};

static const struct query Q_JOB_STATES = {
    "flight-job-states",
    "select j.job, j.status, j.lane, j.reason, j.waits_for,"
    " r.testid, r.progress, coalesce(c.running, 0), coalesce(c.passed, 0),"
    " coalesce(c.failed, 0), coalesce(c.other, 0), "
    AGE_MS("j.started_at", "j.finished_at") ", "
    AGE_MS("r.started_at", "null") "," BOOKING_DB_COLUMNS
    " from assay.job j"
    " left join assay.booking b on b.flight = j.flight and b.job = j.job"
    "  and j.finished_at is null"
    " left join lateral ("
    "  select s.testid, s.progress, s.started_at from assay.step s"
    "  where s.flight = j.flight and s.job = j.job"
    "   and s.status = 'running' order by s.step desc limit 1) r on true"
    " left join lateral ("
    "  select count(*) filter (where s.status = 'running') as running,"
    "   count(*) filter (where s.status = 'pass') as passed,"
    "   count(*) filter (where s.status in ('fail', 'broken')) as failed,"
    "   count(*) filter (where s.status not in"
    "    ('running', 'pass', 'fail', 'broken')) as other"
    "  from assay.step s"
    "  where s.flight = j.flight and s.job = j.job) c on true"
    " where j.flight = $1::bigint order by j.created_at, j.job",
    1, 13 + BOOKING_DB_COUNT
};

static void
read_job_state(struct arena *arena, const struct db_rows *rows, int row,
               struct flight_job_state *job)
{
    job->job = db_copy_text(arena, rows, row, 0);
    job->status = outcome_parse(db_text(rows, row, 1));
    job->lane = lane_parse(db_text(rows, row, 2));
    job->reason = db_copy_text(arena, rows, row, 3);
    job->waits_for = db_copy_text(arena, rows, row, 4);
    job->testid = db_copy_text(arena, rows, row, 5);
    job->progress = db_copy_text(arena, rows, row, 6);
    job->running = (int)db_int(rows, row, 7, 0);
    job->passed = (int)db_int(rows, row, 8, 0);
    job->failed = (int)db_int(rows, row, 9, 0);
    job->other = (int)db_int(rows, row, 10, 0);
    job->elapsed_ms = db_int(rows, row, 11, -1);
    job->step_elapsed_ms = db_int(rows, row, 12, -1);
    booking_db_read(rows, row, 13, &job->booking);
}

bool
flight_state_read(struct db *db, int64_t flight, struct arena *arena,
                  struct flight_state *out, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { number };
    struct flight_job_state *jobs;
    struct db_rows *rows = NULL;
    bool there;

    db_int_text(number, flight);
    if (!db_run(db, &Q_FLIGHT_STATE, params, &rows, why))
        return false;
    there = db_rows_count(rows) > 0;
    if (there) {
        *out = (struct flight_state){
            .flight = flight,
            .branch = db_copy_text(arena, rows, 0, 0),
            .blessing = db_copy_text(arena, rows, 0, 1),
            .abort_reason = db_copy_text(arena, rows, 0, 2),
            .outcome = outcome_parse(db_text(rows, 0, 3)),
            .finished = db_bool(rows, 0, 4),
            .elapsed_ms = db_int(rows, 0, 5, -1),
        };
    }
    db_rows_free(rows);
    if (!there)
        return no_flight(why, number);
    rows = NULL;
    if (!db_run(db, &Q_JOB_STATES, params, &rows, why))
        return false;
    out->job_count = (size_t)db_rows_count(rows);
    jobs = arena_alloc(arena, out->job_count * sizeof *jobs + 1);
    for (size_t i = 0; i < out->job_count; i++)
        read_job_state(arena, rows, (int)i, &jobs[i]);
    out->jobs = jobs;
    db_rows_free(rows);
    return true;
}

static const struct query Q_STEPS_ENDED = {
    "flight-steps-ended",
    "select step, testid, status, lane, reason, elapsed_ms from assay.step"
    " where flight = $1::bigint and job = $2::text"
    "  and finished_at is not null"
    " order by finished_at, step offset $3::int limit $4::int",
    4, 6
};

bool
flight_steps_ended(struct db *db, int64_t flight, const char *job, int skip,
                   int limit, struct arena *arena,
                   struct flight_step_end **out, size_t *count_out,
                   struct fault *why)
{
    char number[DB_INT_BYTES], offset[DB_INT_BYTES];
    char count[DB_INT_BYTES];
    const char *params[] = { number, job, offset, count };
    struct db_rows *rows = NULL;

    db_int_text(number, flight);
    snprintf(offset, sizeof offset, "%d", skip);
    snprintf(count, sizeof count, "%d", limit);
    if (!db_run(db, &Q_STEPS_ENDED, params, &rows, why))
        return false;
    *count_out = (size_t)db_rows_count(rows);
    *out = arena_alloc(arena, *count_out * sizeof **out + 1);
    for (size_t i = 0; i < *count_out; i++) {
        (*out)[i] = (struct flight_step_end){
            .step = (int)db_int(rows, (int)i, 0, 0),
            .testid = db_copy_text(arena, rows, (int)i, 1),
            .status = outcome_parse(db_text(rows, (int)i, 2)),
            .lane = lane_parse(db_text(rows, (int)i, 3)),
            .reason = db_copy_text(arena, rows, (int)i, 4),
            .elapsed_ms = db_int(rows, (int)i, 5, -1),
        };
    }
    db_rows_free(rows);
    return true;
}

/* Plan -------------------------------------------------------------------- */

static const struct query Q_PLAN = {
    "flight-plan",
    "select branch, intended, source, priority, definition,"
    " (extract(epoch from deadline_at - created_at) * 1000)::bigint,"
    " supersede from assay.flight where flight = $1::bigint",
    1, 7
};

static const struct query Q_PLAN_JOBS = {
    "flight-plan-jobs",
    "select j.job, j.recipe, j.arch, c.name, j.diverse, j.preemptable"
    " from assay.job j"
    " left join assay.candidate c on c.candidate = j.candidate"
    " where j.flight = $1::bigint order by j.created_at, j.job",
    1, 6
};

static const struct query Q_PLAN_NEEDS = {
    "flight-plan-needs",
    "select job, needs_flight, needs_job from assay.job_need"
    " where flight = $1::bigint"
    " order by needs_flight, needs_job collate \"C\"",
    1, 3
};

static const struct query Q_PLAN_ROLES = {
    "flight-plan-roles",
    "select job, role, arch, array_to_string(flags, ','), same_class, preset,"
    " array_to_string(wants, chr(31))"
    " from assay.job_role where flight = $1::bigint order by position",
    1, 7
};

static const struct query Q_PLAN_RUNVARS = {
    "flight-plan-runvars",
    "select job, name, value, origin = 'result' from assay.runvar"
    " where flight = $1::bigint order by name collate \"C\"",
    1, 4
};

static const struct query Q_PLAN_TREES = {
    "flight-plan-trees",
    "select tree, revision from assay.flight_tree"
    " where flight = $1::bigint order by tree collate \"C\"",
    1, 2
};

/* The next row from 'row' on that belongs to 'job', or the row count. */
static int
row_of(const struct db_rows *rows, int row, const char *job)
{
    while (row < db_rows_count(rows) &&
           strcmp(db_text(rows, row, 0), job) != 0)
        row++;
    return row;
}

static size_t
rows_of(const struct db_rows *rows, const char *job)
{
    size_t count = 0;

    for (int row = row_of(rows, 0, job); row < db_rows_count(rows);
         row = row_of(rows, row + 1, job))
        count++;
    return count;
}

static void
read_needs(struct arena *arena, const struct db_rows *rows, int64_t flight,
           struct plan_job *job)
{
    size_t count = rows_of(rows, job->job);
    struct plan_need *needs = arena_alloc(arena, count * sizeof *needs + 1);
    int row = -1;

    for (size_t i = 0; i < count; i++) {
        row = row_of(rows, row + 1, job->job);
        needs[i].flight = db_int(rows, row, 1, 0);
        if (needs[i].flight == flight)
            needs[i].flight = 0;
        needs[i].job = db_copy_text(arena, rows, row, 2);
    }
    job->needs = needs;
    job->need_count = count;
}

/* "a,b" as a NULL-terminated list. */
static const char **
split(struct arena *arena, const char *joined, const char *between)
{
    size_t count = 1, at = 0;
    char *copy = arena_strdup(arena, joined), *word;
    const char **list;

    for (const char *p = joined; *p != '\0'; p++)
        count += *p == between[0];
    list = arena_alloc(arena, (count + 1) * sizeof *list);
    while ((word = strsep(&copy, between)) != NULL)
        if (word[0] != '\0')
            list[at++] = word;
    return list;
}

static void
read_roles(struct arena *arena, const struct db_rows *rows,
           struct plan_job *job)
{
    size_t count = rows_of(rows, job->job);
    struct plan_role *roles = arena_alloc(arena, count * sizeof *roles + 1);
    int row = -1;

    for (size_t i = 0; i < count; i++) {
        row = row_of(rows, row + 1, job->job);
        roles[i].role = db_copy_text(arena, rows, row, 1);
        roles[i].arch = db_copy_text(arena, rows, row, 2);
        roles[i].flags = split(arena, db_copy_text(arena, rows, row, 3), ",");
        roles[i].wants = split(arena,
        db_copy_text(arena, rows, row, 6), "\037");
        roles[i].same_class = (int)db_int(rows, row, 4, 0);
        roles[i].preset = db_copy(arena, rows, row, 5);
    }
    job->roles = roles;
    job->role_count = count;
}

static void
read_runvars(struct arena *arena, const struct db_rows *rows,
             struct plan_job *job)
{
    size_t count = rows_of(rows, job->job);
    struct plan_runvar *vars = arena_alloc(arena, count * sizeof *vars + 1);
    int row = -1;

    for (size_t i = 0; i < count; i++) {
        row = row_of(rows, row + 1, job->job);
        vars[i].name = db_copy_text(arena, rows, row, 1);
        vars[i].value = db_copy_text(arena, rows, row, 2);
        vars[i].result = db_bool(rows, row, 3);
    }
    job->runvars = vars;
    job->runvar_count = count;
}

static void
read_trees(struct arena *arena, const struct db_rows *rows, struct plan *out)
{
    struct plan_tree *trees;

    out->tree_count = (size_t)db_rows_count(rows);
    trees = arena_alloc(arena, out->tree_count * sizeof *trees + 1);
    for (size_t i = 0; i < out->tree_count; i++)
        trees[i] = (struct plan_tree){
            db_copy_text(arena, rows, (int)i, 0),
            db_copy_text(arena, rows, (int)i, 1),
        };
    out->trees = trees;
}

static bool
read_plan(struct arena *arena, const struct db_rows *rows, struct plan *out)
{
    if (db_rows_count(rows) == 0)
        return false;
    *out = (struct plan){
        .branch = db_copy_text(arena, rows, 0, 0),
        .intended = db_copy_text(arena, rows, 0, 1),
        .source = db_copy_text(arena, rows, 0, 2),
        .priority = db_int(rows, 0, 3, 0),
        .definition = db_copy_text(arena, rows, 0, 4),
        .deadline_ms = db_int(rows, 0, 5, 0),
        .supersede = db_bool(rows, 0, 6),
    };
    out->flight = out->branch;
    out->file = out->source;
    return true;
}

bool
flight_plan_read(struct db *db, int64_t flight, struct arena *arena,
                 struct plan *out, struct fault *why)
{
    static const struct query *const queries[] = {
        &Q_PLAN, &Q_PLAN_JOBS, &Q_PLAN_NEEDS, &Q_PLAN_ROLES,
        &Q_PLAN_RUNVARS, &Q_PLAN_TREES,
    };
    struct db_rows *rows[ARRAY_LEN(queries)] = { NULL };
    char number[DB_INT_BYTES];
    const char *params[] = { number };
    bool ok = true;

    db_int_text(number, flight);
    for (size_t i = 0; i < ARRAY_LEN(queries) && ok; i++)
        ok = db_run(db, queries[i], params, &rows[i], why);
    if (!ok)
        goto out;
    ok = read_plan(arena, rows[0], out);
    if (!ok) {
        no_flight(why, number);
        goto out;
    }
    out->job_count = (size_t)db_rows_count(rows[1]);
    out->jobs = arena_alloc(arena, out->job_count * sizeof *out->jobs + 1);
    for (size_t i = 0; i < out->job_count; i++) {
        struct plan_job *job = &out->jobs[i];

        job->job = db_copy_text(arena, rows[1], (int)i, 0);
        job->recipe = db_copy_text(arena, rows[1], (int)i, 1);
        job->arch = db_copy_text(arena, rows[1], (int)i, 2);
        job->candidate = db_copy(arena, rows[1], (int)i, 3);
        job->diverse = db_copy(arena, rows[1], (int)i, 4);
        job->preemptable = db_bool(rows[1], (int)i, 5);
        read_needs(arena, rows[2], flight, job);
        read_roles(arena, rows[3], job);
        read_runvars(arena, rows[4], job);
    }
    read_trees(arena, rows[5], out);
out:
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        db_rows_free(rows[i]);
    return ok;
}
