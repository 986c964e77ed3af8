/* results/stats_change.c - where did a series change.
 *
 * Two windows side by side slide over the series, at several widths; their
 * Mann-Whitney statistic, a rank statistic and so deaf to single spikes, says
 * how far the right one stands above the left one (a MOSUM scan; Eichinger
 * and Kirch, Bernoulli 24, 2018). The narrowest width over the threshold
 * names a change (Baranowski, Chen and Fryzlewicz, JRSS B 81, 2019), whose
 * place is then the split with the least absolute deviations from two
 * medians. */
#include <config.h>

#include "results/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/attr.h"
#include "harness/mem.h"

/* Windows, narrowest first. The narrowest decides only where all its values on
 * one side are beyond all on the other, by CLEAR times the noise. */
static const size_t WIDTHS[] = { 5, 10, 16, 24, 36 };
#define WIDEST 36
static const double CLEAR = 5;

/* Threshold of |z| for a series of 'count' independent values: the 0.95
 * quantile of the greatest |z| over all places and widths, by simulation
 * (2,000 series each of 30 to 14,000 values), fitted in log(count). */
static double
threshold(size_t count)
{
    return 2.30 + 0.27 * log((double)count);
}

static double
z_of(double u, size_t width)
{
    double w = (double)width;

    return (u - w * w / 2) / sqrt(w * w * (2 * w + 1) / 12);
}

/* Pairs of 'value' above the window, ties by half. */
static double
above(double value, const double *window, size_t width)
{
    double sum = 0;
    size_t i;

    for (i = 0; i < width; i++)
        sum += (double)(value > window[i]) + (double)(value >= window[i]);
    return sum / 2;
}

static double
u_at(const double *x, size_t at, size_t width)
{
    double u = 0;
    size_t i;

    for (i = 0; i < width; i++)
        u += above(x[at + i], x + at - width, width);
    return u;
}

/* z[t] for every t that has 'width' values on both sides; else 0. The window
 * pair moves by one: four rows of comparisons instead of 'width'. */
static void
scan(const double *x, size_t count, size_t width, double *z)
{
    size_t t;
    double u, w = (double)width, moved;

    memset(z, 0, count * sizeof(*z));
    if (count < 2 * width)
        return;
    u = u_at(x, width, width);
    z[width] = z_of(u, width);
    for (t = width; t + width < count; t++) {
        moved = x[t];
        /* The oldest leaves the left side. */
        u -= w - above(x[t - width], x + t, width);
        /* The middle one changes sides. */
        u -= above(moved, x + t - width + 1, width - 1);
        u += w - 1 - above(moved, x + t + 1, width - 1);
        /* The newest joins the right side. */
        u += above(x[t + width], x + t - width + 1, width);
        z[t + 1] = z_of(u, width);
    }
}

static double
median_of(const double *x, size_t count, double *scratch)
{
    memcpy(scratch, x, count * sizeof(*x));
    return stats_median(scratch, count);
}

/* Robust standard deviation from first differences: steps do not enlarge it.
 * When most differences are zero, from those that are not. */
static double
noise_of(const double *x, size_t count, double *scratch)
{
    size_t i, n = 0;

    for (i = 1; i < count; i++)
        if (x[i] != x[i - 1])   /* exact: equal means no information */
            scratch[n++] = fabs(x[i] - x[i - 1]);
    return n > 0 ? stats_median(scratch, n) / 0.9539 : 0;
}

/* All of one side beyond all of the other, by CLEAR times the noise. */
static bool
is_clear(const double *x, size_t at, size_t width, double noise)
{
    double low[2] = { INFINITY, INFINITY }, high[2] = { -INFINITY, -INFINITY };
    size_t i;
    int side;

    for (i = 0; i < 2 * width; i++) {
        side = i >= width;
        low[side] = fmin(low[side], x[at - width + i]);
        high[side] = fmax(high[side], x[at - width + i]);
    }
    return low[1] - high[0] > CLEAR * noise || low[0] - high[1] > CLEAR * noise;
}

/* The split of [from, to) with the least absolute deviations; both sides
 * keep two values at least. */
static size_t
best_split(const double *x, size_t from, size_t to)
{
    double scratch[2 * WIDEST], best = INFINITY, cost, m;
    size_t s, i, at = from + (to - from) / 2;

    for (s = from + 2; s + 2 <= to; s++) {
        cost = 0;
        m = median_of(x + from, s - from, scratch);
        for (i = from; i < s; i++)
            cost += fabs(x[i] - m);
        m = median_of(x + s, to - s, scratch);
        for (i = s; i < to; i++)
            cost += fabs(x[i] - m);
        if (cost < best) {
            best = cost;
            at = s;
        }
    }
    return at;
}

struct finder {
    const double *x;
    size_t count;
    double noise, limit;
    bool *taken;                /* change at t; count + 1 of them */
};

static bool
is_near_taken(const struct finder *finder, size_t at, size_t width)
{
    size_t from = at > width ? at - width : 0, t;
    size_t to = at + width < finder->count ? at + width : finder->count;

    for (t = from; t <= to; t++)
        if (finder->taken[t])
            return true;
    return false;
}

