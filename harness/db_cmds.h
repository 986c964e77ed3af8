/* harness/db_cmds.h - "assay db": the database, by hand. */
#ifndef HARNESS_DB_CMDS_H
#define HARNESS_DB_CMDS_H

#include "harness/cmd.h"

extern const struct cmd db_cmds[];

#endif
