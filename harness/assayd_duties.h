/* harness/assayd_duties.h - what a site does by itself: commands that the
 * leading assayd runs, from time to time and when a notification asks.
 *
 * A duty decides nothing here: the command looks in the database for what is
 * due, so that a person can run it too, and one that was killed or missed is
 * made good by the next run. One duty never runs twice at a time. */
#ifndef HARNESS_ASSAYD_DUTIES_H
#define HARNESS_ASSAYD_DUTIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "harness/attr.h"

struct assayd_duty_spec {
    const char *name;           /* for the log */
    const char *const *argv;
    int64_t every_ms;           /* between the end of one and the next start;
                                 * the first starts so long after the lead */
    const char *on;             /* a notification with this payload starts it
                                 * at once; NULL: none does */
    int64_t limit_ms;
};

struct assayd_duties;

/* 'specs' is borrowed. Nothing runs before assayd_duties_lead(). */
MUST_CHECK struct assayd_duties *
assayd_duties_new(uv_loop_t *loop, const struct assayd_duty_spec *specs,
                  size_t count);
/* Whether we lead; any number of times. What runs when the lead is lost ends by
 * itself: it has a session of its own. */
void assayd_duties_lead(struct assayd_duties *duties, bool leads);
/* A notification of the channel came. */
void assayd_duties_event(struct assayd_duties *duties, const char *payload);
/* Ends them all, for good. Idempotent. */
void assayd_duties_stop(struct assayd_duties *duties);
/* Whether one is running. */
MUST_CHECK bool assayd_duties_run(const struct assayd_duties *duties);
/* Closes the timers, in the loop; assayd_duties_free() after its end. */
void assayd_duties_close(struct assayd_duties *duties);
void assayd_duties_free(struct assayd_duties *duties);

#endif
