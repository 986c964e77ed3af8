/* bisector/driver.h - runs a command at revisions in worktrees of our own until
 * the search has its answer. */
#ifndef BISECTOR_DRIVER_H
#define BISECTOR_DRIVER_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct fault;
struct journal;
struct samples;
struct search;
struct setup;

struct driver_opts {
    const struct setup *setup;
    struct search *search;
    struct samples *samples;    /* NULL: the command says good or bad */
    struct journal *journal;
    const char *const *cmd;     /* NULL-ended */
    int parallel;
    int64_t limit_ms;           /* of one run; 0: none */
    const char *match;          /* only a failure that says this; or NULL */
    bool clean;                 /* git clean before each run */
};

/* A command that the revisions bring along need not be in all of them. */
bool driver_cmd_is_in_tree(const char *const *cmd);

/* What a user should know before the first run: FAULT_USAGE if the command
 * cannot be started. */
MUST_CHECK bool driver_check(const struct driver_opts *opts,
                             struct fault *why);

/* Blocks; progress goes to standard error. Removes its worktrees, and those
 * that a killed driver of the same journal left. FAULT_CANCELLED when asked to
 * stop. */
MUST_CHECK bool driver_run(const struct driver_opts *opts, struct fault *why);

#endif
