/* results/stats_cmds.h - assay stats. */
#ifndef RESULTS_STATS_CMDS_H
#define RESULTS_STATS_CMDS_H

#include "harness/cmd.h"

extern const struct cmd stats_cmds[];

#endif
