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
#include <stdint.h>
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

/* How each value stands to its neighbours, summed over distances: ahead[i] is
 * the number of later values above x[i] less that of those below it, up to some
 * distance, behind[i] the number of earlier values below x[i] less that of
 * those above it. All widths need no more than these sums at a few distances,
 * so that each pair of values is compared once. */
struct sums {
    int16_t *ahead[2 * ARRAY_LEN(WIDTHS)], *behind[2 * ARRAY_LEN(WIDTHS)];
    int16_t *memory;
};

static void
sums_make(const double *x, size_t count, struct sums *sums)
{
    size_t rows = 4 * ARRAY_LEN(WIDTHS), row = 0, d, i;
    int16_t *memory = xcalloc((rows + 2) * count, sizeof(*memory));
    int16_t *ahead = memory, *behind = memory + count;
    int above;

    sums->memory = memory;
    memory += 2 * count;
    for (d = 1; d < 2 * WIDEST && d < count; d++) {
        for (i = 0; i + d < count; i++) {
            above = (x[i + d] > x[i]) - (x[i + d] < x[i]);
            ahead[i] = (int16_t)(ahead[i] + above);
            behind[i + d] = (int16_t)(behind[i + d] + above);
        }
        for (row = 0; row < ARRAY_LEN(sums->ahead); row++) {
            if (d != (row % 2 + 1) * WIDTHS[row / 2] - 1)
                continue;
            memcpy(memory, ahead, count * sizeof(*ahead));
            memcpy(memory + count, behind, count * sizeof(*behind));
            sums->ahead[row] = memory;
            sums->behind[row] = memory + count;
            memory += 2 * count;
        }
    }
}

/* z[t] for every t that has 'width' values on both sides; else 0. The window
 * pair moves by one: what leaves and joins is in the sums. */
static void
scan(const double *x, size_t count, size_t which, const struct sums *sums,
     double *z)
{
    const int16_t *ahead = sums->ahead[2 * which];
    const int16_t *far_ahead = sums->ahead[2 * which + 1];
    const int16_t *behind = sums->behind[2 * which];
    const int16_t *far_behind = sums->behind[2 * which + 1];
    size_t width = WIDTHS[which], t;
    double w = (double)width;
    double scale = 1 / (2 * sqrt(w * w * (2 * w + 1) / 12));
    int64_t sum;

    memset(z, 0, count * sizeof(*z));
    if (count < 2 * width)
        return;
    /* Twice U less its mean, an integer. */
    sum = llround(2 * u_at(x, width, width) - w * w);
    z[width] = (double)sum * scale;
    for (t = width; t + width < count; t++) {
        /* The oldest leaves the left side, the middle one changes sides, the
         * newest joins the right side. */
        sum += ahead[t] - behind[t]
            - (far_ahead[t - width] - ahead[t - width])
            + (far_behind[t + width] - behind[t + width]);
        z[t + 1] = (double)sum * scale;
    }
}

/* The value that would stand at 'k' if they were sorted (Hoare's FIND, Comm.
 * ACM 4, 1961); those below it are left before it. */
static double
value_at(double *values, size_t count, size_t k)
{
    size_t low = 0, high = count - 1, i, j;
    double pivot, swap;

    while (low < high) {
        pivot = values[low + (high - low) / 2];
        i = low;
        j = high;
        for (;;) {
            while (values[i] < pivot)
                i++;
            while (pivot < values[j])
                j--;
            if (i >= j)
                break;
            swap = values[i];
            values[i++] = values[j];
            values[j--] = swap;
        }
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
    return values[k];
}

/* As stats_median(), which sorts. */
static double
median(double *values, size_t count)
{
    double upper = value_at(values, count, count / 2), lower = -INFINITY;
    size_t i;

    if (count % 2 == 1)
        return upper;
    for (i = 0; i < count / 2; i++)
        lower = fmax(lower, values[i]);
    return lower + (upper - lower) / 2;
}

static double
median_of(const double *x, size_t count, double *scratch)
{
    memcpy(scratch, x, count * sizeof(*x));
    return median(scratch, count);
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
    return n > 0 ? median(scratch, n) / 0.9539 : 0;
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
weigh(const double *x, size_t from, size_t at, size_t to,
      struct stats_change *out)
{
    size_t width = smaller(WIDEST, smaller(at - from, to - at));

    out->z = width > 0 ? z_of(u_at(x, at, width), width) : 0;
}

static size_t
begin_of(const struct stats_changes *changes, size_t i)
{
    return i > 0 ? changes->list[i - 1].at : 0;
}

static size_t
end_of(const struct finder *finder, const struct stats_changes *changes,
       size_t i)
{
    return i + 1 < changes->count ? changes->list[i + 1].at : finder->count;
}

static void
find_levels(const struct finder *finder, double *scratch,
            struct stats_changes *out)
{
    size_t i, at;

    for (i = 0; i < out->count; i++) {
        at = out->list[i].at;
        out->list[i].before = i > 0 ? out->list[i - 1].after
            : median_of(finder->x, at, scratch);
        out->list[i].after = median_of(finder->x + at,
                                       end_of(finder, out, i) - at, scratch);
    }
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
            from = begin_of(out, i);
            to = end_of(finder, out, i);
            weigh(x, from, out->list[i].at, to, &out->list[i]);
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
            break;
        memmove(out->list + weakest, out->list + weakest + 1,
                (out->count - weakest - 1) * sizeof(*out->list));
        out->count--;
    }
    find_levels(finder, scratch, out);
}

void
stats_changepoints(const double *values, size_t count,
                   struct stats_changes *out)
{
    struct finder finder = { .x = values, .count = count };
    struct sums sums = { .memory = NULL };
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
    sums_make(values, count, &sums);
    for (i = 0; i < ARRAY_LEN(WIDTHS); i++) {
        scan(values, count, i, &sums, z);
        find_at_width(&finder, WIDTHS[i], z);
    }
    factor = inflation(&finder, scratch);
    settle(&finder, finder.limit * factor, scratch, out);
    out->noise = finder.noise;
    free(sums.memory);
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
