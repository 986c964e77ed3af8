/* flights/probe_cmds.h - assay flight probe. */
#ifndef FLIGHTS_PROBE_CMDS_H
#define FLIGHTS_PROBE_CMDS_H

#include "harness/cmd.h"

extern const struct cmd probe_cmds[];

#endif
