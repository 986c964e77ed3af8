/* flights/watch.c - see watch.h.
 *
 * A look is one picture of the flight; notifications only say that it is time
 * for another. */
#include <config.h>

#include "flights/watch.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "flights/flight_db.h"
#include "flights/flight_state_db.h"
#include "flights/progress.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/mem.h"
#include "harness/service.h"
#include "harness/signals.h"

#define LOOK_MIN_MS 200         /* between two looks, however much happens */
#define LOOK_MAX_TERMINAL_MS 1000   /* for the clocks */
#define LOOK_MAX_MS 2000
#define ASSAYD_CHECK_MS 2000
#define RECONNECT_LIMIT_MS 60000
#define RECONNECT_PAUSE_MS 500

struct watch {
    struct db *db;
    int64_t flight;
    struct clock *clock;
    bool terminal, color;
    int drawn;                  /* lines of the table on the screen */
    int64_t assayd_checked_ms;
    bool aborting;

    /* The look before. */
    struct arena arena;
    struct flight_state state;
    bool have;
};

static void
erase(struct watch *w)
{
    if (w->drawn > 0)
        fprintf(stderr, "\033[%dA\033[J", w->drawn);
    w->drawn = 0;
}

static PRINTF_LIKE(2, 3) void
say(struct watch *w, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    erase(w);
    fprintf(stderr, "%s\n", buf_text(&text));
    buf_free(&text);
}

static void
draw(struct watch *w)
{
    struct winsize size = { .ws_row = 24, .ws_col = 80 };
    struct buf out = BUF_INIT;
    int lines = 0;

    (void)ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
    if (size.ws_row == 0 || size.ws_col == 0)
        size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
    progress_table(&w->state, size.ws_row, size.ws_col - 1, w->color, &out,
                   &lines);
    erase(w);
    fputs(buf_text(&out), stderr);
    fflush(stderr);
    w->drawn = lines;
    buf_free(&out);
}

static const struct flight_job_state *
job_before(const struct watch *w, const struct flight_job_state *job)
{
    for (size_t i = 0; w->have && i < w->state.job_count; i++)
        if (strcmp(w->state.jobs[i].job, job->job) == 0)
            return &w->state.jobs[i];
    return NULL;
}

static int
ended(const struct flight_job_state *job)
{
    return job == NULL ? 0 : job->passed + job->failed + job->other;
}

/* The steps that have ended since, then what became of the job. */
static bool
tell(struct watch *w, const struct flight_state *now, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct buf out = BUF_INIT;
    bool ok = true;

    for (size_t i = 0; i < now->job_count && ok; i++) {
        const struct flight_job_state *job = &now->jobs[i];
        const struct flight_job_state *before = job_before(w, job);
        struct flight_step_end *steps = NULL;
        size_t count = 0;

        if (!outcome_is_final(job->status))
            progress_events(before, job, &out);
        if (ended(job) > ended(before))
            ok = flight_steps_ended(w->db, w->flight, job->job,
                                    ended(before), ended(job) -
                                    ended(before), &arena, &steps, &count,
                                    why);
        for (size_t k = 0; k < count; k++)
            progress_step(job->job, &steps[k], &out);
        if (outcome_is_final(job->status))
            progress_events(before, job, &out);
    }
    fputs(buf_text(&out), stderr);
    buf_free(&out);
    arena_free(&arena);
    return ok;
}

static bool
look(struct watch *w, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct flight_state now;

    if (!flight_state_read(w->db, w->flight, &arena, &now, why) ||
        (!w->terminal && !tell(w, &now, why))) {
        arena_free(&arena);
        return false;
    }
    arena_free(&w->arena);
    w->arena = arena;
    w->state = now;
    w->have = true;
    if (w->terminal)
        draw(w);
    return true;
}

/* The server went away: assayd or we bring it back. */
static bool
reconnect(struct watch *w, struct fault *why)
{
    int64_t until = clock_mono_ms(w->clock) + RECONNECT_LIMIT_MS;

    say(w, "lost the database (%s): connecting again", why->text);
    db_close(w->db);
    w->db = NULL;
    for (;;) {
        *why = (struct fault)FAULT_INIT;
        if (!signals_check(why))
            return false;
        if (db_open("assay", &w->db, why)) {
            if (db_listen(w->db, "assay", why)) {
                say(w, "the database is back");
                return true;
            }
            db_close(w->db);
            w->db = NULL;
        }
        if (clock_mono_ms(w->clock) > until)
            return false;
        signals_pause_ms(RECONNECT_PAUSE_MS);
    }
}

