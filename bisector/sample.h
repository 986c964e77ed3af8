/* bisector/sample.h - measurements instead of verdicts: how a revision's
 * numbers compare with those of the good end, and whose is wanted next.
 *
 * A revision is bad if its sample differs from good's for the worse, good if
 * the two are the same, and neither as long as there are too few numbers:
 * samples grow until results/stats.h says which. No I/O. */
#ifndef BISECTOR_SAMPLE_H
#define BISECTOR_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include "bisector/search.h"
#include "harness/attr.h"

/* What a comparison that is right says is wrong this often, so that a decided
 * revision is a run with these failure rates. */
#define SAMPLE_FLAKE_GOOD .01
#define SAMPLE_FLAKE_BAD .98

struct sample {
    struct search_test at;
    double *values;
    size_t count, cap;
};
struct samples {
    const struct graph *graph;
    bool lower_is_worse;
    struct sample *list;
    size_t count, cap;
};

/* Borrows 'graph'. */
void samples_init(struct samples *samples, const struct graph *graph,
                  bool lower_is_worse);
void samples_fini(struct samples *samples);

void samples_add(struct samples *samples, const struct search_test *at,
                 double value);
/* SEARCH_RESULT_NONE: more numbers are needed, the next one at 'next_out',
 * which is 'at' or the good end. */
enum search_result samples_judge(const struct samples *samples,
                                 const struct search_test *at,
                                 struct search_test *next_out);
/* 'at' was judged: if it is asked for again, then by new numbers. The ends
 * keep theirs, since all others are compared with them. */
void samples_judged(struct samples *samples, const struct search_test *at);
/* Of the numbers there are; NAN without any. */
double samples_median(const struct samples *samples,
                      const struct search_test *at);

/* The last number that 'text' gives for 'name': a line "NAME VALUE",
 * "NAME: VALUE" or "NAME=VALUE", with "metric" before it or not and anything
 * behind it. False: there is none. */
MUST_CHECK bool sample_parse(const char *text, const char *name,
                             double *value_out);

#endif
