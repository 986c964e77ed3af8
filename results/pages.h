/* results/pages.h - the pages that assay-web shows: thin, from the evidence.
 *
 * Each appends a whole page, or fails with FAULT_NOT_FOUND (no such thing) or
 * what the database said. */
#ifndef RESULTS_PAGES_H
#define RESULTS_PAGES_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct buf;
struct db;
struct fault;

MUST_CHECK bool pages_flights(struct db *db, struct buf *out,
                              struct fault *why);
MUST_CHECK bool pages_hosts(struct db *db, struct buf *out,
                            struct fault *why);
/* The report; logs below 'root' are shown in it. */
MUST_CHECK bool pages_flight(struct db *db, const char *root, int64_t flight,
                             struct buf *out, struct fault *why);
MUST_CHECK bool pages_flight_json(struct db *db, int64_t flight,
                                  struct buf *out, struct fault *why);
/* Opens the log of a step. */
MUST_CHECK bool pages_log(struct db *db, const char *root, int64_t flight,
                          const char *job, int step, int *fd_out,
                          int64_t *bytes_out, struct fault *why);
/* What a job or a host did lately. */
MUST_CHECK bool pages_job(struct db *db, const char *job, struct buf *out,
                          struct fault *why);
MUST_CHECK bool pages_host(struct db *db, const char *host, struct buf *out,
                           struct fault *why);
/* What an error looks like to a person. */
void pages_error(int status, const char *text, struct buf *out);

#endif
