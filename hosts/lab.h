/* hosts/lab.h - the virtual lab of this home: up, down, what it is. */
#ifndef HOSTS_LAB_H
#define HOSTS_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include "harness/attr.h"

struct fault;

struct lab_options {
    const char *const *files;   /* host files; none: all shipped ones */
    size_t file_count;
    bool no_assayd;             /* the caller serves by himself */
};

/* Makes what is missing; what a crash left is cleaned first. Progress on
 * standard error. On a failure, a signal among them, nothing is left but files
 * below the home. FAULT_CONFLICT when a lab of other hosts is up. */
MUST_CHECK bool lab_up(const struct lab_options *options, struct fault *why);
/* Stops assayd with its jobs, machines, and the network; with 'all' the
 * private database cluster too. Succeeds when nothing is there. */
MUST_CHECK bool lab_down(bool all, struct fault *why);
/* up, keeper, accelerator, hosts with their power, processes. The caller owns
 * it. */
MUST_CHECK bool lab_status(json_t **status_out, struct fault *why);

#endif
