/* bisector/bisector_cmds.h - assay bisect. */
#ifndef BISECTOR_BISECTOR_CMDS_H
#define BISECTOR_BISECTOR_CMDS_H

#include "harness/cmd.h"

extern const struct cmd bisector_cmds[];

#endif
