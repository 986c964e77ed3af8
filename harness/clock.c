/* harness/clock.c - injected time. */
#include <config.h>

#include "harness/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t
now_ms(clockid_t id)
{
    struct timespec ts;

    must(clock_gettime(id, &ts) == 0);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t
system_mono_ms(struct clock *clock UNUSED)
{
    return now_ms(CLOCK_MONOTONIC);
}

static int64_t
system_wall_ms(struct clock *clock UNUSED)
{
    return now_ms(CLOCK_REALTIME);
}

static int64_t
warped_ms(struct clock *clock)
{
    return clock->warp_ms;
}

struct clock *
clock_system(void)
{
    static struct clock machine = { system_mono_ms, system_wall_ms, 0 };

    return &machine;
}

void
clock_init_warped(struct clock *clock, int64_t start_ms)
{
    clock->mono_ms = warped_ms;
    clock->wall_ms = warped_ms;
    clock->warp_ms = start_ms;
}

void
clock_warp(struct clock *clock, int64_t by_ms)
{
    must(clock->mono_ms == warped_ms && by_ms >= 0);
    clock->warp_ms += by_ms;
}

int64_t
clock_mono_ms(struct clock *clock)
{
    return clock->mono_ms(clock);
}

int64_t
clock_wall_ms(struct clock *clock)
{
    return clock->wall_ms(clock);
}

void
clock_iso(int64_t wall_ms, char out[static 32])
{
    int64_t ms = wall_ms % 1000;
    time_t s = (time_t)(wall_ms / 1000);
    struct tm tm;
    size_t n;

    if (ms < 0) {
        ms += 1000;
        s--;
    }
    if (gmtime_r(&s, &tm) == NULL || tm.tm_year > 8099 || tm.tm_year < 0) {
        snprintf(out, 32, "never");
        return;
    }
    n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, 32 - n, ".%03uZ", (unsigned)ms % 1000u);
}

void
clock_human(int64_t ms, char out[static 32])
{
    int64_t s;

    if (ms < 0) {
        snprintf(out, 32, "-");
        return;
    }
    if (ms < 59950) {
        int64_t tenths = (ms + 50) / 100;

        snprintf(out, 32, "%d.%d s", (int)(tenths / 10), (int)(tenths % 10));
        return;
    }
    s = (ms + 500) / 1000;
    if (s < 3600)
        snprintf(out, 32, "%d min %02d s", (int)(s / 60), (int)(s % 60));
    else
        snprintf(out, 32, "%lld h %02d min", (long long)(s / 3600),
                 (int)(s / 60 % 60));
}
