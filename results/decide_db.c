/* results/decide_db.c - the history that a decision needs, and no more.
 *
 * The price is that of the failing cells times the flights of the two
 * versions, each found by an index: it does not grow with the history. */
#include <config.h>

#include "results/decide_db.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "results/gated_db.h"
#include "results/evidence.h"
#include "results/verdict.h"

#define FLIGHTS_MAX 1000        /* of each version */
#define FLIGHTS_MAX_TEXT "1000"
#define SHORT_REVISION_MIN 7
#define FULL_REVISION 40

/* The SQL ------------------------------------------------------------------ */

/* Texts come as JSON lists, which need no quoting of ours. */
#define TEXTS(param) "array(select jsonb_array_elements_text(" param "::jsonb))"
#define CELLS "jsonb_to_recordset($2::jsonb) as c(job text, testid text)"
#define FLIGHTS "unnest($1::bigint[]) with ordinality as f(flight, place)"

static const struct query Q_SNAPSHOT = {
    "decide_snapshot",
    "set transaction isolation level repeatable read, read only", 0, 0
};
static const struct query Q_BRANCH = {
    "decide_branch",
    "select branch from assay.flight where flight = $1::bigint", 1, 1
};
static const struct query Q_VERSION = {
    "decide_version",
    "select tree, revision from assay.flight_trees($1::bigint)"
    " order by tree collate \"C\", revision collate \"C\"", 1, 2
};
static const struct query Q_ALLOW = {
    "decide_gate",
    "select g.tree, g.revision, g.baseline from assay.gate_run g"
    " where $1::bigint in (g.flight, g.smoke_flight)"
    " and g.purpose <> 'baseline' order by g.run desc limit 1", 1, 3
};
/* Of the last hundred that passed, so that there is an end. (Counts, not
 * "exists", here and below: that could be hashed, from a reading of it all.) */
static const struct query Q_LAST_GOOD = {
    "decide_last_good",
    "select p.flight from (select f.flight, f.blessing from assay.flight f"
    "  where f.branch = $1::text and f.outcome = 'pass'"
    "  and f.flight < $2::bigint order by f.flight desc limit 100) p"
    " where p.blessing = any (" TEXTS("$3") ")"
    " and (select count(*) from assay.flight_version v"
    "  where v.flight = p.flight) > 0"
    " and (select count(*) from"
    "  jsonb_to_recordset($4::jsonb) as w(tree text, revision text)"
    "  join assay.flight_version v on v.flight = p.flight"
    "   and v.tree = w.tree and v.revision = w.revision)"
    "  < jsonb_array_length($4::jsonb)"
    " order by p.flight desc limit 1", 4, 1
};
/* The first and the last revision that begin so. */
static const struct query Q_EXPAND = {
    "decide_expand",
    "select min(x.low), max(x.high) from unnest(" TEXTS("$1") ") as b(branch)"
    " cross join lateral (select"
    "  (select v.revision from assay.flight_version v"
    "   where v.branch = b.branch and v.tree = $2::text"
    "   and v.revision >= $3::text and v.revision < $3::text || 'g'"
    "   order by v.revision limit 1) as low,"
    "  (select v.revision from assay.flight_version v"
    "   where v.branch = b.branch and v.tree = $2::text"
    "   and v.revision >= $3::text and v.revision < $3::text || 'g'"
    "   order by v.revision desc limit 1) as high) x", 3, 2
};
/* Begins with the tree whose revision the fewest flights have, counted only
 * as far as it matters: of a tree that hardly ever changes, all have it. */
