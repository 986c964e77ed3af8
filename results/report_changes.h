/* results/report_changes.h - what changed since another flight, as text, as
 * part of a page and for machines. */
#ifndef RESULTS_REPORT_CHANGES_H
#define RESULTS_REPORT_CHANGES_H

#include <jansson.h>
#include "harness/attr.h"

struct arena;
struct buf;
struct changes;

/* 'changes' may be NULL: nothing is appended. */
void report_changes_text(const struct changes *changes, struct arena *arena,
                         struct buf *out);
void report_changes_html(const struct changes *changes, struct buf *out);
/* null for NULL; the caller owns it. */
MUST_CHECK json_t *report_changes_json(const struct changes *changes);

#endif
