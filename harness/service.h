/* harness/service.h - assayd of this home: is it there, start it, stop it;
 * and what a daemon says to the one that started it.
 *
 * A daemon (assayd, assay-console, assay-web) is started with descriptor 3 as
 * its ready pipe, named in ASSAY_READY_FD. It writes one line there when it
 * can serve; closing it unwritten means that it could not start. */
#ifndef HARNESS_SERVICE_H
#define HARNESS_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "harness/attr.h"

struct fault;

#define SERVICE_READY_FD 3
#define SERVICE_READY_ENV "ASSAY_READY_FD"
/* assay-console's socket to the descriptor store that assayd keeps for it
 * (harness/fdstore.h). */
#define SERVICE_STORE_FD 4
#define SERVICE_STORE_ENV "ASSAY_FDSTORE_FD"

/* In a daemon: tells the starter that we serve, once; does nothing when
 * nobody asked. */
void service_ready(void);

/* Waits at most 'limit_ms' for the ready line on 'fd'. FAULT_SYSTEM when it
 * was closed without, FAULT_TIMEOUT when nothing came. Does not close. */
MUST_CHECK bool service_await_ready(int fd, int64_t limit_ms,
                                    struct fault *why);

/* True and the pid when an assayd holds the lock of this home. */
MUST_CHECK bool service_assayd_find(bool *running_out, pid_t *pid_out,
                                    struct fault *why);

/* In assayd: takes the lock of this home for the life of the process.
 * FAULT_CONFLICT names the pid that has it. */
MUST_CHECK bool service_assayd_claim(struct fault *why);
/* After that: false when somebody has removed the lock, with the home of it. */
bool service_assayd_has_home(void);

/* Starts assayd in a session of its own, log in $ASSAY_HOME/run/assayd.log,
 * unless one runs; returns when it serves. 'started_out' may be NULL. The
 * fault's detail is the tail of the log. */
MUST_CHECK bool service_ensure_assayd(bool *started_out, struct fault *why);

/* TERM, and waits at most 'limit_ms' until it has gone. Running jobs are
 * aborted by assayd. Ends what an assayd that was killed has left, too. True
 * with 'stopped_out' false when there was nothing. */
MUST_CHECK bool service_stop_assayd(int64_t limit_ms, bool *stopped_out,
                                    struct fault *why);

#endif