static const struct query Q_FLIGHTS = {
    "decide_flights",
    "with wanted as materialized ("
    "  select w.tree, w.revision from"
    "  jsonb_to_recordset($3::jsonb) as w(tree text, revision text)),"
    " branches as materialized ("
    "  select b.branch from unnest(" TEXTS("$1") ") as b(branch)),"
    " rarest as materialized (select w.tree, w.revision from wanted w"
    "  order by (select sum(x.n) from branches b cross join lateral ("
    "   select count(*) as n from (select from assay.flight_version v"
    "    where v.branch = b.branch and v.tree = w.tree"
    "    and v.revision = w.revision limit " FLIGHTS_MAX_TEXT ") y) x),"
    "  w.tree limit 1)"
    " select v.flight, v.blessing from rarest r cross join branches b"
    " cross join lateral (select o.flight, o.blessing"
    "  from assay.flight_version o"
    "  where o.branch = b.branch and o.tree = r.tree"
    "  and o.revision = r.revision"
    "  and (o.blessing = any (" TEXTS("$2") ") or o.flight = $4::bigint)"
    "  and ($5::bigint = 0 or o.flight <= $5::bigint)"
    "  and (select count(*) from wanted w join assay.flight_version e"
    "   on e.flight = o.flight and e.tree = w.tree"
    "   and e.revision = w.revision) = (select count(*) from wanted)"
    "  and (select count(*) from wanted w join assay.flight_version e"
    "   on e.flight = o.flight and e.tree = w.tree"
    "   and e.revision <> w.revision) = 0"
    "  order by o.flight desc limit " FLIGHTS_MAX_TEXT ") v"
    " order by v.flight desc limit " FLIGHTS_MAX_TEXT, 5, 2
};
static const struct query Q_FAILED = {
    "decide_failed",
    "select s.job, s.testid from assay.step s"
    " where s.flight = any ($1::bigint[])"
    " and s.status not in ('pass', 'skip', 'reused')"
    " union select k.job, s.testid || '/' || k.id from assay.step_case k"
    " join assay.step s on s.flight = k.flight and s.job = k.job"
    " and s.step = k.step where k.flight = any ($1::bigint[])"
    " and k.status not in ('pass', 'skip')"
    " union select j.job, '' from assay.job j"
    " where j.flight = any ($1::bigint[])"
    " and j.status not in ('pass', 'skip')", 1, 2
};
/* "offset 0" keeps a subquery as it stands, here a look-up by key for each
 * flight and cell: how many there will be the planner can only guess.
 * A pass without a step that passed is none. The estimate is the longest of
 * the runs that passed. */
static const struct query Q_JOBS = {
    "decide_jobs",
    "select x.place, x.job, x.status, x.lane,"
    " coalesce(max(x.ms) over (partition by x.job), 0) from ("
    "  select f.place, j.job, case when j.status = 'pass'"
    "   and not exists (select from assay.step s where s.flight = j.flight"
    "    and s.job = j.job and s.status = 'pass')"
    "   then 'broken' else j.status end as status, j.lane,"
    "  case when j.status = 'pass' then (extract(epoch from"
    "   j.finished_at - j.started_at) * 1000)::bigint end as ms"
    "  from " FLIGHTS " cross join (select distinct c.job from " CELLS ") c"
    "  cross join lateral (select o.flight, o.job, o.status, o.lane,"
    "   o.started_at, o.finished_at from assay.job o"
    "   where o.flight = f.flight and o.job = c.job offset 0) j) x"
    " order by x.place, x.job collate \"C\"", 2, 5
};
/* A testid with a slash may be that of a case of a step. A reused step is as
 * good as the one of its flight that it stands for: that passed. */
static const struct query Q_CELLS = {
    "decide_cells",
    "select x.place, x.job, x.testid, x.status, x.lane from ("
    "  select f.place, s.job, s.testid, s.status::text, s.lane::text, s.step,"
    "   '' as id"
    "  from " FLIGHTS " cross join " CELLS
    "  cross join lateral (select o.job, o.testid,"
    "    case o.status when 'reused' then 'pass' else o.status end as status,"
    "    o.lane, o.step"
    "   from assay.step o where o.flight = f.flight and o.job = c.job"
    "   and o.testid = c.testid offset 0) s"
    "  union all"
    "  select f.place, k.job, c.testid, k.status, s.lane::text, s.step, k.id"
    "  from " FLIGHTS " cross join " CELLS
    "  cross join lateral (select o.testid, o.lane, o.step"
    "   from assay.step o where o.flight = f.flight and o.job = c.job"
    "   and starts_with(c.testid, o.testid || '/') offset 0) s"
    "  cross join lateral (select o.job, o.status, o.id"
    "   from assay.step_case o where o.flight = f.flight and o.job = c.job"
    "   and o.step = s.step"
    "   and o.id = substr(c.testid, length(s.testid) + 2) offset 0) k"
    "  where strpos(c.testid, '/') > 0) x"
    " order by x.place, x.job collate \"C\", x.step, x.id collate \"C\"", 2, 5
};
static const struct query Q_PASSED = {
    "decide_passed",
    "select c.job, c.testid from " CELLS " where exists ("
    "  select from assay.cell_passed p where p.branch = any (" TEXTS("$1") ")"
    "  and p.job = c.job and p.testid = c.testid"
    "  and p.blessing = any (" TEXTS("$3") ")"
    "  and ($4::bigint = 0 or p.flight <= $4::bigint))", 4, 2
};

