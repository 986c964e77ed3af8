/* hosts/health_cmds.h - "assay host quarantine", "release",
 * "health" and "judge". */
#ifndef HOSTS_HEALTH_CMDS_H
#define HOSTS_HEALTH_CMDS_H

#include "harness/cmd.h"

extern const struct cmd health_cmds[];

#endif
