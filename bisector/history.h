/* bisector/history.h - the commits between good and bad, asked of git. */
#ifndef BISECTOR_HISTORY_H
#define BISECTOR_HISTORY_H

#include <stdbool.h>
#include "harness/attr.h"

struct fault;
struct graph;

struct history_opts {
    bool first_parent;
    const char *const *paths;   /* NULL-ended, or NULL */
};

/* Adds the tree of "[NAME=]DIR:GOOD..[BAD]" to 'graph'. Candidates are those of
 * "git rev-list --bisect-all BAD ^GOOD". What cannot be bisected (an unknown
 * revision, unrelated histories, a history cut by a shallow clone, a good
 * that is no ancestor) is FAULT_CONFIG or FAULT_NOT_FOUND. */
MUST_CHECK bool history_tree_add(struct graph *graph, const char *spec,
                                 const struct history_opts *opts,
                                 struct fault *why);

#endif
