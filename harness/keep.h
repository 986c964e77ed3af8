/* harness/keep.h - when a daemon that assayd keeps up is started again.
 *
 * Pure: events and the time go in, one action comes out. It starts nothing
 * and arms nothing itself (assayd_child.c does), so a test visits every cell
 * of its table. */
#ifndef HARNESS_KEEP_H
#define HARNESS_KEEP_H

#include <stdint.h>
#include "harness/attr.h"

enum keep_state {
    KEEP_IDLE = 0,              /* not wanted, not there */
    KEEP_STARTING,              /* started, not ready yet */
    KEEP_UP,
    KEEP_BACKOFF,               /* died, waits to be started again */
    KEEP_TRIPPED,               /* died too often: a long wait */
    KEEP_RESTARTING,            /* told to end, wanted again at once */
    KEEP_STOPPING,              /* told to end, not wanted */
    KEEP_STATE_COUNT
};

enum keep_event {
    KEEP_START = 0,             /* wanted */
    KEEP_READY,                 /* it serves */
    KEEP_ENDED,                 /* it ended, or could not be started */
    KEEP_TIMER,                 /* the timer of the last action */
    KEEP_RESTART,               /* its surroundings changed */
    KEEP_STOP,                  /* no longer wanted */
    KEEP_EVENT_COUNT
};

/* With each action the timer is set to timer_ms, or cleared if that is 0. */
enum keep_action {
    KEEP_NOTHING = 0,           /* leave the timer as it is */
    KEEP_SPAWN,
    KEEP_KILL,
    KEEP_WAIT,                  /* only the timer */
    KEEP_GIVE_UP_A_WHILE,       /* as WAIT; worth an error in the log */
    KEEP_GONE                   /* stopped, as was asked */
};

#define KEEP_READY_LIMIT_MS 30000   /* from start to ready */
#define KEEP_DELAY_MIN_MS 200
#define KEEP_DELAY_MAX_MS 30000
#define KEEP_SETTLED_MS 60000       /* up for this long: delay starts over */
#define KEEP_DEATHS_MAX 5           /* within KEEP_WINDOW_MS */
#define KEEP_WINDOW_MS 60000
#define KEEP_TRIPPED_MS 60000

struct keep {
    enum keep_state state;
    int64_t delay_ms;           /* of the next back-off */
    int64_t death_ms[KEEP_DEATHS_MAX];  /* ring of the last deaths */
    int deaths;                 /* ever */
};

#define KEEP_INIT { .state = KEEP_IDLE, .delay_ms = KEEP_DELAY_MIN_MS }

/* Never fails: an event that means nothing in this state does nothing. */
MUST_CHECK enum keep_action keep_event(struct keep *keep,
                                       enum keep_event event, int64_t now_ms,
                                       int64_t *timer_ms_out);

const char *keep_state_name(enum keep_state state);

#endif
