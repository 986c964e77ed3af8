/* bisector/cannot.h - where a test is likely to answer "cannot tell".
 *
 * Broken commits come in stretches: from the one that breaks the build to the
 * one that mends it. So along the history "cannot tell" is a Markov chain of
 * two states, whose share and length are learned from what was seen. */
#ifndef BISECTOR_CANNOT_H
#define BISECTOR_CANNOT_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

#define CANNOT_GRID_MAX 128

/* The nearest revision in one direction whose answer is known. */
struct cannot_near {
    bool known;
    bool cannot;                /* it could not tell */
    double distance;            /* commits between, at least 1 */
};

struct cannot_point {
    double weight, share, length;
};
struct cannot {
    struct cannot_point grid[CANNOT_GRID_MAX];
    int count;
};

void cannot_init(struct cannot *cannot, size_t commit_count);
/* Chance of "cannot tell" between two neighbours. */
double cannot_chance(const struct cannot *cannot,
                     const struct cannot_near *below,
                     const struct cannot_near *above);
/* What a first run between the two said. */
void cannot_observe(struct cannot *cannot, const struct cannot_near *below,
                    const struct cannot_near *above, bool is_cannot);

#endif
