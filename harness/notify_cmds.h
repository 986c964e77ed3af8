/* harness/notify_cmds.h - assay notify. */
#ifndef HARNESS_NOTIFY_CMDS_H
#define HARNESS_NOTIFY_CMDS_H

#include "harness/cmd.h"

extern const struct cmd notify_cmds[];

#endif
