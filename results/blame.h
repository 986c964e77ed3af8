/* results/blame.h - whose fault is a failure: from what was seen in the four
 * cells {new, last good} x {the same host, a sibling} to odds, and to the
 * cell to run next.
 *
 * No I/O, no clock, no randomness: the same facts give the same answer. The
 * model, its sources and its error rates are in assay-stats(7);
 * tests/bench/blame-sim.c measures them. */
#ifndef RESULTS_BLAME_H
#define RESULTS_BLAME_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/outcome.h"

enum blame_cause {
    BLAME_NONE = 0,             /* not judged */
    BLAME_PRODUCT,              /* the new version does it */
    BLAME_HOST,                 /* this host does it, whatever the version */
    BLAME_FLAKE,                /* the test does it now and then anywhere */
    BLAME_HARNESS,              /* it happens anywhere with any version */
    BLAME_CAUSE_COUNT
};
/* "product"; "none" outside. */
const char *blame_cause_name(enum blame_cause cause);
enum blame_cause blame_cause_parse(const char *word);   /* NULL: none */

enum blame_cell {
    BLAME_NEW_SAME = 0, BLAME_NEW_SIBLING, BLAME_GOOD_SAME,
    BLAME_GOOD_SIBLING, BLAME_CELL_COUNT
};
/* "new-same"; a word that is not known parses to BLAME_CELL_COUNT. */
const char *blame_cell_name(enum blame_cell cell);
enum blame_cell blame_cell_parse(const char *word);

/* Runs of one cell. */
struct blame_count {
    int pass;
    int fail;                   /* with the same signature */
    int other;                  /* failed, but in another way */
    int broken;                 /* infrastructure: no word on the test */
};

/* What is known of one failure. The failure itself is in no cell. */
struct blame_facts {
    enum lane lane;             /* that the evidence speaks for */
    bool certain;               /* a fatal pattern said so, not a guess */
    bool seen_before;           /* the signature, with the good version */
    bool other_version;         /* there is a last good version to run */
    bool sibling;               /* there is a sibling host */
    double flake_fails, flake_runs;     /* history of the good versions */
    struct blame_count cells[BLAME_CELL_COUNT];
    int64_t cost_ms;            /* host time of one run */
    int runs;                   /* retests already made for it */
    int64_t host_ms;            /* and their host time */
};

struct blame_budget {
    int runs;                   /* at most, for one failure */
    int64_t host_ms;            /* 0: no limit */
};
#define BLAME_RUNS_MAX 12
#define BLAME_BUDGET_INIT { .runs = BLAME_RUNS_MAX, .host_ms = 0 }

enum blame_end {
    BLAME_END_NONE = 0,         /* run 'next' */
    BLAME_END_DECIDED,
    BLAME_END_BUDGET,           /* spent, and still open */
    BLAME_END_NO_CELL,          /* nothing left that would tell more */
};

struct blame_judgement {
    double split[BLAME_CAUSE_COUNT];    /* sums to 1; [BLAME_NONE] is 0 */
    enum blame_end end;
    enum blame_cause cause;     /* decided; BLAME_NONE: not, so it blocks */
    enum blame_cell next;       /* END_NONE: worth most for its price */
};

void blame_judge(const struct blame_facts *facts,
                 const struct blame_budget *budget,
                 struct blame_judgement *out);

#endif
