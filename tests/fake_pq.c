/* tests/fake_pq.c - a libpq that replays a script. */
#include <config.h>

#include "tests/fake_pq.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/clock.h"
#include "harness/mem.h"

struct pg_conn {
    bool bad;
    int tx;
};
struct pg_result {
    const struct fake_line *line;
};

static struct {
    const char *name;
    const struct fake_line *lines;
    int count, next;
    int results, connections, notifications;    /* alive */
    int version;
    struct pg_conn conn;
} fake = { .version = 150000 };

static const char *const names[] = {
    "nothing", "connect", "poll", "send", "failing send", "flush",
    "consume", "silence", "result", "end", "notify", "finish",
};

static NORETURN PRINTF_LIKE(1, 2) void
wrong(const char *fmt, ...)
{
    va_list ap;

    printf("Bail out! script '%s', line %d: ", fake.name, fake.next + 1);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
    exit(1);
}

static const struct fake_line *
peek(void)
{
    static const struct fake_line none;

    return fake.next < fake.count ? &fake.lines[fake.next] : &none;
}

static const struct fake_line *
take(enum fake_call call)
{
    const struct fake_line *line = peek();

    if (line->call != call)
        wrong("wanted %s, but %s was called", names[line->call],
              names[call]);
    fake.next++;
    if (line->bad)
        fake.conn.bad = true;
    if (line->tx != FAKE_TX_SAME)
        fake.conn.tx = line->tx;
    return line;
}

void
fake_pq_play(const char *name, const struct fake_line *lines, int count)
{
    fake.name = name;
    fake.lines = lines;
    fake.count = count;
    fake.next = 0;
}

bool
fake_pq_over(void)
{
    bool over = fake.next == fake.count && fake.results == 0
        && fake.notifications == 0;

    if (!over)
        printf("# script '%s': played %d of %d lines, left %d results, %d "
               "notifications\n", fake.name, fake.next, fake.count,
               fake.results, fake.notifications);
    return over;
}

void
fake_pq_version(int version)
{
    fake.version = version;
}

int
poll(struct pollfd *fds, nfds_t count, int timeout)
{
    const struct fake_line *line = peek();

    if (count == 0 || line->call == FAKE_SILENCE) {
        clock_warp(clock_system(), timeout);
        if (count > 0 && timeout > 0)
            fake.next++;
        return 0;
    }
    fds[0].revents = POLLIN | POLLOUT;
    return 1;
}

/* Connections ------------------------------------------------------------- */

PGconn *
PQconnectStartParams(const char *const *keywords, const char *const *values,
                     int expand UNUSED)
{
    const struct fake_line *line = take(FAKE_CONNECT);
    int i;

    for (i = 0; keywords[i] != NULL; i++) {
        if (strcmp(keywords[i], "dbname") == 0
            && strcmp(values[i], line->text) != 0)
            wrong("connected to '%s'", values[i]);
    }
    fake.conn = (struct pg_conn){ .tx = FAKE_TX_IDLE };
    fake.connections++;
    return &fake.conn;
}

PostgresPollingStatusType
PQconnectPoll(PGconn *conn UNUSED)
{
    return (PostgresPollingStatusType)take(FAKE_POLL)->value;
}

ConnStatusType
PQstatus(const PGconn *conn)
{
    return conn->bad ? CONNECTION_BAD : CONNECTION_OK;
}

int
PQsocket(const PGconn *conn UNUSED)
{
    return 99;                  /* poll() is ours */
}

char *
PQerrorMessage(const PGconn *conn)
{
    static char said[] = "the server said goodbye\nand more\n", none[] = "";

    return conn->bad || peek()->call == FAKE_FINISH ? said : none;
}

int
PQserverVersion(const PGconn *conn UNUSED)
{
    return fake.version;
}

int
PQsetnonblocking(PGconn *conn UNUSED, int on UNUSED)
{
    return 0;
}

PQnoticeReceiver
PQsetNoticeReceiver(PGconn *conn UNUSED, PQnoticeReceiver receiver UNUSED,
                    void *arg UNUSED)
{
    return NULL;
}

char *
PQhost(const PGconn *conn UNUSED)
{
    static char elsewhere[] = "";

    return elsewhere;
}

int
PQbackendPID(const PGconn *conn UNUSED)
{
    wrong("nobody is to know the server's process");
}

PGTransactionStatusType
PQtransactionStatus(const PGconn *conn)
{
    if (conn->bad)
        return PQTRANS_UNKNOWN;
    return conn->tx == FAKE_TX_IDLE ? PQTRANS_IDLE
        : conn->tx == FAKE_TX_OPEN ? PQTRANS_INTRANS : PQTRANS_INERROR;
}

void
PQfinish(PGconn *conn)
{
    if (conn == NULL)
        return;
    (void)take(FAKE_FINISH);
    fake.connections--;
}

/* Statements -------------------------------------------------------------- */

