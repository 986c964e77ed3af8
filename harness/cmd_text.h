/* harness/cmd_text.h - what cmd.c prints from the tables: help, completion,
 * and the table itself. */
#ifndef HARNESS_CMD_TEXT_H
#define HARNESS_CMD_TEXT_H

#include <stdio.h>
#include "harness/attr.h"

struct cmd;
struct cmd_program;

/* The row with exactly this path, or NULL. */
const struct cmd *cmd_find(const struct cmd_program *program,
                           const char *path);

/* All subcommands; those of one group; one row. */
void cmd_text_program(const struct cmd_program *program, FILE *to);
void cmd_text_group(const struct cmd_program *program, const char *group,
                    FILE *to);
void cmd_text_row(const struct cmd_program *program, const struct cmd *cmd,
                  FILE *to);
/* For tests and the manual: fields between tabs, hidden rows included.
 *   command PATH ARGS reads|writes|hidden HELP
 *   option PATH --NAME ARG HELP */
void cmd_text_table(const struct cmd_program *program, FILE *to);
/* The middle of the manual page, in mdoc: "@group NAME" lines, each followed
 * by the items of a list of that group's rows. doc/make-manual puts it
 * together. */
void cmd_text_manual(const struct cmd_program *program, FILE *to);
void cmd_text_bash(const struct cmd_program *program, FILE *to);

#endif
