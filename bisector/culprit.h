/* bisector/culprit.h - what a search found, as text, JSON and a graph. */
#ifndef BISECTOR_CULPRIT_H
#define BISECTOR_CULPRIT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <jansson.h>
#include "bisector/search.h"
#include "harness/attr.h"

struct buf;
struct fault;
struct graph;

/* Exit statuses of "assay bisect run": each is an answer. */
enum culprit_exit {
    CULPRIT_EXIT_CULPRIT = 0,
    CULPRIT_EXIT_FLAKE = 3,
    CULPRIT_EXIT_GOOD_FAILS = 4,
    CULPRIT_EXIT_SUSPECTS = 5,
    CULPRIT_EXIT_GAVE_UP = 6,
    CULPRIT_EXIT_BLOCKED = 7,    /* bad cannot be tested, or fails otherwise */
    CULPRIT_EXIT_MORE = 8,       /* "show" and "next": not at the end */
};
int culprit_exit_status(enum search_verdict verdict);

/* 'different': runs that failed in another way. Asks git for the culprit's
 * author and subject; does without if git has none. */
void culprit_text(const struct graph *graph, struct search *search,
                 const struct search_answer *answer, int64_t different,
                 struct buf *out);
MUST_CHECK json_t *culprit_json(const struct graph *graph,
                               struct search *search,
                               const struct search_answer *answer,
                               int64_t different);
/* For dot(1): tested commits, and the suspects with their chance as shade. At
 * most 'most' commits; what lies between is one dashed edge. */
void culprit_dot(const struct graph *graph, struct search *search,
                const struct search_answer *answer, size_t most,
                struct buf *out);

#endif
