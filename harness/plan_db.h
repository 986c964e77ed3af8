/* harness/plan_db.h - what a plan is made of, read from the database; and the
 * times when a host is closed to jobs. */
#ifndef HARNESS_PLAN_DB_H
#define HARNESS_PLAN_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;
struct match_host;
struct task_role;

/* A job that waits for hosts. */
struct plan_wait {
    int64_t flight;
    const char *job, *recipe, *branch;
    int priority;
    int64_t queued_ms;
    const struct task_role *roles;
    int role_count;
    int *needs, need_count;     /* of these waits, those that end first */
    int64_t needs_until_ms;     /* and when those that run are over; 0 */
};

/* Somebody has a host. */
struct plan_hold {
    int host;
    int64_t flight;             /* 0: not a job */
    const char *job, *recipe, *branch, *who;
    int64_t begun_ms;
};

struct plan_window {
    int64_t id;
    int host;
    int64_t from_ms, until_ms;
    const char *kind, *who, *why;
};

/* How long jobs took: of a job on a host, on a class, anywhere, of a recipe. */
struct plan_length {
    const char *key;            /* see plan_length_find() */
    int64_t mean_ms, sd_ms, last_ms;
};

struct plan_facts {
    int64_t now_ms;             /* of the server, since the Unix epoch */
    struct match_host *hosts;   /* obstacle: its state */
    int64_t *trouble_ms;        /* of each: what a job that ends so much later
                                 * elsewhere is still better off by; 10
                                 * minutes a fresh mark, an hour at most */
    int host_count;
    struct plan_wait *waits;
    int wait_count;
    struct plan_hold *holds;
    int hold_count;
    struct plan_window *windows;
    int window_count;
    struct plan_length *lengths;        /* sorted by key */
    int length_count;
};

/* All in 'arena'. */
MUST_CHECK bool plan_db_load(struct db *db, struct arena *arena,
                             struct plan_facts *out, struct fault *why);

/* NULL if nothing is known. 'kind': 'h' job on host, 'c' job on class, 'j'
 * job anywhere, 'r' recipe ('place' is ""). */
const struct plan_length *plan_length_find(const struct plan_facts *facts,
                                           char kind, const char *name,
                                           const char *place);

/* Closes a host from now (or later) on; *id_out. */
MUST_CHECK bool plan_db_window_add(struct db *db, const char *host,
                                   const char *kind, int64_t from_ms,
                                   int64_t until_ms, const char *who,
                                   const char *reason, int64_t *id_out,
                                   struct fault *why);
/* Moves the end of the open lease that 'who' has on the host; false in
 * *found_out if there is none. */
MUST_CHECK bool plan_db_lease_extend(struct db *db, const char *host,
                                     const char *who, int64_t until_ms,
                                     bool *found_out, struct fault *why);
/* Ends the open windows of this kind on the host: how many. */
MUST_CHECK bool plan_db_window_end(struct db *db, const char *host,
                                   const char *kind, int64_t *count_out,
                                   struct fault *why);

#endif
