/* harness/clock.h - injected time. */
#ifndef HARNESS_CLOCK_H
#define HARNESS_CLOCK_H

#include <stdint.h>
#include "harness/attr.h"

struct clock {
    int64_t (*mono_ms)(struct clock *clock);    /* monotonic */
    int64_t (*wall_ms)(struct clock *clock);    /* since the Unix epoch */
    int64_t warp_ms;                            /* used by the warped clock */
};

/* The machine's clock. */
struct clock *clock_system(void);
/* A clock that stands still until clock_warp(). */
void clock_init_warped(struct clock *clock, int64_t start_ms);
void clock_warp(struct clock *clock, int64_t by_ms);

int64_t clock_mono_ms(struct clock *clock);
int64_t clock_wall_ms(struct clock *clock);

/* "2026-11-23T05:16:48.123Z" into 'out'. */
void clock_iso(int64_t wall_ms, char out[static 32]);
/* "1.2 s", "3 min 04 s", "2 h 05 min" into 'out'. */
void clock_human(int64_t ms, char out[static 32]);

#endif
