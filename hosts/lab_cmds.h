/* hosts/lab_cmds.h - the rows of "assay lab ...". */
#ifndef HOSTS_LAB_CMDS_H
#define HOSTS_LAB_CMDS_H

#include "harness/cmd.h"

extern const struct cmd lab_cmds[];

#endif
