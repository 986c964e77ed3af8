/* flights/checkup_db.h - the checks of hosts in the database. */
#ifndef FLIGHTS_CHECKUP_DB_H
#define FLIGHTS_CHECKUP_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "flights/checkup.h"
#include "harness/attr.h"

struct arena;
struct db;
struct fault;

struct checkup_row {
    struct checkup_host facts;
    const char *site;
    int64_t last_check;         /* the number of the last begun, 0: none */
};

/* A check whose flight has ended and that nobody has judged. */
struct checkup_ended {
    int64_t check, flight;
    const char *host;
    enum outcome status;
    enum lane lane;
    const char *reason;         /* the job's, "" */
    bool proved;                /* a job with its candidate passed */
};

/* The hosts of a site, or (NULL) of all, or one of them; by name. */
MUST_CHECK bool checkup_db_hosts(struct db *db, const char *site,
                                 const char *host, struct arena *arena,
                                 struct checkup_row **out, size_t *count_out,
                                 struct fault *why);
/* The sites that have hosts, NULL-ended. */
MUST_CHECK bool checkup_db_sites(struct db *db, struct arena *arena,
                                 const char ***out, struct fault *why);
MUST_CHECK bool checkup_db_ended(struct db *db, struct arena *arena,
                                 struct checkup_ended **out,
                                 size_t *count_out, struct fault *why);
/* Checks under way of hosts that were taken out of use meanwhile: status and so
 * on are not set, 'reason' is the host's state. */
MUST_CHECK bool checkup_db_vain(struct db *db, struct arena *arena,
                                struct checkup_ended **out,
                                size_t *count_out, struct fault *why);
/* The candidate that the gate of 'branch' let through last; NULL: none. */
MUST_CHECK bool checkup_db_pushed(struct db *db, const char *branch,
                                  struct arena *arena,
                                  const char **candidate_out,
                                  struct fault *why);

/* The pieces of a transaction, the first of which locks the host: what is seen
 * after it stays so. */
MUST_CHECK bool checkup_db_lock(struct db *db, const char *host,
                                struct fault *why);
/* Whether 'check' (0: none) is the last that was begun: nobody was faster. */
MUST_CHECK bool checkup_db_is_last(struct db *db, const char *host,
                                   int64_t check, bool *last_out,
                                   struct fault *why);
MUST_CHECK bool checkup_db_begin(struct db *db, const char *host,
                                 int64_t flight, enum checkup_cause cause,
                                 const char *reason, struct fault *why);
/* False in '*mine_out' when another has ended it. */
MUST_CHECK bool checkup_db_end(struct db *db, int64_t check,
                               enum checkup_verdict verdict, bool *mine_out,
                               struct fault *why);

#endif
