/* recipes/job_socket.h - sockets to the hosts of a job. */
#ifndef RECIPES_JOB_SOCKET_H
#define RECIPES_JOB_SOCKET_H

#include <stdbool.h>
#include "harness/attr.h"

struct fault;

/* An ssh_socket_fn: a host of the lab is on the lab's wire, any other is
 * reached from here. */
bool job_socket_make(void *owner, const char *address, int *fd_out,
                     struct fault *why);

#endif
