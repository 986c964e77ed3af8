/* hosts/console_tty.h - the terminal in raw mode, and back again whatever
 * ends the program (SIGKILL excepted). */
#ifndef HOSTS_CONSOLE_TTY_H
#define HOSTS_CONSOLE_TTY_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct fault;

/* Makes the terminal on standard input raw; does nothing if it is none.
 * signals_catch() must have run. '*early_out' is how many bytes were typed
 * before: in them the terminal has made \n of each \r. */
MUST_CHECK bool console_tty_raw(size_t *early_out, struct fault *why);
/* Idempotent. */
void console_tty_restore(void);

/* "^]", "^a", a single character, or "none" (-1). */
MUST_CHECK bool console_tty_key(const char *text, int *key_out,
                                struct fault *why);

#endif
