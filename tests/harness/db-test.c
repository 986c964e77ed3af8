/* tests/harness/db-test.c - db.c against a libpq that replays scripts: what
 * a server does only when something is wrong. */
#include <config.h>

#include "harness/clock.h"
#include "harness/db.h"
#include "tests/fake_pq.h"
#include "tests/tap.h"

static const struct query Q_ONE = { "ask one", "select 1", 0, 1 };
static const struct query Q_PARAM = { "ask with", "select $1", 1, 1 };
static const struct query Q_SET = { "set it", "update t", 0, 0 };

static struct db *
open_db(void)
{
    struct fault why = FAULT_INIT;
    struct db *db = NULL;

    if (!db_connect("x", "test", &db, &why))
        tap_bail("the fake does not connect: %s", why.text);
    return db;
}

static void
test_connect(void)
{
    static const struct fake_line good[] = {
        { .call = FAKE_CONNECT, .text = "x" },
        { .call = FAKE_POLL, .value = PGRES_POLLING_WRITING },
        { .call = FAKE_POLL, .value = PGRES_POLLING_READING },
        { .call = FAKE_POLL, .value = PGRES_POLLING_OK },
        FAKE_ROW("select set_config(s.name", 1, "a"),
        { .call = FAKE_FINISH },
    };
    static const struct fake_line refused[] = {
        { .call = FAKE_CONNECT, .text = "x" },
        { .call = FAKE_POLL, .value = PGRES_POLLING_FAILED, .bad = true },
        { .call = FAKE_FINISH },
    };
    static const struct fake_line silent[] = {
        { .call = FAKE_CONNECT, .text = "x" },
        { .call = FAKE_POLL, .value = PGRES_POLLING_READING },
        { .call = FAKE_SILENCE },
        { .call = FAKE_FINISH },
    };
    static const struct fake_line old[] = {
        { .call = FAKE_CONNECT, .text = "x" },
        { .call = FAKE_POLL, .value = PGRES_POLLING_OK },
        { .call = FAKE_FINISH },
    };
    struct fault why = FAULT_INIT;
    struct db *db = NULL;
    int64_t began;

    FAKE_PLAY("connect", good);
    db = open_db();
    ok(db_is_alive(db) && db_socket(db) >= 0, "a connection is alive");
    db_close(db);
    ok(fake_pq_over(), "all calls were made");

    FAKE_PLAY("connection refused", refused);
    not_ok_fault(db_connect("x", "test", &db, &why), &why, FAULT_LOST,
                 "the server said goodbye", "a refusal is a loss");
    has_str(why.detail, "and more", "further lines are detail");
    ok(fake_pq_over(), "it was closed");

    FAKE_PLAY("silent server", silent);
    began = clock_mono_ms(clock_system());
    not_ok_fault(db_connect("x", "test", &db, &why), &why, FAULT_LOST,
                 "no answer", "silence is a loss");
    ok(clock_mono_ms(clock_system()) - began == 15000, "after 15 s");
    ok(fake_pq_over(), "it was closed");

    fake_pq_version(120005);
    FAKE_PLAY("old server", old);
    not_ok_fault(db_connect("x", "test", &db, &why), &why, FAULT_CONFIG,
                 "version 12", "an old server is refused");
    fake_pq_version(150000);
    ok(fake_pq_over(), "it was closed");
}

