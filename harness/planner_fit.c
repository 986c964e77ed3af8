/* harness/planner_fit.c - the first time and the best hosts for one job, in
 * the plan so far.
 *
 * A job of one host asks each host that fits when it would be done there. A
 * job of several looks at one time after the other, beginning at the earliest
 * that any of its roles allows, until a bipartite matching (Kuhn's augmenting
 * paths) gives each role its own host. */
#include <config.h>

#include "harness/planner_private.h"

#include <math.h>

#include "harness/arena.h"
#include "harness/mem.h"

/* What the search may use. */
enum reach {
    REACH_NOW = 0,              /* the timelines */
    REACH_GOOD,                 /* as if all hosts that are not out were free */
    REACH_EVER                  /* and all that are not retired */
};

static int64_t
later(int64_t at_ms, int64_t by_ms)
{
    return by_ms > 0 && at_ms >= PLANNER_NO_TIME - by_ms ? PLANNER_NO_TIME
                                                         : at_ms + by_ms;
}

void
planner_fit_reset(struct planner_work *work)
{
    const struct planner_in *in = work->in;

    for (int h = 0; h < in->host_count; h++) {
        planner_time_copy(&work->hosts[h], &work->base[h]);
        work->left[h] = work->base_left[h];
        work->sds[h] = 0;
    }
    for (int q = 0; q < in->quota_count; q++)
        planner_time_copy(&work->quotas[q], &work->base_quotas[q]);
    planner_time_copy(&work->runners, &work->base_runners);
    work->group_count = 0;
    for (int i = 0; i < in->hold_count; i++) {
        const struct planner_hold *hold = &in->holds[i];

        work->stopped[i] = 0;
        if ((double)hold->spread_ms > work->sds[hold->host])
            work->sds[hold->host] = (double)hold->spread_ms;
        if (hold->diverse > 0)
            planner_set_add(planner_group(work, hold->diverse), hold->host);
    }
}

uint64_t *
planner_group(struct planner_work *work, int id)
{
    struct planner_group *group;

    for (int i = 0; i < work->group_count; i++)
        if (work->groups[i].id == id)
            return work->groups[i].bits;
    group = &work->groups[work->group_count++];
    group->id = id;
    if (group->bits == NULL)
        group->bits = planner_set_new(work->arena, work->in->host_count);
    else
        memset(group->bits, 0, ((size_t)work->in->host_count + 63) / 64
                               * sizeof *group->bits);
    return group->bits;
}

static bool
role_takes(const struct planner_work *work, const struct planner_role *role,
           int host)
{
    return planner_set_has(work->in->sets[role->set].bits, host);
}

/* Lists the hosts that any role may take, the least wanted first. */
static void
list_candidates(struct planner_work *work, const struct planner_job *job,
                enum reach reach, bool leaning_only)
{
    const struct planner_in *in = work->in;
    const uint64_t *taken = job->diverse > 0 && reach == REACH_NOW
        ? planner_group(work, job->diverse) : NULL;

    work->cand_count = 0;
    for (int i = 0; i < in->host_count; i++) {
        int host = work->ranked[i];
        bool wanted = false;

        if (in->hosts[host].retired
            || (reach != REACH_EVER && in->hosts[host].out != NULL
                && !job->check)
            || (leaning_only && work->lean_bias[host] >= 0)
            || (taken != NULL && planner_set_has(taken, host)))
            continue;
        for (int r = 0; r < job->role_count && !wanted; r++)
            wanted = role_takes(work, &job->roles[r], host);
        if (wanted)
            work->cand[work->cand_count++] = host;
    }
}

static void
set_leans(struct planner_work *work, const struct planner_job *job, bool on)
{
    for (int i = 0; i < job->lean_count; i++) {
        const struct planner_lean *lean = &job->leans[i];

        work->lean_run[lean->host] = on ? lean->run_ms : 0;
        work->lean_bias[lean->host] = on ? lean->bias_ms : 0;
    }
}

