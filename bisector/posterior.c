/* bisector/posterior.c - what a set of runs says for one culprit. */
#include <config.h>

#include "bisector/posterior.h"

#include <math.h>

/* A rate of 0 or 1 means "as far as anybody has seen": one run against it
 * must not make all that is known impossible. */
#define RATE_LEAST 1e-6

struct rate {
    double rate, prior;
};

/* Many regressions fail always and never without their cause, which
 * is one fact and not two; the rest is spread out. Less belief in certainty
 * costs clean tests a run or two; more of it makes flaky ones name the wrong
 * commit. */
#define BOTH_CERTAIN .15        /* beside the 1 that the others sum to */
static const struct rate learn_bad[] = {
    { .9995, .20 }, { .97, .06 }, { .9, .10 }, { .8, .12 }, { .7, .07 },
    { .6, .07 }, { .5, .07 }, { .4, .06 }, { .3, .05 }, { .2, .03 },
    { .1, .02 },
};
static const struct rate learn_good[] = {
    { .0005, .25 }, { .01, .10 }, { .03, .10 }, { .07, .10 }, { .13, .12 },
    { .2, .13 }, { .3, .10 }, { .45, .05 },
};
/* A failure was seen before anybody bisects, so a flake has some rate; or what
 * failed then was not in these trees, and never comes back. */
static const struct rate learn_flake[] = {
    { .0005, .30 }, { .01, .08 }, { .03, .10 }, { .07, .12 }, { .13, .12 },
    { .2, .10 }, { .3, .10 }, { .45, .08 },
};
/* A difference that tells less than this many bits a run, wherever it is run,
 * is taken for none: hundreds of runs would not show it. */
#define CAPACITY_LEAST .03
static_assert(ARRAY_LEN(learn_bad) * ARRAY_LEN(learn_good)
              <= POSTERIOR_GRID_MAX, "the grid has room for all pairs");

/* What the best mixture of runs with and without the culprit tells: the
 * capacity of the channel. */
static double
capacity(double bad, double good)
{
    double best = 0, share;
    int i;

    for (i = 1; i < 20; i++) {
        share = i / 20.;
        best = fmax(best, posterior_entropy(share * bad + (1 - share) * good)
                    - share * posterior_entropy(bad)
                    - (1 - share) * posterior_entropy(good));
    }
    return best;
}

static double
clamp(double rate)
{
    return fmin(fmax(rate, RATE_LEAST), 1 - RATE_LEAST);
}

static void
point_add(struct posterior_point *points, int *count, double prior,
          double bad, double good)
{
    struct posterior_point *p = &points[(*count)++];

    p->prior = prior;
    p->bad = clamp(bad);
    p->good = clamp(good);
    p->log_bad = log(p->bad);
    p->log_not_bad = log1p(-p->bad);
    p->log_good = log(p->good);
    p->log_not_good = log1p(-p->good);
}

static void
normalise(struct posterior_point *points, int count)
{
    double sum = 0;
    int i;

    for (i = 0; i < count; i++)
        sum += points[i].prior;
    for (i = 0; i < count; i++)
        points[i].prior = sum > 0 ? points[i].prior / sum : 1. / count;
}

/* How well a rate explains 'fails' of 'runs', beside the rate that explains
 * them best: counts may be large. */
static double
past_like(double rate, uint32_t fails, uint32_t runs)
{
    double seen = clamp(runs > 0 ? (double)fails / runs : .5);

    rate = clamp(rate);
    return exp(fails * log(rate / seen)
               + (runs - fails) * log((1 - rate) / (1 - seen)));
}

void
posterior_init(struct posterior *posterior, double good, double bad,
               const struct posterior_past *past)
{
    const struct rate one_good = { good, 1 }, one_bad = { bad, 1 };
    const struct rate *goods = good < 0 ? learn_good : &one_good;
    const struct rate *bads = bad < 0 ? learn_bad : &one_bad;
    const struct rate *flakes = good < 0 ? learn_flake : &one_good;
    size_t good_count = good < 0 ? ARRAY_LEN(learn_good) : 1, i, k;
    size_t bad_count = bad < 0 ? ARRAY_LEN(learn_bad) : 1;
    size_t flake_count = good < 0 ? ARRAY_LEN(learn_flake) : 1;
    double prior;

    posterior->joint_count = posterior->flake_count = 0;
    for (i = 0; i < bad_count; i++)
        for (k = 0; k < good_count; k++) {
            if ((good_count > 1 || bad_count > 1)
                && (bads[i].rate <= goods[k].rate
                    || capacity(bads[i].rate, goods[k].rate)
                       < CAPACITY_LEAST))
                continue;
            prior = bads[i].prior * goods[k].prior;
            if (i == 0 && k == 0 && good < 0 && bad < 0)
                prior += BOTH_CERTAIN;
            prior *= past_like(bads[i].rate, past->bad_fails, past->bad_runs)
                * past_like(goods[k].rate, past->good_fails,
                            past->good_runs);
            point_add(posterior->joint, &posterior->joint_count, prior,
                      bads[i].rate, goods[k].rate);
        }
    if (posterior->joint_count == 0)    /* a given rate beyond all of ours */
        point_add(posterior->joint, &posterior->joint_count, 1,
                  bad < 0 ? 1 : bad, good < 0 ? 0 : good);
    for (i = 0; i < flake_count; i++)
        point_add(posterior->flake, &posterior->flake_count,
                  flakes[i].prior * past_like(flakes[i].rate,
                                              past->good_fails,
                                              past->good_runs),
                  flakes[i].rate, flakes[i].rate);
    normalise(posterior->joint, posterior->joint_count);
    normalise(posterior->flake, posterior->flake_count);
}

static void
view(const struct posterior_point *points, int count, uint32_t fails_with,
     uint32_t passes_with, uint32_t fails_without, uint32_t passes_without,
     struct posterior_view *out)
{
    double like[POSTERIOR_GRID_MAX], best = -INFINITY, sum = 0, w;
    const struct posterior_point *p;
    int i;

    *out = (struct posterior_view){ .log_like = 0 };
    for (i = 0; i < count; i++) {
        p = &points[i];
        like[i] = fails_with * p->log_bad + passes_with * p->log_not_bad
            + fails_without * p->log_good + passes_without * p->log_not_good;
        if (like[i] > best)
            best = like[i];
    }
    for (i = 0; i < count; i++) {
        w = points[i].prior * exp(like[i] - best);
        sum += w;
        out->with += w * points[i].bad;
        out->without += w * points[i].good;
    }
    out->log_like = best + log(sum);
    out->with /= sum;
    out->without /= sum;
}

void
posterior_culprit(const struct posterior *posterior, uint32_t fails,
                  uint32_t passes, uint32_t fails_with, uint32_t passes_with,
                  struct posterior_view *out)
{
    view(posterior->joint, posterior->joint_count, fails_with, passes_with,
         fails - fails_with, passes - passes_with, out);
}

void
posterior_flake(const struct posterior *posterior, uint32_t fails,
                uint32_t passes, struct posterior_view *out)
{
    view(posterior->flake, posterior->flake_count, 0, 0, fails, passes, out);
}

double
posterior_entropy(double p)
{
    if (p <= 0 || p >= 1)
        return 0;
    return -(p * log2(p) + (1 - p) * log2(1 - p));
}
