/* harness/db.c - PostgreSQL through libpq: connections, queries, retries.
 *
 * Not here: where the database is (db_open.c), its making (db_cluster.c), what
 * an answer says (db_rows.c). */
#include <config.h>

#include "harness/db.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <libpq-fe.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db_rows.h"
#include "harness/fault.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/nice.h"

#define CONNECT_LIMIT_MS 15000
/* What the server has, beyond the limit of a statement, to say that it ended
 * it; after that nobody is there. */
#define DRAIN_LIMIT_MS 5000
#define ATTEMPTS_MAX 10
#define RETRY_MIN_MS 5
#define RETRY_MAX_MS 400
#define SERVER_VERSION_MIN 130000
/* A query that one session runs so often is worth a prepared statement. */
#define PREPARE_AT 3

struct statement {
    const struct query *query;
    int uses;                   /* up to PREPARE_AT */
    int number;                 /* of its name; 0: not prepared */
};

struct db {
    PGconn *conn;               /* NULL: lost */
    struct statement *statements;
    size_t statement_count, statement_room;
    int statement_number;       /* the last that was given */
    PGnotify *pending;          /* read, not yet handed out */
    int64_t limit_ms;
    char sqlstate[6];
    bool retry;                 /* this transaction met 40001 or 40P01 */
};

/* Of these, old servers lack some: only what there is gets set. A client
 * that died is noticed within a second even in the middle of a statement, and
 * over TCP within half a minute: its locks are others' hosts. */
static const struct query Q_SESSION = { "prepare the session",
    "select set_config(s.name, v.value, false)"
    " from (values"
    "  ('search_path', 'pg_catalog, pg_temp'),"
    "  ('TimeZone', 'UTC'),"
    "  ('DateStyle', 'ISO, YMD'),"
    "  ('IntervalStyle', 'iso_8601'),"
    "  ('bytea_output', 'hex'),"
    "  ('extra_float_digits', '1'),"
    "  ('standard_conforming_strings', 'on'),"
    "  ('default_transaction_isolation', 'read committed'),"
    "  ('statement_timeout', $1::text),"
    "  ('lock_timeout', '0'),"
    "  ('idle_in_transaction_session_timeout', '60000'),"
    "  ('client_connection_check_interval', '1000'),"
    "  ('tcp_keepalives_idle', '10'),"
    "  ('tcp_keepalives_interval', '5'),"
    "  ('tcp_keepalives_count', '3'),"
    "  ('tcp_user_timeout', '25000')"
    " ) v(name, value) join pg_catalog.pg_settings s on s.name = v.name",
    1, 1 };
static const struct query Q_LIMIT = { "limit statements",
    "select pg_catalog.set_config('statement_timeout', $1::text, false)",
    1, 1 };
static const struct query Q_BEGIN = { "begin", "begin", 0, 0 };
static const struct query Q_COMMIT = { "commit", "commit", 0, 0 };
static const struct query Q_ROLLBACK = { "rollback", "rollback", 0, 0 };

/* Losing and waiting ------------------------------------------------------ */

static void
db_lose(struct db *db)
{
    if (db->pending != NULL)
        PQfreemem(db->pending);
    db->pending = NULL;
    PQfinish(db->conn);
    db->conn = NULL;
    free(db->statements);
    db->statements = NULL;
    db->statement_count = db->statement_room = 0;
}

/* The first line is the fact; what follows is detail. */
static void
message_fault(struct fault *why, enum fault_kind kind, const char *doing,
              const char *message)
{
    size_t line = strcspn(message, "\n");

    if (strncmp(message, "ERROR:  ", 8) == 0
        || strncmp(message, "FATAL:  ", 8) == 0) {
        message += 8;
        line -= 8;
    }
    fault_set(why, kind, "%s: %.*s", doing, (int)line, message);
    message += line;
    message += strspn(message, "\n\t");
    if (message[0] != '\0')
        fault_detail(why, message, strlen(message));
}