/* Reading ------------------------------------------------------------------ */

struct reading {
    struct db *db;
    const struct evidence *evidence;
    const struct decide_request *request;
    const char *const *blessings;
    struct arena *arena;
    struct decide_input *out;
    int64_t baseline;
    struct decide_flight *flights;      /* the history */
    size_t flight_count;
    /* Parameters of queries: JSON lists, an array of numbers. */
    const char *branches_json, *blessings_json, *flights_text, *cells_json;
};

static const char *
cell(struct reading *reading, const struct db_rows *rows, int row, int col)
{
    const char *text = db_text(rows, row, col);

    return text == NULL ? "" : arena_strdup(reading->arena, text);
}

static const char *
int_text(struct reading *reading, int64_t value)
{
    return arena_printf(reading->arena, "%" PRId64, value);
}

/* Takes 'json'. */
static const char *
json_param(struct reading *reading, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    const char *copy;

    must(text != NULL);
    copy = arena_strdup(reading->arena, text);
    free(text);
    json_decref(json);
    return copy;
}

static void
list_add(json_t *list, json_t *value)
{
    must(value != NULL && json_array_append_new(list, value) == 0);
}

static json_t *
version_json(const struct decide_version *version, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *one = json_object();

        json_put_text(one, "tree", version[i].tree);
        json_put_text(one, "revision", version[i].revision);
        list_add(list, one);
    }
    return list;
}

/* Versions ----------------------------------------------------------------- */

static bool
read_version(struct reading *reading, int64_t flight,
             const struct decide_version **out, size_t *count_out,
             struct fault *why)
{
    const char *params[] = { int_text(reading, flight) };
    struct decide_version *version;
    struct db_rows *rows = NULL;

    if (!db_run(reading->db, &Q_VERSION, params, &rows, why))
        return false;
    *count_out = (size_t)db_rows_count(rows);
    version = arena_alloc(reading->arena, *count_out * sizeof *version + 1);
    for (int i = 0; i < db_rows_count(rows); i++) {
        version[i].tree = cell(reading, rows, i, 0);
        version[i].revision = cell(reading, rows, i, 1);
    }
    *out = version;
    db_rows_free(rows);
    return true;
}

/* Which branches count: the judged flight's and that of the baseline. */
static bool
read_branches(struct reading *reading, struct fault *why)
{
    const char *params[] = { int_text(reading, reading->request->baseline) };
    json_t *branches = json_array(), *blessings = json_array();
    struct db_rows *rows = NULL;
    bool ok = true;

    json_array_append_new(branches, json_string(reading->evidence->branch));
    for (size_t i = 0; reading->blessings[i] != NULL; i++)
        list_add(blessings, json_string(reading->blessings[i]));
    if (reading->request->baseline == 0)
        goto out;
    ok = db_run(reading->db, &Q_BRANCH, params, &rows, why);
    if (!ok)
        goto out;
    ok = db_rows_count(rows) == 1;
    if (!ok)
        fault_set(why, FAULT_NOT_FOUND, "there is no flight %s to compare "
                  "with", params[0]);
    else if (strcmp(db_text(rows, 0, 0), reading->evidence->branch) != 0)
        list_add(branches, json_string(db_text(rows, 0, 0)));
out:
    reading->branches_json = json_param(reading, branches);
    reading->blessings_json = json_param(reading, blessings);
    db_rows_free(rows);
    return ok;
}

static bool
is_short(const char *revision)
{
    size_t bytes = strlen(revision);

    return bytes >= SHORT_REVISION_MIN && bytes < FULL_REVISION
        && strspn(revision, "0123456789abcdef") == bytes;
}

