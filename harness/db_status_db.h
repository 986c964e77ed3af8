/* harness/db_status_db.h - how the database is, for people. */
#ifndef HARNESS_DB_STATUS_DB_H
#define HARNESS_DB_STATUS_DB_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct db;
struct fault;

struct db_status {
    char version[32];           /* "15.8" */
    int schema;                 /* 0: none yet */
    int64_t bytes;
    int sessions;
    int tasks_live, tasks_lost; /* lost: open, without their lock */
    int hosts_held;
};

/* FAULT_CONFLICT when the schema was edited, as db_schema_current(). */
MUST_CHECK bool db_status_get(struct db *db, struct db_status *out,
                              struct fault *why);

#endif