static int64_t
length_on(const struct planner_work *work, const struct planner_job *job,
          int host, bool prepared)
{
    int64_t run = work->lean_run[host] > 0 ? work->lean_run[host]
                                           : job->run_ms;

    return (prepared ? 0 : job->prepare_ms) + (run > 0 ? run : 1);
}

static bool
is_worn(const struct planner_left *left, const struct planner_job *job)
{
    return job->setup_uses > 0 && left->wear >= job->setup_uses;
}

/* Whether the job may go on from what is left on the host: nobody has come
 * between, and the host need not wait for it longer than that saves. */
static bool
finds_setup(const struct planner_work *work, const struct planner_job *job,
            int host, int64_t from_ms)
{
    const struct planner_left *left = &work->left[host];

    return !work->keeping && job->setup != 0 && job->setup == left->setup
        && !is_worn(left, job) && work->in->hosts[host].count == 1
        && from_ms - left->from_ms <= job->prepare_ms;
}

/* One host, for a job of one. */
static void
try_host(struct planner_work *work, const struct planner_job *job, int host,
         int64_t from_ms, struct planner_spot *best)
{
    const struct planner_time *time = &work->hosts[host];
    int64_t bias = work->lean_bias[host], left = work->left[host].from_ms;
    struct planner_spot spot = {
        .length_ms = length_on(work, job, host, false),
    };

    if (finds_setup(work, job, host, from_ms)) {
        spot.reuses = true;
        spot.start_ms = left > from_ms ? left : from_ms;
        spot.length_ms = length_on(work, job, host, true);
        spot.cost_ms = later(spot.start_ms, spot.length_ms
                             + (job->reuse_bias_ms < bias
                                ? job->reuse_bias_ms : bias));
        if (spot.cost_ms < best->cost_ms
            && planner_time_least(time, left, spot.start_ms
                                              + spot.length_ms) > 0) {
            *best = spot;
            work->unit_host[0] = host;
        }
        spot.reuses = false;
        spot.length_ms = length_on(work, job, host, false);
    }
    if (from_ms + spot.length_ms + bias >= best->cost_ms)
        return;
    spot.start_ms = planner_time_find(time, from_ms, spot.length_ms, 1);
    if (spot.start_ms == PLANNER_NO_TIME)
        return;
    spot.cost_ms = later(spot.start_ms, spot.length_ms + bias);
    if (spot.cost_ms < best->cost_ms) {
        *best = spot;
        work->unit_host[0] = host;
    }
}

/* At which time at the soonest role 'r' could have its hosts, by itself. */
static int64_t
role_from(struct planner_work *work, const struct planner_job *job, int r,
          int64_t from_ms, int64_t length_ms)
{
    const struct planner_role *role = &job->roles[r];
    int only = -1, count = 0;
    int64_t first = PLANNER_NO_TIME;

    for (int i = 0; i < work->cand_count; i++) {
        int host = work->cand[i];

        if (!role_takes(work, role, host))
            continue;
        count++;
        only = host;
        if (work->found[host] < first)
            first = work->found[host];
    }
    if (count == 1 && role->count > 1)
        return planner_time_find(&work->hosts[only], from_ms, length_ms,
                                 role->count);
    return first;
}

static bool
unit_may(const struct planner_work *work, const struct planner_job *job,
         int unit, int host, const int *class_of)
{
    const struct planner_role *role = &job->roles[work->unit_role[unit]];
    int class = class_of[work->unit_role[unit]];

    return work->least[host] > 0 && role_takes(work, role, host)
        && (class < 0 || work->in->hosts[host].class == class);
}

/* Finds a host for a unit: a free one, else by moving others along. */
static bool
augment(struct planner_work *work, const struct planner_job *job, int unit,
        int units, const int *class_of)
{
    for (int i = 0; i < work->cand_count; i++) {
        int host = work->cand[i];

        if (work->used[host] < work->least[host]
            && unit_may(work, job, unit, host, class_of)) {
            work->unit_host[unit] = host;
            work->used[host]++;
            return true;
        }
    }
    for (int i = 0; i < work->cand_count; i++) {
        int host = work->cand[i];

        if (work->seen[host] || !unit_may(work, job, unit, host, class_of))
            continue;
        work->seen[host] = true;
        for (int other = 0; other < units; other++) {
            if (other == unit || work->unit_host[other] != host)
                continue;
            if (augment(work, job, other, units, class_of)) {
                work->unit_host[unit] = host;
                return true;
            }
        }
    }
    return false;
}

