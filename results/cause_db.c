/* results/cause_db.c - see cause.h: the SQL that reads causes. */
#include <config.h>

#include "results/cause.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/fault.h"

static const struct query Q_GROUPS = {
    "cause_groups",
    "with here as (select signature, count(*) as n, min(lane) as lane,"
    "  (array_agg(job order by job collate \"C\", testid collate \"C\"))[1]"
    "   as job,"
    "  (array_agg(testid order by job collate \"C\", testid collate \"C\"))[1]"
    "   as testid"
    "  from assay.failure where flight = $1::bigint group by signature)"
    " select s.signature, s.title, s.component, s.pattern, h.lane, h.n,"
    "  h.job, h.testid, a.n, a.flights, a.first, a.last,"
    "  (extract(epoch from a.at) * 1000)::bigint,"
    "  i.issue, i.title, i.reference, i.owner, i.state <> 'open', i.lane,"
    "  (select f.branch from assay.flight f where f.flight = $1::bigint)"
    "   = any(string_to_array(i.regressed, ' ')),"
    "  extract(epoch from greatest(i.opened_at, i.closed_at,"
    "   (select max(k.at) from assay.issue_fix k where k.issue = i.issue),"
    "   (select max(c.at) from assay.issue_commit c"
    "    where c.issue = i.issue)))::bigint"
    " from here h join assay.signature s using (signature)"
    " cross join lateral (select count(*) as n,"
    "   count(distinct f.flight) as flights, min(f.flight) as first,"
    "   max(f.flight) as last, max(f.at) as at"
    "   from assay.failure f where f.signature = h.signature) a"
    " left join lateral (select k.*, t.state, t.regressed"
    "   from assay.issue_signature x"
    "   join assay.issue k using (issue)"
    "   join assay.issue_state t using (issue)"
    "   where x.signature = h.signature"
    "   order by (t.state = 'open') desc, k.issue desc limit 1) i on true"
    " order by h.n desc, h.job collate \"C\", h.testid collate \"C\"", 1, 21
};
static const struct query Q_LIST = {
    "cause_list",
    "select job, testid, lane, file, line, text, signature, line_byte"
    " from assay.failure where flight = $1::bigint"
    " order by job collate \"C\", testid collate \"C\"", 1, 8
};
static const struct query Q_BLAME = {
    "cause_blame",
    "select b.signature, b.job, b.cause, b.product, b.host, b.flake,"
    " b.harness, b.good_flight, b.runs, b.host_ms, b.reason"
    " from assay.blame b where b.flight = $1::bigint"
    " order by b.job collate \"C\"", 1, 11
};
static const struct query Q_RUNS = {
    "cause_runs",
    "select r.job, r.cell, r.source, r.run_flight, r.run_job, r.host,"
    " r.status, r.alike and r.status <> 'pass'"
    " from assay.blame_run r where r.flight = $1::bigint"
    " order by r.job collate \"C\", r.number", 1, 8
};

static bool
read_groups(struct db *db, const char *const params[], struct arena *arena,
            struct cause_group **out, size_t *count_out, struct fault *why)
{
    struct cause_group *list;
    struct cause_issue *issue;
    struct db_rows *rows = NULL;
    bool ok;

    ok = db_run(db, &Q_GROUPS, params, &rows, why);
    if (!ok)
        goto out;
    *count_out = (size_t)db_rows_count(rows);
    list = arena_alloc(arena, *count_out * sizeof *list + 1);
    for (int i = 0; i < db_rows_count(rows); i++) {
        list[i].signature = db_copy_text(arena, rows, i, 0);
        list[i].title = db_copy_text(arena, rows, i, 1);
        list[i].component = db_copy_text(arena, rows, i, 2);
        list[i].pattern = db_copy_text(arena, rows, i, 3);
        list[i].lane = lane_parse(db_text(rows, i, 4));
        list[i].count = (size_t)db_int(rows, i, 5, 0);
        list[i].first_job = db_copy_text(arena, rows, i, 6);
        list[i].first_testid = db_copy_text(arena, rows, i, 7);
        list[i].seen_count = db_int(rows, i, 8, 0);
        list[i].seen_flights = db_int(rows, i, 9, 0);
        list[i].first_flight = db_int(rows, i, 10, 0);
        list[i].last_flight = db_int(rows, i, 11, 0);
        list[i].last_seen_ms = db_int(rows, i, 12, -1);
        if (db_text(rows, i, 13) == NULL)
            continue;
        issue = arena_alloc(arena, sizeof *issue);
        issue->issue = db_int(rows, i, 13, 0);
        issue->title = db_copy_text(arena, rows, i, 14);
        issue->reference = db_copy_text(arena, rows, i, 15);
        issue->owner = db_copy_text(arena, rows, i, 16);
        issue->closed = db_bool(rows, i, 17);
        issue->lane = lane_parse(db_text(rows, i, 18));
        issue->regressed = db_bool(rows, i, 19);
        issue->changed_s = db_int(rows, i, 20, 0);
        list[i].issue = issue;
    }
    *out = list;
out:
    db_rows_free(rows);
    return ok;
}

static size_t
group_of(const struct cause_group *groups, size_t count,
         const char *signature)
{
    size_t i = 0;

    while (i < count && strcmp(groups[i].signature, signature) != 0)
        i++;
    return i;
}