static void
test_run(void)
{
    static const struct fake_line script[] = {
        FAKE_CONNECTED,
        FAKE_ROW("select 1", 1, "42"),
        { .call = FAKE_SEND, .text = "update t" },
        { .call = FAKE_FLUSH, .value = 1 },
        { .call = FAKE_CONSUME, .value = 1 },
        { .call = FAKE_FLUSH, .value = 0 },
        { .call = FAKE_CONSUME, .value = 1 },
        { .call = FAKE_CONSUME, .value = 1 },
        { .call = FAKE_RESULT, .text = "UPDATE 7", .value = PGRES_COMMAND_OK },
        { .call = FAKE_END },
        FAKE_ROW("select 1", 2, "a", "b"),
        { .call = FAKE_SEND, .text = "select 1", .param = "assay_1" },
        { .call = FAKE_RESULT, .text = "PREPARE", .value = PGRES_COMMAND_OK },
        { .call = FAKE_END },
        FAKE_OK("assay_1", "SELECT 0"),
        FAKE_ROW("update t", 1, "a"),
        { .call = FAKE_SEND, .text = "select $1",
          .param = "caf\xc3\xa9 \\xe9!" },
        { .call = FAKE_RESULT, .value = PGRES_TUPLES_OK, .columns = 1 },
        { .call = FAKE_END },
        { .call = FAKE_FINISH },
    };
    static const char *const params[] = { "caf\xc3\xa9 \xe9!" };
    struct fault why = FAULT_INIT;
    struct db_rows *rows = NULL;
    struct db *db;

    FAKE_PLAY("run", script);
    db = open_db();
    ok_fault(db_run(db, &Q_ONE, NULL, &rows, &why), &why, "a row comes");
    is_int(db_int(rows, 0, 0, -1), 42, "with its number");
    db_rows_free(rows);
    ok_fault(db_run(db, &Q_SET, NULL, &rows, &why), &why,
             "a command that must wait to be sent");
    is_int(db_rows_affected(rows), 7, "says how many rows it touched");
    db_rows_free(rows);
    not_ok_fault(db_run(db, &Q_ONE, NULL, &rows, &why), &why, FAULT_DATA,
                 "ask one: 2 columns instead of 1", "too many columns");
    not_ok_fault(db_run(db, &Q_ONE, NULL, &rows, &why), &why, FAULT_DATA,
                 "0 columns", "no columns");
    not_ok_fault(db_run(db, &Q_SET, NULL, &rows, &why), &why, FAULT_DATA,
                 "1 columns", "columns of a command");
    ok_fault(db_run(db, &Q_PARAM, params, &rows, &why), &why,
             "a parameter that is not UTF-8 is mended");
    ok(db_text(rows, 0, 0) == NULL && db_int(rows, 0, 0, 9) == 9
       && db_double(rows, 0, 0, 1.5) > 1.4 && !db_bool(rows, 0, 0),
       "null reads as missing");
    db_rows_free(rows);
    db_close(db);
    ok(fake_pq_over(), "all calls were made");
}

static void
test_kinds(void)
{
    static const struct {
        const char *state;
        enum fault_kind kind;
        bool alive;
    } cases[] = {
        { "23505", FAULT_CONFLICT, true },
        { "55P03", FAULT_CONFLICT, true },
        { "57014", FAULT_TIMEOUT, true },
        { "53100", FAULT_PEER, true },
        { "58030", FAULT_PEER, true },
        { "XX001", FAULT_PEER, true },
        { "42601", FAULT_DATA, true },
        { "AS001", FAULT_DATA, true },
        { "57P01", FAULT_LOST, false },
        { "57P03", FAULT_LOST, false },
        { "08006", FAULT_LOST, false },
        { "25P03", FAULT_LOST, false },
    };
    struct fake_line script[] = {
        FAKE_CONNECTED,
        FAKE_ERROR("select 1", "?", "it says no", FAKE_TX_SAME),
        { .call = FAKE_FINISH },
    };
    struct fault why = FAULT_INIT;
    struct db *db;
    size_t i;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        script[ARRAY_LEN(script) - 3].state = cases[i].state;
        FAKE_PLAY(cases[i].state, script);
        db = open_db();
        not_ok_fault(db_run(db, &Q_ONE, NULL, NULL, &why), &why,
                     cases[i].kind, "ask one: it says no", "SQLSTATE %s",
                     cases[i].state);
        is_str(db_last_sqlstate(db), cases[i].state, "it is kept");
        ok(db_is_alive(db) == cases[i].alive, "the connection is %s",
           cases[i].alive ? "good" : "lost");
        db_close(db);
        ok(fake_pq_over(), "all calls were made");
    }
}

