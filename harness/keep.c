/* harness/keep.c - the table behind a supervised daemon: see keep.h. */
#include <config.h>

#include "harness/keep.h"

#include <stdbool.h>

typedef enum keep_action keep_fn(struct keep *keep, int64_t now_ms,
                                 int64_t *timer_ms);

static enum keep_action
ignore(struct keep *keep UNUSED, int64_t now_ms UNUSED,
       int64_t *timer_ms UNUSED)
{
    return KEEP_NOTHING;
}

static enum keep_action
spawn(struct keep *keep, int64_t now_ms UNUSED, int64_t *timer_ms)
{
    keep->state = KEEP_STARTING;
    *timer_ms = KEEP_READY_LIMIT_MS;
    return KEEP_SPAWN;
}

static enum keep_action
now_up(struct keep *keep, int64_t now_ms UNUSED, int64_t *timer_ms)
{
    keep->state = KEEP_UP;
    *timer_ms = KEEP_SETTLED_MS;
    return KEEP_WAIT;
}

static enum keep_action
settled(struct keep *keep, int64_t now_ms UNUSED, int64_t *timer_ms)
{
    keep->delay_ms = KEEP_DELAY_MIN_MS;
    *timer_ms = 0;
    return KEEP_WAIT;
}

/* Too slow to be ready. The state stays: its end is then a death. */
static enum keep_action
too_slow(struct keep *keep UNUSED, int64_t now_ms UNUSED, int64_t *timer_ms)
{
    *timer_ms = 0;
    return KEEP_KILL;
}

static enum keep_action
died(struct keep *keep, int64_t now_ms, int64_t *timer_ms)
{
    int slot = keep->deaths % KEEP_DEATHS_MAX;
    bool often = keep->deaths >= KEEP_DEATHS_MAX &&
                 now_ms - keep->death_ms[slot] < KEEP_WINDOW_MS;

    keep->death_ms[slot] = now_ms;
    keep->deaths++;
    if (often) {
        keep->state = KEEP_TRIPPED;
        *timer_ms = KEEP_TRIPPED_MS;
        return KEEP_GIVE_UP_A_WHILE;
    }
    keep->state = KEEP_BACKOFF;
    *timer_ms = keep->delay_ms;
    keep->delay_ms *= 2;
    if (keep->delay_ms > KEEP_DELAY_MAX_MS)
        keep->delay_ms = KEEP_DELAY_MAX_MS;
    return KEEP_WAIT;
}

static enum keep_action
restart(struct keep *keep, int64_t now_ms UNUSED, int64_t *timer_ms)
{
    keep->state = KEEP_RESTARTING;
    *timer_ms = 0;
    return KEEP_KILL;
}

static enum keep_action
stop(struct keep *keep, int64_t now_ms UNUSED, int64_t *timer_ms)
{
    keep->state = KEEP_STOPPING;
    *timer_ms = 0;
    return KEEP_KILL;
}

static enum keep_action
gone(struct keep *keep, int64_t now_ms UNUSED, int64_t *timer_ms)
{
    keep->state = KEEP_IDLE;
    keep->delay_ms = KEEP_DELAY_MIN_MS;
    *timer_ms = 0;
    return KEEP_GONE;
}

/* It is on its way out already; only what is wanted after changes. */
static enum keep_action
not_after_all(struct keep *keep, int64_t now_ms UNUSED,
              int64_t *timer_ms UNUSED)
{
    keep->state = KEEP_STOPPING;
    return KEEP_NOTHING;
}

static enum keep_action
wanted_again(struct keep *keep, int64_t now_ms UNUSED,
             int64_t *timer_ms UNUSED)
{
    keep->state = KEEP_RESTARTING;
    return KEEP_NOTHING;
}

static keep_fn *const table[KEEP_STATE_COUNT][KEEP_EVENT_COUNT] = {
    /* START, READY, ENDED, TIMER, RESTART, STOP */
    [KEEP_IDLE] = { spawn, ignore, ignore, ignore, ignore, gone },
    [KEEP_STARTING] = { ignore, now_up, died, too_slow, restart, stop },
    [KEEP_UP] = { ignore, ignore, died, settled, restart, stop },
    [KEEP_BACKOFF] = { ignore, ignore, ignore, spawn, spawn, gone },
    [KEEP_TRIPPED] = { ignore, ignore, ignore, spawn, spawn, gone },
    [KEEP_RESTARTING] = { ignore, ignore, spawn, ignore, ignore,
                          not_after_all },
    [KEEP_STOPPING] = { wanted_again, ignore, gone, ignore, ignore, ignore },
};

enum keep_action
keep_event(struct keep *keep, enum keep_event event, int64_t now_ms,
           int64_t *timer_ms_out)
{
    must(keep->state < KEEP_STATE_COUNT && event < KEEP_EVENT_COUNT);
    return table[keep->state][event](keep, now_ms, timer_ms_out);
}

const char *
keep_state_name(enum keep_state state)
{
    static const char *const names[KEEP_STATE_COUNT] = {
        [KEEP_IDLE] = "idle",         [KEEP_STARTING] = "starting",
        [KEEP_UP] = "up",             [KEEP_BACKOFF] = "backoff",
        [KEEP_TRIPPED] = "tripped",   [KEEP_RESTARTING] = "restarting",
        [KEEP_STOPPING] = "stopping",
    };

    must(state < KEEP_STATE_COUNT);
    return names[state];
}
