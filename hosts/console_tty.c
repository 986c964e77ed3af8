/* hosts/console_tty.c - see the header. A signal handler has no owner to hand
 * its news to, hence the one static object. */
#include <config.h>

#include "hosts/console_tty.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "harness/fault.h"

static struct {
    struct termios before;
    volatile sig_atomic_t raw;
} tty;

void
console_tty_restore(void)
{
    if (!tty.raw)
        return;
    tty.raw = 0;
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &tty.before);
}

/* Signals that end us, or stop us, without our asking. */
static void
on_fatal(int number)
{
    console_tty_restore();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

bool
console_tty_raw(size_t *early_out, struct fault *why)
{
    static const int fatal[] = { SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE,
                                 SIGILL, SIGALRM, SIGUSR1, SIGUSR2, SIGTSTP };
    struct sigaction action = { .sa_handler = on_fatal };
    struct termios raw;
    int early = 0;

    *early_out = 0;
    if (!isatty(STDIN_FILENO))
        return true;
    if (tcgetattr(STDIN_FILENO, &tty.before) != 0)
        return fault_errno(why, FAULT_SYSTEM, "read the terminal's mode");
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < ARRAY_LEN(fatal); i++)
        must(sigaction(fatal[i], &action, NULL) == 0);
    raw = tty.before;
    cfmakeraw(&raw);
    tty.raw = 1;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0) {
        tty.raw = 0;
        return fault_errno(why, FAULT_SYSTEM, "set the terminal's mode");
    }
    if ((tty.before.c_iflag & ICRNL) != 0 &&
        ioctl(STDIN_FILENO, FIONREAD, &early) == 0 && early > 0)
        *early_out = (size_t)early;
    return true;
}

bool
console_tty_key(const char *text, int *key_out, struct fault *why)
{
    size_t bytes = strlen(text);

    if (strcmp(text, "none") == 0)
        *key_out = -1;
    else if (bytes == 1)
        *key_out = (unsigned char)text[0];
    else if (bytes == 2 && text[0] == '^' && text[1] >= '?' &&
             text[1] != '`' && text[1] <= 'z')
        *key_out = text[1] == '?' ? 0x7f : text[1] & 0x1f;
    else
        return fault_set(why, FAULT_USAGE,
                         "'%s' is no key: give ^], one character, or none",
                         text);
    return true;
}
