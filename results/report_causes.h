/* results/report_causes.h - the failures of a flight, grouped by cause: what
 * the first screen of a report lists. */
#ifndef RESULTS_REPORT_CAUSES_H
#define RESULTS_REPORT_CAUSES_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/outcome.h"

struct arena;
struct report;
struct verdict_trouble;

struct report_cause {
    enum lane lane;
    bool blocks;                /* the decision says so; false without one */
    const char *signature;      /* "" when there is none */
    const char *title;
    const char *where;          /* "3 tests in 2 jobs: pair xen-boot, ..." */
    const char *history;        /* "known: 12 ...; seen 4 times"; "" */
    const char *split;          /* "product 97 %, host 2 % ..."; "" */
    const struct verdict_trouble *trouble;  /* an example; NULL: none */
};

/* What blocks comes first, then the largest. By signature where they are known,
 * else by lane and reason. The arena owns the list. */
void report_causes(const struct report *report, struct arena *arena,
                 struct report_cause **out, size_t *count_out);

#endif
