/* harness/orphan.h - processes that a step left behind.
 *
 * This process becomes the reaper of its descendants (PR_SET_CHILD_SUBREAPER):
 * whoever loses its parent, daemonized or not, becomes our child, and no
 * step's process escapes. Orphans that end are reaped here; the children that
 * proc_spawn() started are left to it. */
#ifndef HARNESS_ORPHAN_H
#define HARNESS_ORPHAN_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>
#include "harness/attr.h"

struct buf;
struct fault;

/* A process with this name in its environment is nobody's orphan: a machine of
 * the virtual lab that a step switched on belongs to the lab. */
#define ORPHAN_EXEMPT_ENV "ASSAY_LAB_MACHINE"

/* Once a process, after proc_watch_init() of the same loop. */
MUST_CHECK bool orphan_watch_init(uv_loop_t *loop, struct fault *why);
void orphan_watch_fini(void);

/* Which orphans: those in process group 'group', and those that carry 'mark'
 * ("NAME=value") in their environment; 'all' also takes those that carry no
 * "NAME=" at all, for when nobody else can have left them. */
struct orphan_match {
    pid_t group;
    const char *mark;
    bool all;
};

/* Counts the living ones; appends "NAME (pid N)", comma separated, of the
 * first few. 'names' may be NULL. */
MUST_CHECK int orphan_count(const struct orphan_match *match,
                            struct buf *names);
/* KILL to each and to its process group. They are gone a moment later: ask
 * orphan_count() again, their own children come to the light then. */
void orphan_kill(const struct orphan_match *match);

#endif