static void
test_loss(void)
{
    static const struct fake_line send_fails[] = {
        FAKE_CONNECTED,
        { .call = FAKE_SEND_FAILS, .bad = true },
        { .call = FAKE_FINISH },
    };
    static const struct fake_line read_fails[] = {
        FAKE_CONNECTED,
        { .call = FAKE_SEND, .text = "select 1" },
        { .call = FAKE_CONSUME, .value = 1 },
        { .call = FAKE_CONSUME, .value = 0, .bad = true },
        { .call = FAKE_FINISH },
    };
    static const struct fake_line flush_fails[] = {
        FAKE_CONNECTED,
        { .call = FAKE_SEND, .text = "select 1" },
        { .call = FAKE_FLUSH, .value = -1, .bad = true },
        { .call = FAKE_FINISH },
    };
    static const struct fake_line half_answer[] = {
        FAKE_CONNECTED,
        { .call = FAKE_SEND, .text = "select 1" },
        { .call = FAKE_RESULT, .value = PGRES_FATAL_ERROR, .bad = true },
        { .call = FAKE_END },
        { .call = FAKE_FINISH },
    };
    static const struct fake_line no_answer[] = {
        FAKE_CONNECTED,
        { .call = FAKE_SEND, .text = "select 1" },
        { .call = FAKE_END },
        { .call = FAKE_FINISH },
    };
    static const struct fake_line copy[] = {
        FAKE_CONNECTED,
        { .call = FAKE_SEND, .text = "select 1" },
        { .call = FAKE_RESULT, .value = PGRES_COPY_OUT },
        { .call = FAKE_FINISH },
    };
    static const struct {
        const char *name;
        const struct fake_line *lines;
        int count;
        enum fault_kind kind;
    } cases[] = {
#define CASE(lines, kind) { #lines, lines, (int)ARRAY_LEN(lines), kind }
        CASE(send_fails, FAULT_LOST), CASE(read_fails, FAULT_LOST),
        CASE(flush_fails, FAULT_LOST), CASE(half_answer, FAULT_LOST),
        CASE(no_answer, FAULT_LOST), CASE(copy, FAULT_DATA),
#undef CASE
    };
    struct fault why = FAULT_INIT;
    struct db_rows *rows = NULL;
    char channel[64], payload[256];
    struct db *db;
    size_t i;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        fake_pq_play(cases[i].name, cases[i].lines, cases[i].count);
        db = open_db();
        not_ok_fault(db_run(db, &Q_ONE, NULL, &rows, &why), &why,
                     cases[i].kind, "ask one: ", "%s", cases[i].name);
        ok(!db_is_alive(db) && db_socket(db) == -1
           && !db_in_transaction(db), "the connection is lost");
        not_ok_fault(db_run(db, &Q_ONE, NULL, &rows, &why), &why, FAULT_LOST,
                     "is lost", "and stays so");
        not_ok_fault(db_listen(db, "a", &why), &why, FAULT_LOST, "listen",
                     "for all that is asked of it");
        ok(!db_notified(db, channel, payload) && !db_wait(db, 1000),
           "and says nothing more");
        db_close(db);
        ok(fake_pq_over(), "all calls were made");
    }
}

static void
test_limits(void)
{
    static const struct fake_line silent[] = {
        FAKE_CONNECTED,
        { .call = FAKE_SEND,
          .text = "select pg_catalog.set_config('statement_ti",
          .param = "2000" },
        { .call = FAKE_RESULT, .value = PGRES_TUPLES_OK, .columns = 1 },
        { .call = FAKE_END },
        { .call = FAKE_SEND, .text = "select 1" },
        { .call = FAKE_CONSUME, .value = 1 },
        { .call = FAKE_SILENCE },
        { .call = FAKE_FINISH },
    };
    static const struct fake_line full[] = {
        FAKE_CONNECTED,
        { .call = FAKE_SEND, .text = "select 1" },
        { .call = FAKE_FLUSH, .value = 1 },
        { .call = FAKE_SILENCE },
        { .call = FAKE_FINISH },
    };
    struct fault why = FAULT_INIT;
    struct db *db;
    int64_t began;

    FAKE_PLAY("no answer in time", silent);
    db = open_db();
    ok_fault(db_set_limit(db, 2000, &why), &why, "a limit of 2 s");
    began = clock_mono_ms(clock_system());
    not_ok_fault(db_run(db, &Q_ONE, NULL, NULL, &why), &why, FAULT_LOST,
                 "no answer from the database in 7 s",
                 "a server that does not even say that time is up");
    is_int(clock_mono_ms(clock_system()) - began, 7000, "after 2 + 5 s");
    ok(!db_is_alive(db), "is lost");
    db_close(db);
    ok(fake_pq_over(), "all calls were made");

    FAKE_PLAY("takes no data", full);
    db = open_db();
    not_ok_fault(db_run(db, &Q_ONE, NULL, NULL, &why), &why, FAULT_LOST,
                 "takes no data", "one that takes no data, too");
    db_close(db);
    ok(fake_pq_over(), "all calls were made");
}

