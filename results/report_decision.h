/* results/report_decision.h - how a flight compares with its baseline, as a
 * part of reports and as what 'assay verdict' says. */
#ifndef RESULTS_REPORT_DECISION_H
#define RESULTS_REPORT_DECISION_H

#include <jansson.h>
#include "harness/attr.h"

struct buf;
struct verdict;

/* Each appends nothing, or gives null, when the verdict compares with
 * nothing. */
void report_decision_text(const struct verdict *verdict, struct buf *out);
void report_decision_html(const struct verdict *verdict, struct buf *out);
/* With coverage, and for each failure its reason, log and signature. */
MUST_CHECK json_t *report_decision_json(const struct verdict *verdict);

#endif
