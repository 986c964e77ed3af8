/* harness/prepared_db.h - what hosts have prepared, for the next job of the
 * same flight. The life of such a record is ruled by the database itself
 * (harness/schema/0029-prepared.sql): whatever is done to a host, and whoever
 * dies, what was not left well in so many words is gone. */
#ifndef HARNESS_PREPARED_DB_H
#define HARNESS_PREPARED_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;
struct json_t;

/* A job on a host that is its. */
struct prepared_key {
    int64_t flight;
    const char *job, *host;
    int64_t task;
    const char *setup;          /* what the job's recipe makes of it now */
};

/* Owned by the caller; prepared_free(). */
struct prepared {
    char *job;                  /* of this flight, that did it */
    char *boot;                 /* its nonce; "": it made none */
    int64_t took_ms, age_ms;
    int wear;                   /* jobs that used it, this one included */
};

/* What the job may go on from: of the same inputs and harness. NULL, with
 * success, if there is nothing; what does not do is gone then. */
MUST_CHECK bool prepared_db_take(struct db *db,
                                 const struct prepared_key *key,
                                 struct prepared **out, struct fault *why);
void prepared_free(struct prepared *prepared);  /* ignores NULL */
/* The job has prepared its host. A second call changes nothing. */
MUST_CHECK bool prepared_db_add(struct db *db,
                                const struct prepared_key *key,
                                int64_t took_ms, struct fault *why);
/* The job has done its work well and undoes nothing, if '*left_out': another
 * job waits that can go on from there. It may when this one has passed. With
 * 'off' the host is to be switched off when nobody comes after all. */
MUST_CHECK bool prepared_db_leave(struct db *db,
                                  const struct prepared_key *key, bool off,
                                  bool *left_out, struct fault *why);
/* It is not what it should be. */
MUST_CHECK bool prepared_db_end(struct db *db, const char *host,
                                const char *reason, struct fault *why);

/* A preparing step of the job that another job's stands for; a second call
 * changes nothing. The log is that of the check. */
struct prepared_step {
    int step;
    const char *program, *testid, *reason;
    const char *log_path, *log_sha256;          /* NULL: none */
    int64_t log_bytes, elapsed_ms;
};
MUST_CHECK bool prepared_db_step(struct db *db,
                                 const struct prepared_key *key,
                                 const struct prepared_step *step,
                                 struct fault *why);

/* Of 'host', as an object; null if it never had anything prepared: flight, job,
 * state ("used", "left", "ready" or "gone"), wear, uses, boot, harness,
 * age_ms, took_ms, and of one that is gone why. */
MUST_CHECK bool prepared_db_last(struct db *db, const char *host,
                                 struct json_t **out, struct fault *why);

/* Hosts that are left prepared and that no job will come for. */
struct prepared_idle {
    const char *host;
    bool off;                   /* it is to be switched off */
};
MUST_CHECK bool prepared_db_idle(struct db *db, struct arena *arena,
                                 struct prepared_idle **out,
                                 size_t *count_out, struct fault *why);

#endif
