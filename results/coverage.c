/* results/coverage.c - the gaps of a flight, from its evidence. No I/O. */
#include <config.h>

#include "results/coverage.h"

#include <inttypes.h>

#include <jansson.h>

#include "harness/arena.h"
#include "harness/mem.h"
#include "results/evidence.h"

/* A step may report a hundred thousand cases: what is named and what is
 * searched for a like reason has an end. */
#define GAP_NAMED 24
#define GAP_SEARCHED 32

struct gap_list {
    struct arena *arena;
    struct coverage_gap *gaps;
    size_t count, cap;
    const struct coverage_baseline *baseline;   /* NULL: none */
    json_t *named;              /* cells in a gap; of a job as a whole "JOB ",
                                 * then its place */
};

/* Cells as keys: the name of a job has no blank. */
static const char *
cell_key(struct arena *arena, const char *job, const char *testid)
{
    return arena_printf(arena, "%s %s", job, testid);
}

static int
compare_cells(const void *a, const void *b)
{
    const struct coverage_cell *x = a, *y = b;
    int order = strcmp(x->job, y->job);

    return order != 0 ? order : strcmp(x->testid, y->testid);
}

/* The flight that the cell was covered by before; 0: none. */
static int64_t
covered_by(const struct coverage_baseline *baseline, const char *job,
           const char *testid)
{
    const struct coverage_cell key = { job, testid, 0, false };
    const struct coverage_cell *cell = NULL;

    if (baseline != NULL && baseline->cell_count > 0)
        cell = bsearch(&key, baseline->cells, baseline->cell_count,
                       sizeof key, compare_cells);
    return cell == NULL ? 0 : cell->flight;
}

static void
gap_add(struct gap_list *list, enum outcome kind, const char *job,
        const char *what, const char *why)
{
    size_t end = list->count > GAP_SEARCHED ? list->count - GAP_SEARCHED : 0;
    int64_t since = covered_by(list->baseline, job, what);
    struct coverage_gap *gap;

    must(json_object_set_new(list->named, cell_key(list->arena, job, what),
                             json_integer((json_int_t)list->count)) == 0);
    /* Several testids for one reason read as one line, wherever in the job
     * they stand. */
    for (size_t i = list->count; i-- > end && what[0] != '\0';) {
        gap = &list->gaps[i];
        if (strcmp(gap->job, job) != 0)
            break;
        if (gap->kind != kind || gap->what[0] == '\0'
            || gap->since != since || strcmp(gap->why, why) != 0)
            continue;
        gap->lost += since != 0;
        if (++gap->count <= GAP_NAMED)
            gap->what = arena_printf(list->arena, "%s, %s", gap->what, what);
        return;
    }
    list->gaps = xgrow(list->gaps, &list->cap, list->count,
                       sizeof *list->gaps);
    list->gaps[list->count++] = (struct coverage_gap){
        kind, job, what, why, 1, since != 0, since
    };
}

/* Says how many were not named, and what was lost before the baseline. */
static void
gaps_close(struct gap_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct coverage_gap *gap = &list->gaps[i];

        if (gap->since != 0 && gap->since != list->baseline->flight)
            gap->why = arena_printf(list->arena, "%s%slast covered in flight %"
                                    PRId64, gap->why,
                                    gap->why[0] == '\0' ? "" : "; ",
                                    gap->since);

        if (gap->count > GAP_NAMED)
            gap->what = arena_printf(list->arena, "%s and %zu more",
                                     gap->what, gap->count - GAP_NAMED);
    }
}

static bool
job_has_testid(const struct evidence_job *job, const char *testid)
{
    for (size_t i = 0; i < job->step_count; i++) {
        if (strcmp(job->steps[i].testid, testid) == 0)
            return true;
    }
    return false;
}

/* Steps that other jobs of the recipe had and this one never reached. Without
 * such a job, only that the end was not reached is known. */
