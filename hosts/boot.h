/* hosts/boot.h - boots hosts into a candidate and sees them come up. */
#ifndef HOSTS_BOOT_H
#define HOSTS_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "hosts/boot_prepare.h"
#include "hosts/boot_verdict.h"

struct db;
struct fault;
struct host;

struct boot_host {
    const struct host *host;
    const char *label;          /* role or name, for metrics */
};
struct boot_job {
    const struct boot_host *hosts;
    size_t host_count;
    struct boot_plan plan;
    int64_t limit_ms;           /* for all of it */
    bool force;                 /* also hosts of others */
    int records_fd;             /* for metrics and blame; -1 none */
};

/* All hosts at once: armed, switched off and on, watched until each has called
 * back or one has failed. Progress on standard output. The fault is what kept
 * us from trying, or from seeing; what became of the boots is '*end_out', and
 * in their rows in every case. Records of failures are written here. */
MUST_CHECK bool boot_run(struct db *db, const struct boot_job *job,
                         enum boot_end *end_out, struct fault *why);

#endif
