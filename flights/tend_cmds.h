/* flights/tend_cmds.h - "assay host tend". */
#ifndef FLIGHTS_TEND_CMDS_H
#define FLIGHTS_TEND_CMDS_H

#include "harness/cmd.h"

extern const struct cmd tend_cmds[];

#endif