static bool
match_units(struct planner_work *work, const struct planner_job *job,
            int units, const int *class_of)
{
    for (int i = 0; i < work->cand_count; i++)
        work->used[work->cand[i]] = 0;
    for (int u = 0; u < units; u++)
        work->unit_host[u] = -1;
    for (int u = 0; u < units; u++) {
        for (int i = 0; i < work->cand_count; i++)
            work->seen[work->cand[i]] = false;
        if (!augment(work, job, u, units, class_of))
            return false;
    }
    return true;
}

/* Tries every class for the class group of role 'r' and of those after it. */
static bool
match_classes(struct planner_work *work, const struct planner_job *job,
              int units, int r, int *class_of)
{
    while (r < job->role_count && (job->roles[r].same_class <= 0
                                   || class_of[r] >= 0))
        r++;
    if (r == job->role_count)
        return match_units(work, job, units, class_of);
    for (int i = 0; i < work->cand_count; i++) {
        int host = work->cand[i], before = 0;
        int class = work->in->hosts[host].class;

        if (work->least[host] <= 0 || !role_takes(work, &job->roles[r], host))
            continue;
        while (before < i && (work->in->hosts[work->cand[before]].class
                              != class
                              || work->least[work->cand[before]] <= 0
                              || !role_takes(work, &job->roles[r],
                                             work->cand[before])))
            before++;
        if (before < i)
            continue;           /* this class has been tried */
        for (int k = r; k < job->role_count; k++)
            if (job->roles[k].same_class == job->roles[r].same_class)
                class_of[k] = class;
        if (match_classes(work, job, units, r + 1, class_of))
            return true;
        for (int k = r; k < job->role_count; k++)
            if (job->roles[k].same_class == job->roles[r].same_class)
                class_of[k] = -1;
    }
    return false;
}

/* Many machines that nobody tells apart: no matching is needed. */
static bool
fill_one_role(struct planner_work *work, const struct planner_job *job,
              int units)
{
    int unit = 0;

    for (int i = 0; i < work->cand_count && unit < units; i++) {
        int host = work->cand[i];

        for (int n = 0; n < work->least[host] && unit < units; n++)
            work->unit_host[unit++] = host;
    }
    (void)job;
    return unit == units;
}

static bool
match(struct planner_work *work, const struct planner_job *job, int units)
{
    int *class_of = work->class_of;

    if (job->role_count == 1 && job->roles[0].same_class <= 0)
        return fill_one_role(work, job, units);
    for (int r = 0; r < job->role_count; r++)
        class_of[r] = -1;
    return match_classes(work, job, units, 0, class_of);
}

static void
put_units(struct planner_work *work, const struct planner_job *job)
{
    int unit = 0;

    for (int r = 0; r < job->role_count; r++)
        for (int n = 0; n < job->roles[r].count; n++)
            work->unit_role[unit++] = r;
}

/* Several hosts at one time. */
static bool
search_many(struct planner_work *work, const struct planner_job *job,
            int units, int64_t from_ms, struct planner_spot *spot)
{
    int64_t at = from_ms, length = 0, next;

    for (int i = 0; i < work->cand_count; i++) {
        int64_t here = length_on(work, job, work->cand[i], false);

        length = here > length ? here : length;
    }
    put_units(work, job);
    while (at != PLANNER_NO_TIME && work->cand_count > 0) {
        bool can = true;

        next = PLANNER_NO_TIME;
        for (int i = 0; i < work->cand_count; i++) {
            int host = work->cand[i];

            work->found[host] = planner_time_find(&work->hosts[host], at,
                                                  length, 1);
        }
        for (int r = 0; r < job->role_count; r++) {
            int64_t from = role_from(work, job, r, at, length);

            if (from > at) {
                can = false;
                at = from;
            }
        }
        if (!can)
            continue;
        for (int i = 0; i < work->cand_count; i++) {
            int host = work->cand[i];

            work->least[host] = work->found[host] > at ? 0
                : work->in->hosts[host].count == 1 ? 1
                : planner_time_least(&work->hosts[host], at, at + length);
        }
        if (match(work, job, units)) {
            *spot = (struct planner_spot){ .start_ms = at,
                                           .length_ms = length };
            return true;
        }
        for (int i = 0; i < work->cand_count; i++) {
            int64_t more = planner_time_next_more(
                &work->hosts[work->cand[i]], at);

            next = more < next ? more : next;
        }
        at = next;
    }
    return false;
}