static void
gaps_not_reached(const struct evidence *evidence,
                 const struct evidence_job *job, enum outcome status,
                 struct gap_list *list)
{
    const struct evidence_step *bad = evidence_first_bad(job);
    const struct evidence_job *longest = NULL;
    const char *why;
    bool any = false;

    /* A runner that lived to the end recorded what it did not run. */
    for (size_t i = 0; i < job->step_count; i++) {
        if (job->steps[i].status != OUTCOME_SKIP
            && evidence_is_unrun(&job->steps[i]))
            return;
    }
    for (size_t i = 0; i < evidence->job_count; i++) {
        const struct evidence_job *other = &evidence->jobs[i];

        if (other != job && strcmp(other->recipe, job->recipe) == 0
            && (longest == NULL || other->step_count > longest->step_count))
            longest = other;
    }
    why = bad == NULL ? "not reached"
        : arena_printf(list->arena, "not reached: the job ended at %s",
                       bad->testid);
    for (size_t i = 0; longest != NULL && i < longest->step_count; i++) {
        const char *testid = longest->steps[i].testid;

        if (job_has_testid(job, testid))
            continue;
        gap_add(list, OUTCOME_MISSING, job->name, testid, why);
        any = true;
    }
    if (any || longest != NULL)
        return;
    gap_add(list, status, job->name, "",
            bad == NULL ? "it ended early"
            : arena_printf(list->arena, "it ended at %s: what comes after "
                           "was not run", bad->testid));
}

static void
gaps_of_job(const struct evidence *evidence, const struct evidence_job *job,
            enum outcome status, struct gap_list *list)
{
    switch (status) {
    case OUTCOME_QUEUED:
        gap_add(list, status, job->name, "", job->waits_for[0] != '\0'
                ? job->waits_for : "it has not started");
        return;
    case OUTCOME_BLOCKED:
    case OUTCOME_STARVED:
    case OUTCOME_SKIP:
    case OUTCOME_MISSING:
        gap_add(list, status, job->name, "", job->reason);
        return;
    case OUTCOME_PREPARING:
    case OUTCOME_RUNNING:
        gap_add(list, status, job->name, "", "it has not ended");
        break;
    case OUTCOME_FAIL:
    case OUTCOME_BROKEN:
    case OUTCOME_TRUNCATED:
    case OUTCOME_ABORTED:
    case OUTCOME_NONE:
        gaps_not_reached(evidence, job, status, list);
        break;
    case OUTCOME_PASS:
    case OUTCOME_REUSED:
    case OUTCOME_COUNT:
        break;
    }
    for (size_t i = 0; i < job->step_count; i++) {
        const struct evidence_step *step = &job->steps[i];

        if (evidence_is_unrun(step) && !evidence_is_chore(step))
            gap_add(list, step->status, job->name, step->testid,
                    step->reason);
        for (size_t j = 0; j < step->case_count; j++) {
            const struct evidence_case *item = &step->cases[j];

            if (item->status == OUTCOME_SKIP
                || item->status == OUTCOME_MISSING)
                gap_add(list, item->status, job->name,
                        arena_printf(list->arena, "%s/%s", step->testid,
                                     item->id),
                        item->status == OUTCOME_MISSING
                            && item->note[0] == '\0'
                            ? "expected, but not reported" : item->note);
        }
    }
}


/* The whole ---------------------------------------------------------------- */

/* What was reused is: the step of the same flight that it stands for ran. */
static bool
is_covered(enum outcome status)
{
    return status == OUTCOME_PASS || status == OUTCOME_FAIL
        || status == OUTCOME_REUSED;
}

/* All cells of the flight: true when covered. Counts them. */
static json_t *
cells_of(const struct evidence *evidence, struct arena *arena,
         struct coverage *out)
{
    json_t *cells = json_object();

