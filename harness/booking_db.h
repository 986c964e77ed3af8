/* harness/booking_db.h - the plan that is in force, a row an open job: who
 * leads writes it, starts by it, and everybody reads it. */
#ifndef HARNESS_BOOKING_DB_H
#define HARNESS_BOOKING_DB_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct booking;
struct db;
struct db_rows;
struct fault;
struct plan_facts;
struct plan_made;

/* Writes the slots of those whose runners are told to go ('ordered', one a
 * wait), which is all that anybody has to know before they are. */
MUST_CHECK bool booking_db_order(struct db *db,
                                 const struct plan_facts *facts,
                                 const struct plan_made *made,
                                 const bool *ordered, struct fault *why);
/* Writes what else has changed since 'facts' were read: for each other job that
 * waits, its slot; for those that have hosts, when they should be done. Times
 * that moved by less than is worth a write stay. */
MUST_CHECK bool booking_db_publish(struct db *db,
                                   const struct plan_facts *facts,
                                   const struct plan_made *made,
                                   const bool *ordered, struct fault *why);

/* The columns of assay.booking, called 'b', for booking_db_read(). */
#define BOOKING_DB_COLUMNS \
    " (extract(epoch from b.start_at) * 1000)::bigint," \
    " (extract(epoch from b.end_at) * 1000)::bigint," \
    " b.start_sd_ms, b.end_sd_ms, b.verdict = 'runs'," \
    " (extract(epoch from clock_timestamp()) * 1000)::bigint"
#define BOOKING_DB_COUNT 6
/* From column 'col' on. A row without a booking reads as not known. */
void booking_db_read(const struct db_rows *rows, int row, int col,
                     struct booking *out);

#endif
