/* bisector/posterior.h - what a set of runs says for one culprit.
 *
 * A run at a revision that has the culprit fails with the bad rate, any other
 * with the good rate. The two are given, or learned: then they are integrated
 * over a grid, with a prior that knows most failures as certain. For a culprit
 * only four counts matter: failed and passed, with and without it. */
#ifndef BISECTOR_POSTERIOR_H
#define BISECTOR_POSTERIOR_H

#include <stdint.h>
#include "harness/attr.h"

#define POSTERIOR_LEARN (-1.0)
#define POSTERIOR_GRID_MAX 160

/* A hypothesis in the light of the runs. */
struct posterior_view {
    double log_like;            /* natural, of all runs */
    double with, without;       /* chance that a run there fails next */
};

struct posterior_point {
    double prior, bad, good;    /* failure rates */
    double log_bad, log_not_bad, log_good, log_not_good;
};

struct posterior {
    struct posterior_point joint[POSTERIOR_GRID_MAX];   /* of a culprit */
    struct posterior_point flake[POSTERIOR_GRID_MAX];   /* of no culprit */
    int joint_count, flake_count;
};

/* How often runs failed before this search, of how many. */
struct posterior_past {
    uint32_t good_fails, good_runs, bad_fails, bad_runs;
};

/* Rates in [0, 1], or POSTERIOR_LEARN each: then they begin with what 'past'
 * says of them. */
void posterior_init(struct posterior *posterior, double good, double bad,
                    const struct posterior_past *past);

/* A culprit: of 'fails' and 'passes' runs in all, 'fails_with' and
 * 'passes_with' had it. */
void posterior_culprit(const struct posterior *posterior, uint32_t fails,
                       uint32_t passes, uint32_t fails_with,
                       uint32_t passes_with, struct posterior_view *out);
/* Nobody: all runs fail alike, and rarely. */
void posterior_flake(const struct posterior *posterior, uint32_t fails,
                     uint32_t passes, struct posterior_view *out);

/* Entropy of a coin, in bits. */
double posterior_entropy(double p);

#endif
