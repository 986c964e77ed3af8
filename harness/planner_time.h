/* harness/planner_time.h - how many of something are free from when to when: a
 * step function over time, for the planner. */
#ifndef HARNESS_PLANNER_TIME_H
#define HARNESS_PLANNER_TIME_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

/* From 'from_ms' until the next step, or for ever, 'free' are free. */
struct planner_step {
    int64_t from_ms;
    int32_t free;               /* < 0: promised to more than there are */
};

/* Zeroed, then planner_time_init(); steps differ from their neighbours. */
struct planner_time {
    struct planner_step *steps;
    int count, cap;
};

/* All of 'free' from 'now_ms' on; keeps the memory that it has. */
void planner_time_init(struct planner_time *time, int64_t now_ms, int free);
/* Makes 'to' the same as 'from'. */
void planner_time_copy(struct planner_time *to,
                       const struct planner_time *from);
void planner_time_free(struct planner_time *time);

/* 'count' fewer (negative: more) in [from, until). */
void planner_time_take(struct planner_time *time, int64_t from_ms,
                       int64_t until_ms, int count);
/* The first time from 'from_ms' on at which 'count' are free for 'for_ms';
 * PLANNER_NO_TIME if that never happens. */
int64_t planner_time_find(const struct planner_time *time, int64_t from_ms,
                          int64_t for_ms, int count);
/* The fewest that are free in [from, until). */
int planner_time_least(const struct planner_time *time, int64_t from_ms,
                       int64_t until_ms);
/* The first time after 'after_ms' when more become free; PLANNER_NO_TIME. */
int64_t planner_time_next_more(const struct planner_time *time,
                               int64_t after_ms);
/* From when on nothing changes any more. */
int64_t planner_time_tail(const struct planner_time *time);

#endif