/* Always false. Forgets the connection. */
static bool
lost(struct db *db, const char *doing, struct fault *why)
{
    struct buf text = BUF_INIT;

    if (db->conn == NULL) {
        fault_set(why, FAULT_LOST, "%s: the database connection is lost",
                  doing);
        return false;
    }
    buf_addf(&text, "%s: lost the database", doing);
    message_fault(why, FAULT_LOST, buf_text(&text),
                  PQerrorMessage(db->conn));
    buf_free(&text);
    db_lose(db);
    return false;
}

/* Events that came, 0 when the deadline passed. */
static short
wait_socket(struct db *db, short events, int64_t deadline_ms)
{
    struct pollfd fd = { .fd = PQsocket(db->conn), .events = events };
    int64_t left;
    int n;

    for (;;) {
        left = deadline_ms - clock_mono_ms(clock_system());
        n = poll(&fd, 1, left > 0 ? (int)left : 0);
        if (n >= 0)
            return n > 0 ? fd.revents : 0;
        if (errno != EINTR)
            return POLLERR;     /* libpq says what is wrong */
    }
}

static void
retry_pause(int attempt)
{
    int64_t most_ms = RETRY_MIN_MS << attempt;
    unsigned random = 0;

    if (most_ms > RETRY_MAX_MS)
        most_ms = RETRY_MAX_MS;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
        random = (unsigned)clock_mono_ms(clock_system());
    poll(NULL, 0, (int)(random % (unsigned)most_ms) + 1);
}

/* One answer -------------------------------------------------------------- */

static bool
flush(struct db *db, const char *doing, int64_t deadline_ms,
      struct fault *why)
{
    short came;
    int left;

    while ((left = PQflush(db->conn)) == 1) {
        came = wait_socket(db, POLLIN | POLLOUT, deadline_ms);
        if (came == 0) {
            fault_set(why, FAULT_LOST, "%s: the server takes no data",
                      doing);
            db_lose(db);
            return false;
        }
        if ((came & ~POLLOUT) != 0 && PQconsumeInput(db->conn) == 0)
            return lost(db, doing, why);
    }
    return left == 0 || lost(db, doing, why);
}

static bool
is_copy(ExecStatusType status)
{
    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT
        || status == PGRES_COPY_BOTH;
}

static bool
is_failure(ExecStatusType status)
{
    return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK
        && status != PGRES_EMPTY_QUERY;
}

/* Reads all answers to what was sent: keeps the first failure, else the
 * last. */
static bool
collect(struct db *db, const char *doing, PGresult **result_out,
        struct fault *why)
{
    int64_t deadline_ms = clock_mono_ms(clock_system()) + db->limit_ms
                          + DRAIN_LIMIT_MS;
    PGresult *kept = NULL, *next;
    bool ok;

    ok = flush(db, doing, deadline_ms, why);
    while (ok) {
        while (ok && PQisBusy(db->conn)) {
            ok = wait_socket(db, POLLIN, deadline_ms) != 0;
            if (!ok) {
                fault_set(why, FAULT_LOST,
                          "%s: no answer from the database in %" PRId64
                          " s", doing,
                          (db->limit_ms + DRAIN_LIMIT_MS) / 1000);
                db_lose(db);
            } else if (PQconsumeInput(db->conn) == 0) {
                ok = lost(db, doing, why);
            }
        }
        if (!ok)
            break;
        next = PQgetResult(db->conn);
        if (next == NULL)
            break;
        if (kept != NULL && is_failure(PQresultStatus(kept))) {
            PQclear(next);
            continue;
        }
        PQclear(kept);
        kept = next;
        if (is_copy(PQresultStatus(kept))) {
            ok = fault_set(why, FAULT_DATA, "%s: a copy has no place here",
                           doing);
            db_lose(db);        /* or the answers would never end */
        }
    }
    if (ok && kept == NULL)
        ok = lost(db, doing, why);
    if (!ok) {
        PQclear(kept);
        return false;
    }
    *result_out = kept;
    return true;
}

static bool
state_is(const char *sqlstate, const char *want)
{
    return strncmp(sqlstate, want, strlen(want)) == 0;
}

