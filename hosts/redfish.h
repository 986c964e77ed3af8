/* hosts/redfish.h - what a Redfish service's answers say. No I/O: bytes in,
 * facts out. */
#ifndef HOSTS_REDFISH_H
#define HOSTS_REDFISH_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include "harness/attr.h"
#include "hosts/power.h"

struct fault;

#define REDFISH_PATH_BYTES 256

struct redfish_system {
    enum power_state state;     /* on its way counts as not there yet */
    bool moving;                /* PoweringOn, PoweringOff */
    char reset[REDFISH_PATH_BYTES];     /* where orders go, "" for nowhere */
    const char *on, *off;       /* ResetType that does it, or NULL; static */
    char boot_target[32], boot_enabled[32];
    char etag[96];              /* "" for none */
};

/* The answer to GET of a ComputerSystem. FAULT_PEER unless it is one with a
 * known PowerState. */
MUST_CHECK bool redfish_system_parse(const char *data, size_t bytes,
                                     struct redfish_system *system_out,
                                     struct fault *why);
/* The only member of a collection of systems. FAULT_CONFIG when there are
 * several: then the host file must say which. */
MUST_CHECK bool redfish_member_parse(const char *data, size_t bytes,
                                     char path[static REDFISH_PATH_BYTES],
                                     struct fault *why);
/* What a refusal says ("extended information"), "" if nothing. */
void redfish_message_parse(const char *data, size_t bytes, char *out,
                           size_t out_bytes);

#endif
