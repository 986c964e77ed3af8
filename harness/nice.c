/* harness/nice.c - see nice.h. */
#include <config.h>

#include "harness/nice.h"

#include <linux/sched/types.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NICE 10
#define NICE_MAX 19
/* Who wakes waits until the slice of who runs is over, however nice that one
 * is. Linux takes another length for it since 6.12, and this is its least. */
#define SLICE_NS 100000

static bool
get(pid_t pid, struct sched_attr *attr)
{
    *attr = (struct sched_attr){ .size = sizeof *attr };
    return syscall(SYS_sched_getattr, pid, attr, sizeof *attr, 0) == 0;
}

static void
set(pid_t pid, struct sched_attr *attr, int nice)
{
    attr->sched_nice = nice < NICE_MAX ? nice : NICE_MAX;
    attr->sched_runtime = SLICE_NS;
    (void)syscall(SYS_sched_setattr, pid, attr, 0);
}

void
nice_begin(void)
{
    struct sched_attr own;

    if (get(0, &own))
        set(0, &own, own.sched_nice + NICE);
}

void
nice_follow(pid_t pid)
{
    struct sched_attr own, other;

    if (get(0, &own) && own.sched_nice > 0 && get(pid, &other)
        && other.sched_nice < own.sched_nice)
        set(pid, &other, own.sched_nice);
}
