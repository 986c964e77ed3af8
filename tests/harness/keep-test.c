/* tests/harness/keep-test.c - every cell of keep.c's table, and the
 * rules about time. */
#include <config.h>

#include "harness/keep.h"

#include "tests/tap.h"

struct cell {
    enum keep_state state;
    enum keep_event event;
    enum keep_action action;
    enum keep_state next;
};

#define N KEEP_NOTHING
static const struct cell cells[] = {
    { KEEP_IDLE, KEEP_START, KEEP_SPAWN, KEEP_STARTING },
    { KEEP_IDLE, KEEP_READY, N, KEEP_IDLE },
    { KEEP_IDLE, KEEP_ENDED, N, KEEP_IDLE },
    { KEEP_IDLE, KEEP_TIMER, N, KEEP_IDLE },
    { KEEP_IDLE, KEEP_RESTART, N, KEEP_IDLE },
    { KEEP_IDLE, KEEP_STOP, KEEP_GONE, KEEP_IDLE },

    { KEEP_STARTING, KEEP_START, N, KEEP_STARTING },
    { KEEP_STARTING, KEEP_READY, KEEP_WAIT, KEEP_UP },
    { KEEP_STARTING, KEEP_ENDED, KEEP_WAIT, KEEP_BACKOFF },
    { KEEP_STARTING, KEEP_TIMER, KEEP_KILL, KEEP_STARTING },
    { KEEP_STARTING, KEEP_RESTART, KEEP_KILL, KEEP_RESTARTING },
    { KEEP_STARTING, KEEP_STOP, KEEP_KILL, KEEP_STOPPING },

    { KEEP_UP, KEEP_START, N, KEEP_UP },
    { KEEP_UP, KEEP_READY, N, KEEP_UP },
    { KEEP_UP, KEEP_ENDED, KEEP_WAIT, KEEP_BACKOFF },
    { KEEP_UP, KEEP_TIMER, KEEP_WAIT, KEEP_UP },
    { KEEP_UP, KEEP_RESTART, KEEP_KILL, KEEP_RESTARTING },
    { KEEP_UP, KEEP_STOP, KEEP_KILL, KEEP_STOPPING },

    { KEEP_BACKOFF, KEEP_START, N, KEEP_BACKOFF },
    { KEEP_BACKOFF, KEEP_READY, N, KEEP_BACKOFF },
    { KEEP_BACKOFF, KEEP_ENDED, N, KEEP_BACKOFF },
    { KEEP_BACKOFF, KEEP_TIMER, KEEP_SPAWN, KEEP_STARTING },
    { KEEP_BACKOFF, KEEP_RESTART, KEEP_SPAWN, KEEP_STARTING },
    { KEEP_BACKOFF, KEEP_STOP, KEEP_GONE, KEEP_IDLE },

    { KEEP_TRIPPED, KEEP_START, N, KEEP_TRIPPED },
    { KEEP_TRIPPED, KEEP_READY, N, KEEP_TRIPPED },
    { KEEP_TRIPPED, KEEP_ENDED, N, KEEP_TRIPPED },
    { KEEP_TRIPPED, KEEP_TIMER, KEEP_SPAWN, KEEP_STARTING },
    { KEEP_TRIPPED, KEEP_RESTART, KEEP_SPAWN, KEEP_STARTING },
    { KEEP_TRIPPED, KEEP_STOP, KEEP_GONE, KEEP_IDLE },

    { KEEP_RESTARTING, KEEP_START, N, KEEP_RESTARTING },
    { KEEP_RESTARTING, KEEP_READY, N, KEEP_RESTARTING },
    { KEEP_RESTARTING, KEEP_ENDED, KEEP_SPAWN, KEEP_STARTING },
    { KEEP_RESTARTING, KEEP_TIMER, N, KEEP_RESTARTING },
    { KEEP_RESTARTING, KEEP_RESTART, N, KEEP_RESTARTING },
    { KEEP_RESTARTING, KEEP_STOP, N, KEEP_STOPPING },

    { KEEP_STOPPING, KEEP_START, N, KEEP_RESTARTING },
    { KEEP_STOPPING, KEEP_READY, N, KEEP_STOPPING },
    { KEEP_STOPPING, KEEP_ENDED, KEEP_GONE, KEEP_IDLE },
    { KEEP_STOPPING, KEEP_TIMER, N, KEEP_STOPPING },
    { KEEP_STOPPING, KEEP_RESTART, N, KEEP_STOPPING },
    { KEEP_STOPPING, KEEP_STOP, N, KEEP_STOPPING },
};