    for (size_t i = 0; i < evidence->job_count; i++) {
        const struct evidence_job *job = &evidence->jobs[i];

        must(json_object_set_new(cells, cell_key(arena, job->name, ""),
                                 json_false()) == 0);
        for (size_t j = 0; j < job->step_count; j++) {
            const struct evidence_step *step = &job->steps[j];
            const char *key = cell_key(arena, job->name, step->testid);

            if (evidence_is_chore(step))
                continue;
            out->cells += 1 + step->case_count;
            out->covered += is_covered(step->status);
            must(json_object_set_new(cells, key, json_boolean(
                is_covered(step->status))) == 0);
            for (size_t k = 0; k < step->case_count; k++) {
                bool covered = is_covered(step->cases[k].status);

                out->covered += covered;
                must(json_object_set_new(
                    cells, arena_printf(arena, "%s/%s", key,
                                        step->cases[k].id),
                    json_boolean(covered)) == 0);
            }
        }
    }
    return cells;
}

/* One cell that was covered and is not in this flight. */
static void
cell_lost(struct gap_list *list, const json_t *cells,
          const struct coverage_cell *cell)
{
    const char *why = cell->flight != list->baseline->flight
        ? "this flight does not have it"
        : arena_printf(list->arena, "flight %" PRId64 " ran it; this one does "
                       "not have it", cell->flight);
    const char *whole = cell_key(list->arena, cell->job, "");
    const json_t *place = json_object_get(list->named, whole);
    const char *key = cell_key(list->arena, cell->job, cell->testid);
    struct coverage_gap *gap;

    if (json_object_get(cells, key) != NULL
        || json_object_get(list->named, key) != NULL)
        return;
    if (place == NULL && json_object_get(cells, whole) == NULL) {
        gap_add(list, OUTCOME_MISSING, cell->job, "", why);
        place = json_object_get(list->named, whole);
    }
    if (place == NULL) {
        gap_add(list, OUTCOME_MISSING, cell->job, cell->testid, why);
        return;
    }
    gap = &list->gaps[json_integer_value(place)];
    gap->lost++;
    if (gap->since == 0 || cell->flight < gap->since)
        gap->since = cell->flight;
}

static void
compare_coverage(struct gap_list *list, const json_t *cells,
                 struct coverage *out)
{
    const struct coverage_baseline *baseline = list->baseline;
    size_t kept = 0;

    for (size_t i = 0; i < baseline->cell_count; i++) {
        const struct coverage_cell *cell = &baseline->cells[i];
        const char *key = cell_key(list->arena, cell->job, cell->testid);
        bool here = json_is_true(json_object_get(cells, key));

        if (!here)
            cell_lost(list, cells, cell);
        if (cell->flight == baseline->flight) {
            out->baseline_covered++;
            kept += here;
        } else if (!here && (out->eroded++ == 0
                             || cell->flight < out->eroded_since)) {
            out->eroded_since = cell->flight;
        }
    }
    out->baseline = baseline->flight;
    out->lost = out->baseline_covered - kept;
    out->gained = out->covered - kept;
}

void
coverage_of(const struct evidence *evidence, const enum outcome *statuses,
            const struct coverage_baseline *baseline, struct arena *arena,
            struct coverage *out)
{
    struct gap_list list = { .arena = arena, .baseline = baseline,
                             .named = json_object() };
    struct coverage_gap *gaps;
    json_t *cells;

    *out = (struct coverage){ .baseline = 0 };
    cells = cells_of(evidence, arena, out);
    for (size_t i = 0; i < evidence->job_count; i++)
        gaps_of_job(evidence, &evidence->jobs[i], statuses[i], &list);
    if (baseline != NULL)
        compare_coverage(&list, cells, out);
    gaps_close(&list);
    gaps = arena_alloc(arena, list.count * sizeof *gaps + 1);
    if (list.count > 0)
        memcpy(gaps, list.gaps, list.count * sizeof *gaps);
    out->gaps = gaps;
    out->gap_count = list.count;
    free(list.gaps);
    json_decref(list.named);
    json_decref(cells);
}
