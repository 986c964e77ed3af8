/* harness/assayd_child.h - one daemon that assayd keeps up: starts it, waits
 * until it is ready, starts it again when it ends; keep.h decides when.
 *
 * It does not end with assayd: one that an assayd that was killed has left is
 * adopted as it is. (Its descriptor store died with that assayd; only when it
 * dies too, and before the next start, something is lost.) */
#ifndef HARNESS_ASSAYD_CHILD_H
#define HARNESS_ASSAYD_CHILD_H

#include <stdbool.h>
#include <uv.h>
#include "harness/attr.h"
#include "harness/keep.h"
#include "harness/proc.h"

struct clock;
struct fdstore;

struct assayd_child;

/* What is kept up; borrowed for the life of the child. */
struct assayd_child_spec {
    const char *name;
    const char *const *argv;
    bool keeps_fds;             /* give it a descriptor store */
};

/* Runs once after assayd_child_stop(), from the loop or inside the call. */
typedef void assayd_child_gone_fn(struct assayd_child *child, void *owner);

struct ready_wait;
struct assayd_child {
    const struct assayd_child_spec *spec;
    struct clock *clock;
    uv_loop_t *loop;
    struct keep keep;
    struct proc proc;
    uv_timer_t timer;
    uv_timer_t look;            /* whether the adopted one lives */
    pid_t adopted;              /* 0: none; else there is no 'proc' */
    int64_t kill_at_ms;         /* 0: the adopted one was not told to end */
    struct ready_wait *ready;   /* while it starts */
    struct fdstore *store;
    assayd_child_gone_fn *gone;
    void *owner;
};

void assayd_child_init(struct assayd_child *child, uv_loop_t *loop,
                       struct clock *clock,
                       const struct assayd_child_spec *spec,
                       assayd_child_gone_fn *gone, void *owner);
void assayd_child_start(struct assayd_child *child);
/* Ends it and starts it again, as when the lab's network has changed. */
void assayd_child_restart(struct assayd_child *child);
void assayd_child_stop(struct assayd_child *child);
/* After it has stopped. The memory may go when the loop has ended. */
void assayd_child_fini(struct assayd_child *child);

#endif
