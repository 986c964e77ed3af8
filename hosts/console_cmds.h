/* hosts/console_cmds.h - the subcommands of consoles. */
#ifndef HOSTS_CONSOLE_CMDS_H
#define HOSTS_CONSOLE_CMDS_H

#include "harness/cmd.h"

extern const struct cmd console_cmds[];

#endif