static enum fault_kind
kind_of(const char *sqlstate)
{
    static const struct {
        const char *state;      /* or its beginning */
        enum fault_kind kind;
    } kinds[] = {
        { "08", FAULT_LOST },           /* connection exception */
        { "57P", FAULT_LOST },          /* shut down, crashed, starting */
        { "25P03", FAULT_LOST },        /* idle in a transaction too long */
        { "40001", FAULT_CONFLICT },    /* serialisation failure */
        { "40P01", FAULT_CONFLICT },    /* deadlock */
        { "55P03", FAULT_CONFLICT },    /* lock not available */
        { "23505", FAULT_CONFLICT },    /* unique violation */
        { "57014", FAULT_TIMEOUT },     /* statement timeout */
        { "53", FAULT_PEER },           /* disk full, too many connections */
        { "58", FAULT_PEER },           /* input or output error */
        { "XX", FAULT_PEER },           /* internal error, corruption */
    };
    size_t i;

    for (i = 0; i < ARRAY_LEN(kinds); i++) {
        if (state_is(sqlstate, kinds[i].state))
            return kinds[i].kind;
    }
    return FAULT_DATA;
}

/* Always false: turns a failed answer into a fault, notes its SQLSTATE. */
static bool
refused(struct db *db, const char *doing, const PGresult *result,
        struct fault *why)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    enum fault_kind kind;

    if (state == NULL)          /* libpq's own: the connection broke */
        return lost(db, doing, why);
    snprintf(db->sqlstate, sizeof(db->sqlstate), "%s", state);
    if (state_is(state, "40001") || state_is(state, "40P01"))
        db->retry = true;
    kind = PQstatus(db->conn) == CONNECTION_BAD ? FAULT_LOST
                                                : kind_of(state);
    message_fault(why, kind, doing, text != NULL ? text : state);
    if (detail != NULL)
        fault_detail(why, detail, strlen(detail));
    if (hint != NULL)
        fault_hint(why, "%s", hint);
    if (kind == FAULT_LOST)
        db_lose(db);
    return false;
}

static bool
answer(struct db *db, const char *doing, PGresult **result_out,
       struct fault *why)
{
    PGresult *result = NULL;

    if (!collect(db, doing, &result, why))
        return false;
    if (is_failure(PQresultStatus(result))) {
        (void)refused(db, doing, result, why);
        PQclear(result);
        return false;
    }
    *result_out = result;
    return true;
}

#define STATEMENT_BYTES 24

/* The name of the statement that 'query' has in this session, made when it is
 * worth one; "" if it is not yet, or never because there is nothing to plan. */
static bool
statement_of(struct db *db, const struct query *query,
             char name[static STATEMENT_BYTES], struct fault *why)
{
    PGresult *result = NULL;
    struct statement *s;
    size_t i = 0;

    name[0] = '\0';
    if (query->nparams == 0 && query->ncols == 0)
        return true;            /* such as begin and commit */
    while (i < db->statement_count && db->statements[i].query != query)
        i++;
    if (i == db->statement_count) {
        db->statements = xgrow(db->statements, &db->statement_room, i,
                               sizeof *db->statements);
        db->statements[i] = (struct statement){ .query = query };
        db->statement_count++;
    }
    s = &db->statements[i];
    s->uses += s->uses < PREPARE_AT;
    if (s->uses < PREPARE_AT)
        return true;
    snprintf(name, STATEMENT_BYTES, "assay_%d",
             s->number > 0 ? s->number : db->statement_number + 1);
    if (s->number > 0)
        return true;
    if (PQsendPrepare(db->conn, name, query->text, 0, NULL) == 0)
        return lost(db, query->name, why);
    if (!answer(db, query->name, &result, why))
        return false;
    PQclear(result);
    s->number = ++db->statement_number;
    return true;
}

/* A migration beside us changed what a statement gives, or a pooler has not
 * got it: from here on all are made anew. */
static bool
forgets_statements(struct db *db)
{
    if (!state_is(db->sqlstate, "0A000") && !state_is(db->sqlstate, "26000"))
        return false;
    db->statement_count = 0;
    return true;
}

