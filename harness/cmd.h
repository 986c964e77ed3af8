/* harness/cmd.h - the command line as tables: parsing, --help, completion and
 * the man-page check all read these rows. */
#ifndef HARNESS_CMD_H
#define HARNESS_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct fault;
struct cmd_call;

enum cmd_opt_type {
    CMD_OPT_END = 0,            /* ends a table */
    CMD_OPT_FLAG,               /* --name */
    CMD_OPT_TEXT,               /* --name VALUE or --name=VALUE */
    CMD_OPT_LIST,               /* as TEXT, may be given again */
    CMD_OPT_INT,
    CMD_OPT_DURATION,           /* parse_duration_ms() */
};

struct cmd_opt {
    const char *name;           /* without the dashes */
    enum cmd_opt_type type;
    const char *arg;            /* "FILE"; NULL for a flag */
    const char *dflt;           /* as typed, or NULL */
    int64_t min, max;           /* INT and DURATION (ms); both 0: any >= 0 */
    const char *help;           /* one line, no full stop */
};

enum cmd_access { CMD_READS = 0, CMD_WRITES, CMD_HIDDEN };

/* Returns true on success. On failure 'why' is printed and gives the exit
 * status, unless the handler called cmd_exit_status(). */
typedef bool cmd_fn(struct cmd_call *call, struct fault *why);

struct cmd {
    const char *path;           /* "flight run"; NULL ends a table */
    const char *args;           /* "FLIGHT [JOB...]"; "" for none */
    int args_min, args_max;     /* args_max -1: any number */
    enum cmd_access access;
    const struct cmd_opt *opts; /* NULL: none beyond --help and --json */
    cmd_fn *run;
    const char *help;           /* one line for lists */
    const char *text;           /* paragraphs for --help, or NULL */
};

/* The first words of the subcommands in the order in which --help shows them.
 * A row with a title begins a part of the list. */
struct cmd_group {
    const char *title;          /* "the daily work"; NULL: as before */
    const char *name;           /* "flight"; NULL ends a table */
    const char *help;           /* of all below the word; NULL: it is a
                                 * subcommand, whose own line is shown */
};

/* A program: its name, what it is, and its tables. One with a single row
 * whose path is "" has no subcommands (assayd, assay-job). */
struct cmd_program {
    const char *name;
    const char *help;
    const struct cmd *const *tables;    /* NULL-terminated */
    const struct cmd_group *groups;     /* of every first word that is not
                                         * hidden; NULL without subcommands */
};

/* Parses, runs, prints faults. Returns the exit status. Handles --help,
 * --version, "help [SUBCOMMAND]", "completion bash" and the hidden
 * "command-table" (one line a subcommand and option, for tests) and
 * "command-manual" (for the manual page). After "--" everything is an
 * argument. No abbreviations. */
int cmd_main(const struct cmd_program *program, int argc, char **argv);

/* In a handler: arguments and options of this call. */
int cmd_argc(const struct cmd_call *call);
const char *cmd_arg(const struct cmd_call *call, int i);   /* NULL past end */
const char *const *cmd_argv(const struct cmd_call *call);  /* NULL-ended */
/* The argument as the number (1 and up) of 'what' ("a flight"): FAULT_USAGE
 * when it is none, or is not there. */
MUST_CHECK bool cmd_number(const struct cmd_call *call, int i,
                           const char *what, int64_t *out,
                           struct fault *why);
bool cmd_json(const struct cmd_call *call);                /* --json given */
bool cmd_flag(const struct cmd_call *call, const char *name);
/* As typed, or the default, or NULL; also for INT and DURATION. */
const char *cmd_text(const struct cmd_call *call, const char *name);
/* Duration in ms. 0 without a default when not given: cmd_text() tells. */
int64_t cmd_int(const struct cmd_call *call, const char *name);
/* i-th value of a LIST option, NULL past the end. */
const char *cmd_list(const struct cmd_call *call, const char *name, int i);
/* Exit status to use when the handler returns true (default 0). */
void cmd_exit_status(struct cmd_call *call, int status);

#endif
