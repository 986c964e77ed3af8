/* recipes/recipes_cmds.h - the rows of "assay recipe". */
#ifndef RECIPES_RECIPES_CMDS_H
#define RECIPES_RECIPES_CMDS_H

#include "harness/cmd.h"

extern const struct cmd recipes_cmds[];

#endif
