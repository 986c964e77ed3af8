/* results/measure.c - measurements of a flight: repeats and their spread. */
#include <config.h>

#include "results/measure.h"

#include <math.h>

#include "harness/arena.h"

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* A step may record a hundred thousand values under as many names, so that
 * series are found by sorting. */
struct record {
    const struct evidence_metric *metric;
    size_t index;
};

static int
compare_series(const struct evidence_metric *a,
               const struct evidence_metric *b)
{
    int order = strcmp(a->name, b->name);

    if (order == 0)
        order = strcmp(a->unit, b->unit);
    if (order == 0)
        order = a->higher_is_better - b->higher_is_better;
    return order;
}

static int
compare_records(const void *a, const void *b)
{
    const struct record *x = a, *y = b;
    int order = compare_series(x->metric, y->metric);

    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

static int
compare_measures(const void *a, const void *b)
{
    const struct measure *x = a, *y = b;

    return (x->first > y->first) - (x->first < y->first);
}

static void
measure_fill(const struct record *records, size_t count, struct arena *arena,
             struct measure *out)
{
    double *values = arena_alloc(arena, count * sizeof *values);
    double *sorted = arena_alloc(arena, count * sizeof *sorted);

    for (size_t i = 0; i < count; i++)
        values[i] = sorted[i] = records[i].metric->value;
    qsort(sorted, count, sizeof *sorted, compare_doubles);
    out->name = records->metric->name;
    out->unit = records->metric->unit;
    out->higher_is_better = records->metric->higher_is_better;
    out->first = records->index;
    out->values = values;
    out->sorted = sorted;
    out->count = count;
    out->min = sorted[0];
    out->max = sorted[count - 1];
    out->median = count % 2 == 1 ? sorted[count / 2]
        : sorted[count / 2 - 1] / 2 + sorted[count / 2] / 2;
    out->spread = count < 2 || fpclassify(out->median) == FP_ZERO ? -1
        : (out->max - out->min) / fabs(out->median);
}

/* Appends the series of one step; returns how many. */
static size_t
measure_step(const struct evidence_job *job, const struct evidence_step *step,
             struct arena *arena, struct measure *list)
{
    struct record *records;
    size_t count = 0, span;

    records = arena_alloc(arena, step->metric_count * sizeof *records + 1);
    for (size_t i = 0; i < step->metric_count; i++)
        records[i] = (struct record){ &step->metrics[i], i };
    qsort(records, step->metric_count, sizeof *records, compare_records);
    for (size_t i = 0; i < step->metric_count; i += span) {
        for (span = 1; i + span < step->metric_count
             && compare_series(records[i].metric,
                               records[i + span].metric) == 0; span++)
            continue;
        measure_fill(&records[i], span, arena, &list[count]);
        list[count].job = job;
        list[count].step = step;
        count++;
    }
    qsort(list, count, sizeof *list, compare_measures);
    return count;
}

void
measure_all(const struct evidence *evidence, struct arena *arena,
            struct measure **out, size_t *count_out)
{
    struct measure *list;
    size_t count = 0, total = 0;

    for (size_t i = 0; i < evidence->job_count; i++) {
        for (size_t j = 0; j < evidence->jobs[i].step_count; j++)
            total += evidence->jobs[i].steps[j].metric_count;
    }
    list = arena_alloc(arena, total * sizeof *list + 1);
    for (size_t i = 0; i < evidence->job_count; i++) {
        const struct evidence_job *job = &evidence->jobs[i];

        for (size_t j = 0; j < job->step_count; j++)
            count += measure_step(job, &job->steps[j], arena, &list[count]);
    }
    *out = list;
    *count_out = count;
}

void
measure_format(double value, char out[static 32])
{
    double size = fabs(value);

    if (fpclassify(value) == FP_ZERO)
        (void)snprintf(out, 32, "0");
    else if (size >= 1e12 || size < 1e-6)
        (void)snprintf(out, 32, "%.3e", value);
    else if (size >= 1000)
        (void)snprintf(out, 32, "%.0f", value);
    else if (size >= 100)
        (void)snprintf(out, 32, "%.1f", value);
    else if (size >= 10)
        (void)snprintf(out, 32, "%.2f", value);
    else if (size >= 0.1)
        (void)snprintf(out, 32, "%.3f", value);
    else
        (void)snprintf(out, 32, "%.4g", value);
    /* "630.0" says no more than "630". */
    if (strchr(out, '.') != NULL && strchr(out, 'e') == NULL) {
        size_t end = strlen(out);

        while (out[end - 1] == '0')
            out[--end] = '\0';
        if (out[end - 1] == '.')
            out[--end] = '\0';
    }
}
