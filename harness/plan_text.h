/* harness/plan_text.h - a plan for people and programs: a table, and JSON. */
#ifndef HARNESS_PLAN_TEXT_H
#define HARNESS_PLAN_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"

struct buf;
struct fault;
struct plan_facts;
struct plan_made;
struct planner_why;

/* "14:05", or "11-24 14:05" when that is another day than 'now'. UTC. */
void plan_text_time(int64_t at_ms, int64_t now_ms, char out[static 24]);
/* "host-a host-b", of the slot of job 'j'. */
void plan_text_hosts(const struct plan_facts *facts,
                     const struct plan_made *made, int j, struct buf *out);

/* Who, state, hosts, start, end, remark: of a holder of a host, a lease or
 * blockage, a waiting job, in this order. Valid until return. */
typedef void plan_text_row_fn(void *owner, const char *const *cells);
void plan_text_rows(const struct plan_facts *facts,
                    const struct plan_made *made, plan_text_row_fn *row,
                    void *owner);
MUST_CHECK bool plan_text_table(const struct plan_facts *facts,
                                const struct plan_made *made,
                                struct fault *why);
MUST_CHECK json_t *plan_text_json(const struct plan_facts *facts,
                                  const struct plan_made *made);

/* One line a host, then what it waits for. */
void plan_text_why(const struct plan_facts *facts,
                   const struct plan_made *made, int j,
                   const struct planner_why *why, struct buf *out);
MUST_CHECK json_t *plan_text_why_json(const struct plan_facts *facts,
                                      const struct plan_made *made, int j,
                                      const struct planner_why *why);

#endif
