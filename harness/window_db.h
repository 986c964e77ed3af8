/* harness/window_db.h - times when jobs do not get a host: leases, which are a
 * person's, and blockages. A window counts from its begin to its end, whether
 * or not anybody looks; that it ended is written down when it is given back, or
 * when somebody tends to it (hosts/lease.h). */
#ifndef HARNESS_WINDOW_DB_H
#define HARNESS_WINDOW_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;

struct window_new {
    const char *host, *kind;    /* "lease", "blockage" */
    const char *who, *why;
    const char *mail;           /* of 'who'; or NULL */
    int64_t from_ms, until_ms;  /* since the Unix epoch */
};
/* FAULT_NOT_FOUND: no such host. FAULT_CONFLICT: a lease while another has one
 * then. */
MUST_CHECK bool window_db_add(struct db *db, const struct window_new *window,
                              struct fault *why);
/* Moves the end of the open lease that 'who' has on the host, and, unless it is
 * NULL, his address; false in '*found_out' if there is none. */
MUST_CHECK bool window_db_extend(struct db *db, const char *host,
                                 const char *who, const char *mail,
                                 int64_t until_ms, bool *found_out,
                                 struct fault *why);
/* Ends the open windows of this kind on the host: how many. */
MUST_CHECK bool window_db_end(struct db *db, const char *host,
                              const char *kind, int64_t *count_out,
                              struct fault *why);

struct window_lease {
    int64_t id, from_ms, until_ms, left_ms;     /* left < 0: over */
    const char *host, *site, *who, *why;
    const char *mail;           /* or NULL */
    const char *until;          /* "2026-11-23 14:05 UTC" */
};
/* Leases that have begun and that nobody has ended, by number. */
MUST_CHECK bool window_db_leases(struct db *db, struct arena *arena,
                                 struct window_lease **out,
                                 size_t *count_out, struct fault *why);
/* Writes down that a lease is over; false in '*mine_out' if that was done, or
 * its end moved. */
MUST_CHECK bool window_db_over(struct db *db, int64_t id, bool *mine_out,
                               struct fault *why);

#endif
