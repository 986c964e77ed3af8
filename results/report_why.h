/* results/report_why.h - the parts of the page that say why: causes with their
 * counterfactual, and what changed. */
#ifndef RESULTS_REPORT_WHY_H
#define RESULTS_REPORT_WHY_H

struct arena;
struct buf;
struct report;
struct report_options;

/* Each adds nothing when there is nothing to say. */
void report_why_causes(const struct report *report,
                       const struct report_options *options,
                       struct arena *arena, struct buf *out);
void report_why_changes(const struct report *report, struct buf *out);

#endif
