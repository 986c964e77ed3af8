/* harness/pidfile.h - what assayd has started and what outlives it, under
 * ASSAY_HOME/run/pids: the next assayd adopts it, "service stop" ends it.
 *
 * A file names a pid with its start time, so that it never means a
 * stranger. home_get() must have succeeded. */
#ifndef HARNESS_PIDFILE_H
#define HARNESS_PIDFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "harness/attr.h"

struct fault;

/* Notes that 'pid', which runs, is 'name' (safe as a file's name). */
MUST_CHECK bool pidfile_write(const char *name, pid_t pid, struct fault *why);
void pidfile_remove(const char *name);
/* The pid that 'name' has if it lives, else 0. */
pid_t pidfile_alive(const char *name);
/* Calls 'each' for all that live; the files of the dead are removed. */
typedef void pidfile_fn(void *owner, const char *name, pid_t pid);
MUST_CHECK bool pidfile_each(pidfile_fn *each, void *owner,
                             struct fault *why);

#endif