static bool
run_once(struct db *db, const struct query *query,
         const char *const params[], PGresult **result_out,
         struct fault *why)
{
    char name[STATEMENT_BYTES];
    PGresult *result = NULL;
    int ncols, sent;

    must(query->nparams <= DB_PARAMS_MAX);
    db->sqlstate[0] = '\0';
    if (db->conn == NULL)
        return lost(db, query->name, why);
    if (!statement_of(db, query, name, why))
        return false;
    sent = name[0] != '\0'
        ? PQsendQueryPrepared(db->conn, name, query->nparams, params, NULL,
                              NULL, 0)
        : PQsendQueryParams(db->conn, query->text, query->nparams, NULL,
                            params, NULL, NULL, 0);
    if (sent == 0)
        return lost(db, query->name, why);
    if (!answer(db, query->name, &result, why)) {
        if (name[0] != '\0' && db->conn != NULL && forgets_statements(db))
            db->retry = true;
        return false;
    }
    ncols = PQresultStatus(result) == PGRES_TUPLES_OK ? PQnfields(result) : 0;
    if (ncols != query->ncols) {
        PQclear(result);
        return fault_set(why, FAULT_DATA, "%s: %d columns instead of %d",
                         query->name, ncols, query->ncols);
    }
    *result_out = result;
    return true;
}

static bool
run_command(struct db *db, const struct query *query, struct fault *why)
{
    PGresult *result = NULL;

    if (!run_once(db, query, NULL, &result, why))
        return false;
    PQclear(result);
    return true;
}

/* Connections ------------------------------------------------------------- */

static void
notice(void *arg UNUSED, const PGresult *result)
{
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    log_debug("the database says: %s", text != NULL ? text : "?");
}

static bool
connect_poll(struct db *db, struct fault *why)
{
    int64_t deadline_ms = clock_mono_ms(clock_system()) + CONNECT_LIMIT_MS;
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;
    short events;

    while (want != PGRES_POLLING_OK) {
        if (want == PGRES_POLLING_FAILED
            || PQstatus(db->conn) == CONNECTION_BAD) {
            message_fault(why, FAULT_LOST, "connect to the database",
                          PQerrorMessage(db->conn));
            return false;
        }
        events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (wait_socket(db, events, deadline_ms) == 0)
            return fault_set(why, FAULT_LOST,
                             "connect to the database: no answer in %d s",
                             CONNECT_LIMIT_MS / 1000);
        want = PQconnectPoll(db->conn);
    }
    return true;
}

static bool
prepare_session(struct db *db, struct fault *why)
{
    char limit[24];
    const char *params[] = { limit };
    PGresult *result = NULL;
    int version = PQserverVersion(db->conn);

    if (version < SERVER_VERSION_MIN)
        return fault_set(why, FAULT_CONFIG,
                         "the database server has version %d, Assay needs %d",
                         version / 10000, SERVER_VERSION_MIN / 10000);
    if (PQsetnonblocking(db->conn, 1) != 0)
        return lost(db, "connect to the database", why);
    PQsetNoticeReceiver(db->conn, notice, NULL);
    snprintf(limit, sizeof(limit), "%" PRId64, db->limit_ms);
    if (!run_once(db, &Q_SESSION, params, &result, why))
        return false;
    PQclear(result);
    return true;
}

bool
db_connect(const char *conninfo, const char *program, struct db **db_out,
           struct fault *why)
{
    /* A later word wins: the operator's conninfo may choose how a broken TCP
     * connection is noticed, but not who we are. */
    const char *const names[] = {
        "keepalives_idle", "keepalives_interval", "keepalives_count",
        "tcp_user_timeout", "dbname", "application_name", "client_encoding",
        NULL };
    const char *const values[] = {
        "10", "5", "3", "25000", conninfo, program, "UTF8", NULL };
    struct db *db = xcalloc(1, sizeof(*db));
    bool ok;

