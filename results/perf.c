/* results/perf.c - see perf.h. */
#include <config.h>

#include "results/perf.h"

#include <math.h>

#include "harness/arena.h"
#include "harness/mem.h"
#include "results/decide.h"
#include "results/measure.h"
#include "results/series.h"
#include "results/stats.h"

/* So many standard deviations are beyond noise; more while the noise is known
 * from few flights only, as for Student's t. */
static double
limit_of(size_t count)
{
    return 4 + 12 / (double)count;
}

/* Since the last change point, if enough flights have passed since. */
static size_t
begin_of_level(const double *values, size_t count)
{
    struct stats_changes changes;
    size_t from = 0;

    stats_changepoints(values, count, &changes);
    if (changes.count > 0
        && count - changes.list[changes.count - 1].at >= PERF_FLIGHTS_MIN)
        from = changes.list[changes.count - 1].at;
    stats_changes_fini(&changes);
    return from;
}

/* From the median of the distances to the level. */
static double
noise_about(const double *values, size_t count, double level, double *scratch)
{
    for (size_t i = 0; i < count; i++)
        scratch[i] = fabs(values[i] - level);
    return 1.4826 * stats_median(scratch, count);
}

static void
say(struct arena *arena, struct perf *out)
{
    char before[32], value[32];

    measure_format(out->before, before);
    measure_format(out->value, value);
    out->text = arena_printf(
        arena, "%s %.1f %% %s: %s %s, was %s (noise %.1f %%)",
        out->series->name, fabs(100 * out->share),
        out->change == PERF_WORSE ? "worse" : "better", value,
        out->series->unit, before,
        100 * out->noise / fmax(fabs(out->before), 1e-300));
}

void
perf_judge(const struct series *series, struct arena *arena, struct perf *out)
{
    size_t count = series->count > 0 ? series->count - 1 : 0, from, i;
    double *values, *scratch, shift;

    *out = (struct perf){
        .series = series, .text = "",
        .testid = arena_printf(arena, "%s/%s", series->testid, series->name),
    };
    if (count < PERF_FLIGHTS_MIN)
        return;
    values = xcalloc(count, sizeof(*values));
    scratch = xcalloc(count, sizeof(*scratch));
    for (i = 0; i < count; i++)
        values[i] = series->points[i].value;
    from = begin_of_level(values, count);
    memcpy(scratch, values + from, (count - from) * sizeof(*values));
    out->before = stats_median(scratch, count - from);
    out->noise = noise_about(values + from, count - from, out->before,
                             scratch);
    out->value = series->points[count].value;
    shift = out->value - out->before;
    out->share = shift / fmax(fabs(out->before), 1e-300);
    out->change = PERF_SAME;
    if (fabs(out->share) > PERF_THRESHOLD
        && fabs(shift) > limit_of(count - from) * out->noise) {
        out->change = (shift > 0) == series->higher_is_better ? PERF_BETTER
                                                              : PERF_WORSE;
        say(arena, out);
    }
    free(values);
    free(scratch);
}

/* The decision's cells ----------------------------------------------------- */

/* 'flight' with jobs of its own, to be changed, and room for 'more'. */
static struct decide_job *
own_jobs(struct arena *arena, struct decide_flight *flight, size_t more)
{
    struct decide_job *jobs = arena_alloc(
        arena, (flight->job_count + more) * sizeof *jobs + 1);

    if (flight->job_count > 0)
        memcpy(jobs, flight->jobs, flight->job_count * sizeof *jobs);
    flight->jobs = jobs;
    return jobs;
}

static const struct decide_step *
step_of(const struct decide_job *job, const char *testid)
{
    for (size_t i = 0; i < job->step_count; i++)
        if (strcmp(job->steps[i].testid, testid) == 0)
            return &job->steps[i];
    return NULL;
}

static void
add_cell(struct arena *arena, struct decide_job *job,
         const struct decide_step *cell)
{
    struct decide_step *steps = arena_alloc(
        arena, (job->step_count + 1) * sizeof *steps);

    if (job->step_count > 0)
        memcpy(steps, job->steps, job->step_count * sizeof *steps);
    steps[job->step_count++] = *cell;
    job->steps = steps;
}

/* True when the flight has the job, and the cell was added. */
static bool
add_to(struct arena *arena, struct decide_job *jobs, size_t count,
       const struct perf *perf, enum outcome status)
{
    const struct decide_step cell = {
        .testid = perf->testid, .status = status,
        .lane = status == OUTCOME_FAIL ? LANE_PRODUCT : LANE_NONE,
    };
    const struct decide_step *step;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(jobs[i].name, perf->series->job) != 0)
            continue;
        step = step_of(&jobs[i], perf->series->testid);
        /* A case of that name has its own word. */
        if (step_of(&jobs[i], perf->testid) != NULL
            || (status == OUTCOME_PASS && step != NULL
                && step->status != OUTCOME_PASS))
            return false;
        add_cell(arena, &jobs[i], &cell);
        return true;
    }
    return false;
}

static bool
is_measured(const struct series *series, int64_t flight)
{
    for (size_t i = 0; i < series->count; i++)
        if (series->points[i].flight == flight)
            return true;
    return false;
}

/* A flight of the history names only the jobs that matter for failures. */
static void
add_baseline(struct arena *arena, struct decide_job *jobs, size_t *count,
             const struct perf *perf)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(jobs[i].name, perf->series->job) == 0) {
            (void)add_to(arena, jobs, *count, perf, OUTCOME_PASS);
            return;
        }
    jobs[*count] = (struct decide_job){ .name = perf->series->job,
                                        .status = OUTCOME_PASS };
    add_cell(arena, &jobs[(*count)++], &(struct decide_step){
        .testid = perf->testid, .status = OUTCOME_PASS });
}

void
perf_apply(const struct perf *perfs, size_t count, struct arena *arena,
           struct decide_input *input)
{
    struct decide_flight *history = arena_alloc(
        arena, input->history_count * sizeof *history + 1);
    struct decide_cell *passed = arena_alloc(
        arena, (input->passed_count + count) * sizeof *passed + 1);
    struct decide_job *jobs = own_jobs(arena, &input->flight, 0), **of;

    of = arena_alloc(arena, input->history_count * sizeof *of + 1);
    for (size_t i = 0; i < input->history_count; i++) {
        history[i] = input->history[i];
        of[i] = own_jobs(arena, &history[i], count);
    }
    if (input->passed_count > 0)
        memcpy(passed, input->passed, input->passed_count * sizeof *passed);
    for (size_t p = 0; p < count; p++) {
        if (perfs[p].change != PERF_WORSE
            || !add_to(arena, jobs, input->flight.job_count, &perfs[p],
                       OUTCOME_FAIL))
            continue;
        passed[input->passed_count++] = (struct decide_cell){
            perfs[p].series->job, perfs[p].testid
        };
        for (size_t i = 0; i < input->history_count; i++) {
            if (history[i].flight == input->flight.flight)
                (void)add_to(arena, of[i], history[i].job_count, &perfs[p],
                             OUTCOME_FAIL);
            else if ((history[i].versions & DECIDE_THAT)
                     && is_measured(perfs[p].series, history[i].flight))
                add_baseline(arena, of[i], &history[i].job_count, &perfs[p]);
        }
    }
    input->history = history;
    input->passed = passed;
}
