/* harness/booking_db.h - the plan that is in force, a row an open job: who
 * leads writes it, starts by it, and everybody reads it. */
#ifndef HARNESS_BOOKING_DB_H
#define HARNESS_BOOKING_DB_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;
struct plan_facts;
struct plan_made;

/* Writes what has changed since 'facts' were read: for each job that waits,
 * its slot, and whether its runner is told to go ('ordered', one a wait); for
 * those that have hosts, when they should be done. Times that moved by less
 * than is worth a write stay. */
MUST_CHECK bool booking_db_publish(struct db *db,
                                   const struct plan_facts *facts,
                                   const struct plan_made *made,
                                   const bool *ordered, struct fault *why);

#endif
