/* tests/bench/stats-bench.c - the statistics: false calls, what is found and at
 * what price, and speed; each beside a rival in the same run.
 *
 * Usage: stats-bench PAIRS SEED. Not a part of the product. */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/buf.h"
#include "results/stats.h"

#define POINTS 14000
#define IQR 1.349               /* of a normal distribution */

static uint64_t state;

static double
uniform(void)
{
    uint64_t x = state += 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (double)((x ^ x >> 31) >> 11) / 9007199254740992.0;
}

static double
normal(void)
{
    return sqrt(-2 * log(uniform() + 1e-300))
        * cos(6.283185307179586 * uniform());
}

/* A heavy tail and ties: what latencies look like. */
static double
skewed(void)
{
    return floor(100 * exp(normal())) / 100;
}

static double
now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* One comparison, looked at after each pair; values a side that it took. */
static size_t
sequential(double (*draw)(void), double shift, enum stats_verdict *verdict)
{
    double a[STATS_CAP], b[STATS_CAP];
    struct stats_comparison cmp;
    size_t n = 0;

    do {
        a[n] = draw();
        b[n++] = draw() + shift;
        stats_compare(a, n, b, n, 0, &cmp);
    } while (cmp.verdict == STATS_UNKNOWN && n < STATS_CAP);
    *verdict = cmp.verdict;
    return n;
}

