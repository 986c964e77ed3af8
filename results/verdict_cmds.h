/* results/verdict_cmds.h - assay verdict. */
#ifndef RESULTS_VERDICT_CMDS_H
#define RESULTS_VERDICT_CMDS_H

#include "harness/cmd.h"

extern const struct cmd verdict_cmds[];

#endif
