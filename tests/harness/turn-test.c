/* tests/harness/turn-test.c - programs that read a lot take turns. */
#include <config.h>

#include "harness/turn_db.h"

#include <sys/resource.h>

#include "harness/db.h"
#include "harness/fault.h"
#include "tests/tap.h"

#include "tests/pgfix.h"

static bool
has_turn(struct db *db, int turns, int limit_ms)
{
    struct fault why = FAULT_INIT;
    bool got = false;

    if (!turn_db_wait(db, turns, limit_ms, &got, &why))
        tap_bail("turn: %s", why.text);
    return got;
}

/* Of the server's process. */
static int
nice_of(struct db *db)
{
    static const struct query Q_PID = { "pid", "select pg_backend_pid()", 0,
                                        1 };
    struct fault why = FAULT_INIT;
    struct db_rows *rows = NULL;
    int pid;

    if (!db_run(db, &Q_PID, NULL, &rows, &why))
        tap_bail("pid: %s", why.text);
    pid = (int)db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return getpriority(PRIO_PROCESS, (id_t)pid);
}

int
main(void)
{
    struct pgfix fix;
    struct db *one, *two, *three;
    int before, own = getpriority(PRIO_PROCESS, 0);

    pgfix_start(&fix);
    one = pgfix_open("assay");
    two = pgfix_open("assay");
    before = nice_of(two);
    three = pgfix_open("assay");
    ok(turn_count() >= 1, "there is a turn at least");
    ok(has_turn(one, 2, 0), "the first has a turn");
    ok(has_turn(two, 2, 0), "so has the second");
    ok(nice_of(two) > before, "the server process of whoever has one is nice");
    ok(getpriority(PRIO_PROCESS, 0) > own, "and so is the program");
    ok(!has_turn(three, 2, 60), "the third has none, and knows it in time");
    db_close(one);
    ok(has_turn(three, 2, 5000), "but when the first is gone");
    db_close(two);
    db_close(three);
    return pgfix_done(&fix);
}
