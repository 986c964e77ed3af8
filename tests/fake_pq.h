/* tests/fake_pq.h - a libpq that replays a script.
 *
 * Linked instead of libpq. Each call that does something (connect, send, read,
 * finish) must be the next line of the script, or the test fails at once and
 * says which call came instead; calls that only ask answer from what the
 * script said last. poll() is faked too: it never waits, and moves the warped
 * clock by its time-out when the script says silence. */
#ifndef TESTS_FAKE_PQ_H
#define TESTS_FAKE_PQ_H

#include <stdbool.h>
#include <libpq-fe.h>
#include "harness/attr.h"

enum fake_call {
    FAKE_NONE = 0,
    FAKE_CONNECT,               /* PQconnectStartParams: text = its dbname */
    FAKE_POLL,                  /* PQconnectPoll answers 'value' */
    FAKE_SEND,                  /* the SQL or the prepared statement begins with
                                 * 'text'; 'param' of $1, or what is prepared */
    FAKE_SEND_FAILS,
    FAKE_FLUSH,                 /* PQflush answers 'value' (else always 0) */
    FAKE_CONSUME,               /* PQconsumeInput answers 'value' */
    FAKE_SILENCE,               /* nothing to read until the time-out */
    FAKE_RESULT,                /* PQgetResult: an answer of status 'value' */
    FAKE_END,                   /* PQgetResult: NULL */
    FAKE_NOTIFY,                /* PQnotifies: channel 'text', 'param' */
    FAKE_FINISH,                /* PQfinish */
};

struct fake_line {
    enum fake_call call;
    const char *text;           /* RESULT: message, or command tag */
    const char *param;
    int value;
    const char *state;          /* RESULT: its SQLSTATE */
    int columns;                /* RESULT: of one row of ... */
    const char *cells[4];
    int tx;                     /* transaction status from here: FAKE_TX_* */
    bool bad;                   /* the connection is bad from here */
};
enum { FAKE_TX_SAME = 0, FAKE_TX_IDLE, FAKE_TX_OPEN, FAKE_TX_FAILED };

/* The most frequent lines. */
#define FAKE_OK(sql, tag) \
    { .call = FAKE_SEND, .text = (sql) }, \
    { .call = FAKE_RESULT, .text = (tag), .value = PGRES_COMMAND_OK }, \
    { .call = FAKE_END }
#define FAKE_OK_TX(sql, tag, state) \
    { .call = FAKE_SEND, .text = (sql) }, \
    { .call = FAKE_RESULT, .text = (tag), .value = PGRES_COMMAND_OK, \
      .tx = (state) }, \
    { .call = FAKE_END }
#define FAKE_ROW(sql, n, ...) \
    { .call = FAKE_SEND, .text = (sql) }, \
    { .call = FAKE_RESULT, .value = PGRES_TUPLES_OK, .columns = (n), \
      .cells = { __VA_ARGS__ } }, { .call = FAKE_END }
#define FAKE_ERROR(sql, code, message, state_after) \
    { .call = FAKE_SEND, .text = (sql) }, \
    { .call = FAKE_RESULT, .value = PGRES_FATAL_ERROR, .state = (code), \
      .text = (message), .tx = (state_after) }, { .call = FAKE_END }
#define FAKE_CONNECTED \
    { .call = FAKE_CONNECT, .text = "x" }, \
    { .call = FAKE_POLL, .value = PGRES_POLLING_OK }, \
    FAKE_ROW("select set_config(s.name", 1, "a")

/* Begins a script; the one before must have been played to its end. */
void fake_pq_play(const char *name, const struct fake_line *lines,
                  int count);
#define FAKE_PLAY(name, lines) \
    fake_pq_play((name), (lines), (int)ARRAY_LEN(lines))
/* True when all lines were played, and nothing leaked; says what is wrong. */
MUST_CHECK bool fake_pq_over(void);
void fake_pq_version(int version);

#endif