static bool
search_hosts(struct planner_work *work, const struct planner_job *job,
             int units, int64_t from_ms, struct planner_spot *best)
{
    struct planner_spot spot = { 0 };

    best->cost_ms = PLANNER_NO_TIME;
    if (units == 0) {
        *best = (struct planner_spot){
            .start_ms = from_ms,
            .length_ms = job->run_ms > 0 ? job->run_ms : 1,
        };
        return true;
    }
    list_candidates(work, job, REACH_NOW, false);
    if (units == 1) {
        for (int i = 0; i < work->cand_count; i++)
            try_host(work, job, work->cand[i], from_ms, best);
        work->unit_role[0] = 0;
        return best->cost_ms != PLANNER_NO_TIME;
    }
    if (!search_many(work, job, units, from_ms, best))
        return false;
    if (job->lean_count == 0)
        return true;
    /* Is it worth waiting for those that the job leans to? */
    memcpy(work->unit_spare, work->unit_host,
           (size_t)units * sizeof *work->unit_spare);
    list_candidates(work, job, REACH_NOW, true);
    if (search_many(work, job, units, from_ms, &spot)) {
        int64_t bias = work->lean_bias[work->unit_host[0]];

        for (int u = 1; u < units; u++)
            if (work->lean_bias[work->unit_host[u]] > bias)
                bias = work->lean_bias[work->unit_host[u]];
        if (spot.start_ms + bias <= best->start_ms) {
            *best = spot;
            return true;
        }
    }
    memcpy(work->unit_host, work->unit_spare,
           (size_t)units * sizeof *work->unit_spare);
    return true;
}

/* When the quotas allow it, at 'at_ms' or later. */
static int64_t
allowed_from(const struct planner_work *work, const struct planner_job *job,
             int units, int64_t at_ms, int64_t length_ms)
{
    for (int q = 0; q < PLANNER_QUOTAS_MAX && units > 0; q++)
        if (job->quota[q] != 0 && at_ms != PLANNER_NO_TIME)
            at_ms = planner_time_find(&work->quotas[job->quota[q] - 1],
                                      at_ms, length_ms, units);
    return at_ms;
}

bool
planner_fit_search(struct planner_work *work, const struct planner_job *job,
                   int units, int64_t from_ms, struct planner_spot *spot)
{
    int64_t from = from_ms, at;
    bool for_runner = false;

    if (job->not_before_ms > from)
        from = job->not_before_ms;
    for (int i = 0; i < job->need_count; i++)
        if (work->slots[job->needs[i]].end_ms > from)
            from = work->slots[job->needs[i]].end_ms;
    for (;;) {
        if (!search_hosts(work, job, units, from, spot))
            return false;
        at = allowed_from(work, job, units, spot->start_ms,
                          spot->length_ms);
        if (at == PLANNER_NO_TIME)
            return false;       /* it wants more than the quota at once */
        if (work->in->runners_max > 0) {
            int64_t runner = planner_time_find(&work->runners, at,
                                               spot->length_ms, 1);

            for_runner = for_runner || runner > at;
            at = runner;
        }
        if (at == spot->start_ms) {
            spot->for_runner = for_runner;
            return true;
        }
        from = at;
    }
}

