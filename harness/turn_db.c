/* harness/turn_db.c - see turn_db.h. */
#include <config.h>

#include "harness/turn_db.h"

#include <stdio.h>
#include <unistd.h>

#include "harness/db.h"
#include "harness/fault.h"
#include "harness/nice.h"
#include "harness/signals.h"

#define LOCK "16722"            /* 'AR' */
#define STEP_MS 25
#define STEP_MAX_MS 100

static const struct query Q_TRY = { "turn-try",
    "select pg_try_advisory_lock(" LOCK ", $1::int)", 1, 1 };

static const struct query Q_ALONE = { "turn-alone",
    "select set_config('max_parallel_workers_per_gather', '0', false),"
    " set_config('jit', 'off', false)", 0, 2 };

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
    int step = STEP_MS;

    for (int waited = 0; ;) {
        if (!try_all(db, turns, got_out, why))
            return false;
        if (*got_out || waited >= limit_ms || signals_stop_asked() != 0)
            return true;
        signals_pause_ms(step);
        waited += step;
        if (step < STEP_MAX_MS)
            step += STEP_MS;
    }
}

/* Whoever starts the private cluster must not hand on to it how nice he is:
 * it runs before. */
bool
turn_db_open(const char *program, struct db **db_out, struct fault *why)
{
    bool got;

    if (!db_start(program, why))
        return false;
    nice_begin();
    if (!db_open(program, db_out, why))
        return false;
    if (db_run(*db_out, &Q_ALONE, NULL, NULL, why)
        && turn_db_wait(*db_out, turn_count(), TURN_LIMIT_MS, &got, why))
        return true;
    db_close(*db_out);
    *db_out = NULL;
    return false;
}
