/* tests/hosts/console_fix.h - an assay-console of its own for one test, and
 * the machines behind its consoles. The test's
 * _SOURCES name tests/hosts/console_fix.c. */
#ifndef TESTS_HOSTS_CONSOLE_FIX_H
#define TESTS_HOSTS_CONSOLE_FIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "harness/attr.h"
#include "harness/buf.h"

struct console_client;

#define CONSOLE_FIX_WAIT_MS 20000

struct console_fix {
    char dir[64];               /* ASSAY_HOME is "home" in it */
    pid_t pid;                  /* assay-console, or its holder */
    int out;                    /* what the holder says; -1 */
    const char *program;        /* NULL, or another copy of assay-console */
};

/* The directory, and the list of consoles h0 ... that machines connect to.
 * Before anything else, since a process has one home. */
void console_fix_init(struct console_fix *fix, int consoles);
/* Writes the list anew. */
void console_fix_list(struct console_fix *fix, const char *text);
/* Starts it, with options (NULL-terminated), and waits until it serves. With
 * 'held' under console-holder, which starts it again when it dies. */
void console_fix_start(struct console_fix *fix, bool held,
                       const char *const *options);
/* The pid of assay-console itself under a holder, of its n-th start. */
pid_t console_fix_held_pid(struct console_fix *fix, int n);
/* TERM; true if it ended well. */
MUST_CHECK bool console_fix_stop(struct console_fix *fix);
/* Removes the directory, or says where it is. */
void console_fix_end(struct console_fix *fix, bool keep);

/* Waits until it answers; bails out. */
MUST_CHECK struct console_client *console_fix_client(void);
/* A machine connects to DIR/HOST.sock. Bails out. */
MUST_CHECK int console_fix_machine(const struct console_fix *fix,
                                   const char *host);
/* A machine listens on 'path'. Bails out. */
MUST_CHECK int console_fix_server(const char *path);
/* The machine says it all, however long that takes. Bails out. */
void console_fix_say(int machine, const void *data, size_t bytes);
/* Waits until the log of 'host' ends at 'offset'; false after a while. */
bool console_fix_reached(const char *host, int64_t offset);
/* Waits for a state ("up"). */
bool console_fix_state(const char *host, const char *state);
/* All that the log of 'host' has, over its files; holes are left out. */
void console_fix_log(const char *host, struct buf *out);
/* A file of the host's directory as text, "" if there is none. */
const char *console_fix_text(const char *host, const char *name);
/* Bytes of all values, different at each place. */
void console_fix_noise(char *data, size_t bytes, uint32_t seed);

#endif
