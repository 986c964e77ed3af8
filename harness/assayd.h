/* harness/assayd.h - the controller: leads the database's queue if no other
 * does, starts assay-jobs, ends flights, keeps the site's daemons up. */
#ifndef HARNESS_ASSAYD_H
#define HARNESS_ASSAYD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "harness/assayd_child.h"
#include "harness/assayd_duties.h"
#include "harness/assayd_jobs.h"
#include "harness/attr.h"

struct assayd;
struct clock;
struct fault;

#define ASSAYD_CHILDREN_MAX 4

/* Borrowed for the life of the controller. */
struct assayd_spec {
    struct clock *clock;
    struct assayd_runners_spec runners;
    const struct assayd_child_spec *children;
    size_t child_count;         /* at most ASSAYD_CHILDREN_MAX */
    const struct assayd_duty_spec *duties;
    size_t duty_count;
    /* Makes the database reachable again (starts the private cluster), in a
     * process of its own since that blocks. */
    const char *const *mend_argv;
};

/* Runs once, after assayd_stop(), when all that it started has ended. */
typedef void assayd_stopped_fn(void *owner);

/* Connects (starting the private cluster and migrating it) and starts. */
MUST_CHECK struct assayd *assayd_new(uv_loop_t *loop,
                                     const struct assayd_spec *spec,
                                     assayd_stopped_fn *stopped, void *owner,
                                     struct fault *why);
/* The first call ends jobs (which get their grace) and daemons; a second one
 * kills the jobs that still run. */
void assayd_stop(struct assayd *assayd);
/* The lab's network has changed: daemons that live in it start again. */
void assayd_restart_children(struct assayd *assayd);
/* After 'stopped' and the end of the loop. Ignores NULL. */
void assayd_free(struct assayd *assayd);

#endif
