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
#define LEVEL_MIN 3

static double
limit_of(size_t count)
{
    return 4 + 12 / (double)count;
}

/* Where the level that lasts began, if it has lasted for LEVEL_MIN flights;
 * '*noise_out' is that about all levels, 0 when it is not known. */
static size_t
begin_of_level(const double *values, size_t count, double *noise_out)
{
    struct stats_changes changes;
    size_t from = 0;

    stats_changepoints(values, count, &changes);
    if (changes.count > 0
        && count - changes.list[changes.count - 1].at >= LEVEL_MIN)
        from = changes.list[changes.count - 1].at;
    *noise_out = changes.noise;
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
    double *values, *scratch, shift, noise = 0;

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
    from = begin_of_level(values, count, &noise);
    memcpy(scratch, values + from, (count - from) * sizeof(*values));
    out->before = stats_median(scratch, count - from);
    out->noise = fmax(noise, noise_about(values + from, count - from,
                                         out->before, scratch));
    out->limit = fmax(limit_of(count) * out->noise,
                      PERF_THRESHOLD * fabs(out->before));
    out->value = series->points[count].value;
    shift = out->value - out->before;
    out->share = shift / fmax(fabs(out->before), 1e-300);
    out->change = PERF_SAME;
    if (fabs(shift) > out->limit) {
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

/* How the cell was in an earlier flight: NONE, it was not measured there; it
 * failed like here if it was no better by as much as counts. */
static enum outcome
status_in(const struct perf *perf, int64_t flight)
{
    const struct series *series = perf->series;

    for (size_t i = 0; i < series->count; i++)
        if (series->points[i].flight == flight)
            return fabs(perf->value - series->points[i].value) > perf->limit
                ? OUTCOME_PASS : OUTCOME_FAIL;
    return OUTCOME_NONE;
}

/* A flight of the history names only the jobs that matter for failures. */
static void
add_baseline(struct arena *arena, struct decide_job *jobs, size_t *count,
             const struct perf *perf, enum outcome status)
{
    if (status == OUTCOME_NONE)
        return;
    for (size_t i = 0; i < *count; i++)
        if (strcmp(jobs[i].name, perf->series->job) == 0) {
            (void)add_to(arena, jobs, *count, perf, status);
            return;
        }
    jobs[*count] = (struct decide_job){ .name = perf->series->job,
                                        .status = OUTCOME_PASS };
    add_cell(arena, &jobs[(*count)++], &(struct decide_step){
        .testid = perf->testid, .status = status });
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
            else if (history[i].versions & DECIDE_THAT)
                add_baseline(arena, of[i], &history[i].job_count, &perfs[p],
                             status_in(&perfs[p], history[i].flight));
        }
    }
    input->history = history;
    input->passed = passed;
}
