/* tests/harness/db-server-test.c - db.c against a real server: losses,
 * limits, retries, notifications. */
#include <config.h>

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/db_value.h"
#include "harness/fs.h"
#include "tests/tap.h"

#include "tests/pgfix.h"

static int64_t
now_ms(void)
{
    return clock_mono_ms(clock_system());
}

static bool
socket_is_readable(const struct db *db, int limit_ms)
{
    struct pollfd fd = { .fd = db_socket(db), .events = POLLIN };

    return poll(&fd, 1, limit_ms) == 1;
}

static void
test_session(void)
{
    static const struct query q_settings = { "settings",
        "select current_setting('search_path'), current_setting('TimeZone'),"
        " current_setting('statement_timeout'),"
        " current_setting('application_name'),"
        " current_setting('client_connection_check_interval'),"
        " current_setting('default_transaction_isolation')", 0, 6 };
    static const struct query q_bare = { "bare", "select count(*) from host",
                                         0, 1 };
    static const struct query q_text = { "text", "select $1::text", 1, 1 };
    static const char *const cut[] = { "half a caf\xc3" };
    struct fault why = FAULT_INIT;
    struct db *db = pgfix_open("assay");
    struct db_rows *rows = NULL;

    if (!ok_fault(db_run(db, &q_settings, NULL, &rows, &why), &why,
                  "settings"))
        tap_bail("no settings");
    is_str(db_text(rows, 0, 0), "pg_catalog, pg_temp", "search_path");
    is_str(db_text(rows, 0, 1), "UTC", "time zone");
    is_str(db_text(rows, 0, 2), "30s", "limit");
    is_str(db_text(rows, 0, 3), "assay", "name of the program");
    is_str(db_text(rows, 0, 4), "1s", "a dead client is noticed");
    is_str(db_text(rows, 0, 5), "read committed", "isolation");
    db_rows_free(rows);
    not_ok_fault(db_run(db, &q_bare, NULL, &rows, &why), &why, FAULT_DATA,
                 "bare: relation \"host\" does not exist",
                 "a name without its schema is an error");
    is_str(db_last_sqlstate(db), "42P01", "with its SQLSTATE");
    ok_fault(db_run(db, &q_text, cut, &rows, &why), &why,
             "text cut in the middle of a character");
    is_str(db_text(rows, 0, 0), "half a caf\\xc3", "is stored readable");
    db_rows_free(rows);
    db_close(db);
}

static bool
ask_twice(struct db *db, void *arg, struct fault *why)
{
    const struct query *query = arg;
    struct db_rows *rows = NULL;
    bool ok;

    ok = db_run(db, query, NULL, NULL, why)
        && db_run(db, query, NULL, &rows, why);
    if (ok)
        is_str(db_text(rows, 0, 0), "2", "what there is now");
    db_rows_free(rows);
    return ok;
}

/* What one session asks often is prepared; what is prepared may be gone, or
 * mean something else. */
static void
test_prepared(void)
{
    static const struct query q_often = { "often",
        "select v from pg_temp.often", 0, 1 };
    static const struct query q_count = { "count",
        "select count(*) from pg_prepared_statements", 0, 1 };
    struct fault why = FAULT_INIT;
    struct db *db = pgfix_open("assay");
    int64_t count = 0;
    int i;

    if (!db_script(db, "often", "create temp table often as select 1 as v",
                   &why))
        tap_bail("%s", why.text);
    for (i = 0; i < 5; i++)
        if (!db_run(db, &q_often, NULL, NULL, &why))
            tap_bail("%s", why.text);
    ok(db_value_int(db, &q_count, NULL, 0, &count, &why) && count == 1,
       "what is asked five times has a statement of its own");
    if (!db_script(db, "gone", "deallocate all", &why))
        tap_bail("%s", why.text);
    ok_fault(db_run(db, &q_often, NULL, NULL, &why), &why,
             "a statement that is gone");
    for (i = 0; i < 3; i++)
        if (!db_run(db, &q_often, NULL, NULL, &why))
            tap_bail("%s", why.text);
    ok(db_value_int(db, &q_count, NULL, 0, &count, &why) && count == 1,
       "is made again, when it is asked for again");
    if (!db_script(db, "changed", "alter table pg_temp.often alter v type text"
                   " using '2'", &why))
        tap_bail("%s", why.text);
    ok_fault(db_transact(db, ask_twice, (void *)(uintptr_t)&q_often, &why),
             &why, "one whose answer has another type, in a transaction");
    db_close(db);
}

