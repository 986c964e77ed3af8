/* flights/gate_cmds.h - assay gate. */
#ifndef FLIGHTS_GATE_CMDS_H
#define FLIGHTS_GATE_CMDS_H

#include "harness/cmd.h"

extern const struct cmd gate_cmds[];            /* run, status */
extern const struct cmd gate_lever_cmds[];      /* force, waive, log, ... */
extern const struct cmd gate_ruling_cmds[];     /* verify, what-if */

#endif
