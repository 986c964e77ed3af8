/* harness/turn_db.c - see turn_db.h. */
#include <config.h>

#include "harness/turn_db.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include "harness/db.h"
#include "harness/fault.h"
#include "harness/signals.h"

#define LOCK "16722"            /* 'AR' */
#define STEP_MS 25
#define STEP_MAX_MS 100
#define NICE 10                 /* a tenth of what others get, if they want */

static const struct query Q_TRY = { "turn-try",
    "select pg_try_advisory_lock(" LOCK ", $1::int)", 1, 1 };

static const struct query Q_ALONE = { "turn-alone",
    "select pg_backend_pid(),"
    " set_config('max_parallel_workers_per_gather', '0', false),"
    " set_config('jit', 'off', false)", 0, 3 };

/* A courtesy: where it is refused, all goes on as it is. */
static void
give_way(pid_t pid)
{
    int now;

    errno = 0;
    now = getpriority(PRIO_PROCESS, (id_t)pid);
    if (errno == 0)
        (void)setpriority(PRIO_PROCESS, (id_t)pid, now + NICE);
}

/* Not before there is a session: who starts the private cluster must not hand
 * that on to it. */
static bool
work_alone(struct db *db, struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_ALONE, NULL, &rows, why))
        return false;
    give_way(0);
    if (db_is_private())
        give_way((pid_t)db_int(rows, 0, 0, 0));
    db_rows_free(rows);
    return true;
}

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

    if (!work_alone(db, why))
        return false;
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
