/* harness/swf.h - reads a trace in the Standard Workload Format, version 2.2
 * (Chapin et al., JSSPP 1999; Parallel Workloads Archive). */
#ifndef HARNESS_SWF_H
#define HARNESS_SWF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct fault;

/* A job that ran; times in seconds. */
struct swf_job {
    int64_t id;                 /* field 1 */
    int64_t submit_s;           /* field 2 */
    int64_t run_s;              /* field 4; at most the estimate */
    int64_t estimate_s;         /* field 9; field 4 if there is none */
    int procs;                  /* field 8, else 5 */
    int user;                   /* field 12; -1: unknown */
};

struct swf {
    struct swf_job *jobs;       /* by submit time, then as in the file */
    size_t count;
    size_t skipped;             /* lines of jobs that never ran */
    int procs_max;              /* header MaxProcs, else MaxNodes; 0: none */
};

/* 'name' is for messages: FAULT_CONFIG "name:line: what is wrong". Jobs that
 * did not run (no time, no processors, cancelled before the start) are skipped
 * and counted. The list lives in 'arena'. */
MUST_CHECK bool swf_parse(const char *name, const char *data, size_t bytes,
                          struct arena *arena, struct swf *swf_out,
                          struct fault *why);

#endif
