/* results/stats.c - do two samples differ: the sequential rank test. */
#include <config.h>

#include "results/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/mem.h"

/* Pocock's constant boundary for the standardised Mann-Whitney statistic,
 * looked at after each pair from the first to the STATS_CAP-th; by 60,000
 * simulated A/A sequences it is crossed in 0.8 %. The statistic depends on
 * ranks alone, so this holds for every continuous distribution. */
static const double BOUNDARY = 3.12;
/* Values a side that are all one number, before that is taken as an answer. */
static const double EQUAL_ENOUGH = 8;

const char *
stats_verdict_name(enum stats_verdict verdict)
{
    switch (verdict) {
    case STATS_UNKNOWN:
        return "unknown";
    case STATS_SAME:
        return "same";
    case STATS_DIFFERENT:
        return "different";
    case STATS_NONE:
        break;
    }
    return "none";
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double
quantile_of_sorted(const double *sorted, size_t count, double q)
{
    double at = q * (double)(count - 1);
    size_t low = (size_t)at;
    double part = at - (double)low;

    if (low + 1 >= count)
        return sorted[count - 1];
    return sorted[low] + part * (sorted[low + 1] - sorted[low]);
}

double
stats_median(double *values, size_t count)
{
    if (count == 0)
        return NAN;
    qsort(values, count, sizeof(*values), by_value);
    return quantile_of_sorted(values, count, 0.5);
}

/* Variance of the rank sum's U with mid-ranks for ties (Lehmann,
 * Nonparametrics, 1975, section 1.4). 'pooled' is sorted. */
static double
u_variance(const double *pooled, size_t na, size_t nb)
{
    size_t n = na + nb, i, j;
    double ties = 0, total = (double)n, run;

    for (i = 0; i < n; i = j) {
        for (j = i + 1; j < n && pooled[j] == pooled[i]; j++)
            continue;
        run = (double)(j - i);
        ties += run * run * run - run;
    }
    return (double)na * (double)nb / 12
        * (total + 1 - ties / (total * (total - 1)));
}

void
stats_compare(const double *a, size_t a_count, const double *b,
              size_t b_count, double margin, struct stats_comparison *out)
{
    size_t n = a_count + b_count, pairs = a_count * b_count, i, j, skip;
    double *pooled, *diffs, u = 0, mean, sd, z, iqr, *copy;
    bool inside;

    *out = (struct stats_comparison){ .verdict = STATS_UNKNOWN };
    if (a_count < 2 || b_count < 2)
        return;
    pooled = xcalloc(n, sizeof(*pooled));
    diffs = xcalloc(pairs, sizeof(*diffs));
    for (i = 0; i < a_count; i++)
        for (j = 0; j < b_count; j++) {
            diffs[i * b_count + j] = b[j] - a[i];
            u += b[j] > a[i] ? 1 : b[j] == a[i] ? 0.5 : 0;
        }
    copy = pooled;
    memcpy(copy, a, a_count * sizeof(*a));
    qsort(copy, a_count, sizeof(*copy), by_value);
    out->median_a = quantile_of_sorted(copy, a_count, 0.5);
    iqr = quantile_of_sorted(copy, a_count, 0.75)
        - quantile_of_sorted(copy, a_count, 0.25);
    memcpy(copy, b, b_count * sizeof(*b));
    qsort(copy, b_count, sizeof(*copy), by_value);
    out->median_b = quantile_of_sorted(copy, b_count, 0.5);
    iqr = (iqr + quantile_of_sorted(copy, b_count, 0.75)
           - quantile_of_sorted(copy, b_count, 0.25)) / 2;
    memcpy(pooled, a, a_count * sizeof(*a));
    memcpy(pooled + a_count, b, b_count * sizeof(*b));
    qsort(pooled, n, sizeof(*pooled), by_value);
    qsort(diffs, pairs, sizeof(*diffs), by_value);

    mean = (double)pairs / 2;
    sd = sqrt(u_variance(pooled, a_count, b_count));
    /* With continuity correction; all values equal is no evidence. */
    z = fabs(u - mean) - 0.5;
    z = sd > 0 && z > 0 ? z / sd : 0;
    out->z = u < mean ? -z : z;
    out->shift = quantile_of_sorted(diffs, pairs, 0.5);
    out->size = 2 / (1 / (double)a_count + 1 / (double)b_count);
    out->margin = margin > 0 ? margin : iqr;

    /* The shifts that the test at this boundary would not reject (Hodges and
     * Lehmann 1963): the differences between two of their order statistics. */
    skip = mean - BOUNDARY * sd > 0 ? (size_t)(mean - BOUNDARY * sd) : 0;
    out->low = skip > 0 ? diffs[skip - 1] : -INFINITY;
    out->high = skip > 0 ? diffs[pairs - skip] : INFINITY;

    inside = out->low > -out->margin && out->high < out->margin;
    if (inside && margin > 0)
        out->verdict = STATS_SAME;      /* perhaps real, but too small */
    else if (z > BOUNDARY)
        out->verdict = STATS_DIFFERENT;
    else if (inside || out->size >= STATS_CAP
             || (sd <= 0 && out->size >= EQUAL_ENOUGH))
        out->verdict = STATS_SAME;
    free(diffs);
    free(pooled);
}
