/* harness/doctor_cmds.h - the row of "assay doctor". */
#ifndef HARNESS_DOCTOR_CMDS_H
#define HARNESS_DOCTOR_CMDS_H

#include "harness/cmd.h"

extern const struct cmd doctor_cmds[];

#endif