static int
sent(const char *text, const char *param)
{
    const struct fake_line *line = peek();

    if (line->call == FAKE_SEND_FAILS) {
        (void)take(FAKE_SEND_FAILS);
        return 0;
    }
    if (line->call == FAKE_SEND
        && strncmp(text, line->text, strlen(line->text)) != 0)
        wrong("wanted '%s', but '%s' was sent", line->text, text);
    if (line->call == FAKE_SEND && line->param != NULL
        && (param == NULL || strcmp(param, line->param) != 0))
        wrong("wanted parameter '%s', but '%s' was sent", line->param,
              param != NULL ? param : "(null)");
    (void)take(FAKE_SEND);
    return 1;
}

int
PQsendPrepare(PGconn *conn UNUSED, const char *name, const char *text,
              int count UNUSED, const Oid *types UNUSED)
{
    return sent(text, name);
}

int
PQsendQueryPrepared(PGconn *conn UNUSED, const char *name, int count,
                    const char *const *values, const int *lengths UNUSED,
                    const int *formats UNUSED, int result_format UNUSED)
{
    return sent(name, count > 0 ? values[0] : NULL);
}

int
PQsendQueryParams(PGconn *conn UNUSED, const char *text, int count,
                  const Oid *types UNUSED, const char *const *values,
                  const int *lengths UNUSED, const int *formats UNUSED,
                  int result_format UNUSED)
{
    return sent(text, count > 0 ? values[0] : NULL);
}

int
PQsendQuery(PGconn *conn UNUSED, const char *text)
{
    return sent(text, NULL);
}

int
PQflush(PGconn *conn UNUSED)
{
    return peek()->call == FAKE_FLUSH ? take(FAKE_FLUSH)->value : 0;
}

int
PQconsumeInput(PGconn *conn UNUSED)
{
    const struct fake_line *line = peek();

    if (line->call == FAKE_NOTIFY || line->call == FAKE_NONE
        || line->call == FAKE_SILENCE)
        return 1;
    return take(FAKE_CONSUME)->value;
}

int
PQisBusy(PGconn *conn UNUSED)
{
    enum fake_call call = peek()->call;

    if (call == FAKE_NONE)
        wrong("an answer is awaited after the end");
    return call == FAKE_CONSUME || call == FAKE_SILENCE
        || (call != FAKE_RESULT && call != FAKE_END);
}

PGresult *
PQgetResult(PGconn *conn UNUSED)
{
    PGresult *result;

    if (peek()->call == FAKE_END) {
        (void)take(FAKE_END);
        return NULL;
    }
    result = xmalloc(sizeof(*result));
    result->line = take(FAKE_RESULT);
    fake.results++;
    return result;
}

ExecStatusType
PQresultStatus(const PGresult *result)
{
    return (ExecStatusType)result->line->value;
}

static char *
text_of(const char *text)
{
    static char copy[256];

    snprintf(copy, sizeof(copy), "%s", text != NULL ? text : "");
    return copy;
}

char *
PQresultErrorField(const PGresult *result, int field)
{
    static char state[8];

    if (field == PG_DIAG_SQLSTATE && result->line->state != NULL) {
        snprintf(state, sizeof(state), "%s", result->line->state);
        return state;
    }
    return field == PG_DIAG_MESSAGE_PRIMARY && result->line->text != NULL
        ? text_of(result->line->text) : NULL;
}

int
PQnfields(const PGresult *result)
{
    return result->line->columns;
}

int
PQntuples(const PGresult *result)
{
    return result->line->columns > 0 ? 1 : 0;
}

int
PQgetisnull(const PGresult *result, int row UNUSED, int col)
{
    return result->line->cells[col] == NULL;
}

char *
PQgetvalue(const PGresult *result, int row UNUSED, int col)
{
    return text_of(result->line->cells[col]);
}

char *
PQcmdTuples(PGresult *result)
{
    const char *space = result->line->text != NULL
        ? strrchr(result->line->text, ' ') : NULL;

    return text_of(space != NULL ? space + 1 : "");
}

char *
PQcmdStatus(PGresult *result)
{
    return text_of(result->line->text);
}

void
PQclear(PGresult *result)
{
    if (result == NULL)
        return;
    fake.results--;
    free(result);
}

/* Notifications ----------------------------------------------------------- */

PGnotify *
PQnotifies(PGconn *conn UNUSED)
{
    const struct fake_line *line = peek();
    PGnotify *notify;

    if (line->call != FAKE_NOTIFY)
        return NULL;
    (void)take(FAKE_NOTIFY);
    notify = xcalloc(1, sizeof(*notify));
    notify->relname = xstrdup(line->text);
    notify->extra = xstrdup(line->param);
    fake.notifications++;
    return notify;
}

char *
PQescapeIdentifier(PGconn *conn UNUSED, const char *text, size_t bytes)
{
    return xasprintf("\"%.*s\"", (int)bytes, text);
}

/* Also frees what PQescapeIdentifier() made: that begins with a quote, as the
 * aligned pointer at the start of a notification never does. */
void
PQfreemem(void *memory)
{
    PGnotify *notify = memory;

    if (memory == NULL)
        return;
    if (*(char *)memory != '"') {
        free(notify->relname);
        free(notify->extra);
        fake.notifications--;
    }
    free(memory);
}
