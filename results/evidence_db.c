/* results/evidence_db.c - the SQL that reads evidence.
 *
 * One query a table, each ordered as its parents are, so that children find
 * theirs by walking both lists once: a flight of thousands of steps costs
 * a dozen round trips. */
#include <config.h>

#include "results/evidence_db.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/booking_db.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"

#define MS(column) "(extract(epoch from " column ") * 1000)::bigint"
/* C's order is strcmp()'s, whatever the cluster's locale. */
#define BY_JOB " order by job collate \"C\""
#define BY_STEP BY_JOB ", step"

static const struct query Q_SNAPSHOT = {
    "evidence_snapshot",
    "set transaction isolation level repeatable read, read only", 0, 0
};
static const struct query Q_FLIGHT = {
    "evidence_flight",
    "select branch, blessing, intended, outcome, harness, source,"
    " abort_reason, " MS("created_at") ", " MS("started_at") ", "
    MS("finished_at")
    " from assay.flight where flight = $1::bigint", 1, 10
};
static const struct query Q_JOBS = {
    "evidence_jobs",
    "select j.job, j.recipe, j.status, j.lane, j.reason,"
    " j.evidence->>'file', j.evidence->>'line', j.evidence->>'text', j.arch,"
    " j.candidate, j.waits_for, j.harness, "
    MS("j.created_at") ", " MS("j.started_at") ", " MS("j.finished_at") ","
    " j.evidence->>'byte', " BOOKING_DB_COLUMNS
    " from assay.job j left join assay.booking b on b.flight = j.flight"
    "  and b.job = j.job and j.finished_at is null"
    " where j.flight = $1::bigint order by j.job collate \"C\"", 1,
    16 + BOOKING_DB_COUNT
};
static const struct query Q_STEPS = {
    "evidence_steps",
    "select job, step, program, testid, status, lane, reason,"
    " evidence->>'file', evidence->>'line', evidence->>'text', exit_code,"
    " exit_signal, progress, " MS("started_at") ", " MS("finished_at") ","
    " elapsed_ms, log_path, log_bytes, log_sha256, harness, boot,"
    " reused_job, reused_step, evidence->>'byte'"
    " from assay.step where flight = $1::bigint" BY_STEP, 1, 24
};
static const struct query Q_CASES = {
    "evidence_cases",
    "select job, step, id, status, note from assay.step_case"
    " where flight = $1::bigint" BY_STEP ", id collate \"C\"", 1, 5
};
static const struct query Q_METRICS = {
    "evidence_metrics",
    "select job, step, name, value, unit, better = 'higher'"
    " from assay.measurement where flight = $1::bigint"
    BY_STEP ", measurement", 1, 6
};
static const struct query Q_ATTACHMENTS = {
    "evidence_attachments",
    "select t.job, t.step, t.name, t.kind, t.sha256, a.bytes"
    " from assay.attachment t join assay.artefact a using (sha256)"
    " where t.flight = $1::bigint"
    " order by t.job collate \"C\", t.step, t.name collate \"C\"", 1, 6
};
static const struct query Q_ROLES = {
    "evidence_roles",
    "select job, role, arch, host from assay.job_role"
    " where flight = $1::bigint" BY_JOB ", position, role", 1, 4
};
static const struct query Q_RUNVARS = {
    "evidence_runvars",
    "select job, name, value, origin = 'result' from assay.runvar"
    " where flight = $1::bigint" BY_JOB ", name collate \"C\"", 1, 4
};
static const struct query Q_BOOTS = {
    "evidence_boots",
    "select job, nonce, host, status, reason, address, " MS("armed_at") ", "
    MS("power_at") ", " MS("powered_at") ", " MS("script_at") ", "
    MS("fetched_at") ", " MS("up_at") ","
    " (select count(*) from assay.boot_fetch f where f.nonce = boot.nonce),"
    " (select coalesce(sum(f.bytes), 0)::bigint from assay.boot_fetch f"
    "   where f.nonce = boot.nonce)"
    " from assay.boot where flight = $1::bigint and job is not null"
    BY_JOB ", armed_at, nonce", 1, 14
};
/* One row a boot and source. */
static const struct query Q_FIRMWARE = {
    "evidence_firmware",
    "select job, boot, host, source, string_agg(said, '; ' order by firmware)"
    " from assay.boot_firmware where flight = $1::bigint and job is not null"
    " group by job, boot, host, source"
    BY_JOB ", min(firmware)", 1, 5
};
static const struct query Q_NEEDS = {
    "evidence_needs",
    "select job, needs_flight, needs_job from assay.job_need"
    " where flight = $1::bigint" BY_JOB ", needs_flight, needs_job", 1, 3
};
static const struct query Q_HOSTS = {
    "evidence_hosts",
    "select host, site, arch, firmware, class, state from assay.host"
    " where host in (select r.host from assay.job_role r"
    "   where r.flight = $1::bigint)"
    " order by host collate \"C\"", 1, 6
};
static const struct query Q_HOST_PROPERTIES = {
    "evidence_host_properties",
    "select host, name, value from assay.host_property"
    " where host in (select r.host from assay.job_role r"
    "   where r.flight = $1::bigint)"
    " order by host collate \"C\", name collate \"C\"", 1, 3
};
/* Architectures of jobs that used the candidate, not all that it has. */
#define USED_BUILDS \
    "(select distinct j.candidate, j.arch from assay.job j" \
    "  where j.flight = $1::bigint and j.candidate is not null)"
