/* hosts/boot_power.h - an order to a host's power as a helper process, because
 * drivers block. */
#ifndef HOSTS_BOOT_POWER_H
#define HOSTS_BOOT_POWER_H

#include <stdbool.h>
#include <uv.h>
#include "harness/attr.h"
#include "harness/proc.h"

struct fault;

/* From the loop, once an order. 'out' and 'err' are what the helper said. */
typedef void boot_power_fn(void *owner, struct proc_status status,
                           const char *out, const char *err);

/* Embedded in its owner; zeroed, or by boot_power_init(). */
struct boot_power {
    struct proc proc;
    int out, err;               /* files in memory */
    boot_power_fn *fn;
    void *owner;
};

void boot_power_init(struct boot_power *power);
void boot_power_fini(struct boot_power *power);

/* Runs "PROGRAM power HOST VERB": off, on, or status. One at a time. */
MUST_CHECK bool boot_power_order(struct boot_power *power, uv_loop_t *loop,
                                 const char *program, const char *host,
                                 const char *verb, bool force,
                                 boot_power_fn *fn, void *owner,
                                 struct fault *why);
bool boot_power_is_busy(const struct boot_power *power);
/* TERM, then KILL; 'fn' still runs. */
void boot_power_stop(struct boot_power *power);

#endif
