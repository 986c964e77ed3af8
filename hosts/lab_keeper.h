/* hosts/lab_keeper.h - the process that holds the lab's network.
 *
 * The namespace lives as long as this process; dnsmasq is its child. "assay lab
 * up" writes the files it works from (HOME/lab/net) and starts it. */
#ifndef HOSTS_LAB_KEEPER_H
#define HOSTS_LAB_KEEPER_H

#include <stdbool.h>
#include "harness/attr.h"

struct fault;

/* Runs until SIGTERM or SIGINT. Says that it is ready by service_ready(). */
MUST_CHECK bool lab_keeper_run(struct fault *why);

#endif
