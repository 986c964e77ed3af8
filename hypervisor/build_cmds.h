/* hypervisor/build_cmds.h - assay tree, assay build. */
#ifndef HYPERVISOR_BUILD_CMDS_H
#define HYPERVISOR_BUILD_CMDS_H

#include "harness/cmd.h"

extern const struct cmd build_cmds[];

#endif
