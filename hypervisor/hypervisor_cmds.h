/* hypervisor/hypervisor_cmds.h - the rows of "assay candidate ...". */
#ifndef HYPERVISOR_HYPERVISOR_CMDS_H
#define HYPERVISOR_HYPERVISOR_CMDS_H

#include "harness/cmd.h"

extern const struct cmd hypervisor_cmds[];

#endif