static const struct query Q_BUILDS = {
    "evidence_builds",
    "select c.candidate, u.arch, c.name, c.source from assay.candidate c"
    " join " USED_BUILDS " u using (candidate)"
    " order by c.candidate, u.arch collate \"C\"", 1, 4
};
static const struct query Q_BUILD_PROPERTIES = {
    "evidence_build_properties",
    "select p.candidate, p.arch, p.name, p.value"
    " from assay.candidate_property p"
    " join " USED_BUILDS " u using (candidate, arch)"
    " order by p.candidate, p.arch collate \"C\", p.name collate \"C\"", 1, 4
};
static const struct query Q_BUILD_PARTS = {
    "evidence_build_parts",
    "select p.candidate, p.arch, p.part, p.sha256"
    " from assay.candidate_part p"
    " join " USED_BUILDS " u using (candidate, arch)"
    " order by p.candidate, p.arch collate \"C\", p.part collate \"C\"", 1, 4
};
static const struct query Q_TREES = {
    "evidence_trees",
    "select tree, revision from assay.flight_tree"
    " where flight = $1::bigint order by tree collate \"C\"", 1, 2
};
/* Everything that a reading needs; the flat lists are cut up at the end. */
struct reading {
    struct db *db;
    struct arena *arena;
    struct evidence *out;
    char flight[DB_INT_BYTES];
    struct evidence_job *jobs;
    size_t job_count;
    struct evidence_step *steps;
    const char **step_jobs;     /* job of each of 'steps' */
    size_t step_count;
    bool frame;                 /* no more than evidence_read_frame() says */
};

static const char *
cell(struct reading *reading, const struct db_rows *rows, int row, int col)
{
    const char *text = db_text(rows, row, col);

    return text == NULL ? "" : arena_strdup(reading->arena, text);
}

static struct evidence_pointer
pointer_at(struct reading *reading, const struct db_rows *rows, int row,
           int col, int byte_col)
{
    const char *line = db_text(rows, row, col + 1);
    const char *byte = db_text(rows, row, byte_col);
    struct evidence_pointer pointer = {
        .file = cell(reading, rows, row, col),
        .text = cell(reading, rows, row, col + 2),
    };

    if (line == NULL || !parse_int64(line, 0, INT64_MAX, &pointer.line))
        pointer.line = 0;
    if (byte == NULL || !parse_int64(byte, 0, INT64_MAX, &pointer.byte))
        pointer.byte = 0;
    return pointer;
}

static bool
query_flight(struct reading *reading, const struct query *query,
             struct db_rows **rows_out, struct fault *why)
{
    const char *params[] = { reading->flight };

    return db_run(reading->db, query, params, rows_out, why);
}

static void *
list_new(struct reading *reading, const struct db_rows *rows, size_t bytes)
{
    size_t count = (size_t)db_rows_count(rows);

    return arena_alloc(reading->arena, count * bytes + 1);
}

static bool
read_flight(struct reading *reading, struct fault *why)
{
    struct evidence *out = reading->out;
    struct db_rows *rows = NULL;
    bool ok;

    ok = query_flight(reading, &Q_FLIGHT, &rows, why);
    if (!ok)
        goto out;
    ok = db_rows_count(rows) == 1;
    if (!ok) {
        fault_set(why, FAULT_NOT_FOUND, "there is no flight %s",
                  reading->flight);
        goto out;
    }
    out->branch = cell(reading, rows, 0, 0);
    out->blessing = cell(reading, rows, 0, 1);
    out->intended = cell(reading, rows, 0, 2);
    out->outcome = outcome_parse(db_text(rows, 0, 3));
    out->harness = cell(reading, rows, 0, 4);
    out->source = cell(reading, rows, 0, 5);
    out->abort_reason = cell(reading, rows, 0, 6);
    out->created_ms = db_int(rows, 0, 7, -1);
    out->started_ms = db_int(rows, 0, 8, -1);
    out->finished_ms = db_int(rows, 0, 9, -1);
out:
    db_rows_free(rows);
    return ok;
}

