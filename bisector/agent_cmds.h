/* bisector/agent_cmds.h - assay bisect ask, agent and token. */
#ifndef BISECTOR_AGENT_CMDS_H
#define BISECTOR_AGENT_CMDS_H

#include "harness/cmd.h"

extern const struct cmd bisect_agent_cmds[];

#endif
