/* bisector/agent_work.h - what an agent does: asks, fetches, runs, answers. */
#ifndef BISECTOR_AGENT_WORK_H
#define BISECTOR_AGENT_WORK_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct agent_cache;
struct agent_client;
struct fault;

struct agent_work {
    struct agent_client *client;
    const struct agent_cache *cache;
    const char *const *cmd;     /* NULL-ended; [0] NULL: the lab's step */
    const char *name;           /* of this machine */
    int64_t limit_ms;           /* of a run; 0: none of ours */
    int64_t idle_ms;            /* 0: for ever */
    bool send_log, once, json;
};

/* Until there is nothing to do (--once, --idle: true), or it is asked to stop
 * (FAULT_CANCELLED), or cannot go on. Removes what it made. */
MUST_CHECK bool agent_work_run(const struct agent_work *work,
                               struct fault *why);

#endif
