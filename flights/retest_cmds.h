/* flights/retest_cmds.h - assay flight retest. */
#ifndef FLIGHTS_RETEST_CMDS_H
#define FLIGHTS_RETEST_CMDS_H

#include "harness/cmd.h"

extern const struct cmd retest_cmds[];

#endif
