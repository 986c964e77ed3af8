/* hosts/bmc_snmp.h - what an SNMP agent's answer says of an outlet. Only
 * where Net-SNMP is. */
#ifndef HOSTS_BMC_SNMP_H
#define HOSTS_BMC_SNMP_H

#ifdef HAVE_NETSNMP

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include "harness/attr.h"

struct fault;

/* The one number that was asked for by 'name'; FAULT_PEER for every other
 * answer. */
MUST_CHECK bool bmc_snmp_number(const struct snmp_pdu *answer,
                                const oid *name, size_t count,
                                int64_t *value_out, struct fault *why);

#endif
#endif
