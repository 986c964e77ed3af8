/* harness/planner_preempt.c - who gives way so that a job starts soon.
 *
 * First as if all preemptable holders went; then, beginning with the one that
 * would lose most work, each is kept whom the job can do without. So nobody
 * gives way for nothing, and a holder of several hosts goes whole. */
#include <config.h>

#include "harness/planner_private.h"

#include <stdlib.h>

#include "harness/mem.h"

/* Who is made to stop leaves nothing; unless somebody comes behind him that is
 * what is left there. */
static void
lift_left(struct planner_work *work, int host, int64_t from_ms, int sign)
{
    const struct planner_left *base = &work->base_left[host];
    struct planner_left *left = &work->left[host];

    if (sign < 0 && left->from_ms == base->from_ms)
        *left = (struct planner_left){ .from_ms = from_ms };
    else if (sign > 0 && left->from_ms == from_ms)
        *left = *base;
}

/* Frees from 'from_ms' on (-1), or takes again (1), what a holder has. */
static void
lift(struct planner_work *work, int64_t holder, int64_t from_ms, int sign)
{
    const struct planner_in *in = work->in;

    for (int i = 0; i < in->hold_count; i++) {
        const struct planner_hold *hold = &in->holds[i];

        if (hold->job != holder || hold->until_ms <= from_ms)
            continue;
        planner_time_take(&work->hosts[hold->host], from_ms, hold->until_ms,
                          sign * hold->count);
        lift_left(work, hold->host, from_ms, sign);
        for (int q = 0; q < PLANNER_QUOTAS_MAX; q++)
            if (hold->quota[q] != 0)
                planner_time_take(&work->quotas[hold->quota[q] - 1],
                                  from_ms, hold->until_ms,
                                  sign * hold->count);
    }
    for (int i = 0; i < in->run_count && in->runners_max > 0; i++)
        if (in->runs[i].job == holder && in->runs[i].until_ms > from_ms)
            planner_time_take(&work->runners, from_ms, in->runs[i].until_ms,
                              sign);
}

static int64_t
lost_by(const struct planner_in *in, int64_t holder)
{
    int64_t lost = 0;

    for (int i = 0; i < in->hold_count; i++)
        if (in->holds[i].job == holder && in->holds[i].lost_ms > lost)
            lost = in->holds[i].lost_ms;
    return lost;
}

static bool
is_listed(const struct planner_work *work, int count, int64_t holder)
{
    for (int k = 0; k < count; k++)
        if (work->holders[k] == holder)
            return true;
    return false;
}

/* Those who would still be there at 'from_ms', most work first; but none whose
 * place a booking counts on as he leaves it. */
static int
list_holders(struct planner_work *work, int64_t from_ms)
{
    const struct planner_in *in = work->in;
    int count = 0;

    for (int i = 0; i < in->hold_count; i++) {
        int64_t holder = in->holds[i].job;
        int at;

        if (!in->holds[i].preemptable || work->stopped[i] != 0
            || in->holds[i].until_ms <= from_ms
            || work->left[in->holds[i].host].counted_on
            || is_listed(work, count, holder))
            continue;
        for (at = count++; at > 0 && lost_by(in, work->holders[at - 1])
             < lost_by(in, holder); at--)
            work->holders[at] = work->holders[at - 1];
        work->holders[at] = holder;
    }
    return count;
}

static bool
fits(struct planner_work *work, const struct planner_job *job, int units,
     int64_t from_ms, struct planner_spot *spot)
{
    return planner_fit_search(work, job, units, from_ms, spot)
        && spot->start_ms <= from_ms;
}

/* Lets all stay whom the job can do without; the count of the others. */
static int
keep_most(struct planner_work *work, const struct planner_job *job,
          int units, int64_t from_ms, int count, struct planner_spot *spot)
{
    int left = 0;

    for (int k = 0; k < count; k++) {
        lift(work, work->holders[k], from_ms, 1);
        if (fits(work, job, units, from_ms, spot))
            continue;
        lift(work, work->holders[k], from_ms, -1);
        work->holders[left++] = work->holders[k];
    }
    must(fits(work, job, units, from_ms, spot));
    return left;
}

bool
planner_preempt(struct planner_work *work, int j, int units,
                struct planner_spot *spot)
{
    const struct planner_in *in = work->in;
    const struct planner_job *job = &in->jobs[j];
    int64_t from = in->now_ms + in->policy.yield_ms;
    int count = list_holders(work, from);
    int *before = work->slot_hosts[j];  /* not in use yet */
    struct planner_spot soon;

    if (count == 0)
        return false;
    memcpy(before, work->unit_host, (size_t)units * sizeof *before);
    for (int k = 0; k < count; k++)
        lift(work, work->holders[k], from, -1);
    if (!fits(work, job, units, from, &soon)) {
        for (int k = 0; k < count; k++)
            lift(work, work->holders[k], from, 1);
        memcpy(work->unit_host, before, (size_t)units * sizeof *before);
        return false;
    }
    count = keep_most(work, job, units, from, count, &soon);
    for (int i = 0; i < in->hold_count; i++)
        if (is_listed(work, count, in->holds[i].job))
            work->stopped[i] = j + 1;
    *spot = soon;
    return count > 0;
}
