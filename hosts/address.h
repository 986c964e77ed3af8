/* hosts/address.h - "HOST", "HOST:PORT" and "[ADDRESS]:PORT" of a peer. */
#ifndef HOSTS_ADDRESS_H
#define HOSTS_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct fault;

struct address {
    char host[254];             /* a name, or an address without brackets */
    char port[6];
};

/* 'port' is what is meant when the text has none; 0: it must have one.
 * FAULT_CONFIG. No name is looked up. */
MUST_CHECK bool address_parse(const char *text, unsigned port,
                              struct address *address_out,
                              struct fault *why);
/* "HOST:PORT", with brackets around what has a colon. */
void address_text(const struct address *address, char out[static 272]);
/* Connects by TCP, blocking, within 'limit_ms' over all addresses that the name
 * has; the socket is CLOEXEC, keeps itself alive, and blocks. FAULT_PEER or
 * FAULT_TIMEOUT. For helpers: a look-up of a name has its own time. */
MUST_CHECK bool address_connect(const struct address *address,
                                int64_t limit_ms, int *fd_out,
                                struct fault *why);

#endif