static bool
read_jobs(struct reading *reading, struct fault *why)
{
    struct db_rows *rows = NULL;
    bool ok;

    ok = query_flight(reading, &Q_JOBS, &rows, why);
    if (!ok)
        goto out;
    reading->jobs = list_new(reading, rows, sizeof *reading->jobs);
    reading->job_count = (size_t)db_rows_count(rows);
    for (int i = 0; i < db_rows_count(rows); i++) {
        struct evidence_job *job = &reading->jobs[i];

        job->name = cell(reading, rows, i, 0);
        job->recipe = cell(reading, rows, i, 1);
        job->status = outcome_parse(db_text(rows, i, 2));
        job->lane = lane_parse(db_text(rows, i, 3));
        job->reason = cell(reading, rows, i, 4);
        job->pointer = pointer_at(reading, rows, i, 5, 15);
        job->arch = cell(reading, rows, i, 8);
        job->candidate = db_int(rows, i, 9, 0);
        job->waits_for = cell(reading, rows, i, 10);
        job->harness = cell(reading, rows, i, 11);
        job->created_ms = db_int(rows, i, 12, -1);
        job->started_ms = db_int(rows, i, 13, -1);
        job->finished_ms = db_int(rows, i, 14, -1);
        booking_db_read(rows, i, 16, &job->booking);
    }
    reading->out->jobs = reading->jobs;
    reading->out->job_count = reading->job_count;
out:
    db_rows_free(rows);
    return ok;
}

/* Rows ordered by job: the job of row 'row', starting the search at *at.
 * NULL for a row of a job that the flight does not have. */
static struct evidence_job *
job_of_row(struct reading *reading, const struct db_rows *rows, int row,
           size_t *at)
{
    const char *name = db_text(rows, row, 0);

    while (*at < reading->job_count) {
        int order = strcmp(reading->jobs[*at].name, name);

        if (order == 0)
            return &reading->jobs[*at];
        if (order > 0)
            return NULL;
        (*at)++;
    }
    return NULL;
}

static struct evidence_step *
step_of_row(struct reading *reading, const struct db_rows *rows, int row,
            size_t *at)
{
    const char *name = db_text(rows, row, 0);
    int64_t number = db_int(rows, row, 1, 0);

    while (*at < reading->step_count) {
        int order = strcmp(reading->step_jobs[*at], name);

        if (order == 0 && reading->steps[*at].number == number)
            return &reading->steps[*at];
        if (order > 0
            || (order == 0 && reading->steps[*at].number > number))
            return NULL;
        (*at)++;
    }
    return NULL;
}

static void
step_fill(struct reading *reading, const struct db_rows *rows, int i,
          struct evidence_step *step)
{
    step->number = (int)db_int(rows, i, 1, 0);
    step->program = cell(reading, rows, i, 2);
    step->testid = cell(reading, rows, i, 3);
    step->status = outcome_parse(db_text(rows, i, 4));
    step->lane = lane_parse(db_text(rows, i, 5));
    step->reason = cell(reading, rows, i, 6);
    step->pointer = pointer_at(reading, rows, i, 7, 23);
    step->exit_code = (int)db_int(rows, i, 10, -1);
    step->exit_signal = (int)db_int(rows, i, 11, -1);
    step->progress = cell(reading, rows, i, 12);
    step->started_ms = db_int(rows, i, 13, -1);
    step->finished_ms = db_int(rows, i, 14, -1);
    step->elapsed_ms = db_int(rows, i, 15, -1);
    step->log_path = cell(reading, rows, i, 16);
    step->log_bytes = db_int(rows, i, 17, -1);
    step->log_sha256 = cell(reading, rows, i, 18);
    step->harness = cell(reading, rows, i, 19);
    step->boot = cell(reading, rows, i, 20);
    step->reused_job = cell(reading, rows, i, 21);
    step->reused_step = (int)db_int(rows, i, 22, 0);
}

