/* harness/plan_page.h - a plan as one page without scripts: a Gantt chart, a
 * row a host, and the table that the command prints. */
#ifndef HARNESS_PLAN_PAGE_H
#define HARNESS_PLAN_PAGE_H

struct buf;
struct plan_facts;
struct plan_made;

void plan_page_html(const struct plan_facts *facts,
                    const struct plan_made *made, struct buf *out);

#endif
