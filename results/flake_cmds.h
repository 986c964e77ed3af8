/* results/flake_cmds.h - assay flake. */
#ifndef RESULTS_FLAKE_CMDS_H
#define RESULTS_FLAKE_CMDS_H

#include "harness/cmd.h"

extern const struct cmd flake_cmds[];

#endif