/* Copies what was asked for, with short revisions made whole. */
static bool
expand_version(struct reading *reading, const struct decide_version *asked,
               size_t count, const struct decide_version **out,
               size_t *count_out, struct fault *why)
{
    struct decide_version *version
        = arena_alloc(reading->arena, count * sizeof *version + 1);

    for (size_t i = 0; i < count; i++) {
        const char *params[] = { reading->branches_json, asked[i].tree,
                                 asked[i].revision };
        struct db_rows *rows = NULL;
        const char *low, *high;
        bool several;

        version[i].tree = arena_strdup(reading->arena, asked[i].tree);
        version[i].revision = arena_strdup(reading->arena,
                                           asked[i].revision);
        if (!is_short(asked[i].revision))
            continue;
        if (!db_run(reading->db, &Q_EXPAND, params, &rows, why))
            return false;
        low = db_text(rows, 0, 0);
        high = db_text(rows, 0, 1);
        several = low != NULL && high != NULL && strcmp(low, high) != 0;
        if (several)
            fault_set(why, FAULT_CONFLICT, "revision %s of tree %s stands "
                      "for %s and %s", asked[i].revision, asked[i].tree, low,
                      high);
        else if (low != NULL)
            version[i].revision = arena_strdup(reading->arena, low);
        db_rows_free(rows);
        if (several)
            return false;
    }
    *out = version;
    *count_out = count;
    return true;
}

/* What the gate varies, and what it compares that with. */
static bool
read_gate(struct reading *reading, struct fault *why)
{
    const char *params[] = { int_text(reading, reading->evidence->flight) };
    struct decide_version *versions
        = arena_alloc(reading->arena, 2 * sizeof *versions);
    struct decide_input *out = reading->out;
    struct db_rows *rows = NULL;

    if (!db_run(reading->db, &Q_ALLOW, params, &rows, why))
        return false;
    if (db_rows_count(rows) == 1) {
        versions[0].tree = versions[1].tree = cell(reading, rows, 0, 0);
        versions[0].revision = cell(reading, rows, 0, 1);
        versions[1].revision = cell(reading, rows, 0, 2);
        out->this_version = &versions[0];
        out->that_version = &versions[1];
        out->this_count = out->that_count = 1;
    }
    db_rows_free(rows);
    return true;
}

static bool
find_last_good(struct reading *reading, struct fault *why)
{
    struct decide_input *out = reading->out;
    const char *params[] = {
        out->branch, int_text(reading, reading->evidence->flight),
        reading->blessings_json,
        json_param(reading, version_json(out->this_version, out->this_count))
    };
    struct db_rows *rows = NULL;

    if (!db_run(reading->db, &Q_LAST_GOOD, params, &rows, why))
        return false;
    if (db_rows_count(rows) == 1)
        reading->baseline = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return true;
}

static bool
read_versions(struct reading *reading, struct fault *why)
{
    const struct decide_request *request = reading->request;
    struct decide_input *out = reading->out;
    bool ok;

    if (request->this_count + request->that_count == 0
        && request->baseline == 0) {
        if (!read_gate(reading, why))
            return false;
        if (out->that_count > 0)
            return true;
    }
    ok = request->this_count > 0
        ? expand_version(reading, request->this_version, request->this_count,
                         &out->this_version, &out->this_count, why)
        : read_version(reading, reading->evidence->flight,
                       &out->this_version, &out->this_count, why);
    if (!ok)
        return false;
    if (request->that_count > 0)
        return expand_version(reading, request->that_version,
                              request->that_count, &out->that_version,
                              &out->that_count, why);
    reading->baseline = request->baseline;
    if (reading->baseline == 0 && !find_last_good(reading, why))
        return false;
    if (reading->baseline == 0)
        return true;
    if (!read_version(reading, reading->baseline, &out->that_version,
                      &out->that_count, why))
        return false;
    if (out->that_count == 0)
        return fault_set(why, FAULT_CONFLICT, "flight %" PRId64 " names "
                         "neither a tree nor a candidate: there is no "
                         "version to compare with", reading->baseline);
    return true;
}

/* Flights ------------------------------------------------------------------ */

