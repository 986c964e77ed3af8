/* harness/planner_order.c - the order of service, and who may be put off for
 * how long: see planner.h. */
#include <config.h>

#include "harness/planner_private.h"

#include <math.h>

#include "harness/arena.h"
#include "harness/mem.h"

#define FAIR_FACTOR_MAX 4.0
/* Of the order: see planner.h. */
#define WIDTH_COUNTS 0.3
#define GRACE_MS 1800000.0
#define URGENCY 1250.0
#define URGENCY_POWER 4.0
#define WIDE_FAVOUR 16.0

#define ROOM(count, type) arena_alloc(arena, ((size_t)(count) + 1) \
                                             * sizeof(type))

/* How much heavier an account's work is for what it had lately. */
static double
fair_factor(const struct planner_in *in, int account)
{
    double share = 0, used = 0, factor;

    if (account == 0)
        return 1;
    for (int i = 0; i < in->account_count; i++) {
        share += in->accounts[i].share;
        used += in->accounts[i].used;
    }
    if (share <= 0 || used <= 0)
        return 1;
    if (in->accounts[account - 1].share <= 0)
        return FAIR_FACTOR_MAX;
    factor = in->accounts[account - 1].used / used
        / (in->accounts[account - 1].share / share);
    return factor < 1 / FAIR_FACTOR_MAX ? 1 / FAIR_FACTOR_MAX
        : factor > FAIR_FACTOR_MAX ? FAIR_FACTOR_MAX : factor;
}

int
planner_compare_doubles(double a, double b)
{
    return a < b ? -1 : a > b;
}

