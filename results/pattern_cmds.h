/* results/pattern_cmds.h - assay pattern. */
#ifndef RESULTS_PATTERN_CMDS_H
#define RESULTS_PATTERN_CMDS_H

#include "harness/cmd.h"

extern const struct cmd pattern_cmds[];

#endif
