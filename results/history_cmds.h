/* results/history_cmds.h - assay history. */
#ifndef RESULTS_HISTORY_CMDS_H
#define RESULTS_HISTORY_CMDS_H

#include "harness/cmd.h"

extern const struct cmd history_cmds[];

#endif