static void
test_retry(void)
{
    static const struct fake_line twice[] = {
        FAKE_CONNECTED,
        FAKE_ERROR("update t", "40001", "busy", FAKE_TX_SAME),
        FAKE_ERROR("update t", "40P01", "deadlock", FAKE_TX_SAME),
        FAKE_OK("update t", "UPDATE 1"),
        { .call = FAKE_FINISH },
    };
    static const struct fake_line for_ever[] = {
        FAKE_CONNECTED,
#define BUSY FAKE_ERROR("update t", "40001", "busy", FAKE_TX_SAME)
        BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY,
#undef BUSY
        { .call = FAKE_FINISH },
    };
    struct fault why = FAULT_INIT;
    struct db *db;

    FAKE_PLAY("retry", twice);
    db = open_db();
    ok_fault(db_run(db, &Q_SET, NULL, NULL, &why), &why,
             "a lone statement is retried");
    ok(why.kind == FAULT_NONE, "and leaves no fault");
    db_close(db);
    ok(fake_pq_over(), "all calls were made");

    FAKE_PLAY("retry for ever", for_ever);
    db = open_db();
    not_ok_fault(db_run(db, &Q_SET, NULL, NULL, &why), &why, FAULT_CONFLICT,
                 "busy", "ten times, then it fails");
    ok(db_is_alive(db), "on a good connection");
    db_close(db);
    ok(fake_pq_over(), "all calls were made");
}

struct tx {
    int calls;
    bool refuse;                /* a failure of its own */
    bool pass_over;             /* hides that a statement failed */
};

static bool
tx_fn(struct db *db, void *arg, struct fault *why)
{
    struct tx *tx = arg;
    bool done;

    tx->calls++;
    done = db_run(db, &Q_SET, NULL, NULL, why);
    if (tx->refuse)
        return fault_set(why, FAULT_CONFLICT, "not now");
    return done || tx->pass_over;
}

static bool
outer_fn(struct db *db, void *arg, struct fault *why)
{
    return tx_fn(db, arg, why) && db_transact(db, tx_fn, arg, why);
}

static const struct fake_line tx_good[] = {
    FAKE_CONNECTED,
    FAKE_OK_TX("begin", "BEGIN", FAKE_TX_OPEN),
    FAKE_OK("update t", "UPDATE 1"),
    FAKE_OK_TX("commit", "COMMIT", FAKE_TX_IDLE),
    { .call = FAKE_FINISH },
};
static const struct fake_line tx_nested[] = {
    FAKE_CONNECTED,
    FAKE_OK_TX("begin", "BEGIN", FAKE_TX_OPEN),
    FAKE_OK("update t", "UPDATE 1"),
    FAKE_OK("update t", "UPDATE 1"),
    FAKE_OK_TX("commit", "COMMIT", FAKE_TX_IDLE),
    { .call = FAKE_FINISH },
};
static const struct fake_line tx_deadlock[] = {
    FAKE_CONNECTED,
    FAKE_OK_TX("begin", "BEGIN", FAKE_TX_OPEN),
    FAKE_ERROR("update t", "40P01", "deadlock", FAKE_TX_FAILED),
    FAKE_OK_TX("rollback", "ROLLBACK", FAKE_TX_IDLE),
    FAKE_OK_TX("begin", "BEGIN", FAKE_TX_OPEN),
    FAKE_OK("update t", "UPDATE 1"),
    FAKE_ERROR("commit", "40001", "could not serialize", FAKE_TX_IDLE),
    FAKE_OK_TX("begin", "BEGIN", FAKE_TX_OPEN),
    FAKE_OK("update t", "UPDATE 1"),
    FAKE_OK_TX("commit", "COMMIT", FAKE_TX_IDLE),
    { .call = FAKE_FINISH },
};
static const struct fake_line tx_refused[] = {
    FAKE_CONNECTED,
    FAKE_OK_TX("begin", "BEGIN", FAKE_TX_OPEN),
    FAKE_OK("update t", "UPDATE 1"),
    FAKE_OK_TX("rollback", "ROLLBACK", FAKE_TX_IDLE),
    { .call = FAKE_FINISH },
};
static const struct fake_line tx_passed_over[] = {
    FAKE_CONNECTED,
    FAKE_OK_TX("begin", "BEGIN", FAKE_TX_OPEN),
    FAKE_ERROR("update t", "23502", "null value", FAKE_TX_FAILED),
    FAKE_OK_TX("commit", "ROLLBACK", FAKE_TX_IDLE),
    { .call = FAKE_FINISH },
};
static const struct fake_line tx_lost_inside[] = {
    FAKE_CONNECTED,
    FAKE_OK_TX("begin", "BEGIN", FAKE_TX_OPEN),
    { .call = FAKE_SEND, .text = "update t" },
    { .call = FAKE_CONSUME, .value = 0, .bad = true },
    { .call = FAKE_FINISH },
};
static const struct fake_line tx_lost_commit[] = {
    FAKE_CONNECTED,
    FAKE_OK_TX("begin", "BEGIN", FAKE_TX_OPEN),
    FAKE_OK("update t", "UPDATE 1"),
    { .call = FAKE_SEND, .text = "commit" },
    { .call = FAKE_CONSUME, .value = 0, .bad = true },
    { .call = FAKE_FINISH },
};
static const struct fake_line tx_no_rollback[] = {
    FAKE_CONNECTED,
    FAKE_OK_TX("begin", "BEGIN", FAKE_TX_OPEN),
    FAKE_ERROR("update t", "23502", "null value", FAKE_TX_FAILED),
    FAKE_ERROR("rollback", "XX000", "no", FAKE_TX_SAME),
    { .call = FAKE_FINISH },
};

