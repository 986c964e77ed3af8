/* harness/step_cmds.h - the row of "assay step run". */
#ifndef HARNESS_STEP_CMDS_H
#define HARNESS_STEP_CMDS_H

#include "harness/cmd.h"

extern const struct cmd step_cmds[];

#endif