    db->limit_ms = DB_LIMIT_MS;
    db->conn = PQconnectStartParams(names, values, 1);
    must(db->conn != NULL);     /* only for want of memory */
    ok = connect_poll(db, why);
    if (ok && db_is_private() && PQhost(db->conn)[0] == '/')
        nice_follow(PQbackendPID(db->conn));    /* it is on this machine */
    ok = ok && prepare_session(db, why);
    if (!ok) {
        db_close(db);
        return false;
    }
    *db_out = db;
    return true;
}

void
db_close(struct db *db)
{
    if (db == NULL)
        return;
    db_lose(db);
    free(db);
}

bool
db_is_alive(const struct db *db)
{
    return db->conn != NULL;
}

int
db_socket(const struct db *db)
{
    return db->conn != NULL ? PQsocket(db->conn) : -1;
}

bool
db_set_limit(struct db *db, int64_t limit_ms, struct fault *why)
{
    char limit[24];
    const char *params[] = { limit };

    must(limit_ms > 0 && limit_ms <= INT32_MAX - DRAIN_LIMIT_MS);
    snprintf(limit, sizeof(limit), "%" PRId64, limit_ms);
    if (!db_run(db, &Q_LIMIT, params, NULL, why))
        return false;
    db->limit_ms = limit_ms;
    return true;
}

bool
db_in_transaction(const struct db *db)
{
    return db->conn != NULL
        && PQtransactionStatus(db->conn) != PQTRANS_IDLE;
}

const char *
db_last_sqlstate(const struct db *db)
{
    return db->sqlstate;
}

/* Statements -------------------------------------------------------------- */

/* A copy of 's' that the server takes, or NULL when 's' itself will do. A
 * text cut in the middle of a character must not cost the row. */
static char *
mended_utf8(const char *s)
{
    struct buf out = BUF_INIT;
    size_t bytes = strlen(s), i = 0, n;

    while (i < bytes && (n = utf8_span(s + i, bytes - i)) > 0)
        i += n;
    if (i == bytes)
        return NULL;
    buf_add(&out, s, i);
    while (i < bytes) {
        n = utf8_span(s + i, bytes - i);
        if (n > 0) {
            buf_add(&out, s + i, n);
        } else {
            buf_addf(&out, "\\x%02x", (unsigned char)s[i]);
            n = 1;
        }
        i += n;
    }
    return buf_take(&out);
}

bool
db_run(struct db *db, const struct query *query, const char *const params[],
       struct db_rows **rows_out, struct fault *why)
{
    const char *sent[DB_PARAMS_MAX];
    char *mended[DB_PARAMS_MAX] = { NULL };
    struct fault attempt_why = FAULT_INIT;
    PGresult *result = NULL;
    bool alone = !db_in_transaction(db), ok;
    int attempt, i;

    must(query->nparams <= DB_PARAMS_MAX);
    for (i = 0; i < query->nparams; i++) {
        mended[i] = params[i] != NULL ? mended_utf8(params[i]) : NULL;
        sent[i] = mended[i] != NULL ? mended[i] : params[i];
    }
    for (attempt = 0; ; attempt++) {
        if (alone)
            db->retry = false;
        ok = run_once(db, query, sent, &result, &attempt_why);
        if (ok || !alone || !db->retry || !db_is_alive(db)
            || attempt + 1 == ATTEMPTS_MAX)
            break;
        retry_pause(attempt);
    }
    for (i = 0; i < query->nparams; i++)
        free(mended[i]);
    if (!ok) {
        if (why != NULL)
            *why = attempt_why;
        return false;
    }
    if (rows_out == NULL) {
        PQclear(result);
        return true;
    }
    *rows_out = db_rows_new(result);
    return true;
}

bool
db_script(struct db *db, const char *name, const char *text,
          struct fault *why)
{
    PGresult *result = NULL;

    db->sqlstate[0] = '\0';
    if (db->conn == NULL || PQsendQuery(db->conn, text) == 0)
        return lost(db, name, why);
    if (!answer(db, name, &result, why))
        return false;
    PQclear(result);
    return true;
}

/* Transactions ------------------------------------------------------------ */

