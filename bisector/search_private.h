/* bisector/search_private.h - shared by search.c and search_next.c only. */
#ifndef BISECTOR_SEARCH_PRIVATE_H
#define BISECTOR_SEARCH_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bisector/cannot.h"
#include "bisector/posterior.h"
#include "bisector/search.h"

/* A test below this chance to tell anything is not worth its run. */
#define SEARCH_CAN_LEAST 0.05
/* A commit this much less likely than the first is ruled out. */
#define SEARCH_LIVE_LEAST 1e-4

/* A revision that was tested, or is being. */
struct search_point {
    struct search_test test;
    uint64_t *has, *above;      /* commits that it has; that have it */
    uint32_t fails, passes, cannots, running;
};

struct search {
    const struct graph *graph;
    struct search_opts opts;
    struct posterior posterior;
    struct cannot cannot;
    bool cannot_seen;

    struct search_point *points;
    size_t point_count, point_cap;
    uint32_t fails, passes;     /* of all points */
    int64_t runs, running;

    uint32_t *fails_with, *passes_with;         /* of each commit */

    /* Made by search_update() from the above; weights sum to 1. */
    bool fresh;
    double *weight;             /* of each commit */
    uint32_t *view_of;          /* its index in 'views' */
    struct posterior_view *views;
    size_t view_count, view_cap;
    double none, already;
    struct posterior_view none_view, already_view;
    double entropy, best_info;  /* bits */
    bool next_known;            /* and so is a single next test */
    size_t next_count;
    struct search_test next;

    /* Several trees: a main line each, to go along with the others by date. */
    int64_t *since;             /* a commit's date, never before parents' */
    uint32_t *line[GRAPH_TREES_MAX];
    size_t line_count[GRAPH_TREES_MAX];
};

void search_update(struct search *search);
/* Chance that a test can tell; 0 if it is known that it cannot. */
double search_can(const struct search *search, const struct search_test *test);
struct search_point *search_point_find(const struct search *search,
                                       const struct search_test *test);

#endif
