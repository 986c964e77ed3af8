/* harness/db.h - PostgreSQL through libpq: connections, queries, retries.
 *
 * SQL lives in *_db.c as static const struct query rows, always with $n
 * parameters and casts. A call waits for its one answer with a limit and never
 * longer (DB_LIMIT_MS); on a Unix socket a lost server is seen at once.
 *
 * Every session has search_path pg_catalog (so names are schema-qualified),
 * time zone UTC, read committed. A transaction left open for a minute is
 * ended by the server, which also notices within a second when a client dies
 * in the middle of a statement. */
#ifndef HARNESS_DB_H
#define HARNESS_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct buf;
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

/* Connects to ASSAY_DB, or to the private cluster, and checks the schema.
 * When 'program' is "assay" or "assayd", the cluster is made and started if
 * needed and the schema migrated; any other must find both there (FAULT_LOST,
 * FAULT_CONFLICT): it may live in the lab's namespace, or be one of many.
 * FAULT_CONFLICT also when the schema is newer than this program knows. The
 * private cluster's process that serves us is as nice as we are. */
MUST_CHECK bool db_open(const char *program, struct db **db_out,
                        struct fault *why);
/* What db_open() does before it connects: the private cluster is made and
 * started, if 'program' may do that. */
MUST_CHECK bool db_start(const char *program, struct fault *why);
/* As db_open(), but never starts, migrates or checks anything. */
MUST_CHECK bool db_connect(const char *conninfo, const char *program,
                           struct db **db_out, struct fault *why);
void db_close(struct db *db);   /* ignores NULL */
/* True while the connection is believed good; no I/O. Once false, only
 * db_close() makes sense; the caller opens another. */
bool db_is_alive(const struct db *db);
/* Socket to poll for notifications and loss; -1 when lost. */
int db_socket(const struct db *db);
/* What each statement of this connection may take; DB_LIMIT_MS at first. The
 * server ends it then (FAULT_TIMEOUT); if even that is not answered some
 * seconds later, the connection is lost. */
MUST_CHECK bool db_set_limit(struct db *db, int64_t limit_ms,
                             struct fault *why);
bool db_in_transaction(const struct db *db);

/* Runs one statement. 'params' has query->nparams texts (NULL = SQL null);
 * bytes of them that are not UTF-8 are stored as \xNN.
 * FAULT_LOST when the connection broke (whether it took effect is unknown),
 * FAULT_CONFLICT on 40001, 40P01, 55P03 and unique violations, FAULT_TIMEOUT
 * on the limit, FAULT_PEER when the server is out of something, else FAULT_DATA
 * with the server's message and the query's name. Outside a transaction,
 * 40001 and 40P01 are retried here. 'rows_out' may be NULL. */
MUST_CHECK bool db_run(struct db *db, const struct query *query,
                       const char *const params[], struct db_rows **rows_out,
                       struct fault *why);
/* Runs a script of any number of statements without parameters; for
 * migrations and tests. */
MUST_CHECK bool db_script(struct db *db, const char *name, const char *text,
                          struct fault *why);
/* SQLSTATE of the last failure, "" if none. */
const char *db_last_sqlstate(const struct db *db);

int db_rows_count(const struct db_rows *rows);
/* Rows that a command touched. */
int64_t db_rows_affected(const struct db_rows *rows);
/* NULL for SQL null; borrowed until db_rows_free(). */
const char *db_text(const struct db_rows *rows, int row, int col);
/* The same as a copy in 'arena'; of null, NULL and "". */
const char *db_copy(struct arena *arena, const struct db_rows *rows, int row,
                    int col);
const char *db_copy_text(struct arena *arena, const struct db_rows *rows,
                         int row, int col);
/* 'missing' for null; a value that is no integer is a bug of the query. */
int64_t db_int(const struct db_rows *rows, int row, int col, int64_t missing);
double db_double(const struct db_rows *rows, int row, int col,
                 double missing);
bool db_bool(const struct db_rows *rows, int row, int col);
void db_rows_free(struct db_rows *rows);        /* ignores NULL */

/* A number as a parameter; returns 'out'. */
#define DB_INT_BYTES 24
const char *db_int_text(char out[static DB_INT_BYTES], int64_t value);

/* A transaction as one function: begin, fn, commit; retried from the start
 * (at most 10 times, with jitter) on serialisation failure or deadlock. 'fn'
 * must have no effect outside the database. Inside another transaction 'fn'
 * joins it: no begin, commit or retry of its own, and the outer one must fail
 * with it. */
typedef bool db_tx_fn(struct db *db, void *arg, struct fault *why);
MUST_CHECK bool db_transact(struct db *db, db_tx_fn *fn, void *arg,
                            struct fault *why);

/* LISTEN; then db_notified() returns true for each pending notification,
 * after reading what the socket holds. 'channel' and 'payload' are copied,
 * cut when too long. False also when the connection is lost. */
MUST_CHECK bool db_listen(struct db *db, const char *channel,
                          struct fault *why);
bool db_notified(struct db *db, char channel[static 64],
                 char payload[static 256]);
/* Waits at most 'limit_ms' until db_notified() has something. False on the
 * limit, on a signal, and when the connection is lost. */
bool db_wait(struct db *db, int64_t limit_ms);

/* The conninfo of ASSAY_DB, or of the private cluster (whether or not it
 * runs), appended; may hold a password. */
MUST_CHECK bool db_conninfo(struct buf *conninfo, struct fault *why);
/* The same for another program's command line, where anyone may read it:
 * without the password, which is appended to 'password' for its PGPASSWORD. */
MUST_CHECK bool db_public_conninfo(struct buf *conninfo,
                                   struct buf *password, struct fault *why);
/* Is it the private cluster, so that its processes are here, and ours? */
bool db_is_private(void);

#endif