static void
test_limit(void)
{
    static const struct query q_sleep = { "sleep",
        "select pg_sleep(20) is null", 0, 1 };
    static const struct query q_one = { "one", "select 1", 0, 1 };
    struct fault why = FAULT_INIT;
    struct db *db = pgfix_open("assay");
    int64_t began;

    ok_fault(db_set_limit(db, 200, &why), &why, "a limit of 200 ms");
    began = now_ms();
    not_ok_fault(db_run(db, &q_sleep, NULL, NULL, &why), &why, FAULT_TIMEOUT,
                 "sleep: canceling statement due to statement timeout",
                 "a statement that takes too long");
    ok(now_ms() - began < 3000, "is ended in time");
    ok_fault(db_run(db, &q_one, NULL, NULL, &why), &why,
             "the connection is good after it");
    db_close(db);
}

static void
test_loss(void)
{
    static const struct query q_pid = { "pid", "select pg_backend_pid()", 0,
                                        1 };
    struct fault why = FAULT_INIT;
    struct db *db = pgfix_open("assay");
    struct db_rows *rows = NULL;
    struct buf kill_it = BUF_INIT;
    int64_t began;

    if (!db_run(db, &q_pid, NULL, &rows, &why))
        tap_bail("%s", why.text);
    buf_addf(&kill_it, "select pg_terminate_backend(%s)",
             db_text(rows, 0, 0));
    db_rows_free(rows);
    pgfix_script(buf_text(&kill_it));
    began = now_ms();
    ok(socket_is_readable(db, 5000), "the socket says so");
    ok(!db_wait(db, 5000) && !db_is_alive(db), "the loss is seen");
    ok(now_ms() - began < 1000, "at once");
    is_int(db_socket(db), -1, "no socket is left to poll");
    not_ok_fault(db_run(db, &q_pid, NULL, &rows, &why), &why, FAULT_LOST,
                 "pid: ", "nothing can be asked");
    db_close(db);
    buf_free(&kill_it);
}

static void
test_notifications(void)
{
    struct fault why = FAULT_INIT;
    struct db *db = pgfix_open("assay");
    char channel[64], payload[256];
    int64_t began = now_ms();

    ok_fault(db_listen(db, "assay", &why), &why, "listens");
    ok(!db_wait(db, 50) && db_is_alive(db), "nothing yet");
    ok(now_ms() - began >= 50, "it waited");
    pgfix_script("insert into assay.flight (branch, intended, harness)"
                 " values ('b', 'real', 'h')");
    ok(db_wait(db, 5000), "a flight wakes");
    ok(db_notified(db, channel, payload), "with a notification");
    is_str(channel, "assay", "channel");
    is_str(payload, "flight", "payload");
    ok(!db_notified(db, channel, payload), "just one");
    db_close(db);
}

/* Transactions ------------------------------------------------------------ */

static const struct query Q_ISOLATE = { "isolate",
    "set transaction isolation level serializable", 0, 0 };
static const struct query Q_READ = { "read",
    "select sum(n)::bigint from public.pair", 0, 1 };
static const struct query Q_WRITE = { "write",
    "update public.pair set n = n + 1 where k = $1::int", 1, 0 };

struct attempt {
    const char *own, *other;    /* keys of the two rows */
    bool interfere;             /* another session writes in between */
    int calls;
};

/* The first try meets a writer that makes it unserialisable. */
static bool
serial_tx(struct db *db, void *arg, struct fault *why)
{
    struct attempt *attempt = arg;
    const char *const params[] = { attempt->own };

    attempt->calls++;
    if (!db_run(db, &Q_ISOLATE, NULL, NULL, why)
        || !db_run(db, &Q_READ, NULL, NULL, why))
        return false;
    if (attempt->interfere && attempt->calls == 1)
        pgfix_script("begin; set transaction isolation level serializable;"
                     " select sum(n) from public.pair;"
                     " update public.pair set n = n + 1 where k = 2;"
                     " commit");
    return db_run(db, &Q_WRITE, params, NULL, why);
}

