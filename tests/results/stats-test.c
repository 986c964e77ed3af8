/* tests/results/stats-test.c - comparisons and change points, on numbers made
 * by a fixed generator: every figure here is repeatable. */
#include <config.h>

#include <math.h>

#include "results/stats.h"
#include "tests/tap.h"

static uint64_t state;

static double
uniform(void)
{
    /* Knuth's MMIX generator: enough for tests. */
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) * 0x1p-53;
}

static double
normal(void)
{
    double u = uniform() + 1e-300, v = uniform();

    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* Looks after each pair until the verdict falls; returns pairs used. */
static size_t
watch(double shift, double margin, enum stats_verdict *verdict)
{
    double a[STATS_CAP], b[STATS_CAP];
    struct stats_comparison cmp;
    size_t n;

    for (n = 0; n < STATS_CAP;) {
        a[n] = normal();
        b[n++] = normal() + shift;
        stats_compare(a, n, b, n, margin, &cmp);
        if (cmp.verdict != STATS_UNKNOWN)
            break;
    }
    *verdict = cmp.verdict;
    return n;
}

static void
test_compare(void)
{
    const double few[] = { 1, 2, 3 }, equal[] = { 5, 5, 5, 5, 5, 5, 5, 5, 5 };
    double low[10], high[10];
    struct stats_comparison cmp;
    enum stats_verdict verdict;
    int i, different = 0, same = 0, found = 0, unknown = 0;
    size_t used = 0;

    stats_compare(few, 0, few, 3, 0, &cmp);
    is_int(cmp.verdict, STATS_UNKNOWN, "no values say nothing");
    stats_compare(few, 3, few, 3, 0, &cmp);
    is_int(cmp.verdict, STATS_UNKNOWN, "three values say nothing");
    stats_compare(equal, 9, equal, 9, 0, &cmp);
    is_int(cmp.verdict, STATS_SAME, "nine equal values are the same");
    for (i = 0; i < 10; i++) {
        low[i] = i;
        high[i] = i + 100;
    }
    stats_compare(low, 10, high, 10, 0, &cmp);
    is_int(cmp.verdict, STATS_DIFFERENT, "samples apart are different");
    ok(cmp.z > 0 && fabs(cmp.shift - 100) < 1e-9, "B above A is positive");
    stats_compare(high, 10, low, 10, 0, &cmp);
    ok(cmp.verdict == STATS_DIFFERENT && cmp.z < 0, "B below A is negative");
    stats_compare(low, 10, high, 10, 1000, &cmp);
    is_int(cmp.verdict, STATS_SAME, "a shift below the margin is the same");
    stats_compare(low, 10, high, 10, 50, &cmp);
    is_int(cmp.verdict, STATS_DIFFERENT, "one above it is not");

    state = 1;
    for (i = 0; i < 2000; i++) {
        watch(0, 0, &verdict);
        different += verdict == STATS_DIFFERENT;
        same += verdict == STATS_SAME;
        unknown += verdict != STATS_DIFFERENT && verdict != STATS_SAME;
    }
    diag("of 2000 equal pairs %d different, %d same", different, same);
    ok(different <= 20, "at most 1 %% of equal pairs are called different");
    is_int(unknown, 0, "the cap ends every comparison");
    for (i = 0; i < 2000; i++) {
        used += watch(1.349, 0, &verdict);
        found += verdict == STATS_DIFFERENT;
    }
    diag("shift of one quartile range: %d of 2000 found, mean %.1f pairs",
         found, (double)used / 2000);
    ok(found >= 1970, "a shift of one quartile range is found");
}

static size_t
changes_of(const double *x, size_t count, struct stats_changes *out)
{
    stats_changes_fini(out);
    stats_changepoints(x, count, out);
    return out->count;
}

static void
test_changes(void)
{
    static double x[2000];
    struct stats_changes changes = { .list = NULL };
    struct stats_change end;
    int i, r, flagged = 0;
    double level;

    is_int((int64_t)changes_of(x, 0, &changes), 0, "nothing in no values");
    is_int((int64_t)changes_of(x, 3, &changes), 0, "nothing in three");
    is_int((int64_t)changes_of(x, 2000, &changes), 0, "nothing in a constant");

    state = 2;
    for (r = 0; r < 300; r++) {
        for (i = 0; i < 200; i++)
            x[i] = normal() + (uniform() < 0.05 ? 30 * uniform() : 0);
        flagged += changes_of(x, 200, &changes) > 0;
    }
    diag("quiet series with spikes: %d of 300 flagged", flagged);
    ok(flagged <= 15, "at most 1 in 20 quiet, spiky series is flagged");

    for (i = 0; i < 2000; i++) {
        level = i < 500 ? 10 : i < 900 ? 14 : i < 1500 ? 7 : 9;
        x[i] = level + normal() / 2;
    }
    is_int((int64_t)changes_of(x, 2000, &changes), 3, "three steps are found");
    if (changes.count == 3) {
        ok(changes.list[0].at >= 498 && changes.list[0].at <= 502,
           "the first in its place");
        ok(changes.list[1].at >= 898 && changes.list[1].at <= 902,
           "the second");
        ok(changes.list[2].at >= 1497 && changes.list[2].at <= 1503,
           "the third");
        ok(fabs(changes.list[1].before - 14) < 0.2
           && fabs(changes.list[1].after - 7) < 0.2, "with its levels");
        ok(changes.list[0].z > 0 && changes.list[1].z < 0, "and direction");
    }
    ok(!stats_change_at_end(x, 1500, &end), "no change at a quiet end");
    ok(stats_change_at_end(x, 1512, &end) && end.at >= 1497
       && end.at <= 1503, "twelve values later the step is seen");

    /* Noise that remembers: slow wandering is no step. */
    flagged = 0;
    for (r = 0; r < 300; r++) {
        for (i = 0, level = 0; i < 200; i++)
            x[i] = level = 0.4 * level + normal();
        flagged += changes_of(x, 200, &changes) > 0;
    }
    diag("correlated series: %d of 300 flagged", flagged);
    ok(flagged <= 15, "at most 1 in 20 correlated series is flagged");
    stats_changes_fini(&changes);
}

int
main(void)
{
    test_compare();
    test_changes();
    return tap_done();
}
