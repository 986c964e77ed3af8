/* flights/probe_build.h - the candidate of a job at other revisions, made as
 * the one that it had: by the program of the gate's branch, or by "assay
 * build". For probe.c. */
#ifndef FLIGHTS_PROBE_BUILD_H
#define FLIGHTS_PROBE_BUILD_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;
struct plan;
struct probe_order;

struct probe_candidate {
    const char *name;           /* NULL: the job's own will do */
    int64_t build;              /* 0: none of ours */
    const char *failed;         /* it cannot be built, and why; or NULL */
};

/* 'plan' is of the job alone, with its trees set. */
MUST_CHECK bool probe_candidate(struct db *db,
                                const struct probe_order *order,
                                const struct plan *plan, struct arena *arena,
                                struct probe_candidate *out,
                                struct fault *why);
/* FAULT_CONFIG when it could not make any. */
MUST_CHECK bool probe_candidate_check(struct db *db,
                                      const struct probe_order *order,
                                      const struct plan *plan,
                                      struct arena *arena,
                                      struct fault *why);

#endif