/* The rank sum's z of 'n' values a side. */
static double
rank_sum(double (*draw)(void), double shift, size_t n)
{
    double a[STATS_CAP], b[STATS_CAP], u = 0, w = (double)n;

    for (size_t i = 0; i < n; i++) {
        a[i] = draw();
        b[i] = draw() + shift;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            u += b[k] > a[i] ? 1 : b[k] == a[i] ? 0.5 : 0;
    return fabs(u - w * w / 2) / sqrt(w * w * (2 * w + 1) / 12);
}

/* The least fixed size that finds the shift in 99 of 100 at the level at which
 * the sequential design calls 1 in 100 equal pairs different. */
static size_t
fixed_size(int pairs, double shift)
{
    static const double LEVEL = 2.576;          /* two-sided 1 % */
    int found;

    for (size_t n = 5; n < STATS_CAP; n++) {
        found = 0;
        for (int i = 0; i < pairs; i++)
            found += rank_sum(normal, shift, n) > LEVEL;
        if (found * 100 >= pairs * 99)
            return n;
    }
    return STATS_CAP;
}

static void
bench_compare(int pairs)
{
    static const struct {
        const char *what;
        double (*draw)(void);
    } KINDS[] = { { "normal", normal }, { "skewed, with ties", skewed } };
    enum stats_verdict verdict;
    double used = 0, sum = 0;
    size_t fixed;
    int found = 0;

    for (size_t k = 0; k < 2; k++) {
        int called = 0;

        sum = 0;
        for (int i = 0; i < pairs; i++) {
            sum += (double)sequential(KINDS[k].draw, 0, &verdict);
            called += verdict == STATS_DIFFERENT;
        }
        printf("A/A, %s: %.2f %% called different, %.1f values a side\n",
               KINDS[k].what, 100.0 * called / pairs, sum / pairs);
    }
    for (int i = 0; i < pairs; i++) {
        used += (double)sequential(normal, IQR, &verdict);
        found += verdict == STATS_DIFFERENT;
    }
    fixed = fixed_size(pairs, IQR);
    printf("shift of 1 IQR: %.2f %% found with %.1f values a side; a fixed "
           "Mann-Whitney design needs %zu: %.2fx\n", 100.0 * found / pairs,
           used / pairs, fixed, used / pairs / (double)fixed);
}

/* Series ------------------------------------------------------------------- */

enum kind { QUIET = 0, SPIKY, STEPPED, KIND_COUNT };
static const char *const KINDS[] = { "quiet", "spiky", "stepped" };

/* 'steps' (or NULL) takes where levels begin. */
static size_t
make(enum kind kind, double *x, size_t count, size_t *steps)
{
    double level = 0;
    size_t next = 100, found = 0;

    for (size_t i = 0; i < count; i++) {
        if (kind == STEPPED && i == next && i + 50 < count) {
            level += uniform() < 0.5 ? -8 : 8;
            if (steps != NULL)
                steps[found] = i;
            found++;
            next = i + 100 + (size_t)(200 * uniform());
        }
        x[i] = level + normal();
        if (kind == SPIKY && uniform() < 0.03)
            x[i] += 30 * uniform();
    }
    return found;
}

static void
bench_found(int series)
{
    static double x[500];
    size_t steps[8], count;
    struct stats_changes changes;
    int flagged[KIND_COUNT] = { 0 }, near = 0, all = 0;

    for (int kind = QUIET; kind <= SPIKY; kind++)
        for (int i = 0; i < series; i++) {
            (void)make((enum kind)kind, x, 200, NULL);
            stats_changepoints(x, 200, &changes);
            flagged[kind] += changes.count > 0;
            stats_changes_fini(&changes);
        }
    for (int i = 0; i < series; i++) {
        count = make(STEPPED, x, 500, steps);
        stats_changepoints(x, 500, &changes);
        for (size_t k = 0; k < count; k++, all++)
            for (size_t c = 0; c < changes.count; c++)
                if (llabs((long long)changes.list[c].at
                          - (long long)steps[k]) <= 5) {
                    near++;
                    break;
                }
        stats_changes_fini(&changes);
    }
    printf("change points: %.1f %% of quiet and %.1f %% of spiky series "
           "flagged; %d of %d clear steps found within 5 points\n",
           100.0 * flagged[QUIET] / series, 100.0 * flagged[SPIKY] / series,
           near, all);
}

/* The scan as it is written in the books: every window pair anew. */
static double
plain_scan(const double *x, size_t count)
{
    static const size_t WIDTHS[] = { 5, 10, 16, 24, 36 };
    double top = 0;

    for (size_t k = 0; k < 5; k++)
        for (size_t t = WIDTHS[k]; t + WIDTHS[k] <= count; t++) {
            double u = 0;

            for (size_t i = t - WIDTHS[k]; i < t; i++)
                for (size_t j = t; j < t + WIDTHS[k]; j++)
                    u += x[j] > x[i] ? 1 : x[j] == x[i] ? 0.5 : 0;
            top = fmax(top, u);
        }
    return top;
}

static void
bench_speed(void)
{
    static double x[POINTS];
    struct stats_changes changes;
    struct stats_change end;
    double begun, took, plain, sink = 0;

    for (int kind = 0; kind < KIND_COUNT; kind++) {
        took = INFINITY;
        (void)make((enum kind)kind, x, POINTS, NULL);
        for (int i = 0; i < 20; i++) {
            begun = now_us();
            stats_changepoints(x, POINTS, &changes);
            took = fmin(took, now_us() - begun);
            stats_changes_fini(&changes);
        }
        begun = now_us();
        sink += plain_scan(x, POINTS);
        plain = now_us() - begun;
        printf("%d points, %s: %.2f ms; every window anew %.0f ms: %.0fx\n",
               POINTS, KINDS[kind], took / 1000, plain / 1000, plain / took);
    }
    begun = now_us();
    for (size_t i = 0; i < 2000; i++)
        sink += stats_change_at_end(x, POINTS - i, &end);
    took = (now_us() - begun) / 2000;
    begun = now_us();
    stats_changepoints(x, POINTS, &changes);
    plain = now_us() - begun;
    stats_changes_fini(&changes);
    printf("one appended point: %.1f us; the whole series again %.0f us: "
           "%.0fx%s\n", took, plain, plain / took, sink < 0 ? "!" : "");
}

int
main(int argc, char **argv)
{
    int64_t pairs, seed;

    if (argc != 3 || !parse_int64(argv[1], 100, 1000000, &pairs)
        || !parse_int64(argv[2], 0, INT64_MAX, &seed)) {
        fprintf(stderr, "usage: stats-bench PAIRS SEED\n");
        return 2;
    }
    state = (uint64_t)seed;
    bench_compare((int)pairs);
    bench_found((int)pairs / 4);
    bench_speed();
    return 0;
}
