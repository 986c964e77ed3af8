/* harness/service_cmds.h - "assay service": assayd of this home. */
#ifndef HARNESS_SERVICE_CMDS_H
#define HARNESS_SERVICE_CMDS_H

#include "harness/cmd.h"

extern const struct cmd service_cmds[];

#endif
