/* hosts/bmc.h - one order to a controller on the network: what assay-bmc does,
 * a row a driver. All of it blocks. */
#ifndef HOSTS_BMC_H
#define HOSTS_BMC_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"
#include "hosts/power.h"

struct fault;

enum bmc_verb { BMC_STATUS = 0, BMC_ON, BMC_OFF, BMC_BOOT };

struct bmc_order {
    const json_t *config;       /* the host's "power" object, checked */
    enum bmc_verb verb;
    int64_t limit_ms;           /* for all of it, as well as can be */
};

/* For BMC_STATUS sets '*state_out'. An order whose state is there already is
 * not given; BMC_BOOT is read back. FAULT_CONFIG when user or password are
 * refused; no secret in any message. */
typedef bool bmc_fn(const struct bmc_order *order,
                    enum power_state *state_out, struct fault *why);

bmc_fn bmc_guest, bmc_ipmi, bmc_redfish, bmc_snmp;

#endif
