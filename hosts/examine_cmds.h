/* hosts/examine_cmds.h - "assay host examine" and "examined". */
#ifndef HOSTS_EXAMINE_CMDS_H
#define HOSTS_EXAMINE_CMDS_H

#include "harness/cmd.h"

extern const struct cmd examine_cmds[];

#endif
