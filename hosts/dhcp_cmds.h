/* hosts/dhcp_cmds.h - "assay netboot". */
#ifndef HOSTS_DHCP_CMDS_H
#define HOSTS_DHCP_CMDS_H

#include "harness/cmd.h"

extern const struct cmd dhcp_cmds[];

#endif
