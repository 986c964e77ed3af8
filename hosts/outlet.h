/* hosts/outlet.h - one outlet of a switched PDU, as SNMP sees it. */
#ifndef HOSTS_OUTLET_H
#define HOSTS_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"
#include "hosts/power.h"

struct fault;

#define OUTLET_OID_MAX 64

struct outlet_oid {
    uint32_t part[OUTLET_OID_MAX];
    size_t count;
};
struct outlet {
    struct outlet_oid order, state;     /* where to write, where to read */
    int32_t order_on, order_off;
    int32_t state_on, state_off;
    int version;                        /* 1, 2 (2c) or 3 */
};

/* The keys of power driver snmp-pdu: "model" and "outlet", or "oid",
 * "on_value" and "off_value"; "version" and what it needs. FAULT_CONFIG. */
MUST_CHECK bool outlet_read(const json_t *config, struct outlet *outlet_out,
                            struct fault *why);
/* "1.3.6.1..." with or without a dot before; two numbers at least. */
MUST_CHECK bool outlet_oid_parse(const char *text,
                                 struct outlet_oid *oid_out);
/* What the number that was read means; FAULT_PEER when it is neither. */
MUST_CHECK bool outlet_state(const struct outlet *outlet, int64_t value,
                             enum power_state *state_out, struct fault *why);

#endif
