/* recipes/ctl_cmds.h - the hidden row behind "assay on" outside a job. */
#ifndef RECIPES_CTL_CMDS_H
#define RECIPES_CTL_CMDS_H

#include "harness/cmd.h"

extern const struct cmd ctl_cmds[];

#endif
