/* harness/assayd_child.h - one daemon that assayd keeps up: starts it, waits
 * until it is ready, starts it again when it ends; keep.h decides when. */
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
    bool outlives_us;           /* else our death is its death */
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
