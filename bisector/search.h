/* bisector/search.h - the search itself, without I/O: what is known after the
 * runs so far, what to run next, and when to stop.
 *
 * A test is one revision for each tree. What is searched for is called the
 * culprit, also when it is the commit that fixed something. It is one commit of
 * any tree, or there is none: the failure is a flake, or was there at good. */
#ifndef BISECTOR_SEARCH_H
#define BISECTOR_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bisector/graph.h"
#include "bisector/posterior.h"
#include "harness/attr.h"

struct search;

enum search_result {
    SEARCH_RESULT_NONE = 0,     /* no verdict: never recorded */
    SEARCH_PASS, SEARCH_FAIL, SEARCH_CANNOT,
    SEARCH_RESULT_COUNT
};

/* What is to be said at this point of the search. */
enum search_verdict {
    SEARCH_VERDICT_NONE = 0,
    SEARCH_MORE,                /* go on */
    SEARCH_CULPRIT,             /* one commit, as sure as was asked */
    SEARCH_SUSPECTS,            /* no test can tell these apart */
    SEARCH_FLAKE,               /* bad does not fail (or rarely, as all do) */
    SEARCH_GOOD_FAILS,          /* good fails as bad does */
    SEARCH_END_BLOCKED,         /* the bad end cannot be tested */
    SEARCH_GAVE_UP,             /* max_runs reached */
    SEARCH_VERDICT_COUNT
};

struct search_test {
    uint32_t at[GRAPH_TREES_MAX];       /* commit, GRAPH_GOOD or GRAPH_BAD */
};

/* The same revision of each tree? */
bool search_test_same(const struct graph *graph, const struct search_test *a,
                      const struct search_test *b);
/* All good, and all bad. */
void search_test_ends(const struct graph *graph, struct search_test *good_out,
                      struct search_test *bad_out);

struct search_opts {
    double confidence;          /* in (0.5, 1) */
    double flake_good, flake_bad;       /* or POSTERIOR_LEARN */
    struct posterior_past past; /* what is known of rates to be learned */
    bool fixed;                 /* runs fail without the commit, and pass
                                 * with it: which one mended it? */
    double none, already;       /* prior chance of no culprit; of "at good" */
    bool trust_ends;            /* do not run good and bad first */
    int64_t max_runs;           /* 0: no limit */
    const double *cost;         /* of each commit; NULL: all alike */
    uint64_t seed;              /* decides between tests that are as good */
};
#define SEARCH_OPTS_INIT { .confidence = .95, .flake_good = -1, \
                           .flake_bad = -1, .none = .35, .already = .05 }

struct search_suspect {
    uint32_t node;
    double chance;
};
struct search_answer {
    enum search_verdict verdict;
    bool fixed;                 /* opts.fixed: the culprit mended it */
    double chance;              /* of what the verdict says */
    double none, already;
    double entropy;             /* bits still missing */
    double rate_bad, rate_good; /* expected, for the most likely culprit */
    size_t suspect_count;       /* the smallest set as sure as was asked */
    size_t half_count;          /* the smallest set of commits that is as
                                 * likely as the rest of them: what a search
                                 * halves, and what to tell people */
    size_t live_count;          /* not yet ruled out */
    struct search_suspect *suspects;    /* most likely first; owned */
    double runs_left;           /* a guess */
    int64_t runs;
};

/* Borrows 'graph' and opts->cost until search_free(). */
MUST_CHECK struct search *search_new(const struct graph *graph,
                                     const struct search_opts *opts);
void search_free(struct search *search);

/* A run has begun; it counts as under way until search_record() or
 * search_cancel() with the same test. */
void search_start(struct search *search, const struct search_test *test);
void search_cancel(struct search *search, const struct search_test *test);
/* A run's result, started here or not. */
void search_record(struct search *search, const struct search_test *test,
                   enum search_result result);

/* Up to 'want' tests to run at once, beside those under way: chosen jointly.
 * Returns how many; 0 only if there is nothing to learn. */
size_t search_next(struct search *search, size_t want,
                   struct search_test *out);

void search_answer(struct search *search, struct search_answer *out);
void search_answer_fini(struct search_answer *answer);

/* For showing: what was seen at a test, and how likely a commit is. */
struct search_seen {
    struct search_test test;
    uint32_t fails, passes, cannots, running;
};
size_t search_seen_count(const struct search *search);
void search_seen_get(const struct search *search, size_t i,
                     struct search_seen *out);
double search_chance(struct search *search, uint32_t node);

const char *search_result_name(enum search_result result);
const char *search_verdict_name(enum search_verdict verdict);

#endif
