/* harness/plan_cmds.h - "assay plan", and leases and blockages of hosts. */
#ifndef HARNESS_PLAN_CMDS_H
#define HARNESS_PLAN_CMDS_H

#include "harness/cmd.h"

extern const struct cmd plan_cmds[];

#endif