static bool
read_steps(struct reading *reading, struct fault *why)
{
    struct db_rows *rows = NULL;
    size_t at = 0;
    bool ok;

    ok = query_flight(reading, &Q_STEPS, &rows, why);
    if (!ok)
        goto out;
    reading->steps = list_new(reading, rows, sizeof *reading->steps);
    reading->step_jobs = list_new(reading, rows,
                                  sizeof *reading->step_jobs);
    for (int i = 0; i < db_rows_count(rows); i++) {
        struct evidence_job *job = job_of_row(reading, rows, i, &at);
        struct evidence_step *step = &reading->steps[reading->step_count];

        if (job == NULL)
            continue;
        step_fill(reading, rows, i, step);
        if (job->step_count == 0)
            job->steps = step;
        job->step_count++;
        reading->step_jobs[reading->step_count] = job->name;
        reading->step_count++;
    }
out:
    db_rows_free(rows);
    return ok;
}

static void
add_case(struct reading *reading, const struct db_rows *rows, int i,
         size_t *at, void *element)
{
    struct evidence_case *row = element;
    struct evidence_step *step = step_of_row(reading, rows, i, at);

    if (step == NULL)
        return;
    row->id = cell(reading, rows, i, 2);
    row->status = outcome_parse(db_text(rows, i, 3));
    row->note = cell(reading, rows, i, 4);
    if (step->case_count++ == 0)
        step->cases = row;
}

static void
add_metric(struct reading *reading, const struct db_rows *rows, int i,
           size_t *at, void *element)
{
    struct evidence_metric *row = element;
    struct evidence_step *step = step_of_row(reading, rows, i, at);

    if (step == NULL)
        return;
    row->name = cell(reading, rows, i, 2);
    row->value = db_double(rows, i, 3, 0);
    row->unit = cell(reading, rows, i, 4);
    row->higher_is_better = db_bool(rows, i, 5);
    if (step->metric_count++ == 0)
        step->metrics = row;
}

static void
add_attachment(struct reading *reading, const struct db_rows *rows, int i,
               size_t *at, void *element)
{
    struct evidence_attachment *row = element;
    struct evidence_step *step = step_of_row(reading, rows, i, at);

    if (step == NULL)
        return;
    row->name = cell(reading, rows, i, 2);
    row->kind = cell(reading, rows, i, 3);
    row->sha256 = cell(reading, rows, i, 4);
    row->bytes = db_int(rows, i, 5, -1);
    if (step->attachment_count++ == 0)
        step->attachments = row;
}

static void
add_role(struct reading *reading, const struct db_rows *rows, int i,
         size_t *at, void *element)
{
    struct evidence_role *row = element;
    struct evidence_job *job = job_of_row(reading, rows, i, at);

    if (job == NULL)
        return;
    row->role = cell(reading, rows, i, 1);
    row->arch = cell(reading, rows, i, 2);
    row->host = cell(reading, rows, i, 3);
    if (job->role_count++ == 0)
        job->roles = row;
}

static void
add_runvar(struct reading *reading, const struct db_rows *rows, int i,
           size_t *at, void *element)
{
    struct evidence_runvar *row = element;
    struct evidence_job *job = job_of_row(reading, rows, i, at);

    if (job == NULL)
        return;
    row->name = cell(reading, rows, i, 1);
    row->value = cell(reading, rows, i, 2);
    row->result = db_bool(rows, i, 3);
    if (job->runvar_count++ == 0)
        job->runvars = row;
}

static void
add_boot(struct reading *reading, const struct db_rows *rows, int i,
         size_t *at, void *element)
{
    struct evidence_boot *row = element;
    struct evidence_job *job = job_of_row(reading, rows, i, at);

    if (job == NULL)
        return;
    row->nonce = cell(reading, rows, i, 1);
    row->host = cell(reading, rows, i, 2);
    row->status = cell(reading, rows, i, 3);
    row->reason = cell(reading, rows, i, 4);
    row->address = cell(reading, rows, i, 5);
    row->armed_ms = db_int(rows, i, 6, -1);
    row->power_ms = db_int(rows, i, 7, -1);
    row->powered_ms = db_int(rows, i, 8, -1);
    row->script_ms = db_int(rows, i, 9, -1);
    row->fetched_ms = db_int(rows, i, 10, -1);
    row->up_ms = db_int(rows, i, 11, -1);
    row->fetch_count = db_int(rows, i, 12, 0);
    row->fetch_bytes = db_int(rows, i, 13, 0);
    if (job->boot_count++ == 0)
        job->boots = row;
}