static size_t
rank_of(const struct reading *reading, const char *blessing)
{
    size_t rank = 0;

    while (reading->blessings[rank] != NULL
           && strcmp(reading->blessings[rank], blessing) != 0)
        rank++;
    return rank;
}

/* Adds flights of a version, or marks the ones that are there. */
static bool
read_flights(struct reading *reading, const struct decide_version *version,
             size_t count, unsigned bit, struct fault *why)
{
    const char *params[] = {
        reading->branches_json, reading->blessings_json,
        json_param(reading, version_json(version, count)),
        int_text(reading, reading->baseline),
        int_text(reading, reading->request->max_flight)
    };
    size_t before = reading->flight_count;
    struct db_rows *rows = NULL;

    if (count == 0)
        return true;
    if (!db_run(reading->db, &Q_FLIGHTS, params, &rows, why))
        return false;
    for (int i = 0; i < db_rows_count(rows); i++) {
        int64_t flight = db_int(rows, i, 0, 0);
        struct decide_flight *found = NULL;

        for (size_t j = 0; j < before && found == NULL; j++) {
            if (reading->flights[j].flight == flight)
                found = &reading->flights[j];
        }
        if (found == NULL) {
            found = &reading->flights[reading->flight_count++];
            found->flight = flight;
            found->blessing = cell(reading, rows, i, 1);
        }
        found->versions |= bit;
    }
    db_rows_free(rows);
    return true;
}

/* By blessing, then the newest first: few, so that this is quick enough. */
static void
order_flights(struct reading *reading)
{
    struct decide_flight *flights = reading->flights;

    for (size_t i = 1; i < reading->flight_count; i++) {
        struct decide_flight one = flights[i];
        size_t rank = rank_of(reading, one.blessing), at = i;

        for (; at > 0; at--) {
            size_t other = rank_of(reading, flights[at - 1].blessing);

            if (other < rank || (other == rank
                                 && flights[at - 1].flight > one.flight))
                break;
            flights[at] = flights[at - 1];
        }
        flights[at] = one;
    }
}

static const char *
flights_param(struct reading *reading, unsigned bits)
{
    struct buf text = BUF_INIT;
    const char *copy;

    buf_addc(&text, '{');
    for (size_t i = 0; i < reading->flight_count; i++) {
        if ((reading->flights[i].versions & bits) != 0)
            buf_addf(&text, "%s%" PRId64, text.len > 1 ? "," : "",
                     reading->flights[i].flight);
    }
    buf_addc(&text, '}');
    copy = arena_strdup(reading->arena, buf_text(&text));
    buf_free(&text);
    return copy;
}

static bool
read_history_flights(struct reading *reading, struct fault *why)
{
    struct decide_input *out = reading->out;

    reading->flights = arena_alloc(reading->arena, 2 * FLIGHTS_MAX
                                   * sizeof *reading->flights);
    if (!read_flights(reading, out->this_version, out->this_count,
                      DECIDE_THIS, why)
        || !read_flights(reading, out->that_version, out->that_count,
                         DECIDE_THAT, why))
        return false;
    order_flights(reading);
    reading->flights_text = flights_param(reading, DECIDE_THIS | DECIDE_THAT);
    return true;
}

/* Cells -------------------------------------------------------------------- */

static void
add_cell(json_t *list, json_t *known, const char *job, const char *testid)
{
    char *key = xasprintf("%s %s", job, testid);
    json_t *one;

    if (json_object_get(known, key) == NULL) {
        one = json_object();
        json_put_text(one, "job", job);
        json_put_text(one, "testid", testid);
        list_add(list, one);
        must(json_object_set_new(known, key, json_true()) == 0);
    }
    free(key);
}

