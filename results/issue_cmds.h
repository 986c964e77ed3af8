/* results/issue_cmds.h - assay issue. */
#ifndef RESULTS_ISSUE_CMDS_H
#define RESULTS_ISSUE_CMDS_H

#include "harness/cmd.h"

extern const struct cmd issue_cmds[];

#endif
