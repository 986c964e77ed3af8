/* harness/planner.c - attempts, and promises: see planner.h. */
#include <config.h>

#include "harness/planner.h"

#include <math.h>

#include "harness/arena.h"
#include "harness/planner_private.h"
#include "harness/planner_time.h"

#define ATTEMPTS_MAX 8          /* to keep every promise */
#define ROOM(count, type) arena_alloc(arena, ((size_t)(count) + 1) \
                                             * sizeof(type))

uint64_t *
planner_set_new(struct arena *arena, int host_count)
{
    return arena_alloc(arena, ((size_t)host_count + 64) / 64
                              * sizeof(uint64_t));
}

void
planner_set_add(uint64_t *bits, int host)
{
    bits[host / 64] |= UINT64_C(1) << (host % 64);
}

bool
planner_set_has(const uint64_t *bits, int host)
{
    return (bits[host / 64] >> (host % 64) & 1) != 0;
}

const char *
planner_verdict_name(enum planner_verdict verdict)
{
    static const char *const names[PLANNER_VERDICT_COUNT] = {
        "none", "now", "later", "stuck", "never", "expired",
    };

    must((size_t)verdict < ARRAY_LEN(names));
    return names[verdict];
}

/* splitmix64 (Steele, Lea and Flood, OOPSLA 2014). */
static double
noise(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* Hosts in the order in which they are given when it is all the same: those
 * for which there is least other work; and one class after the other, so that
 * those that are left over are of one, for a pair. */
struct wanted {
    double work;
    int class, host;
};

static int
compare_wanted(const void *left, const void *right)
{
    const struct wanted *a = left, *b = right;
    int order = planner_compare_doubles(a->work, b->work);

    if (order == 0)
        order = a->class - b->class;
    return order != 0 ? order : a->host - b->host;
}

static void
rank_hosts(struct planner_work *work)
{
    const struct planner_in *in = work->in;
    struct wanted *wanted = arena_alloc(work->arena,
        ((size_t)in->host_count + 1) * sizeof *wanted);
    double *per_host = arena_alloc(work->arena,
        ((size_t)in->set_count + 1) * sizeof *per_host);

    for (int j = 0; j < in->job_count; j++)
        for (int r = 0; r < in->jobs[j].role_count; r++) {
            const struct planner_role *role = &in->jobs[j].roles[r];

            per_host[role->set] += work->known[j].length * role->count;
        }
    for (int h = 0; h < in->host_count; h++)
        wanted[h] = (struct wanted){ .class = in->hosts[h].class, .host = h };
    for (int s = 0; s < in->set_count; s++) {
        int size = planner_set_size(in, s);

        for (int h = 0; h < in->host_count && size > 0; h++)
            if (planner_set_has(in->sets[s].bits, h))
                wanted[h].work += per_host[s] / size;
    }
    qsort(wanted, (size_t)in->host_count, sizeof *wanted, compare_wanted);
    for (int h = 0; h < in->host_count; h++)
        work->ranked[h] = wanted[h].host;
}

static int
quota_size(const struct planner_in *in, const struct planner_quota *quota)
{
    int64_t all = 0, most = INT32_MAX;

    for (int h = 0; h < in->host_count; h++)
        if (in->hosts[h].out == NULL && !in->hosts[h].retired)
            all += in->hosts[h].count;
    if (quota->percent_max > 0) {
        most = all * quota->percent_max / 100;
        most = most > 0 ? most : 1;
    }
    if (quota->hosts_max > 0 && quota->hosts_max < most)
        most = quota->hosts_max;
    return (int)most;
}

static void
make_base(struct planner_work *work)
{
    const struct planner_in *in = work->in;

    for (int h = 0; h < in->host_count; h++) {
        const struct planner_host *host = &in->hosts[h];

        planner_time_init(&work->base[h], in->now_ms,
                          host->retired ? 0 : host->count);
        work->base_left[h] = (struct planner_left){
            .setup = host->setup, .wear = host->wear, .from_ms = in->now_ms,
        };
    }
    for (int q = 0; q < in->quota_count; q++)
        planner_time_init(&work->base_quotas[q], in->now_ms,
                          quota_size(in, &in->quotas[q]));
    for (int i = 0; i < in->hold_count; i++) {
        const struct planner_hold *hold = &in->holds[i];
        int64_t until = hold->until_ms > in->now_ms ? hold->until_ms
                                                    : in->now_ms + 1;

        planner_time_take(&work->base[hold->host], in->now_ms, until,
                          hold->count);
        work->base_left[hold->host] = (struct planner_left){
            .setup = hold->setup, .wear = hold->wear, .from_ms = until,
        };
        for (int q = 0; q < PLANNER_QUOTAS_MAX; q++)
            if (hold->quota[q] != 0)
                planner_time_take(&work->base_quotas[hold->quota[q] - 1],
                                  in->now_ms, until, hold->count);
    }
    planner_time_init(&work->base_runners, in->now_ms, in->runners_max);
    for (int i = 0; i < in->run_count; i++)
        planner_time_take(&work->base_runners, in->now_ms,
                          in->runs[i].until_ms > in->now_ms
                          ? in->runs[i].until_ms : in->now_ms + 1, 1);
    for (int i = 0; i < in->window_count; i++) {
        const struct planner_window *window = &in->windows[i];

        planner_time_take(&work->base[window->host], window->from_ms,
                          window->until_ms,
                          in->hosts[window->host].count);
    }
}

static void
work_init(struct planner_work *work, const struct planner_in *in,
          struct arena *arena)
{
    int roles = 0, units = 0, groups = in->hold_count;
    int *hosts;
    size_t all = 0;

    *work = (struct planner_work){ .in = in, .arena = arena };
    work->base = ROOM(in->host_count, struct planner_time);
    work->hosts = ROOM(in->host_count, struct planner_time);
    work->base_quotas = ROOM(in->quota_count, struct planner_time);
    work->quotas = ROOM(in->quota_count, struct planner_time);
    work->base_left = ROOM(in->host_count, struct planner_left);
    work->left = ROOM(in->host_count, struct planner_left);
    work->sds = ROOM(in->host_count, double);
    work->ranked = ROOM(in->host_count, int);
    work->known = ROOM(in->job_count, struct planner_known);
    work->order = ROOM(in->job_count, int);
    work->passed = ROOM(in->job_count, int);
    work->slots = ROOM(in->job_count, struct planner_slot);
    work->slot_hosts = ROOM(in->job_count, int *);
    work->placed = ROOM(in->job_count, bool);
    work->stopped = ROOM(in->hold_count, int);
    work->holders = ROOM(in->hold_count, int64_t);
    work->cand = ROOM(in->host_count, int);
    work->found = ROOM(in->host_count, int64_t);
    work->least = ROOM(in->host_count, int);
    work->used = ROOM(in->host_count, int);
    work->seen = ROOM(in->host_count, bool);
    work->lean_run = ROOM(in->host_count, int64_t);
    work->lean_bias = ROOM(in->host_count, int64_t);
    work->by_flight = ROOM(in->job_count, int);
    planner_know_jobs(work);
    for (int j = 0; j < in->job_count; j++) {
        all += (size_t)work->known[j].units;
        if (work->known[j].units > units)
            units = work->known[j].units;
        if (in->jobs[j].role_count > roles)
            roles = in->jobs[j].role_count;
        groups += in->jobs[j].diverse > 0;
    }
    hosts = ROOM(all, int);
    for (int j = 0; j < in->job_count; j++) {
        work->slot_hosts[j] = hosts;
        hosts += work->known[j].units;
    }
    work->groups = ROOM(groups, struct planner_group);
    work->unit_role = ROOM(units, int);
    work->unit_host = ROOM(units, int);
    work->unit_spare = ROOM(units, int);
    work->class_of = ROOM(roles, int);
    rank_hosts(work);
    make_base(work);
}

static void
work_fini(struct planner_work *work)
{
    for (int h = 0; h < work->in->host_count; h++) {
        planner_time_free(&work->base[h]);
        planner_time_free(&work->hosts[h]);
    }
    for (int q = 0; q < work->in->quota_count; q++) {
        planner_time_free(&work->base_quotas[q]);
        planner_time_free(&work->quotas[q]);
    }
    planner_time_free(&work->base_runners);
    planner_time_free(&work->runners);
}

/* What it needs first, then itself. */
static void
place(struct planner_work *work, int j)
{
    const struct planner_job *job = &work->in->jobs[j];

    if (work->placed[j])
        return;
    work->placed[j] = true;
    for (int i = 0; i < job->need_count; i++)
        place(work, job->needs[i]);
    planner_fit_place(work, j);
}

/* Places the jobs order[from..to): those that have a place before others may
 * start, of the ones that can be passed only the first that waits; between
 * them, who can start at once beside them; then books the others. The order
 * becomes the one in which they were placed. */
static void
place_some(struct planner_work *work, int from, int to)
{
    int first = from, later = 0;
    bool waits = false;

    for (int i = from; i < to; i++) {
        int j = work->order[i];
        bool passable = work->known[j].passable && !work->known[j].promoted;

        if (passable && waits && !work->placed[j])
            work->placed[j] = planner_fit_now(work, j);
        else
            place(work, j);
        if (!work->placed[j]) {
            work->passed[later++] = j;
            continue;
        }
        work->order[first++] = j;
        waits = waits || (passable
                          && work->slots[j].verdict == PLANNER_LATER);
    }
    for (int i = 0; i < later; i++) {
        work->order[first++] = work->passed[i];
        place(work, work->passed[i]);
    }
}

/* Nobody passes a job of a better priority. */
static void
place_all(struct planner_work *work)
{
    const struct planner_job *jobs = work->in->jobs;
    int count = work->in->job_count, to;

    planner_fit_reset(work);
    memset(work->placed, 0, (size_t)count * sizeof *work->placed);
    for (int from = 0; from < count; from = to) {
        to = from + 1;
        while (to < count && jobs[work->order[to]].priority
                             == jobs[work->order[from]].priority)
            to++;
        place_some(work, from, to);
    }
}

static bool
has_place(const struct planner_slot *slot)
{
    return slot->verdict == PLANNER_NOW || slot->verdict == PLANNER_LATER;
}

static bool
breaks_promise(const struct planner_work *work)
{
    for (int j = 0; j < work->in->job_count; j++) {
        const struct planner_slot *slot = &work->slots[j];

        if (has_place(slot) && (slot->late
                                || slot->start_ms
                                   > work->known[j].latest_ms))
            return true;
    }
    return false;
}

/* Jobs whose promises the plan breaks go first from now on: how many are
 * new among those; and how many are broken. */
static int
promote(struct planner_work *work, int *broken_out)
{
    const struct planner_in *in = work->in;
    int promoted = 0;

    *broken_out = 0;
    for (int j = 0; j < in->job_count; j++) {
        const struct planner_slot *slot = &work->slots[j];
        struct planner_known *known = &work->known[j];
        bool broken = has_place(slot) && slot->start_ms > known->latest_ms;

        *broken_out += broken;
        if ((broken || slot->late) && !known->promoted) {
            known->due_ms = slot->late ? in->jobs[j].deadline_ms
                - (slot->end_ms - slot->start_ms) : known->latest_ms;
            known->promoted = true;
            promoted++;
        }
    }
    return promoted;
}

/* Moves a kept booking forward, after those of what the job needs. */
static void
forward(struct planner_work *work, int j)
{
    const struct planner_job *job = &work->in->jobs[j];
    const struct planner_slot *slot = &work->slots[j];
    int64_t at;

    if (work->placed[j])
        return;
    work->placed[j] = true;
    for (int i = 0; i < job->need_count; i++)
        forward(work, job->needs[i]);
    at = has_place(slot) ? slot->start_ms : PLANNER_NO_TIME;
    planner_fit_undo(work, j);
    planner_fit_place(work, j);
    if (at == PLANNER_NO_TIME || slot->start_ms <= at)
        return;
    planner_fit_undo(work, j);
    if (!planner_fit_again(work, j, at, job->booked_hosts))
        planner_fit_place(work, j);     /* what it needs ends later now */
}

/* Books it as it was. It is moved forward later, unless it is being started. */
static void
fit_kept(struct planner_work *work, int j)
{
    const struct planner_job *job = &work->in->jobs[j];
    int64_t at = work->in->now_ms;

    if (job->booked_ms <= 0 || job->booked_hosts == NULL)
        return;
    at = job->booked_ms > at ? job->booked_ms : at;
    if (!planner_fit_again(work, j, at, job->booked_hosts))
        work->slots[j].verdict = PLANNER_NONE;
    else
        work->placed[j] = planner_rank(work, job) == 0;
}

/* The bookings of the last plan, moved forward where that is possible: no
 * promise breaks unless the world has changed. A gap that takes a wide job is
 * rare, and the first narrow one would spoil it. */
static void
keep(struct planner_work *work, struct planner_key *keys)
{
    const struct planner_in *in = work->in;

    planner_sort(work, keys);
    for (int i = 0; i < in->job_count; i++) {
        const struct planner_job *job = &in->jobs[keys[i].j];

        keys[i].promoted = job->booked_ms > 0;
        keys[i].due_ms = job->booked_ms;
    }
    qsort(keys, (size_t)in->job_count, sizeof *keys, planner_compare_keys);
    planner_fit_reset(work);
    work->keeping = true;
    memset(work->placed, 0, (size_t)in->job_count * sizeof *work->placed);
    for (int j = 0; j < in->job_count; j++)
        work->slots[j] = (struct planner_slot){ 0 };
    for (int i = 0; i < in->job_count; i++) {
        work->order[i] = keys[i].j;
        if (keys[i].rank == 1)
            place(work, keys[i].j);
        else if (!work->placed[keys[i].j])
            fit_kept(work, keys[i].j);
    }
    for (int i = 0; i < in->job_count; i++)
        if (work->known[work->order[i]].wide
            && in->jobs[work->order[i]].booked_ms > 0)
            forward(work, work->order[i]);
    for (int i = 0; i < in->job_count; i++)
        forward(work, work->order[i]);
}

/* The work is over when the last job of each flight is. */
static double
plan_cost(const struct planner_work *work)
{
    const struct planner_in *in = work->in;
    double cost = 0, sum = 0;
    int64_t end = 0;
    int flight = -1;
    bool any = false;

    for (int i = 0; i < in->job_count; i++) {
        int j = work->by_flight[i];
        const struct planner_slot *slot = &work->slots[j];

        if (!any || in->jobs[j].flight != flight) {
            cost += (double)end;
            end = 0;
            flight = in->jobs[j].flight;
            any = true;
        }
        if (!has_place(slot))
            continue;
        sum += (double)(slot->end_ms - in->now_ms);
        if (slot->end_ms - in->now_ms > end)
            end = slot->end_ms - in->now_ms;
    }
    return cost + (double)end + sum * 1e-6;
}

/* Another order in each flight. The first few are rules that are known to be
 * good now and then; the others are the best so far, shaken. */
static void
shake(struct planner_work *work, int round, const double *best_ranks,
      const int *best_ranked, uint64_t *state)
{
    const struct planner_in *in = work->in;
    double strength = noise(state);

    for (int j = 0; j < in->job_count; j++) {
        struct planner_known *known = &work->known[j];

        if (round == 1)
            known->rank = known->length;
        else if (round == 2)
            known->rank = known->length * known->units
                - (double)known->choice * 1e9;
        else if (round == 3)
            known->rank = known->length * known->units / (known->choice + 1);
        else
            known->rank = best_ranks[j] * exp(strength
                                              * (noise(state) - 0.5));
    }
    memcpy(work->ranked, best_ranked,
           (size_t)in->host_count * sizeof *work->ranked);
    for (int h = in->host_count - 1; round > 3 && round % 2 == 0 && h > 0;
         h--) {
        int other = (int)(noise(state) * (h + 1)), swap = work->ranked[h];

        work->ranked[h] = work->ranked[other];
        work->ranked[other] = swap;
    }
}

/* Looks for a cheaper plan that keeps the promises too. */
static void
improve(struct planner_work *work, struct planner_key *keys)
{
    const struct planner_in *in = work->in;
    struct arena *arena = work->arena;
    double *ranks = ROOM(in->job_count, double);
    int *ranked = ROOM(in->host_count, int);
    uint64_t state = in->policy.seed;
    double best = plan_cost(work), cost;

    for (int j = 0; j < in->job_count; j++)
        ranks[j] = work->known[j].rank;
    memcpy(ranked, work->ranked, (size_t)in->host_count * sizeof *ranked);
    for (int round = 1; round <= in->policy.rounds; round++) {
        shake(work, round, ranks, ranked, &state);
        planner_sort(work, keys);
        place_all(work);
        cost = plan_cost(work);
        if (cost >= best || breaks_promise(work))
            continue;
        best = cost;
        for (int j = 0; j < in->job_count; j++)
            ranks[j] = work->known[j].rank;
        memcpy(ranked, work->ranked,
               (size_t)in->host_count * sizeof *ranked);
    }
    for (int j = 0; j < in->job_count; j++)
        work->known[j].rank = ranks[j];
    memcpy(work->ranked, ranked, (size_t)in->host_count * sizeof *ranked);
    planner_sort(work, keys);
    place_all(work);
}

static void
finish(struct planner_work *work, struct planner_plan *plan)
{
    const struct planner_in *in = work->in;
    struct arena *arena = work->arena;
    int64_t *stop = ROOM(in->hold_count, int64_t);
    int *stop_for = ROOM(in->hold_count, int);

    plan->slots = work->slots;
    plan->order = work->order;
    plan->end_ms = in->now_ms;
    for (int j = 0; j < in->job_count; j++)
        if (has_place(&work->slots[j])
            && work->slots[j].end_ms > plan->end_ms)
            plan->end_ms = work->slots[j].end_ms;
    for (int i = 0; i < in->hold_count; i++) {
        bool listed = work->stopped[i] == 0;

        for (int k = 0; k < plan->stop_count && !listed; k++)
            listed = stop[k] == in->holds[i].job;
        if (listed)
            continue;
        stop_for[plan->stop_count] = work->stopped[i] - 1;
        stop[plan->stop_count++] = in->holds[i].job;
    }
    plan->stop = stop;
    plan->stop_for = stop_for;
}

void
planner_make(const struct planner_in *in, struct arena *arena,
             struct planner_plan *plan_out)
{
    struct planner_work work;
    struct planner_key *keys = ROOM(in->job_count, struct planner_key);
    int broken, promoted;

    *plan_out = (struct planner_plan){ 0 };
    work_init(&work, in, arena);
    planner_favour_wide(&work, keys);
    do {
        planner_sort(&work, keys);
        place_all(&work);
        promoted = promote(&work, &broken);
        plan_out->attempts++;
    } while (promoted > 0 && plan_out->attempts < ATTEMPTS_MAX);
    if (broken > 0) {
        keep(&work, keys);
        plan_out->kept = true;
    } else if (in->policy.rounds > 0 && in->job_count > 1) {
        improve(&work, keys);
        plan_out->attempts += in->policy.rounds;
    }
    finish(&work, plan_out);
    work_fini(&work);
}
