/* flights/checkup.h - whether a host is to be checked, and what a check that
 * has ended says of it. No I/O, no clock: facts in, a decision and its reason
 * out. */
#ifndef FLIGHTS_CHECKUP_H
#define FLIGHTS_CHECKUP_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/outcome.h"

struct buf;
struct site_checks;             /* hosts/site.h */

enum checkup_cause {
    CHECKUP_NONE = 0,           /* none is due */
    CHECKUP_NEW,                /* no check has ever passed */
    CHECKUP_SUSPECT,            /* a job broke */
    CHECKUP_AGAIN,              /* the last one did not show it to be good */
    CHECKUP_TIME,
    CHECKUP_JOBS
};
const char *checkup_cause_name(enum checkup_cause cause);

enum checkup_verdict {
    CHECKUP_VERDICT_NONE = 0,
    CHECKUP_GOOD,
    CHECKUP_BAD,
    CHECKUP_VOID                /* it says nothing of the host */
};
const char *checkup_verdict_name(enum checkup_verdict verdict);
/* CHECKUP_VERDICT_NONE for anything else. */
enum checkup_verdict checkup_verdict_parse(const char *name);

/* A host as the database knows it; times are ms ago, -1 for never. */
struct checkup_host {
    const char *host, *arch, *state;
    bool open;                  /* a check of it is under way */
    enum checkup_verdict last;  /* of the check that ended last */
    int64_t last_ms;            /* since it ended */
    int64_t good_ms;            /* since one ended well */
    int64_t said_ms;            /* since a person said what its state is */
    int bad_in_row;             /* checks, since one was good or that was
                                 * said */
    int64_t jobs;               /* that it had since the last check began */
    const char *failed;         /* a job that broke since, as the host's fault
                                 * or for unknown reasons; NULL: none */
};

/* Only hosts in use, or suspect, are checked; never two at once. A check that
 * was not good is followed by one more at once, to be sure, and then only
 * after a pause. Adds the reason to 'why' when one is due. */
MUST_CHECK enum checkup_cause checkup_due(const struct site_checks *checks,
                                          const struct checkup_host *host,
                                          struct buf *why);

/* What the check's job says. That it failed is held against the host unless it
 * was the harness's or the test's fault; what may have been the product's
 * counts only if the candidate is known to be good: a job with it passed
 * ('proved'). Adds the reason to 'why'. */
MUST_CHECK enum checkup_verdict checkup_judge(enum outcome status,
                                              enum lane lane, bool proved,
                                              struct buf *why);

/* The state that a host has after a check; NULL: as before. One bad check makes
 * it suspect, HEALTH_RUNS in a row bad. */
MUST_CHECK const char *checkup_state(const struct checkup_host *host,
                                     enum checkup_verdict verdict);

#endif
