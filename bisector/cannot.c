/* bisector/cannot.c - where a test is likely to answer "cannot tell". */
#include <config.h>

#include "bisector/cannot.h"

#include <math.h>

#define WEIGHT_LEAST 1e-5       /* of the best: what counts no more */

/* Long stretches are taken for likelier than many short ones: else a search
 * looks for holes in each stretch before it goes round it. */
static const struct {
    double share, prior;
} shares[] = { { .02, .7 }, { .1, .25 }, { .3, .05 } };

void
cannot_init(struct cannot *cannot, size_t commit_count)
{
    double length;
    size_t i;

    cannot->count = 0;
    for (length = 1; cannot->count + (int)ARRAY_LEN(shares) <= CANNOT_GRID_MAX
         && (length <= 2 * (double)commit_count || length == 1); length *= 2)
        for (i = 0; i < ARRAY_LEN(shares); i++)
            cannot->grid[cannot->count++] = (struct cannot_point){
                shares[i].prior * length, shares[i].share, length };
}

/* From one state to "cannot" (or to "can") over a distance. */
static double
step(const struct cannot_point *p, bool from, bool to, double distance)
{
    double kept = exp(-distance / p->length);
    double cannot = from ? p->share + (1 - p->share) * kept
                         : p->share * (1 - kept);

    return to ? cannot : 1 - cannot;
}

static double
chance_at(const struct cannot_point *p, const struct cannot_near *below,
          const struct cannot_near *above)
{
    double yes = p->share, no = 1 - p->share;

    if (below->known) {
        yes = step(p, below->cannot, true, below->distance);
        no = 1 - yes;
    }
    if (above->known) {         /* the chain is the same in both directions */
        yes *= step(p, true, above->cannot, above->distance);
        no *= step(p, false, above->cannot, above->distance);
    }
    return yes + no > 0 ? yes / (yes + no) : p->share;
}

double
cannot_chance(const struct cannot *cannot, const struct cannot_near *below,
              const struct cannot_near *above)
{
    double sum = 0, all = 0;
    int i;

    for (i = 0; i < cannot->count; i++) {
        all += cannot->grid[i].weight;
        sum += cannot->grid[i].weight
            * chance_at(&cannot->grid[i], below, above);
    }
    return sum / all;
}

void
cannot_observe(struct cannot *cannot, const struct cannot_near *below,
               const struct cannot_near *above, bool is_cannot)
{
    double best = 0, yes;
    int i, kept = 0;

    for (i = 0; i < cannot->count; i++) {
        yes = chance_at(&cannot->grid[i], below, above);
        cannot->grid[i].weight *= is_cannot ? yes : 1 - yes;
        best = fmax(best, cannot->grid[i].weight);
    }
    for (i = 0; i < cannot->count; i++)
        if (cannot->grid[i].weight > best * WEIGHT_LEAST || best <= 0)
            cannot->grid[kept++] = cannot->grid[i];
    cannot->count = kept;
    for (i = 0; i < cannot->count; i++)
        cannot->grid[i].weight = best > 0 ? cannot->grid[i].weight / best : 1;
}
