/* hosts/power.h - switches hosts on and off: one table row a driver.
 *
 *   { driver: libvirt, domain: NAME }
 *   { driver: command, on: [ARGV], off: [ARGV], status: [ARGV], limit: 30s }
 *       "status" prints "on" or "off" and nothing else
 *   { driver: ipmi | redfish | snmp-pdu, ... }
 *       controllers on the network: see assay-host(5)
 *   { driver: guest, address: HOST, guest: NAME, config: PATH, ... }
 *       a guest of another Xen, whose xl is run by ssh
 *   { driver: manual, text: "socket 3, left" }
 *       a person does it and says so by "assay host power HOST confirm on"
 *
 * A driver gives orders and reads the state. That an order was followed is
 * checked here, for all of them, by reading back; an order is repeated a few
 * times, each time with a line in the log. */
#ifndef HOSTS_POWER_H
#define HOSTS_POWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"

struct fault;

enum power_state { POWER_UNKNOWN = 0, POWER_OFF, POWER_ON };
const char *power_state_name(enum power_state state);
/* "on", "off"; POWER_UNKNOWN for anything else. */
enum power_state power_state_parse(const char *text);

#define POWER_ATTEMPTS 3
/* What one order or one reading may take. */
#define POWER_ORDER_LIMIT_MS 60000
/* How long the state may take to follow an order. */
#define POWER_SETTLE_LIMIT_MS 10000

struct power_driver {
    const char *name;           /* of the key "driver" */
    /* The host file's "power" object. FAULT_CONFIG names the key. */
    bool (*check)(const char *host, json_t *config, struct fault *why);
    /* POWER_OFF or POWER_ON; success says only that the order was taken. */
    bool (*order)(const char *host, const json_t *config,
                  enum power_state want, struct fault *why);
    /* FAULT_PEER when the answer is none of "on" and "off". */
    bool (*status)(const char *host, const json_t *config,
                   enum power_state *state_out, struct fault *why);
    /* NULL, or: the next start is from what the key "boot" says, which was
     * read back. Called with the power off, before an order to switch on. */
    bool (*boot_order)(const char *host, const json_t *config,
                       struct fault *why);
    /* How long the state must stay as wanted to count: controllers report it
     * before the machine is there, and some take it back. 0: at once. The
     * key "steady" says something else. */
    int64_t steady_ms;
};

/* FAULT_CONFIG, naming the drivers that there are. */
MUST_CHECK const struct power_driver *power_find(const char *name,
                                                 struct fault *why);
const struct power_driver *power_at(size_t i);  /* NULL past the end */
MUST_CHECK bool power_check(const char *host, json_t *config,
                            struct fault *why);

/* These block: for command-line programs and helpers. A FAULT_CONFIG, as a
 * password that was refused, is not tried again. 'config' is the host's
 * "power" object. A host that does not follow is FAULT_PEER (FAULT_TIMEOUT
 * when it was still on its way) with what each attempt said as detail. */
MUST_CHECK bool power_set(const char *host, const json_t *config,
                          enum power_state want, struct fault *why);
/* The same with another time to settle than POWER_SETTLE_LIMIT_MS. */
MUST_CHECK bool power_set_within(const char *host, const json_t *config,
                                 enum power_state want, int64_t settle_ms,
                                 struct fault *why);
/* Off, verified; then on, verified. */
MUST_CHECK bool power_cycle(const char *host, const json_t *config,
                            struct fault *why);
MUST_CHECK bool power_status(const char *host, const json_t *config,
                             enum power_state *state_out,
                             struct fault *why);

#endif
