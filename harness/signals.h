/* harness/signals.h - asked to stop: SIGINT, SIGTERM and SIGHUP. */
#ifndef HARNESS_SIGNALS_H
#define HARNESS_SIGNALS_H

#include <stdbool.h>
#include "harness/attr.h"

struct fault;

/* For command-line programs without a loop: after this the signals only set
 * a flag, blocking calls return EINTR, and proc_run() stops its child and
 * fails with FAULT_CANCELLED. */
void signals_catch(void);
/* Number of the signal that asked us to stop, 0 if none. */
int signals_stop_asked(void);
/* The same, and forgets it: for what can be asked twice. */
int signals_take(void);
/* False with FAULT_CANCELLED when asked to stop; for long loops. */
MUST_CHECK bool signals_check(struct fault *why);
/* Sleeps at most 'ms'; wakes early when asked to stop. Command line only. */
void signals_pause_ms(int ms);

#endif
