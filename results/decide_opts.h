/* results/decide_opts.h - the options by which a command says what a flight is
 * compared with: one list and one reading for verdict and report. */
#ifndef RESULTS_DECIDE_OPTS_H
#define RESULTS_DECIDE_OPTS_H

#include <stdbool.h>
#include "harness/attr.h"
#include "harness/cmd.h"

struct arena;
struct decide_request;
struct fault;

#define DECIDE_OPTS \
    { "baseline", CMD_OPT_TEXT, "FLIGHT", NULL, 0, 0, \
      "compare with the version that this flight tested" }, \
    { "this", CMD_OPT_LIST, "TREE=REV", NULL, 0, 0, \
      "the version under test, if not the flight's own; may be repeated" }, \
    { "that", CMD_OPT_LIST, "TREE=REV", NULL, 0, 0, \
      "compare with this version; may be repeated" }, \
    { "allow", CMD_OPT_LIST, "FILE", NULL, 0, 0, \
      "patterns of failures that do not block; may be repeated" }, \
    { "blessing", CMD_OPT_LIST, "NAME", NULL, 0, 0, \
      "flights that count, the preferred first; may be repeated" }, \
    { "max-flight", CMD_OPT_TEXT, "FLIGHT", NULL, 0, 0, \
      "leave out later flights" }

/* What the options of 'call' ask; 'out' is empty when none was given. Texts are
 * the call's or the arena's. FAULT_USAGE; FAULT_CONFIG of an allow file. */
MUST_CHECK bool decide_opts_take(const struct cmd_call *call,
                                 struct arena *arena,
                                 struct decide_request *out,
                                 struct fault *why);
/* FAULT_USAGE when any of them was given. */
MUST_CHECK bool decide_opts_refuse(const struct cmd_call *call,
                                   struct fault *why);

#endif