/* Every cell that failed in a flight of this version. */
static bool
read_failed(struct reading *reading, struct fault *why)
{
    const struct decide_flight *flight = &reading->out->flight;
    const char *params[] = { flights_param(reading, DECIDE_THIS) };
    json_t *list = json_array(), *known = json_object();
    struct db_rows *rows = NULL;
    bool ok;

    for (size_t i = 0; i < flight->job_count; i++) {
        const struct decide_job *job = &flight->jobs[i];

        if (job->status != OUTCOME_PASS && job->status != OUTCOME_SKIP)
            add_cell(list, known, job->name, "");
        for (size_t j = 0; j < job->step_count; j++) {
            const struct decide_step *step = &job->steps[j];

            if (!outcome_is_good(step->status))
                add_cell(list, known, job->name, step->testid);
        }
    }
    ok = db_run(reading->db, &Q_FAILED, params, &rows, why);
    for (int i = 0; ok && i < db_rows_count(rows); i++)
        add_cell(list, known, db_text(rows, i, 0), db_text(rows, i, 1));
    db_rows_free(rows);
    json_decref(known);
    reading->cells_json = json_param(reading, list);
    return ok;
}

static bool
read_passed(struct reading *reading, struct fault *why)
{
    const char *params[] = {
        reading->branches_json, reading->cells_json, reading->blessings_json,
        int_text(reading, reading->request->max_flight)
    };
    struct decide_cell *passed;
    struct db_rows *rows = NULL;

    if (!db_run(reading->db, &Q_PASSED, params, &rows, why))
        return false;
    passed = arena_alloc(reading->arena, (size_t)db_rows_count(rows)
                                         * sizeof *passed + 1);
    for (int i = 0; i < db_rows_count(rows); i++) {
        passed[i].job = cell(reading, rows, i, 0);
        passed[i].testid = cell(reading, rows, i, 1);
    }
    reading->out->passed = passed;
    reading->out->passed_count = (size_t)db_rows_count(rows);
    db_rows_free(rows);
    return true;
}

/* Estimates of the judged flight's jobs, from rows of the others. */
static void
estimate_jobs(struct reading *reading, const struct db_rows *rows)
{
    const struct decide_flight *flight = &reading->out->flight;
    struct decide_job *jobs = arena_alloc(reading->arena, flight->job_count
                                          * sizeof *jobs + 1);

    for (size_t i = 0; i < flight->job_count; i++) {
        jobs[i] = flight->jobs[i];
        for (int row = 0; row < db_rows_count(rows); row++) {
            if (strcmp(db_text(rows, row, 1), jobs[i].name) == 0) {
                jobs[i].estimate_ms = db_int(rows, row, 4, 0);
                break;
            }
        }
    }
    reading->out->flight.jobs = jobs;
}

/* Cuts rows of jobs and rows of cells, both in the order of flights and jobs,
 * into the history. */
static void
build_history(struct reading *reading, const struct db_rows *jobs,
              const struct db_rows *cells)
{
    size_t job_total = (size_t)db_rows_count(jobs);
    size_t cell_total = (size_t)db_rows_count(cells);
    struct decide_job *job_list
        = arena_alloc(reading->arena, job_total * sizeof *job_list + 1);
    struct decide_step *step_list
        = arena_alloc(reading->arena, cell_total * sizeof *step_list + 1);
    int at = 0;

    for (int i = 0; i < db_rows_count(jobs); i++) {
        int64_t place = db_int(jobs, i, 0, 0);
        struct decide_flight *flight = &reading->flights[place - 1];
        struct decide_job *job = &job_list[i];

        if (flight->job_count++ == 0)
            flight->jobs = job;
        job->name = cell(reading, jobs, i, 1);
        job->status = outcome_parse(db_text(jobs, i, 2));
        job->lane = lane_parse(db_text(jobs, i, 3));
        job->estimate_ms = db_int(jobs, i, 4, 0);
        job->steps = &step_list[at];
        for (; at < db_rows_count(cells) && db_int(cells, at, 0, 0) == place
             && strcmp(db_text(cells, at, 1), job->name) == 0; at++) {
            step_list[at].testid = cell(reading, cells, at, 2);
            step_list[at].status = outcome_parse(db_text(cells, at, 3));
            step_list[at].lane = lane_parse(db_text(cells, at, 4));
            job->step_count++;
        }
    }
}

static bool
read_history(struct reading *reading, struct fault *why)
{
    const char *params[] = { reading->flights_text, reading->cells_json };
    struct db_rows *jobs = NULL, *cells = NULL;
    bool ok;

    ok = db_run(reading->db, &Q_JOBS, params, &jobs, why)
        && db_run(reading->db, &Q_CELLS, params, &cells, why);
    if (ok) {
        estimate_jobs(reading, jobs);
        build_history(reading, jobs, cells);
    }
    reading->out->history = reading->flights;
    reading->out->history_count = reading->flight_count;
    db_rows_free(jobs);
    db_rows_free(cells);
    return ok;
}