static void
book(struct planner_work *work, const struct planner_job *job,
     const struct planner_slot *slot, int sign)
{
    for (int u = 0; u < slot->host_count; u++)
        planner_time_take(&work->hosts[slot->hosts[u]], slot->start_ms,
                          slot->end_ms, sign);
    for (int q = 0; q < PLANNER_QUOTAS_MAX; q++)
        if (job->quota[q] != 0)
            planner_time_take(&work->quotas[job->quota[q] - 1],
                              slot->start_ms, slot->end_ms,
                              sign * slot->host_count);
    if (work->in->runners_max > 0)
        planner_time_take(&work->runners, slot->start_ms, slot->end_ms,
                          sign);
}

/* Notes what the job finds on its host, which the host keeps for it until it
 * begins, and what it leaves. Before it is booked. */
static void
leave(struct planner_work *work, int j, int host)
{
    const struct planner_job *job = &work->in->jobs[j];
    struct planner_slot *slot = &work->slots[j];
    struct planner_left *left = &work->left[host];
    struct planner_time *time = &work->hosts[host];

    if (job->setup == 0 || slot->start_ms < left->from_ms)
        return;
    if (slot->reuses) {
        slot->use = ++left->wear;
        slot->prepared_by = left->by;
        left->counted_on = left->counted_on || left->by == 0;
        planner_time_take(time, left->from_ms, slot->start_ms, 1);
    } else {
        slot->worn = !work->keeping && left->setup == job->setup
            && is_worn(left, job)
            && planner_time_least(time, left->from_ms, slot->start_ms) > 0;
        left->setup = job->setup;
        left->wear = 1;
        left->by = j + 1;
    }
    left->from_ms = slot->end_ms;
}

static void
fill_slot(struct planner_work *work, const struct planner_job *job, int j,
          const struct planner_spot *spot, int units)
{
    struct planner_slot *slot = &work->slots[j];
    int *hosts = work->slot_hosts[j];
    double sd = 0;

    slot->start_ms = spot->start_ms;
    slot->end_ms = spot->start_ms + spot->length_ms;
    slot->reuses = spot->reuses;
    slot->for_runner = spot->for_runner;
    slot->verdict = slot->start_ms <= work->in->now_ms ? PLANNER_NOW
                                                       : PLANNER_LATER;
    slot->late = job->deadline_ms > 0 && slot->end_ms > job->deadline_ms;
    slot->host_count = units;
    slot->hosts = hosts;
    memcpy(hosts, work->unit_host, (size_t)units * sizeof *hosts);
    for (int u = 0; u < units; u++)
        if (slot->verdict == PLANNER_LATER && work->sds[hosts[u]] > sd)
            sd = work->sds[hosts[u]];
    slot->start_sd_ms = (int64_t)sd;
    sd = sqrt(sd * sd + (double)job->spread_ms * (double)job->spread_ms);
    slot->end_sd_ms = (int64_t)sd;
    for (int u = 0; u < units; u++)
        leave(work, j, hosts[u]);
    book(work, job, slot, 1);
    for (int u = 0; u < units; u++) {
        if (work->in->hosts[hosts[u]].count == 1
            && planner_time_tail(&work->hosts[hosts[u]]) == slot->end_ms)
            work->sds[hosts[u]] = sd;
        if (job->diverse > 0)
            planner_set_add(planner_group(work, job->diverse), hosts[u]);
    }
}

/* Why it has no place at all. */
static enum planner_verdict
no_place(struct planner_work *work, const struct planner_job *job, int units)
{
    enum planner_verdict verdict = PLANNER_NEVER;

    put_units(work, job);
    list_candidates(work, job, REACH_EVER, false);
    for (int i = 0; i < work->cand_count; i++)
        work->least[work->cand[i]] = work->in->hosts[work->cand[i]].count;
    if (match(work, job, units))
        verdict = PLANNER_STUCK;
    for (int q = 0; q < PLANNER_QUOTAS_MAX; q++)
        if (job->quota[q] != 0
            && planner_time_find(&work->base_quotas[job->quota[q] - 1],
                                 work->in->now_ms, 1, units)
               == PLANNER_NO_TIME)
            verdict = PLANNER_NEVER;
    return verdict;
}

