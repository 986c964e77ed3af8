/* flights/watch.h - follows a flight to its end, for "assay flight run". */
#ifndef FLIGHTS_WATCH_H
#define FLIGHTS_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct db;
struct fault;

enum watch_end {
    WATCH_NONE = 0,
    WATCH_ENDED,                /* the flight has; read its outcome */
    WATCH_ABORTED,              /* as ENDED, because we were told to stop */
    WATCH_LEFT                  /* we went, the flight goes on */
};

/* Shows progress on standard error until 'flight' ends. '*db' may be replaced
 * by another connection when the server went away. The first SIGINT or
 * SIGTERM aborts the flight and waits for its jobs to end, a second one
 * leaves at once; SIGHUP leaves. A dead assayd is replaced.
 * signals_catch() has been called. */
MUST_CHECK bool watch_flight(struct db **db, int64_t flight,
                             enum watch_end *end_out, struct fault *why);

#endif