/* The whole ---------------------------------------------------------------- */

void
decide_flight_of(const struct evidence *evidence, struct arena *arena,
                 struct decide_flight *out)
{
    struct decide_job *jobs
        = arena_alloc(arena, evidence->job_count * sizeof *jobs + 1);

    for (size_t i = 0; i < evidence->job_count; i++) {
        const struct evidence_job *from = &evidence->jobs[i];
        struct decide_step *steps;
        const char *doubt;
        size_t count = 0;

        for (size_t j = 0; j < from->step_count; j++)
            count += 1 + from->steps[j].case_count;
        steps = arena_alloc(arena, count * sizeof *steps + 1);
        jobs[i] = (struct decide_job){
            .name = from->name, .status = verdict_job(from, arena, &doubt),
            .lane = from->lane, .steps = steps, .step_count = count
        };
        for (size_t j = 0; j < from->step_count; j++) {
            const struct evidence_step *step = &from->steps[j];

            *steps++ = (struct decide_step){ step->testid, step->status,
                                             step->lane };
            for (size_t k = 0; k < step->case_count; k++)
                *steps++ = (struct decide_step){
                    arena_printf(arena, "%s/%s", step->testid,
                                 step->cases[k].id),
                    step->cases[k].status, step->lane
                };
        }
    }
    *out = (struct decide_flight){
        .flight = evidence->flight, .blessing = evidence->blessing,
        .versions = DECIDE_THIS, .jobs = jobs,
        .job_count = evidence->job_count
    };
}

static bool
read_all(struct db *db, void *arg, struct fault *why)
{
    struct reading *reading = arg;
    const struct decide_request *request = reading->request;

    *reading->out = (struct decide_input){
        .branch = reading->evidence->branch, .allow = request->allow,
        .allow_count = request->allow_count
    };
    reading->baseline = 0;
    reading->flight_count = 0;
    decide_flight_of(reading->evidence, reading->arena,
                     &reading->out->flight);
    return db_run(db, &Q_SNAPSHOT, NULL, NULL, why)
        && gated_allow(db, reading->evidence->flight, reading->arena,
                       &reading->out->allow, &reading->out->allow_count, why)
        && read_branches(reading, why) && read_versions(reading, why)
        && read_history_flights(reading, why) && read_failed(reading, why)
        && read_passed(reading, why) && read_history(reading, why);
}

/* What a flight is intended to be worth, or what its retest is a retest of. */
static const char *
plain_worth(struct arena *arena, const char *intended)
{
    static const char *const ENDS[] = { "-retest", "-bisect" };
    size_t bytes = strlen(intended);

    for (size_t i = 0; i < ARRAY_LEN(ENDS); i++) {
        size_t end = strlen(ENDS[i]);

        if (bytes > end && strcmp(intended + bytes - end, ENDS[i]) == 0)
            return arena_printf(arena, "%.*s", (int)(bytes - end), intended);
    }
    return intended;
}

bool
decide_read(struct db *db, const struct evidence *evidence,
            const struct decide_request *request, struct arena *arena,
            struct decide_input *out, int64_t *baseline_out,
            struct fault *why)
{
    const char *worth = plain_worth(arena, evidence->intended);
    const char *const blessings[] = {
        worth, arena_printf(arena, "%s-retest", worth),
        arena_printf(arena, "%s-bisect", worth), NULL
    };
    struct reading reading = {
        .db = db, .evidence = evidence, .request = request,
        .blessings = request->blessings == NULL ? blessings
                                                : request->blessings,
        .arena = arena, .out = out
    };

    if (!db_transact(db, read_all, &reading, why))
        return false;
    *baseline_out = reading.baseline;
    for (size_t i = 0; i < out->history_count && *baseline_out == 0; i++) {
        if ((out->history[i].versions & DECIDE_THAT) != 0
            && out->history[i].flight != evidence->flight)
            *baseline_out = out->history[i].flight;
    }
    return true;
}
