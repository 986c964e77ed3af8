/* results/verdict_db.c - see verdict_db.h. */
#include <config.h>

#include "results/verdict_db.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "results/evidence_db.h"
#include "results/perf.h"
#include "results/perf_db.h"
#include "results/series.h"

static const struct query Q_SNAPSHOT = {
    "verdict_snapshot",
    "set transaction isolation level repeatable read, read only", 0, 0
};
/* A case has the log of its step. What its signature was taken of says more
 * than the last line of the log. */
static const struct query Q_FACTS = {
    "verdict_facts",
    "select coalesce(s.reason, j.reason), s.log_path, f.signature,"
    " case when f.line_byte is null then e.at->>'file' else f.file end,"
    " case when f.line_byte is null then e.at->>'line' else f.line::text end,"
    " case when f.line_byte is null then e.at->>'text' else f.text end,"
    " coalesce(f.line_byte::text, e.at->>'byte')"
    " from jsonb_to_recordset($1::jsonb)"
    "  as c(number int, flight bigint, job text, testid text)"
    " join assay.job j on j.flight = c.flight and j.job = c.job"
    " left join lateral (select o.reason, o.log_path, o.evidence"
    "  from assay.step o where o.flight = c.flight and o.job = c.job"
    "  and (o.testid = c.testid or starts_with(c.testid, o.testid || '/'))"
    "  order by length(o.testid) desc limit 1) s on true"
    " left join assay.failure f on f.flight = c.flight and f.job = c.job"
    "  and f.testid = c.testid"
    " cross join lateral (select coalesce(s.evidence, j.evidence)) e(at)"
    " order by c.number", 1, 7
};

struct reading {
    int64_t flight;
    const struct decide_request *request;
    struct arena *arena;
    struct evidence *evidence;
    struct verdict *out;
};

/* Of what a vendor's step may have written. */
static int64_t
int_text_or_0(const char *text)
{
    int64_t value = 0;

    return text != NULL && parse_int64(text, 0, INT64_MAX, &value) ? value
                                                                   : 0;
}

/* Why a cell of a measurement failed; NULL: it is none. */
static const struct perf *
perf_of(const struct reading *reading, const struct decide_failure *failure)
{
    for (size_t i = 0; i < reading->out->perf_count; i++) {
        const struct perf *perf = &reading->out->perfs[i];

        if (perf->change == PERF_WORSE && failure->flight == reading->flight
            && strcmp(perf->series->job, failure->job) == 0
            && strcmp(perf->testid, failure->testid) == 0)
            return perf;
    }
    return NULL;
}

static bool
read_facts(struct reading *reading, struct db *db, struct fault *why)
{
    const struct decision *decision = &reading->out->decision;
    struct verdict_fact *facts = arena_alloc(
        reading->arena, decision->failure_count * sizeof *facts + 1);
    json_t *cells = json_array();
    const char *params[1];
    struct db_rows *rows = NULL;
    char *text;
    bool ok;

    for (size_t i = 0; i < decision->failure_count; i++) {
        const struct decide_failure *failure = &decision->failures[i];
        json_t *one = json_object();

        json_put_int(one, "number", (int64_t)i);
        json_put_int(one, "flight", failure->flight);
        json_put_text(one, "job", failure->job);
        json_put_text(one, "testid", failure->testid);
        must(json_array_append_new(cells, one) == 0);
    }
    text = json_dumps(cells, JSON_COMPACT);
    must(text != NULL);
    params[0] = text;
    ok = db_run(db, &Q_FACTS, params, &rows, why);
    free(text);
    json_decref(cells);
    ok = ok && ((size_t)db_rows_count(rows) == decision->failure_count
                || fault_set(why, FAULT_DATA, "a job of the verdict is not "
                             "in the database"));
    for (int i = 0; ok && i < db_rows_count(rows); i++) {
        struct evidence_pointer *at = &facts[i].pointer;
        const struct perf *perf;

        perf = perf_of(reading, &decision->failures[i]);
        facts[i].reason = perf != NULL ? perf->text
            : db_copy_text(reading->arena, rows, i, 0);
        facts[i].log_path = db_copy_text(reading->arena, rows, i, 1);
        facts[i].signature = db_copy_text(reading->arena, rows, i, 2);
        at->file = db_copy_text(reading->arena, rows, i, 3);
        at->line = int_text_or_0(db_text(rows, i, 4));
        at->text = db_copy_text(reading->arena, rows, i, 5);
        at->byte = int_text_or_0(db_text(rows, i, 6));
    }
    reading->out->facts = facts;
    db_rows_free(rows);
    return ok;
}

static bool
read_all(struct db *db, void *arg, struct fault *why)
{
    struct reading *reading = arg;
    struct verdict_basis *basis = arena_alloc(reading->arena, sizeof *basis);
    struct perf *perfs = NULL;
    int64_t baseline = 0;
    size_t count = 0;

    if (!db_run(db, &Q_SNAPSHOT, NULL, NULL, why)
        || !evidence_read(db, reading->flight, reading->arena,
                          reading->evidence, why)
        || !decide_read(db, reading->evidence, reading->request,
                        reading->arena, &basis->input, &baseline, why)
        || !coverage_read(db, baseline, reading->flight, reading->arena,
                          &basis->covered, why)
        || !perf_read(db, reading->flight, reading->arena, &basis->input,
                      &perfs, &count, why))
        return false;
    verdict_of(reading->evidence, basis, reading->arena, reading->out);
    reading->out->perfs = perfs;
    reading->out->perf_count = count;
    return read_facts(reading, db, why);
}

bool
verdict_read(struct db *db, int64_t flight,
             const struct decide_request *request, struct arena *arena,
             struct evidence *evidence, struct verdict *out,
             struct fault *why)
{
    static const struct decide_request PLAIN = { .baseline = 0 };
    struct reading reading = {
        .flight = flight, .request = request == NULL ? &PLAIN : request,
        .arena = arena, .evidence = evidence, .out = out
    };

    return db_transact(db, read_all, &reading, why);
}