static void
test_transactions(void)
{
    static const struct {
        const char *name;
        const struct fake_line *lines;
        int count;
        db_tx_fn *fn;
        struct tx tx;
        int calls;
        enum fault_kind kind;   /* FAULT_NONE: it succeeds */
        const char *part;
        bool alive;
    } cases[] = {
#define CASE(lines) #lines, lines, (int)ARRAY_LEN(lines)
        { CASE(tx_good), tx_fn, { 0, false, false }, 1, FAULT_NONE, "",
          true },
        { CASE(tx_nested), outer_fn, { 0, false, false }, 2, FAULT_NONE, "",
          true },
        { CASE(tx_deadlock), tx_fn, { 0, false, false }, 3, FAULT_NONE, "",
          true },
        { CASE(tx_refused), tx_fn, { 0, true, false }, 1, FAULT_CONFLICT,
          "not now", true },
        { CASE(tx_passed_over), tx_fn, { 0, false, true }, 1, FAULT_DATA,
          "passed over", true },
        { CASE(tx_lost_inside), tx_fn, { 0, false, false }, 1, FAULT_LOST,
          "set it", false },
        { CASE(tx_lost_commit), tx_fn, { 0, false, false }, 1, FAULT_LOST,
          "commit", false },
        { CASE(tx_no_rollback), tx_fn, { 0, false, false }, 1, FAULT_DATA,
          "null value", false },
#undef CASE
    };
    struct fault why;
    struct tx tx;
    struct db *db;
    bool done;
    size_t i;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        why = (struct fault)FAULT_INIT;
        tx = cases[i].tx;
        fake_pq_play(cases[i].name, cases[i].lines, cases[i].count);
        db = open_db();
        done = db_transact(db, cases[i].fn, &tx, &why);
        if (cases[i].kind == FAULT_NONE)
            ok(done && why.kind == FAULT_NONE, "%s succeeds", cases[i].name);
        else
            not_ok_fault(done, &why, cases[i].kind, cases[i].part,
                         "%s fails", cases[i].name);
        is_int(tx.calls, cases[i].calls, "the function ran so often");
        ok(db_is_alive(db) == cases[i].alive, "the connection is %s",
           cases[i].alive ? "good" : "lost");
        db_close(db);
        ok(fake_pq_over(), "all calls were made");
    }
}

static void
test_notifications(void)
{
    static const struct fake_line script[] = {
        FAKE_CONNECTED,
        FAKE_OK("listen \"assay\"", "LISTEN"),
        { .call = FAKE_NOTIFY, .text = "assay", .param = "job" },
        { .call = FAKE_NOTIFY, .text = "assay", .param = "step" },
        { .call = FAKE_SILENCE },
        { .call = FAKE_CONSUME, .value = 0, .bad = true },
        { .call = FAKE_FINISH },
    };
    struct fault why = FAULT_INIT;
    char channel[64] = "", payload[256] = "";
    struct db *db;

    FAKE_PLAY("notifications", script);
    db = open_db();
    ok_fault(db_listen(db, "assay", &why), &why, "listens");
    ok(db_wait(db, 1000), "one waits");
    ok(db_notified(db, channel, payload), "and comes");
    is_str(channel, "assay", "with its channel");
    is_str(payload, "job", "and payload");
    ok(db_notified(db, channel, payload), "another one comes");
    is_str(payload, "step", "in order");
    ok(!db_wait(db, 1000) && db_is_alive(db), "then there are no more");
    ok(!db_wait(db, 1000) && !db_is_alive(db),
       "a loss ends the waiting at once");
    db_close(db);
    ok(fake_pq_over(), "all calls were made");
}

int
main(void)
{
    clock_init_warped(clock_system(), 1000000);
    test_connect();
    test_run();
    test_kinds();
    test_loss();
    test_limits();
    test_retry();
    test_transactions();
    test_notifications();
    return tap_done();
}