static bool
check_assayd(struct watch *w, struct fault *why)
{
    int64_t now = clock_mono_ms(w->clock);
    bool running = true, started = false;
    pid_t pid;

    if (now - w->assayd_checked_ms < ASSAYD_CHECK_MS)
        return true;
    w->assayd_checked_ms = now;
    if (!service_assayd_find(&running, &pid, why))
        return false;
    if (running)
        return true;
    if (!service_ensure_assayd(&started, why))
        return false;
    if (started)
        say(w, "assayd was gone: started another; jobs go on");
    return true;
}

/* What a signal asks for. '*leave_out' when it is time to go. */
static bool
stop_asked(struct watch *w, bool *leave_out, struct fault *why)
{
    int number = signals_take();

    if (number == 0)
        return true;
    if (number == SIGHUP || w->aborting) {
        *leave_out = true;
        return true;
    }
    w->aborting = true;
    say(w, "aborting flight %" PRId64 ": its jobs get time to end (again to "
        "leave at once)", w->flight);
    return flight_db_abort(w->db, w->flight,
                           number == SIGINT ? "interrupted by its user"
                                            : "told to stop", why) ||
           why->kind == FAULT_CONFLICT;
}

static void
wait_for_news(struct watch *w, int64_t looked_ms)
{
    char channel[64], payload[256];
    int64_t max_ms = w->terminal ? LOOK_MAX_TERMINAL_MS : LOOK_MAX_MS;
    int64_t next_ms;

    (void)db_wait(w->db, max_ms);
    while (db_notified(w->db, channel, payload))
        continue;
    next_ms = looked_ms + LOOK_MIN_MS - clock_mono_ms(w->clock);
    if (next_ms > 0)
        signals_pause_ms((int)next_ms);
}

static bool
follow(struct watch *w, enum watch_end *end_out, struct fault *why)
{
    bool leave = false;

    if (!db_listen(w->db, "assay", why))
        return false;
    for (;;) {
        int64_t looked_ms = clock_mono_ms(w->clock);
        bool ok = stop_asked(w, &leave, why) && (leave || look(w, why));

        if (ok && leave) {
            *end_out = WATCH_LEFT;
            return true;
        }
        if (ok && w->state.finished) {
            *end_out = w->aborting ? WATCH_ABORTED : WATCH_ENDED;
            return true;
        }
        if (!ok && why->kind == FAULT_CANCELLED)
            continue;           /* stop_asked() sees it */
        if (!ok && !db_is_alive(w->db)) {
            if (reconnect(w, why) || why->kind == FAULT_CANCELLED)
                ok = w->db != NULL;
            else
                return false;
            if (!ok) {          /* no way to abort it without a database */
                *end_out = WATCH_LEFT;
                return true;
            }
            continue;
        }
        if (!ok)
            return false;
        if (!check_assayd(w, why) && why->kind != FAULT_CANCELLED)
            return false;
        wait_for_news(w, looked_ms);
    }
}

bool
watch_flight(struct db **db, int64_t flight, enum watch_end *end_out,
             struct fault *why)
{
    struct watch w = {
        .db = *db, .flight = flight, .clock = clock_system(),
        .arena = ARENA_INIT,
    };
    const char *term = getenv("TERM");
    bool ok;

    w.terminal = isatty(STDERR_FILENO) == 1 && term != NULL &&
                 strcmp(term, "dumb") != 0;
    w.color = w.terminal && getenv("NO_COLOR") == NULL;
    ok = follow(&w, end_out, why);
    erase(&w);
    if (ok && *end_out == WATCH_LEFT && w.have) {
        for (size_t i = 0; i < w.state.job_count; i++)
            if (!outcome_is_final(w.state.jobs[i].status))
                fprintf(stderr, "%s is %s still\n", w.state.jobs[i].job,
                        outcome_name(w.state.jobs[i].status));
        fprintf(stderr, "flight %" PRId64 " goes on; "
                "'assay flight run %" PRId64 "' watches it again\n", flight,
                flight);
    }
    arena_free(&w.arena);
    *db = w.db;
    return ok;
}