static void
find_at_width(struct finder *finder, size_t width, const double *z)
{
    size_t t, i, peak, end;
    double top = z_of((double)(width * width), width);
    bool only_clear = width == WIDTHS[0];

    for (t = width; t + width <= finder->count; t++) {
        if (only_clear ? fabs(z[t]) < top * 0.999
            : fabs(z[t]) <= finder->limit)
            continue;
        /* The greatest of the next 'width' places stands for all of them. */
        peak = t;
        end = t + width + width <= finder->count ? t + width
            : finder->count - width;
        for (i = t; i <= end; i++)
            if (fabs(z[i]) > fabs(z[peak]))
                peak = i;
        if (only_clear && !is_clear(finder->x, peak, width, finder->noise))
            continue;
        if (!is_near_taken(finder, peak, width))
            finder->taken[best_split(finder->x, peak - width,
                                     peak + width)] = true;
        t = end;
    }
}

static size_t
smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Lag-one correlation of what is left when the levels are taken out, each
 * value cut at three times the noise. Correlated noise makes z larger by the
 * square root of (1 + r) / (1 - r). */
static double
inflation(const struct finder *finder, double *rest)
{
    const double *x = finder->x;
    size_t from = 0, t, i;
    double m, cut = 3 * finder->noise, top = 0, bottom = 0, r;

    if (finder->noise <= 0)
        return 1;
    for (t = 1; t <= finder->count; t++) {
        if (t < finder->count && !finder->taken[t])
            continue;
        m = median_of(x + from, t - from, rest + from);
        for (i = from; i < t; i++)
            rest[i] = fmax(-cut, fmin(cut, x[i] - m));
        from = t;
    }
    for (i = 0; i < finder->count; i++) {
        bottom += rest[i] * rest[i];
        top += i > 0 ? rest[i] * rest[i - 1] : 0;
    }
    r = bottom > 0 ? top / bottom : 0;
    /* Below this it is what independent values show by chance. */
    if (r < 2 / sqrt((double)finder->count))
        return 1;
    return sqrt((1 + fmin(r, 0.9)) / (1 - fmin(r, 0.9)));
}

static void
describe(const double *x, size_t from, size_t at, size_t to, double *scratch,
         struct stats_change *out)
{
    size_t width = smaller(WIDEST, smaller(at - from, to - at));

    out->at = at;
    out->before = median_of(x + from, at - from, scratch);
    out->after = median_of(x + at, to - at, scratch);
    out->z = width > 0 ? z_of(u_at(x, at, width), width) : 0;
}

/* What was found is judged once more against its neighbours as they now are;
 * the weakest that fails goes, until all stand. */
static void
settle(struct finder *finder, double limit, double *scratch,
       struct stats_changes *out)
{
    const double *x = finder->x;
    size_t i, t, from, to, side, weakest;
    double least, z;
    bool stands;

    for (t = 1; t < finder->count; t++)
        out->count += finder->taken[t];
    out->list = xcalloc(out->count + 1, sizeof(*out->list));
    for (t = 1, i = 0; t < finder->count; t++)
        if (finder->taken[t])
            out->list[i++].at = t;
    for (;;) {
        least = INFINITY;
        weakest = out->count;
        for (i = 0; i < out->count; i++) {
            from = i > 0 ? out->list[i - 1].at : 0;
            to = i + 1 < out->count ? out->list[i + 1].at : finder->count;
            describe(x, from, out->list[i].at, to, scratch, &out->list[i]);
            side = smaller(out->list[i].at - from, to - out->list[i].at);
            stands = side >= WIDTHS[0] - 1
                && is_clear(x, out->list[i].at, WIDTHS[0] - 1,
                            finder->noise);
            z = fabs(out->list[i].z);
            if (!stands && z <= limit && z < least) {
                least = z;
                weakest = i;
            }
        }
        if (weakest == out->count)
            return;
        memmove(out->list + weakest, out->list + weakest + 1,
                (out->count - weakest - 1) * sizeof(*out->list));
        out->count--;
    }
}

void
stats_changepoints(const double *values, size_t count,
                   struct stats_changes *out)
{
    struct finder finder = { .x = values, .count = count };
    double *z, *scratch, factor;
    size_t i;

    *out = (struct stats_changes){ .list = NULL };
    if (count < 2 * WIDTHS[0])
        return;
    z = xcalloc(count + 1, sizeof(*z));
    scratch = xcalloc(count + 1, sizeof(*scratch));
    finder.taken = xcalloc(count + 1, sizeof(*finder.taken));
    finder.noise = noise_of(values, count, scratch);
    finder.limit = threshold(count);
    for (i = 0; i < ARRAY_LEN(WIDTHS); i++) {
        scan(values, count, WIDTHS[i], z);
        find_at_width(&finder, WIDTHS[i], z);
    }
    factor = inflation(&finder, scratch);
    settle(&finder, finder.limit * factor, scratch, out);
    out->noise = finder.noise;
    free(finder.taken);
    free(scratch);
    free(z);
}

bool
stats_change_at_end(const double *values, size_t count,
                    struct stats_change *out)
{
    size_t kept = smaller(count, 4 * WIDEST), base = count - kept;
    struct stats_changes changes;
    bool found = false;

    stats_changepoints(values + base, kept, &changes);
    if (changes.count > 0
        && kept - changes.list[changes.count - 1].at <= WIDEST) {
        *out = changes.list[changes.count - 1];
        out->at += base;
        found = true;
    }
    stats_changes_fini(&changes);
    return found;
}

void
stats_changes_fini(struct stats_changes *changes)
{
    free(changes->list);
    *changes = (struct stats_changes){ .list = NULL };
}