void
planner_fit_place(struct planner_work *work, int j)
{
    const struct planner_job *job = &work->in->jobs[j];
    struct planner_slot *slot = &work->slots[j];
    int units = work->known[j].units;
    int64_t soon = work->in->now_ms + work->in->policy.yield_ms;
    struct planner_spot spot;
    bool found, preempting = false;

    *slot = (struct planner_slot){ .verdict = PLANNER_EXPIRED };
    if (job->superseded)
        return;
    for (int i = 0; i < job->need_count; i++) {
        enum planner_verdict need = work->slots[job->needs[i]].verdict;

        slot->verdict = need == PLANNER_STUCK ? need : PLANNER_NEVER;
        if (need != PLANNER_NOW && need != PLANNER_LATER)
            return;             /* it never comes to that */
    }
    set_leans(work, job, true);
    found = planner_fit_search(work, job, units, work->in->now_ms, &spot);
    if (job->preempts && units > 0
        && (!found || spot.start_ms > soon + work->in->policy.gain_ms))
        preempting = planner_preempt(work, j, units, &spot);
    if (found || preempting)
        fill_slot(work, job, j, &spot, units);
    else
        slot->verdict = no_place(work, job, units);
    slot->preempting = preempting;
    set_leans(work, job, false);
}

bool
planner_fit_now(struct planner_work *work, int j)
{
    const struct planner_job *job = &work->in->jobs[j];
    int units = work->known[j].units;
    struct planner_spot spot;
    bool now;

    work->slots[j] = (struct planner_slot){ 0 };
    set_leans(work, job, true);
    now = planner_fit_search(work, job, units, work->in->now_ms, &spot)
        && spot.start_ms <= work->in->now_ms;
    if (now)
        fill_slot(work, job, j, &spot, units);
    set_leans(work, job, false);
    return now;
}

bool
planner_fit_again(struct planner_work *work, int j, int64_t start_ms,
                  const int *hosts)
{
    const struct planner_job *job = &work->in->jobs[j];
    int units = work->known[j].units;
    struct planner_spot spot = { .start_ms = start_ms };
    bool free = !job->superseded && units > 0;

    for (int i = 0; i < job->need_count; i++)
        free = free && work->slots[job->needs[i]].end_ms <= start_ms;
    set_leans(work, job, true);
    for (int u = 0; u < units; u++) {
        int64_t here = length_on(work, job, hosts[u], false);

        work->unit_host[u] = hosts[u];
        spot.length_ms = here > spot.length_ms ? here : spot.length_ms;
    }
    set_leans(work, job, false);
    put_units(work, job);
    for (int u = 0; u < units; u++)
        work->used[hosts[u]] = 0;
    for (int u = 0; u < units && free; u++) {
        int host = hosts[u];

        work->used[host]++;
        free = (work->in->hosts[host].out == NULL || job->check)
            && !work->in->hosts[host].retired
            && role_takes(work, &job->roles[work->unit_role[u]], host)
            && planner_time_least(&work->hosts[host], start_ms,
                                  start_ms + spot.length_ms)
               >= work->used[host];
    }
    for (int q = 0; q < PLANNER_QUOTAS_MAX && free; q++)
        free = job->quota[q] == 0
            || planner_time_least(&work->quotas[job->quota[q] - 1], start_ms,
                                  start_ms + spot.length_ms) >= units;
    if (work->in->runners_max > 0 && free)
        free = planner_time_least(&work->runners, start_ms,
                                  start_ms + spot.length_ms) > 0;
    if (free)
        fill_slot(work, job, j, &spot, units);
    return free;
}

void
planner_fit_undo(struct planner_work *work, int j)
{
    const struct planner_job *job = &work->in->jobs[j];
    struct planner_slot *slot = &work->slots[j];

    if (slot->verdict == PLANNER_NOW || slot->verdict == PLANNER_LATER)
        book(work, job, slot, -1);
    for (int u = 0; job->diverse > 0 && u < slot->host_count; u++)
        planner_group(work, job->diverse)[slot->hosts[u] / 64]
            &= ~(UINT64_C(1) << (slot->hosts[u] % 64));
    slot->host_count = 0;
    slot->verdict = PLANNER_NONE;
}
