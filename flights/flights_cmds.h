/* flights/flights_cmds.h - assay flight, assay job, assay logs. */
#ifndef FLIGHTS_FLIGHTS_CMDS_H
#define FLIGHTS_FLIGHTS_CMDS_H

#include "harness/cmd.h"

extern const struct cmd flights_cmds[];
extern const struct cmd flights_show_cmds[];

#endif
