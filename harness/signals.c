/* harness/signals.c - asked to stop: SIGINT, SIGTERM and SIGHUP.
 *
 * A signal handler has no owner to hand its news to, hence the global. */
#include <config.h>

#include "harness/signals.h"

#include <poll.h>
#include <signal.h>
#include <string.h>

#include "harness/fault.h"

static volatile sig_atomic_t asked;

static void
on_signal(int number)
{
    asked = number;
}

void
signals_catch(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action;
    size_t i;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;      /* no SA_RESTART: calls must wake */
    sigemptyset(&action.sa_mask);
    for (i = 0; i < ARRAY_LEN(numbers); i++)
        must(sigaction(numbers[i], &action, NULL) == 0);
    action.sa_handler = SIG_IGN;
    must(sigaction(SIGPIPE, &action, NULL) == 0);
}

int
signals_stop_asked(void)
{
    return asked;
}

int
signals_take(void)
{
    int number = asked;

    asked = 0;
    return number;
}

bool
signals_check(struct fault *why)
{
    if (asked == 0)
        return true;
    return fault_set(why, FAULT_CANCELLED, "stopped by SIG%s",
                     sigabbrev_np(asked));
}

void
signals_pause_ms(int ms)
{
    if (asked == 0)
        poll(NULL, 0, ms);
}
