/* results/results_cmds.h - the subcommands of results. */
#ifndef RESULTS_RESULTS_CMDS_H
#define RESULTS_RESULTS_CMDS_H

#include "harness/cmd.h"

extern const struct cmd results_cmds[];

#endif
