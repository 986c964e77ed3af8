/* results/report_why.h - the part of the page that says why: causes with their
 * counterfactual. */
#ifndef RESULTS_REPORT_WHY_H
#define RESULTS_REPORT_WHY_H

struct arena;
struct buf;
struct report;
struct report_options;

/* Adds nothing when there is nothing to say. */
void report_why_causes(const struct report *report,
                       const struct report_options *options,
                       struct arena *arena, struct buf *out);

#endif
