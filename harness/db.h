/* harness/db.h - PostgreSQL through libpq: connections, queries, retries.
 *
 * SQL lives in *_db.c as static const struct query rows, always with $n
 * parameters and casts. A call waits for its one answer with a limit and never
 * longer (DB_LIMIT_MS); on a Unix socket a lost server is seen at once. */
#ifndef HARNESS_DB_H
#define HARNESS_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct fault;
struct db;                      /* one connection */
struct db_rows;                 /* one answer */

#define DB_LIMIT_MS 30000
#define DB_PARAMS_MAX 24

struct query {
    const char *name;           /* for messages */
    const char *text;
    int nparams;
    int ncols;                  /* 0: a command; else checked on the answer */
};

/* Connects to ASSAY_DB, or to the private cluster, which is made and started
 * when needed, and migrates it when 'program' may (the command line and
 * assayd). FAULT_CONFLICT when the schema is newer or too old. */
MUST_CHECK bool db_open(const char *program, struct db **db_out,
                        struct fault *why);
/* As db_open(), but never starts or migrates anything. */
MUST_CHECK bool db_connect(const char *conninfo, const char *program,
                           struct db **db_out, struct fault *why);
void db_close(struct db *db);
/* True while the connection is believed good; no I/O. */
bool db_is_alive(const struct db *db);
/* Socket to poll for notifications and loss; -1 when lost. */
int db_socket(const struct db *db);

/* Runs one statement. 'params' has query->nparams texts (NULL = SQL null).
 * FAULT_LOST when the connection broke (whether it took effect is unknown),
 * FAULT_CONFLICT on 40001, 40P01 and unique violations, else FAULT_DATA with the
 * server's message and the query's name. 'rows_out' may be NULL. */
MUST_CHECK bool db_run(struct db *db, const struct query *query,
                       const char *const params[], struct db_rows **rows_out,
                       struct fault *why);
/* SQLSTATE of the last failure, "" if none. */
const char *db_last_sqlstate(const struct db *db);

int db_rows_count(const struct db_rows *rows);
/* Rows that a command touched. */
int64_t db_rows_affected(const struct db_rows *rows);
/* NULL for SQL null; borrowed until db_rows_free(). */
const char *db_text(const struct db_rows *rows, int row, int col);
/* 'missing' for null; a value that is no integer is a bug of the query. */
int64_t db_int(const struct db_rows *rows, int row, int col, int64_t missing);
double db_double(const struct db_rows *rows, int row, int col,
                 double missing);
bool db_bool(const struct db_rows *rows, int row, int col);
void db_rows_free(struct db_rows *rows);

/* A transaction as one function: begin, fn, commit; retried from the start
 * (at most 10 times, with jitter) on serialisation failure or deadlock. 'fn' must have no
 * effect outside the database. */
typedef bool db_tx_fn(struct db *db, void *arg, struct fault *why);
MUST_CHECK bool db_transact(struct db *db, db_tx_fn *fn, void *arg,
                            struct fault *why);

/* LISTEN; then db_notified() returns true for each pending notification,
 * after reading what the socket holds. 'channel' and 'payload' are copied. */
MUST_CHECK bool db_listen(struct db *db, const char *channel,
                          struct fault *why);
bool db_notified(struct db *db, char channel[static 64],
                 char payload[static 256]);
/* Waits at most 'limit_ms' for a notification to be readable. */
bool db_wait(struct db *db, int64_t limit_ms);

#endif