/* Takes the two rows one after the other, in the order of 'own', 'other'. */
static bool
crossing_tx(struct db *db, void *arg, struct fault *why)
{
    struct attempt *attempt = arg;
    const char *const first[] = { attempt->own };
    const char *const second[] = { attempt->other };

    attempt->calls++;
    if (!db_run(db, &Q_WRITE, first, NULL, why))
        return false;
    if (attempt->calls == 1)
        poll(NULL, 0, 200);     /* so that the other one has its first */
    return db_run(db, &Q_WRITE, second, NULL, why);
}

static void
test_retry(void)
{
    struct attempt serial = { "1", NULL, true, 0 };
    struct attempt ours = { "1", "2", false, 0 };
    struct attempt theirs = { "2", "1", false, 0 };
    struct fault why = FAULT_INIT;
    struct db *db = pgfix_open("assay");
    pid_t pid;
    int status = 0;

    pgfix_script("create table public.pair (k int primary key, n int);"
                 " insert into public.pair values (1, 0), (2, 0)");
    ok_fault(db_transact(db, serial_tx, &serial, &why), &why,
             "40001 is retried");
    is_int(serial.calls, 2, "once was enough");
    is_int(pgfix_int("select sum(n)::bigint from public.pair"), 2,
           "and done once");

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        struct db *other = pgfix_open("assay");

        _exit(db_transact(other, crossing_tx, &theirs, &why) ? 0 : 1);
    }
    ok_fault(db_transact(db, crossing_tx, &ours, &why), &why,
             "two that deadlock: one passes");
    (void)waitpid(pid, &status, 0);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
       "and so does the other");
    is_int(pgfix_int("select sum(n)::bigint from public.pair"), 6,
           "each exactly once");
    db_close(db);
}

static bool
killer_tx(struct db *db, void *arg UNUSED, struct fault *why)
{
    const char *const params[] = { "1" };

    if (!db_run(db, &Q_WRITE, params, NULL, why))
        return false;
    if (kill(pgfix_server(), SIGKILL) != 0)
        tap_bail("no server to kill");
    /* The session's own process notices and ends. */
    if (!socket_is_readable(db, 10000))
        tap_bail("the session outlives its server");
    return db_run(db, &Q_READ, NULL, NULL, why);
}

static void
test_server_killed(void)
{
    struct fault why = FAULT_INIT;
    struct db *db = pgfix_open("assay");
    int64_t before = pgfix_int("select sum(n)::bigint from public.pair");
    int64_t began;

    not_ok_fault(db_transact(db, killer_tx, NULL, &why), &why, FAULT_LOST,
                 "read: ", "the server is killed in a transaction");
    ok(!db_is_alive(db), "the connection is lost");
    db_close(db);
    began = now_ms();
    db = pgfix_open("assay");
    diag("to another connection: %d ms", (int)(now_ms() - began));
    is_int(pgfix_int("select sum(n)::bigint from public.pair"), before,
           "nothing of the transaction is there");
    db_close(db);
}

/* A client that dies in the middle of a long statement. */
static void
test_client_killed(void)
{
    static const struct query q_lock = { "lock",
        "select pg_advisory_lock(1, 1) is null", 0, 1 };
    static const struct query q_sleep = { "sleep",
        "select pg_sleep(25) is null", 0, 1 };
    struct fault why = FAULT_INIT;
    int64_t began;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        struct db *db = pgfix_open("assay");

        if (!db_run(db, &q_lock, NULL, NULL, &why))
            _exit(1);
        (void)!db_run(db, &q_sleep, NULL, NULL, &why);
        _exit(2);
    }
    while (pgfix_int("select count(*) from pg_stat_activity"
                     " where query like 'select pg_sleep(25)%'") == 0)
        poll(NULL, 0, 20);
    is_int(pgfix_int("select pg_try_advisory_lock(1, 1)::int"), 0,
           "it holds a lock");
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    began = now_ms();
    while (pgfix_int("select pg_try_advisory_lock(1, 1)::int") == 0
           && now_ms() - began < 20000)
        poll(NULL, 0, 20);
    diag("lock of a client killed in a statement: free after %d ms",
         (int)(now_ms() - began));
    ok(now_ms() - began < 5000, "the lock is free soon after its death");
}

int
main(void)
{
    struct pgfix fix;

    pgfix_start(&fix);
    test_session();
    test_prepared();
    test_limit();
    test_loss();
    test_notifications();
    test_retry();
    test_server_killed();
    test_client_killed();
    return pgfix_done(&fix);
}
