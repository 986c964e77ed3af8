/* bisector/culprit.h - what a search found, as text, JSON, graph and page. */
#ifndef BISECTOR_CULPRIT_H
#define BISECTOR_CULPRIT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <jansson.h>
#include "bisector/search.h"
#include "harness/attr.h"

struct account;
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

/* What all of these tell of. */
struct culprit {
    const struct graph *graph;
    struct search *search;
    const struct search_answer *answer;
    const struct account *account;
    const char *journal;        /* its name */
};

/* "even odds on 12 of 611 commits, about 6 more runs": how far a search is. */
void culprit_left(const struct search_answer *answer,
                  const struct graph *graph, struct buf *out);
/* One sentence, without a full stop. */
void culprit_headline(const struct culprit *culprit, struct buf *out);
/* Lines that "git show" prints of a commit with 'option' ("--stat",
 * "--pretty=..."), harmless; nothing if git does not know it any more. */
void culprit_git(const struct graph *graph, uint32_t node, const char *option,
                 struct buf *out);
/* The runs that say it best: 'bad_out' at the culprit and 'good_out' at a
 * parent, or the last ones. NULL: none. */
struct account_run;
void culprit_sides(const struct culprit *culprit,
                   const struct account_run **bad_out,
                   const struct account_run **good_out);

void culprit_text(const struct culprit *culprit, struct buf *out);
MUST_CHECK json_t *culprit_json(const struct culprit *culprit);

/* For dot(1): tested commits, and the suspects with their chance as shade. At
 * most 'most' commits; what lies between is one dashed edge. */
void culprit_dot(const struct culprit *culprit, size_t most,
                 struct buf *out);
/* The same, drawn: <svg>...</svg>. FAULT_SYSTEM without Graphviz. */
MUST_CHECK bool culprit_svg(const struct culprit *culprit, size_t most,
                            struct buf *out, struct fault *why);

/* A page that stands alone. It loads itself again as long as the search is
 * not at its end. */
void culprit_html(const struct culprit *culprit, struct buf *out);

#endif
