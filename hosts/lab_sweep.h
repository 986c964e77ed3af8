/* hosts/lab_sweep.h - what processes a lab of this home has, from /proc alone:
 * true also after a crash, when no pid file is. */
#ifndef HOSTS_LAB_SWEEP_H
#define HOSTS_LAB_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "harness/attr.h"

struct fault;

enum lab_process_kind { LAB_PROCESS_NONE = 0, LAB_PROCESS_KEEPER,
                        LAB_PROCESS_DNSMASQ, LAB_PROCESS_MACHINE };
struct lab_process {
    pid_t pid;
    enum lab_process_kind kind;
    char name[64];              /* of the machine, or the program */
};
const char *lab_process_kind_name(enum lab_process_kind kind);

/* Told by their whole command line, which names this home. '*found_out' is
 * malloc'ed. */
MUST_CHECK bool lab_sweep_find(struct lab_process **found_out,
                               size_t *count_out, struct fault *why);
/* TERM, then KILL, to those of 'kind' (LAB_PROCESS_NONE: all), each checked
 * again through a descriptor that cannot come to mean another process;
 * returns when they are gone. */
MUST_CHECK bool lab_sweep_kill(enum lab_process_kind kind, size_t *killed_out,
                               struct fault *why);

#endif
