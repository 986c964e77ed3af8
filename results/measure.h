/* results/measure.h - measurements of a flight: repeats and their spread. */
#ifndef RESULTS_MEASURE_H
#define RESULTS_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include "results/evidence.h"

struct arena;

/* All values that one step recorded under one name and unit. */
struct measure {
    const struct evidence_job *job;
    const struct evidence_step *step;
    const char *name, *unit;
    bool higher_is_better;
    const double *values;       /* in the order they came */
    const double *sorted;
    size_t count;               /* >= 1 */
    size_t first;               /* index of its first record in the step */
    double median, min, max;
    double spread;              /* (max - min) / |median|; -1: not defined */
};

/* In the order of jobs, steps and first records. */
void measure_all(const struct evidence *evidence, struct arena *arena,
                 struct measure **out, size_t *count_out);

/* "12.34", "0.00123", "1234567": four significant digits, all before the
 * point, no zeros at the end, no exponent where a person would use none. */
void measure_format(double value, char out[static 32]);

#endif