static bool
read_list(struct db *db, const char *const params[], struct arena *arena,
          struct causes *out, struct fault *why)
{
    struct db_rows *rows = NULL;
    struct cause *list;
    bool ok;

    ok = db_run(db, &Q_LIST, params, &rows, why);
    if (!ok)
        goto out;
    list = arena_alloc(arena, (size_t)db_rows_count(rows)
                              * sizeof *list + 1);
    for (int i = 0; i < db_rows_count(rows); i++) {
        struct cause *to = &list[out->count];

        to->job = db_copy_text(arena, rows, i, 0);
        to->testid = db_copy_text(arena, rows, i, 1);
        to->lane = lane_parse(db_text(rows, i, 2));
        to->pointer.file = db_copy_text(arena, rows, i, 3);
        to->pointer.line = db_int(rows, i, 4, 0);
        to->pointer.text = db_copy_text(arena, rows, i, 5);
        to->pointer.byte = db_int(rows, i, 7, 0);
        to->group = group_of(out->groups, out->group_count,
                             db_text(rows, i, 6));
        /* One that came between the two questions is of the next reading. */
        out->count += to->group < out->group_count;
    }
    out->list = list;
out:
    db_rows_free(rows);
    return ok;
}

static void
count_run(const struct cause_run *run, struct blame_count *count)
{
    if (!outcome_is_final(run->status))
        return;
    if (run->status == OUTCOME_PASS)
        count->pass++;
    else if (run->alike)
        count->fail++;
    else if (run->status == OUTCOME_FAIL)
        count->other++;
    else
        count->broken++;
}

/* The rows of 'runs' that belong to blame->job. */
static void
take_runs(struct arena *arena, const struct db_rows *runs,
          struct cause_blame *blame)
{
    struct cause_run *list = arena_alloc(
        arena, (size_t)db_rows_count(runs) * sizeof *list + 1);

    for (int i = 0; i < db_rows_count(runs); i++) {
        struct cause_run *run = &list[blame->run_count];

        if (strcmp(db_text(runs, i, 0), blame->job) != 0)
            continue;
        run->cell = blame_cell_parse(db_text(runs, i, 1));
        run->source = db_copy_text(arena, runs, i, 2);
        run->flight = db_int(runs, i, 3, 0);
        run->job = db_copy_text(arena, runs, i, 4);
        run->host = db_copy_text(arena, runs, i, 5);
        run->status = outcome_parse(db_text(runs, i, 6));
        run->alike = db_bool(runs, i, 7);
        if (run->cell == BLAME_CELL_COUNT)
            continue;
        count_run(run, &blame->cells[run->cell]);
        blame->run_count++;
    }
    blame->runs = list;
}

static bool
read_blame(struct db *db, const char *const params[], struct arena *arena,
           struct cause_group *groups, size_t count, struct fault *why)
{
    struct db_rows *rows = NULL, *runs = NULL;
    struct cause_blame *blame;
    size_t group;
    bool ok;

    ok = db_run(db, &Q_BLAME, params, &rows, why)
        && (db_rows_count(rows) == 0
            || db_run(db, &Q_RUNS, params, &runs, why));
    if (!ok)
        goto out;
    for (int i = 0; i < db_rows_count(rows); i++) {
        group = group_of(groups, count, db_copy_text(arena, rows, i, 0));
        if (group == count)
            continue;
        blame = arena_alloc(arena, sizeof *blame);
        blame->job = db_copy_text(arena, rows, i, 1);
        blame->open = strcmp(db_text(rows, i, 2), "open") == 0;
        blame->cause = blame_cause_parse(db_text(rows, i, 2));
        for (int k = BLAME_PRODUCT; k < BLAME_CAUSE_COUNT; k++)
            blame->split[k] = db_double(rows, i, 2 + k, 0);
        blame->good_flight = db_int(rows, i, 7, 0);
        blame->run_count_spent = (int)db_int(rows, i, 8, 0);
        blame->host_ms = db_int(rows, i, 9, 0);
        blame->reason = db_copy_text(arena, rows, i, 10);
        take_runs(arena, runs, blame);
        groups[group].blame = blame;
    }
out:
    db_rows_free(runs);
    db_rows_free(rows);
    return ok;
}

bool
causes_read(struct db *db, int64_t flight, struct arena *arena,
            struct causes *out, struct fault *why)
{
    char flight_text[DB_INT_BYTES];
    const char *params[] = { flight_text };
    struct cause_group *groups = NULL;

    *out = (struct causes){ .list = NULL };
    db_int_text(flight_text, flight);
    if (!read_groups(db, params, arena, &groups, &out->group_count, why))
        return false;
    out->groups = groups;
    return out->group_count == 0
        || (read_list(db, params, arena, out, why)
            && read_blame(db, params, arena, groups, out->group_count, why));
}

const struct cause *
causes_find(const struct causes *causes, const char *job, const char *testid)
{
    for (size_t i = 0; i < causes->count; i++)
        if (strcmp(causes->list[i].job, job) == 0
            && strcmp(causes->list[i].testid, testid) == 0)
            return &causes->list[i];
    return NULL;
}
