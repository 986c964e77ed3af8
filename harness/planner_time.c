/* harness/planner_time.c - see planner_time.h.
 *
 * A sorted array: back-to-back bookings merge, so that a host with a full
 * queue has two or three steps however long the queue is. */
#include <config.h>

#include "harness/planner_time.h"

#include "harness/mem.h"
#include "harness/planner.h"

void
planner_time_init(struct planner_time *time, int64_t now_ms, int free)
{
    if (time->cap == 0) {
        time->cap = 8;
        time->steps = xcalloc((size_t)time->cap, sizeof *time->steps);
    }
    time->steps[0] = (struct planner_step){ now_ms, free };
    time->count = 1;
}

void
planner_time_copy(struct planner_time *to, const struct planner_time *from)
{
    if (to->cap < from->count) {
        to->cap = from->count + 8;
        to->steps = xrealloc(to->steps, (size_t)to->cap * sizeof *to->steps);
    }
    memcpy(to->steps, from->steps, (size_t)from->count * sizeof *to->steps);
    to->count = from->count;
}

void
planner_time_free(struct planner_time *time)
{
    free(time->steps);
    *time = (struct planner_time){ 0 };
}

/* The step that holds 'at_ms'; the first one if it is before them all. */
static int
step_at(const struct planner_time *time, int64_t at_ms)
{
    int low = 0, high = time->count;

    while (high - low > 1) {
        int middle = low + (high - low) / 2;

        if (time->steps[middle].from_ms <= at_ms)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Makes a step begin at 'at_ms', which is not before the first one. */
static int
split_at(struct planner_time *time, int64_t at_ms)
{
    int i = step_at(time, at_ms);

    if (time->steps[i].from_ms == at_ms)
        return i;
    memmove(&time->steps[i + 2], &time->steps[i + 1],
            (size_t)(time->count - i - 1) * sizeof *time->steps);
    time->count++;
    time->steps[i + 1] = (struct planner_step){ at_ms,
                                                time->steps[i].free };
    return i + 1;
}

static void
merge_before(struct planner_time *time, int i)
{
    if (i <= 0 || i >= time->count
        || time->steps[i].free != time->steps[i - 1].free)
        return;
    time->count--;
    memmove(&time->steps[i], &time->steps[i + 1],
            (size_t)(time->count - i) * sizeof *time->steps);
}

void
planner_time_take(struct planner_time *time, int64_t from_ms,
                  int64_t until_ms, int count)
{
    int first, last, i;

    if (from_ms < time->steps[0].from_ms)
        from_ms = time->steps[0].from_ms;
    if (until_ms <= from_ms || count == 0)
        return;
    if (time->count + 2 > time->cap) {
        time->cap *= 2;
        time->steps = xrealloc(time->steps, (size_t)time->cap
                                            * sizeof *time->steps);
    }
    first = split_at(time, from_ms);
    last = until_ms == PLANNER_NO_TIME ? time->count
                                       : split_at(time, until_ms);
    for (i = first; i < last; i++)
        time->steps[i].free -= count;
    merge_before(time, last);
    merge_before(time, first);
}

int64_t
planner_time_find(const struct planner_time *time, int64_t from_ms,
                  int64_t for_ms, int count)
{
    const struct planner_step *steps = time->steps;
    int i = step_at(time, from_ms);
    int64_t at;

    while (i < time->count) {
        if (steps[i].free < count) {
            i++;
            continue;
        }
        at = steps[i].from_ms > from_ms ? steps[i].from_ms : from_ms;
        while (i + 1 < time->count && steps[i + 1].from_ms - at < for_ms
               && steps[i + 1].free >= count)
            i++;
        if (i + 1 == time->count || steps[i + 1].from_ms - at >= for_ms)
            return at;
        i++;
    }
    return PLANNER_NO_TIME;
}

int
planner_time_least(const struct planner_time *time, int64_t from_ms,
                   int64_t until_ms)
{
    int i = step_at(time, from_ms);
    int least = time->steps[i].free;

    for (i++; i < time->count && time->steps[i].from_ms < until_ms; i++)
        if (time->steps[i].free < least)
            least = time->steps[i].free;
    return least;
}

int64_t
planner_time_next_more(const struct planner_time *time, int64_t after_ms)
{
    int i = step_at(time, after_ms);

    if (time->steps[i].from_ms > after_ms)
        return time->steps[i].from_ms;
    for (i++; i < time->count; i++)
        if (time->steps[i].free > time->steps[i - 1].free)
            return time->steps[i].from_ms;
    return PLANNER_NO_TIME;
}

int64_t
planner_time_tail(const struct planner_time *time)
{
    return time->steps[time->count - 1].from_ms;
}

int64_t
planner_overdue(int64_t begun_ms, int64_t planned_ms, int64_t now_ms)
{
    int64_t sofar = now_ms - begun_ms;
    double until;

    if (planned_ms < 1000)
        planned_ms = 1000;
    if (begun_ms + planned_ms > now_ms)
        return begun_ms + planned_ms;
    until = (double)sofar * (double)sofar / (double)planned_ms + 1000;
    if (until > 1e15)
        until = 1e15;
    return begun_ms + (int64_t)until > now_ms ? begun_ms + (int64_t)until
                                              : now_ms + 1000;
}
