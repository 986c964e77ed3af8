/* results/overview_db.h - what the lists show: flights, hosts, and where the
 * log of a step is. Reads only. */
#ifndef RESULTS_OVERVIEW_DB_H
#define RESULTS_OVERVIEW_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/outcome.h"

struct arena;
struct db;
struct fault;

/* The last 'limit' flights, newest first. */
struct overview_flight {
    int64_t flight;
    const char *branch, *intended, *blessing;
    enum outcome outcome;       /* as recorded */
    int64_t created_ms, started_ms, finished_ms;
    int64_t jobs[OUTCOME_COUNT];
    const char *candidates;     /* names, separated by ", " */
};
MUST_CHECK bool overview_flights(struct db *db, int limit, struct arena *arena,
                              struct overview_flight **out,
                              size_t *count_out, struct fault *why);

/* For the page of hosts, by name. */
struct overview_host {
    const char *name, *site, *arch, *firmware, *class, *state, *flags;
    const char *owner;          /* "flight 3, smoke-amd64"; "": free */
    const char *last_boot;      /* status of its latest boot, "" */
    int64_t last_boot_ms;
};
MUST_CHECK bool overview_hosts(struct db *db, struct arena *arena,
                               struct overview_host **out,
                               size_t *count_out, struct fault *why);

/* The log of one step, *path_out "" when it has none. FAULT_NOT_FOUND when
 * there is no such step. */
MUST_CHECK bool overview_log_path(struct db *db, int64_t flight,
                                  const char *job, int step,
                                  struct arena *arena, const char **path_out,
                                  struct fault *why);

#endif
