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
    struct fault why = FAULT_INIT;
    struct db *one, *two, *three = NULL;
    int before, own = getpriority(PRIO_PROCESS, 0);

    pgfix_start(&fix);
    one = pgfix_open("assay");
    two = pgfix_open("assay");
    before = nice_of(two);
    ok(turn_count() >= 1, "there is a turn at least");
    ok_fault(turn_db_open("assay", &three, &why), &why,
             "who reads a lot gets a session and a turn");
    ok(!has_turn(one, turn_count(), 0) || turn_count() > 1,
       "which nobody else has");
    ok(nice_of(three) > before, "whose server process is nice");
    ok(getpriority(PRIO_PROCESS, 0) > own, "and so is the program");
    is_int(nice_of(two), before, "others' are as they were");
    db_close(three);
    ok(has_turn(one, 2, 5000), "the first has a turn");
    ok(has_turn(two, 2, 5000), "so has the second");
    three = pgfix_open("assay");
    ok(!has_turn(three, 2, 60), "the third has none, and knows it in time");
    db_close(one);
    ok(has_turn(three, 2, 5000), "but when the first is gone");
    db_close(two);
    db_close(three);
    return pgfix_done(&fix);
}