int
planner_compare_keys(const void *left, const void *right)
{
    const struct planner_key *a = left, *b = right;
    int order;

    if (a->rank != b->rank)
        return a->rank - b->rank;
    if (a->promoted != b->promoted)
        return a->promoted ? -1 : 1;
    if (a->promoted && a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms ? -1 : 1;
    if (a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    if ((order = planner_compare_doubles(a->first, b->first)) != 0)
        return order;
    if (a->second != b->second)
        return a->second < b->second ? -1 : 1;
    if ((order = planner_compare_doubles(b->third, a->third)) != 0)
        return order;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a->j - b->j;
}

int
planner_rank(const struct planner_work *work, const struct planner_job *job)
{
    if (job->priority == PLANNER_PRIORITY_FIRST)
        return 0;
    return job->preempts && job->priority <= work->meek_priority ? 1 : 2;
}

void
planner_sort(struct planner_work *work, struct planner_key *keys)
{
    const struct planner_in *in = work->in;
    bool fcfs = in->policy.order == PLANNER_ORDER_FCFS;

    for (int j = 0; j < in->job_count; j++) {
        const struct planner_job *job = &in->jobs[j];
        const struct planner_known *known = &work->known[j];

        keys[j] = (struct planner_key){
            .rank = planner_rank(work, job), .promoted = known->promoted,
            .due_ms = known->due_ms, .priority = job->priority,
            .first = fcfs ? (double)job->queued_ms
                : -known->flight_claim * known->favour,
            .second = fcfs ? 0 : job->flight,
            .third = fcfs ? 0 : known->rank,
            .id = job->id, .j = j,
        };
    }
    qsort(keys, (size_t)in->job_count, sizeof *keys, planner_compare_keys);
    for (int i = 0; i < in->job_count; i++)
        work->order[i] = keys[i].j;
}

int
planner_set_size(const struct planner_in *in, int set)
{
    int size = 0;

    for (int h = 0; h < in->host_count; h++)
        if (planner_set_has(in->sets[set].bits, h)
            && in->hosts[h].out == NULL && !in->hosts[h].retired)
            size += in->hosts[h].count;
    return size;
}

/* What waits of a flight. */
struct flight_sum {
    int flight;
    double work, longest, part; /* the longest and the widest of its jobs */
    int64_t queued_ms;          /* the first of them */
};

static int
compare_flights(const void *left, const void *right)
{
    const struct flight_sum *a = left, *b = right;

    return a->flight < b->flight ? -1 : a->flight > b->flight;
}

/* How many times its own size the flight has waited, which puts the small
 * before the large; and what it gets for having waited at all: nothing at
 * first, all that counts in the end, and sooner the more hosts have to drain
 * for it together. */
static double
claim(const struct planner_in *in, const struct flight_sum *flight)
{
    double waited = fmax((double)(in->now_ms - flight->queued_ms), 0);
    double longest = fmax(flight->longest, 1);
    double width = fmax(flight->work / longest, 1);
    double limit = (double)in->policy.patience_ms * sqrt(1 - flight->part);

    return (waited + GRACE_MS) / (longest * pow(width, WIDTH_COUNTS))
        + (limit > 0 ? URGENCY * pow(waited / limit, URGENCY_POWER) : 0);
}

static struct flight_sum *
list_flights(struct planner_work *work, int *count_out)
{
    const struct planner_in *in = work->in;
    struct flight_sum *sums = arena_alloc(work->arena,
        ((size_t)in->job_count + 1) * sizeof *sums);
    int count = 0;

    for (int j = 0; j < in->job_count; j++)
        sums[j] = (struct flight_sum){ .flight = in->jobs[j].flight,
                                       .queued_ms = in->now_ms };
    qsort(sums, (size_t)in->job_count, sizeof *sums, compare_flights);
    for (int j = 0; j < in->job_count; j++)
        if (count == 0 || sums[j].flight != sums[count - 1].flight)
            sums[count++] = sums[j];
    *count_out = count;
    return sums;
}

static void
know_flights(struct planner_work *work)
{
    const struct planner_in *in = work->in;
    int count;
    struct flight_sum *sums = list_flights(work, &count), *found;

    for (int pass = 0; pass < 2; pass++) {
        for (int j = 0; j < in->job_count; j++) {
            const struct planner_job *job = &in->jobs[j];
            struct planner_known *known = &work->known[j];
            struct flight_sum key = { .flight = job->flight };

            found = bsearch(&key, sums, (size_t)count, sizeof *sums,
                            compare_flights);
            if (pass == 1)
                known->flight_claim = claim(in, found)
                    / fair_factor(in, job->account);
            if (pass == 1 || job->superseded)
                continue;
            found->work += known->length * known->units;
            found->longest = fmax(found->longest, known->length);
            found->part = fmax(found->part, known->part);
            if (job->queued_ms < found->queued_ms)
                found->queued_ms = job->queued_ms;
        }
    }
}

/* Puts the jobs of each flight together. */
static void
list_by_flight(struct planner_work *work)
{
    const struct planner_in *in = work->in;
    struct arena *arena = work->arena;
    struct planner_key *keys = ROOM(in->job_count, struct planner_key);

    for (int j = 0; j < in->job_count; j++)
        keys[j] = (struct planner_key){ .second = in->jobs[j].flight, .j = j };
    qsort(keys, (size_t)in->job_count, sizeof *keys, planner_compare_keys);
    for (int j = 0; j < in->job_count; j++)
        work->by_flight[j] = keys[j].j;
}

/* Whether a host of the set is many machines that nobody tells apart. */
static bool
is_pool(const struct planner_in *in, int set)
{
    for (int h = 0; h < in->host_count; h++)
        if (in->hosts[h].count > 1
            && planner_set_has(in->sets[set].bits, h))
            return true;
    return false;
}

/* Whether others may start before the job has a place: it would keep a pool's
 * machines idle far ahead of its time. */
static bool
may_be_passed(const struct planner_in *in, const struct planner_job *job,
              const bool *pools)
{
    return job->role_count == 1 && pools[job->roles[0].set]
        && in->policy.order == PLANNER_ORDER_ASSAY
        && in->policy.patience_ms > 0 && job->need_count == 0
        && !job->preempts;
}

/* How long the job may be put off. One that needs most of the hosts that fit
 * it gets its promise at once: they have to drain for it, and the more the
 * later that begins. One that may be passed has its urgency instead. */
static int64_t
patience(const struct planner_in *in, const struct planner_known *known)
{
    double part = known->choice > 0 ? (double)known->units / known->choice
                                    : 1;

    if (known->passable)
        return in->policy.patience_ms;
    return part >= 1 ? 0 : (int64_t)((double)in->policy.patience_ms
                                     * (1 - part));
}

/* Where a job that was passed is booked says little, until it has waited for
 * so long. */
static bool
is_promise(const struct planner_in *in, const struct planner_job *job,
           const struct planner_known *known)
{
    return !known->passable
        || in->now_ms - job->queued_ms >= in->policy.patience_ms;
}

void
planner_know_jobs(struct planner_work *work)
{
    const struct planner_in *in = work->in;
    int *sizes = arena_alloc(work->arena, ((size_t)in->set_count + 1)
                                          * sizeof *sizes);
    bool *pools = arena_alloc(work->arena, ((size_t)in->set_count + 1)
                                           * sizeof *pools);

    work->meek_priority = INT32_MAX;
    for (int s = 0; s < in->set_count; s++) {
        sizes[s] = planner_set_size(in, s);
        pools[s] = is_pool(in, s);
    }
    for (int j = 0; j < in->job_count; j++) {
        const struct planner_job *job = &in->jobs[j];
        struct planner_known *known = &work->known[j];

        known->choice = INT32_MAX;
        for (int r = 0; r < job->role_count; r++) {
            known->units += job->roles[r].count;
            if (sizes[job->roles[r].set] < known->choice)
                known->choice = sizes[job->roles[r].set];
        }
        if (!job->preempts && job->priority != PLANNER_PRIORITY_FIRST
            && job->priority < work->meek_priority)
            work->meek_priority = job->priority;
        known->passable = may_be_passed(in, job, pools);
        if (known->choice >= known->units && known->units > 1)
            known->part = (double)(known->units - 1) / known->choice;
        known->length = (double)(job->expect_ms > 0 ? job->expect_ms
                                                    : job->run_ms)
            + (double)job->prepare_ms;
        known->rank = known->length * known->units;
        known->wide = job->role_count > 1;
        known->favour = 1;
        known->latest_ms = PLANNER_NO_TIME;
        if (job->booked_ms > 0 && is_promise(in, job, known)) {
            known->latest_ms = job->queued_ms + patience(in, known);
            if (known->latest_ms < job->booked_ms)
                known->latest_ms = job->booked_ms;
            if (known->latest_ms < in->now_ms)
                known->latest_ms = in->now_ms;
        }
    }
    know_flights(work);
    list_by_flight(work);
}

/* Jobs that need hosts together go before others of their size: not more of
 * them than there are hosts, for the places of the rest will be found anew
 * before their time comes, and many gaps make slow plans. */
void
planner_favour_wide(struct planner_work *work, struct planner_key *keys)
{
    const struct planner_in *in = work->in;
    int left = in->host_count;

    planner_sort(work, keys);
    for (int i = 0; i < in->job_count && left > 0; i++) {
        struct planner_known *known = &work->known[work->order[i]];

        if (known->wide) {
            known->favour = WIDE_FAVOUR;
            left--;
        }
    }
}
