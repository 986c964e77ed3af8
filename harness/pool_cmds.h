/* harness/pool_cmds.h - "assay plan policy", "assay flight priority". */
#ifndef HARNESS_POOL_CMDS_H
#define HARNESS_POOL_CMDS_H

#include "harness/cmd.h"

extern const struct cmd pool_cmds[];

#endif
