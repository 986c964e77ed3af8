/* hosts/host_check.h - proves that a host can be driven. */
#ifndef HOSTS_HOST_CHECK_H
#define HOSTS_HOST_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"

struct db;
struct fault;
struct host;

/* Power is read; the console is reachable; the host is switched off and on and
 * fetches a netboot script; it is switched off again. Each check is an object
 * (check, ok, ms, text) of the array '*checks_out', printed as it ends unless
 * 'quiet'. False is a fault that kept us from checking; '*good_out' says
 * whether all were good. */
MUST_CHECK bool host_check(struct db *db, const struct host *host,
                           int64_t limit_ms, bool quiet,
                           json_t **checks_out, bool *good_out,
                           struct fault *why);

#endif
