/* bisector/lab_cmds.h - assay bisect flight. */
#ifndef BISECTOR_LAB_CMDS_H
#define BISECTOR_LAB_CMDS_H

#include "harness/cmd.h"

extern const struct cmd bisect_lab_cmds[];

#endif
