/* results/plot.h - a series of numbers as an SVG picture. */
#ifndef RESULTS_PLOT_H
#define RESULTS_PLOT_H

#include <stddef.h>
#include "harness/attr.h"

struct buf;

struct plot {
    const double *values;       /* finite */
    size_t count;
    const size_t *changes;      /* where a new level begins, in order */
    size_t change_count;
    const char *title, *unit;   /* outside text: escaped here */
};

/* Appends one svg element: a dot a value, a line a level. */
void plot_svg(const struct plot *plot, struct buf *out);

#endif