static void
add_firmware(struct reading *reading, const struct db_rows *rows, int i,
             size_t *at, void *element)
{
    struct evidence_firmware *row = element;
    struct evidence_job *job = job_of_row(reading, rows, i, at);

    if (job == NULL)
        return;
    row->boot = cell(reading, rows, i, 1);
    row->host = cell(reading, rows, i, 2);
    row->source = cell(reading, rows, i, 3);
    row->said = cell(reading, rows, i, 4);
    if (job->firmware_count++ == 0)
        job->firmware = row;
}

static void
add_need(struct reading *reading, const struct db_rows *rows, int i,
         size_t *at, void *element)
{
    struct evidence_need *row = element;
    struct evidence_job *job = job_of_row(reading, rows, i, at);

    if (job == NULL)
        return;
    row->flight = db_int(rows, i, 1, 0);
    row->job = cell(reading, rows, i, 2);
    if (job->need_count++ == 0)
        job->needs = row;
}

/* What hangs on jobs and steps: 'add' fills the element of row i and gives it
 * to its parent, which a row may lack. */
static const struct children {
    const struct query *query;
    size_t bytes;               /* of an element */
    bool frame;
    void (*add)(struct reading *reading, const struct db_rows *rows, int i,
                size_t *at, void *element);
} CHILDREN[] = {
    { &Q_CASES, sizeof(struct evidence_case), false, add_case },
    { &Q_METRICS, sizeof(struct evidence_metric), false, add_metric },
    { &Q_ATTACHMENTS, sizeof(struct evidence_attachment), false,
      add_attachment },
    { &Q_ROLES, sizeof(struct evidence_role), true, add_role },
    { &Q_RUNVARS, sizeof(struct evidence_runvar), true, add_runvar },
    { &Q_BOOTS, sizeof(struct evidence_boot), false, add_boot },
    { &Q_FIRMWARE, sizeof(struct evidence_firmware), true, add_firmware },
    { &Q_NEEDS, sizeof(struct evidence_need), false, add_need },
};

static bool
read_children(struct reading *reading, struct fault *why)
{
    bool ok = true;

    for (size_t k = 0; ok && k < ARRAY_LEN(CHILDREN); k++) {
        const struct children *kind = &CHILDREN[k];
        struct db_rows *rows = NULL;
        size_t at = 0;

        if (reading->frame && !kind->frame)
            continue;
        ok = query_flight(reading, kind->query, &rows, why);
        if (ok) {
            char *list = list_new(reading, rows, kind->bytes);

            for (int i = 0; i < db_rows_count(rows); i++)
                kind->add(reading, rows, i, &at,
                          list + (size_t)i * kind->bytes);
        }
        db_rows_free(rows);
    }
    return ok;
}

static bool
read_hosts(struct reading *reading, struct fault *why)
{
    struct db_rows *rows = NULL, *properties = NULL;
    struct evidence_host *hosts;
    struct evidence_pair *pairs;
    int at = 0;
    bool ok;

    ok = query_flight(reading, &Q_HOSTS, &rows, why)
        && query_flight(reading, &Q_HOST_PROPERTIES, &properties, why);
    if (!ok)
        goto out;
    hosts = list_new(reading, rows, sizeof *hosts);
    pairs = list_new(reading, properties, sizeof *pairs);
    for (int i = 0; i < db_rows_count(rows); i++) {
        hosts[i].name = cell(reading, rows, i, 0);
        hosts[i].site = cell(reading, rows, i, 1);
        hosts[i].arch = cell(reading, rows, i, 2);
        hosts[i].firmware = cell(reading, rows, i, 3);
        hosts[i].class = cell(reading, rows, i, 4);
        hosts[i].state = cell(reading, rows, i, 5);
        hosts[i].properties = &pairs[at];
        for (; at < db_rows_count(properties)
             && strcmp(db_text(properties, at, 0), hosts[i].name) == 0;
             at++) {
            pairs[at].name = cell(reading, properties, at, 1);
            pairs[at].value = cell(reading, properties, at, 2);
            hosts[i].property_count++;
        }
    }
    reading->out->hosts = hosts;
    reading->out->host_count = (size_t)db_rows_count(rows);
out:
    db_rows_free(rows);
    db_rows_free(properties);
    return ok;
}

