/* bisector/report.h - what a search found, as text, JSON and a graph. */
#ifndef BISECTOR_REPORT_H
#define BISECTOR_REPORT_H

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
enum report_exit {
    REPORT_EXIT_CULPRIT = 0,
    REPORT_EXIT_FLAKE = 3,
    REPORT_EXIT_GOOD_FAILS = 4,
    REPORT_EXIT_SUSPECTS = 5,
    REPORT_EXIT_GAVE_UP = 6,
    REPORT_EXIT_BLOCKED = 7,    /* bad cannot be tested, or fails otherwise */
    REPORT_EXIT_MORE = 8,       /* "show" and "next": not at the end */
};
int report_exit_status(enum search_verdict verdict);

/* 'different': runs that failed in another way. Asks git for the culprit's
 * author and subject; does without if git has none. */
void report_text(const struct graph *graph, struct search *search,
                 const struct search_answer *answer, int64_t different,
                 struct buf *out);
MUST_CHECK json_t *report_json(const struct graph *graph,
                               struct search *search,
                               const struct search_answer *answer,
                               int64_t different);
/* For dot(1): tested commits, and the suspects with their chance as shade. At
 * most 'most' commits; what lies between is one dashed edge. */
void report_dot(const struct graph *graph, struct search *search,
                const struct search_answer *answer, size_t most,
                struct buf *out);

#endif
