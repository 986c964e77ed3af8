/* harness/turn_db.c - see turn_db.h. */
#include <config.h>

#include "harness/turn_db.h"

#include <stdio.h>
#include <unistd.h>

#include "harness/db.h"
#include "harness/fault.h"
#include "harness/signals.h"

#define LOCK "16722"            /* 'AR' */
#define STEP_MS 25

static const struct query Q_TRY = { "turn-try",
    "select pg_try_advisory_lock(" LOCK ", $1::int)", 1, 1 };

int
turn_count(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return processors < 4 ? 1 : processors > 256 ? 128
                                                 : (int)(processors / 2);
}

static bool
try_all(struct db *db, int turns, bool *got_out, struct fault *why)
{
    *got_out = false;
    for (int turn = 0; turn < turns && !*got_out; turn++) {
        char text[12];
        const char *params[] = { text };
        struct db_rows *rows = NULL;

        snprintf(text, sizeof text, "%d", turn);
        if (!db_run(db, &Q_TRY, params, &rows, why))
            return false;
        *got_out = db_bool(rows, 0, 0);
        db_rows_free(rows);
    }
    return true;
}

bool
turn_db_wait(struct db *db, int turns, int limit_ms, bool *got_out,
             struct fault *why)
{
    for (int waited = 0; ; waited += STEP_MS) {
        if (!try_all(db, turns, got_out, why))
            return false;
        if (*got_out || waited >= limit_ms || signals_stop_asked() != 0)
            return true;
        signals_pause_ms(STEP_MS);
    }
}
