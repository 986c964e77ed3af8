/* harness/sim_cmds.h - "assay sim". */
#ifndef HARNESS_SIM_CMDS_H
#define HARNESS_SIM_CMDS_H

#include "harness/cmd.h"

extern const struct cmd sim_cmds[];

#endif
