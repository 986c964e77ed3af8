/* bisector/setup.h - what a search is about: trees, ends and options. It is the
 * first line of the search's journal, so that the journal alone can go on. */
#ifndef BISECTOR_SETUP_H
#define BISECTOR_SETUP_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "bisector/graph.h"
#include "bisector/search.h"
#include "harness/attr.h"

struct fault;

struct setup {
    char **specs;               /* "[NAME=]DIR:GOOD..BAD" as typed */
    char **paths;
    bool first_parent;
    char *cost_file;            /* or NULL */
    char *past_file;            /* or NULL: fills opts.past */
    char *metric;               /* NULL: runs pass or fail */
    char *metric_file;          /* in the first worktree; NULL: the output */
    bool lower_is_worse;
    struct search_opts opts;    /* 'cost' borrows the below */
    double *cost;
    struct graph graph;         /* loaded by setup_load() */
};

#define SETUP_INIT { .opts = SEARCH_OPTS_INIT }
void setup_fini(struct setup *setup);

/* Reads the histories and the costs. All that can be wrong with them is said
 * here, before the first test. */
MUST_CHECK bool setup_load(struct setup *setup, struct fault *why);

/* With the ends as commits: what makes two searches the same one. */
MUST_CHECK json_t *setup_json(const struct setup *setup);
MUST_CHECK bool setup_from_json(const json_t *json, struct setup *setup,
                                struct fault *why);

#endif
