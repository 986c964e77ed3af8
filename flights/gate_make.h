/* flights/gate_make.h - a branch's own program makes the candidate of a
 * revision. */
#ifndef FLIGHTS_GATE_MAKE_H
#define FLIGHTS_GATE_MAKE_H

#include <stdbool.h>
#include "harness/attr.h"

struct arena;
struct branch;
struct fault;

/* Runs branch->make for candidate 'name'; 'trees' is JSON, {"TREE": REVISION}.
 * What it says is in the file 'log'. It is killed with us, and is to be run
 * again then. True with '*made_out' false when it ended badly or took too
 * long: that is an answer, which 'why' says. */
MUST_CHECK bool gate_make(const struct branch *branch, const char *revision,
                          const char *trees, const char *name,
                          const char *log, struct arena *arena,
                          bool *made_out, struct fault *why);

#endif