/* The pairs of one build, from rows ordered as the builds are. */
static size_t
build_pairs(struct reading *reading, const struct db_rows *rows,
            const struct evidence_build *build, struct evidence_pair *pairs,
            int *at)
{
    size_t count = 0;

    for (; *at < db_rows_count(rows)
         && db_int(rows, *at, 0, 0) == build->candidate
         && strcmp(db_text(rows, *at, 1), build->arch) == 0; (*at)++) {
        pairs[*at].name = cell(reading, rows, *at, 2);
        pairs[*at].value = cell(reading, rows, *at, 3);
        count++;
    }
    return count;
}

static bool
read_builds(struct reading *reading, struct fault *why)
{
    struct db_rows *rows = NULL, *properties = NULL, *parts = NULL;
    struct evidence_build *builds;
    struct evidence_pair *property_list, *part_list;
    int property = 0, part = 0;
    bool ok;

    ok = query_flight(reading, &Q_BUILDS, &rows, why)
        && query_flight(reading, &Q_BUILD_PROPERTIES, &properties, why)
        && query_flight(reading, &Q_BUILD_PARTS, &parts, why);
    if (!ok)
        goto out;
    builds = list_new(reading, rows, sizeof *builds);
    property_list = list_new(reading, properties, sizeof *property_list);
    part_list = list_new(reading, parts, sizeof *part_list);
    for (int i = 0; i < db_rows_count(rows); i++) {
        struct evidence_build *build = &builds[i];

        build->candidate = db_int(rows, i, 0, 0);
        build->arch = cell(reading, rows, i, 1);
        build->name = cell(reading, rows, i, 2);
        build->source = cell(reading, rows, i, 3);
        build->properties = &property_list[property];
        build->property_count = build_pairs(reading, properties, build,
                                            property_list, &property);
        build->parts = &part_list[part];
        build->part_count = build_pairs(reading, parts, build, part_list,
                                        &part);
    }
    reading->out->builds = builds;
    reading->out->build_count = (size_t)db_rows_count(rows);
out:
    db_rows_free(rows);
    db_rows_free(properties);
    db_rows_free(parts);
    return ok;
}

static bool
read_trees(struct reading *reading, struct fault *why)
{
    struct db_rows *rows = NULL;
    struct evidence_pair *trees;
    bool ok;

    ok = query_flight(reading, &Q_TREES, &rows, why);
    if (!ok)
        goto out;
    trees = list_new(reading, rows, sizeof *trees);
    for (int i = 0; i < db_rows_count(rows); i++) {
        trees[i].name = cell(reading, rows, i, 0);
        trees[i].value = cell(reading, rows, i, 1);
    }
    reading->out->trees = trees;
    reading->out->tree_count = (size_t)db_rows_count(rows);
out:
    db_rows_free(rows);
    return ok;
}

/* May run again after a conflict: starts from nothing each time. What an
 * earlier try left in the arena is only memory. */
static bool
read_all(struct db *db, void *arg, struct fault *why)
{
    static const struct {
        bool (*read)(struct reading *, struct fault *);
        bool frame;
    } PARTS[] = {
        { read_flight, true }, { read_jobs, true }, { read_steps, false },
        { read_children, true }, { read_hosts, true }, { read_builds, true },
        { read_trees, true },
    };
    struct reading *reading = arg;
    int64_t flight = reading->out->flight;
    bool ok;

    *reading->out = (struct evidence){ .flight = flight };
    reading->jobs = NULL;
    reading->steps = NULL;
    reading->step_jobs = NULL;
    reading->job_count = reading->step_count = 0;
    ok = db_run(db, &Q_SNAPSHOT, NULL, NULL, why);
    for (size_t i = 0; ok && i < ARRAY_LEN(PARTS); i++)
        ok = (reading->frame && !PARTS[i].frame)
            || PARTS[i].read(reading, why);
    return ok;
}

static bool
read_flight_parts(struct db *db, int64_t flight, bool frame,
                  struct arena *arena, struct evidence *out,
                  struct fault *why)
{
    struct reading reading = { .db = db, .arena = arena, .out = out,
                               .frame = frame };

    db_int_text(reading.flight, flight);
    out->flight = flight;
    return db_transact(db, read_all, &reading, why);
}

bool
evidence_read(struct db *db, int64_t flight, struct arena *arena,
              struct evidence *out, struct fault *why)
{
    return read_flight_parts(db, flight, false, arena, out, why);
}

bool
evidence_read_frame(struct db *db, int64_t flight, struct arena *arena,
                    struct evidence *out, struct fault *why)
{
    return read_flight_parts(db, flight, true, arena, out, why);
}
