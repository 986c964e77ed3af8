/* hosts/power_drivers.h - the rows of the table in hosts/power.c. */
#ifndef HOSTS_POWER_DRIVERS_H
#define HOSTS_POWER_DRIVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"
#include "hosts/power.h"

struct buf;
struct fault;

extern const struct power_driver power_command_driver;
extern const struct power_driver power_guest_driver;
extern const struct power_driver power_ipmi_driver;
extern const struct power_driver power_libvirt_driver;
extern const struct power_driver power_manual_driver;
extern const struct power_driver power_redfish_driver;
extern const struct power_driver power_snmp_driver;

/* FAULT_CONFIG unless every key of 'config' is "driver" or one of 'keys'. */
MUST_CHECK bool power_check_keys(json_t *config, const char *const *keys,
                                 size_t count, struct fault *why);
/* "on" or "off" and nothing else but white space; FAULT_PEER otherwise. */
MUST_CHECK bool power_read_answer(const char *data, size_t bytes,
                                  enum power_state *state_out,
                                  struct fault *why);

/* FAULT_CONFIG unless "limit" and "steady" are durations, or absent. */
MUST_CHECK bool power_check_limit(const json_t *config, struct fault *why);
/* What "limit" or "steady" says, or 'missing'. */
int64_t power_duration_ms(const json_t *config, const char *key,
                          int64_t missing);

/* A program of ours that gives one order or reads one state, since what it is
 * linked with blocks: PROGRAM WORDS..., with 'input' (may be NULL) to read.
 * Its exit status says what kind of fault it printed. */
MUST_CHECK bool power_helper_run(const char *program,
                                 const char *const *words,
                                 const char *input, int64_t limit_ms,
                                 struct buf *out, struct fault *why);

/* Manual driver: a person has switched the host, and says so. */
MUST_CHECK bool power_manual_confirm(const char *host, enum power_state state,
                                     struct fault *why);

#endif