static bool
commit(struct db *db, struct fault *why)
{
    PGresult *result = NULL;
    bool ok;

    if (!run_once(db, &Q_COMMIT, NULL, &result, why))
        return false;
    /* A transaction with a failed statement answers ROLLBACK, politely. */
    ok = strcmp(PQcmdStatus(result), "COMMIT") == 0
        || fault_set(why, FAULT_DATA,
                     "commit: a failed statement was passed over");
    PQclear(result);
    return ok;
}

static bool
transact_once(struct db *db, db_tx_fn *fn, void *arg, struct fault *why)
{
    char sqlstate[6];

    if (!run_command(db, &Q_BEGIN, why))
        return false;
    if (fn(db, arg, why) && db_is_alive(db) && commit(db, why))
        return true;
    snprintf(sqlstate, sizeof(sqlstate), "%s", db->sqlstate);
    if (db_in_transaction(db) && !run_command(db, &Q_ROLLBACK, NULL))
        db_lose(db);            /* never go on in a half transaction */
    snprintf(db->sqlstate, sizeof(db->sqlstate), "%s", sqlstate);
    return false;
}

bool
db_transact(struct db *db, db_tx_fn *fn, void *arg, struct fault *why)
{
    struct fault attempt_why = FAULT_INIT;
    bool ok;
    int attempt;

    if (db_in_transaction(db))
        return fn(db, arg, why);
    for (attempt = 0; ; attempt++) {
        db->retry = false;
        attempt_why = (struct fault)FAULT_INIT;
        ok = transact_once(db, fn, arg, &attempt_why);
        if (ok || !db->retry || !db_is_alive(db)
            || attempt + 1 == ATTEMPTS_MAX)
            break;
        retry_pause(attempt);
    }
    if (!ok && attempt_why.kind == FAULT_NONE)
        fault_set(&attempt_why, FAULT_LOST,
                  "the database connection is lost");
    if (!ok && why != NULL)
        *why = attempt_why;
    return ok;
}

/* Notifications ----------------------------------------------------------- */

bool
db_listen(struct db *db, const char *channel, struct fault *why)
{
    struct buf text = BUF_INIT;
    char *name;
    bool ok;

    if (db->conn == NULL)
        return lost(db, "listen", why);
    /* The one statement whose name cannot be a parameter. */
    name = PQescapeIdentifier(db->conn, channel, strlen(channel));
    if (name == NULL)
        return fault_set(why, FAULT_DATA, "listen: %s",
                         PQerrorMessage(db->conn));
    buf_addf(&text, "listen %s", name);
    PQfreemem(name);
    ok = db_script(db, "listen", buf_text(&text), why);
    buf_free(&text);
    return ok;
}

/* Reads what the socket holds; loses the connection if that is its end. */
static bool
notification_read(struct db *db)
{
    if (db->conn == NULL)
        return false;
    if (db->pending == NULL)
        db->pending = PQnotifies(db->conn);
    if (db->pending != NULL)
        return true;
    if (PQconsumeInput(db->conn) == 0) {
        db_lose(db);
        return false;
    }
    db->pending = PQnotifies(db->conn);
    return db->pending != NULL;
}

bool
db_notified(struct db *db, char channel[static 64],
            char payload[static 256])
{
    if (!notification_read(db))
        return false;
    snprintf(channel, 64, "%s", db->pending->relname);
    snprintf(payload, 256, "%s", db->pending->extra);
    PQfreemem(db->pending);
    db->pending = NULL;
    return true;
}

bool
db_wait(struct db *db, int64_t limit_ms)
{
    int64_t deadline_ms = clock_mono_ms(clock_system()) + limit_ms, left;
    struct pollfd fd = { .events = POLLIN };

    while (!notification_read(db)) {
        left = deadline_ms - clock_mono_ms(clock_system());
        if (db->conn == NULL || left <= 0)
            return false;
        fd.fd = PQsocket(db->conn);
        if (poll(&fd, 1, (int)(left < INT32_MAX ? left : INT32_MAX)) <= 0)
            return false;       /* time is up, or a signal came */
    }
    return true;
}
