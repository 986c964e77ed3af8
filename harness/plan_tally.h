/* harness/plan_tally.h - history as a plan wants it, of runs that are told one
 * by one in virtual time: what plan_past_db.h asks of the database about the
 * past of one moment. No I/O. */
#ifndef HARNESS_PLAN_TALLY_H
#define HARNESS_PLAN_TALLY_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/outcome.h"

struct arena;
struct plan_past;
struct plan_tally;              /* opaque: plan_tally.c */

/* A job had a host. One of two hosts is told twice, as the database counts. */
struct plan_told {
    const char *job, *recipe, *branch;  /* borrowed as long as the tally */
    const char *host, *class;
    int64_t begun_ms, end_ms;
    int64_t run_ms;             /* of that without preparing */
    int64_t prepare_ms;         /* 0: it did not have to */
    enum outcome status;        /* only a pass and a fail tell a length, and
                                 * where it runs next */
};

MUST_CHECK struct plan_tally *plan_tally_new(void);
void plan_tally_free(struct plan_tally *tally);         /* ignores NULL */

/* In the order of their ends. */
void plan_tally_add(struct plan_tally *tally, const struct plan_told *told);

/* All but the policy, which says how long use is remembered: 'past->policy' is
 * set. 'now_ms' never goes back. In 'arena', with room for 'more' uses. */
void plan_tally_past(struct plan_tally *tally, int64_t now_ms, int more,
                     struct arena *arena, struct plan_past *past);

#endif
