/* harness/on_cmds.h - the rows of "assay on", "assay put" and "assay get". */
#ifndef HARNESS_ON_CMDS_H
#define HARNESS_ON_CMDS_H

#include "harness/cmd.h"

extern const struct cmd on_cmds[];

#endif
