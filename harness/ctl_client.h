/* harness/ctl_client.h - runs a command on a host through a job's control
 * socket. Blocking: for the command line. */
#ifndef HARNESS_CTL_CLIENT_H
#define HARNESS_CTL_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct fault;

struct ctl_job {
    const char *host;           /* or a role */
    const char *command;        /* for the remote shell */
    int in;                     /* read until its end; -1: no input */
    int out, err;               /* where output goes */
};

struct ctl_result {
    int status;                 /* 128 + n when a signal ended it */
    bool started;               /* false: it had no effect, for sure */
    int64_t sent_bytes, received_bytes;     /* of input and output */
};

/* 'fd' is a connection to the job (ctl_connect()), which is closed. False
 * with 'why' when the transport failed; result_out->started holds then too.
 * A closed 'out' or 'err' is FAULT_SYSTEM. */
MUST_CHECK bool ctl_client_run(int fd, const struct ctl_job *job,
                               struct ctl_result *result_out,
                               struct fault *why);

#endif