static void
visit_cells(void)
{
    bool seen[KEEP_STATE_COUNT][KEEP_EVENT_COUNT] = { { false } };
    int missed = 0;

    for (size_t i = 0; i < ARRAY_LEN(cells); i++) {
        const struct cell *c = &cells[i];
        struct keep keep = KEEP_INIT;
        int64_t timer = -1;
        enum keep_action action;

        keep.state = c->state;
        seen[c->state][c->event] = true;
        action = keep_event(&keep, c->event, 1000000, &timer);
        ok(action == c->action && keep.state == c->next &&
               (action == KEEP_NOTHING) == (timer == -1),
           "%s on event %d: action %d, then %s", keep_state_name(c->state),
           (int)c->event, (int)action, keep_state_name(keep.state));
    }
    for (int s = 0; s < KEEP_STATE_COUNT; s++)
        for (int e = 0; e < KEEP_EVENT_COUNT; e++)
            missed += !seen[s][e];
    is_int(missed, 0, "every cell was visited");
}

static int64_t
die_once(struct keep *keep, int64_t *now_ms, enum keep_action *action_out)
{
    int64_t timer = 0, delay = 0;

    *action_out = keep_event(keep, KEEP_ENDED, *now_ms, &delay);
    *now_ms += delay;
    (void)!keep_event(keep, KEEP_TIMER, *now_ms, &timer);
    return delay;
}

static void
back_off(void)
{
    struct keep keep = KEEP_INIT;
    enum keep_action action;
    int64_t now = 0, timer;

    (void)!keep_event(&keep, KEEP_START, now, &timer);
    is_int(timer, KEEP_READY_LIMIT_MS, "a start has a limit to be ready");
    is_int(die_once(&keep, &now, &action), 200, "the first delay");
    is_int(die_once(&keep, &now, &action), 400, "doubles");
    is_int(die_once(&keep, &now, &action), 800, "doubles again");
    (void)!keep_event(&keep, KEEP_READY, now, &timer);
    now += timer;
    (void)!keep_event(&keep, KEEP_TIMER, now, &timer);
    is_int(die_once(&keep, &now, &action), 200,
           "and starts over after a while of being up");
}

static void
intensity(void)
{
    struct keep keep = KEEP_INIT;
    enum keep_action action = KEEP_NOTHING;
    int64_t now = 0, timer;

    (void)!keep_event(&keep, KEEP_START, now, &timer);
    for (int i = 0; i < KEEP_DEATHS_MAX; i++) {
        (void)die_once(&keep, &now, &action);
        ok(action == KEEP_WAIT, "death %d: started again soon", i + 1);
    }
    is_int(die_once(&keep, &now, &action), KEEP_TRIPPED_MS,
           "the next one within the window: a long wait");
    ok(action == KEEP_GIVE_UP_A_WHILE, "which is worth an error");
    now += KEEP_WINDOW_MS;
    (void)die_once(&keep, &now, &action);
    ok(action == KEEP_WAIT, "much later a death is a single one again");
    for (int i = 0; i < 20; i++) {
        now += KEEP_WINDOW_MS;
        (void)die_once(&keep, &now, &action);
    }
    ok(action == KEEP_WAIT && keep.delay_ms == KEEP_DELAY_MAX_MS,
       "seldom deaths never trip it; the delay has a limit");
}

int
main(void)
{
    visit_cells();
    back_off();
    intensity();
    return tap_done();
}
