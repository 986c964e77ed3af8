/* hosts/host_cmds.h - the rows of "assay host ...", "assay power" and
 * "assay boot". */
#ifndef HOSTS_HOST_CMDS_H
#define HOSTS_HOST_CMDS_H

#include "harness/cmd.h"

extern const struct cmd host_cmds[];

#endif
