/* hosts/health_db.h - whether hosts may be used, and the rules that take one
 * out of use. The rules are conservative, as Beaker's: power that does not
 * obey, at once; else at least HEALTH_RUNS jobs in a row that broke whole, for
 * reasons that are not the product's, on at least HEALTH_CANDIDATES candidates
 * that passed elsewhere. The last good host of a class is spared by the second
 * rule, and named by both. */
#ifndef HOSTS_HEALTH_DB_H
#define HOSTS_HEALTH_DB_H

#include <stdbool.h>
#include <jansson.h>
#include "harness/attr.h"

struct db;
struct fault;

#define HEALTH_RUNS 2
#define HEALTH_CANDIDATES 2
#define HEALTH_BY_RULE "assay"          /* who, for the rules */

struct health_order {
    const char *host, *state, *who, *why;
    bool spare_last;            /* leave the last good one of its class */
};
struct health_done {
    bool changed;
    bool last_of_class;
};

/* Sets the state, writes it down and notes that people are to hear of it
 * (harness/notice.h), in one transaction. FAULT_NOT_FOUND when there is no such
 * host. */
MUST_CHECK bool health_set(struct db *db, const struct health_order *order,
                           struct health_done *done_out, struct fault *why);
/* An order to the power of 'host' came to 'failed' for good: the host is bad,
 * if it was good or suspect. Not when it was a mistake, nor when a person is
 * the power, 'config', nor the virtual lab's, which is ours. What goes wrong
 * here is logged. */
void health_power_failed(struct db *db, const char *host,
                         const json_t *config, const struct fault *failed);
/* An examination found the host to be other than it was: as the second rule,
 * it is bad, if it was good or suspect and is not the last good one of its
 * class. 'text' says what differs. */
MUST_CHECK bool health_drifted(struct db *db, const char *host,
                               const char *text, struct fault *why);
/* That is so from now on, says 'who': a host that is bad for no other reason is
 * good. */
MUST_CHECK bool health_drift_accepted(struct db *db, const char *host,
                                      const char *who, struct fault *why);
/* The second rule over the hosts of a site, or (NULL) all: an array of objects
 * host, class, runs, candidates, quarantined, last_of_class of those it is
 * about. */
MUST_CHECK bool health_judge(struct db *db, const char *site,
                             json_t **list_out, struct fault *why);
/* What was written down, the newest first, of one host or, with NULL, of all:
 * an array of objects host, at, was, state, who, why, last_of_class. */
MUST_CHECK bool health_history(struct db *db, const char *host, int count,
                               json_t **list_out, struct fault *why);

#endif
