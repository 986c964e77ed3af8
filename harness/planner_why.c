/* harness/planner_why.c - see planner_why.h.
 *
 * What a job waits for on one host is all that is there while it would run.
 * For one host the least of these is exact, and so it is for two, by trying
 * all pairs; for more, hosts are added one by one, each time the one that adds
 * least. */
#include <config.h>

#include "harness/planner_why.h"

#include "harness/arena.h"
#include "harness/planner.h"

#define ROOM(count, type) arena_alloc(arena, ((size_t)(count) + 1) \
                                             * sizeof(type))

/* Who is in the way on one host: bits over holds, then windows, then jobs. */
struct way {
    const struct planner_in *in;
    const struct planner_plan *plan;
    int j;
    int *rank;                  /* of a job in the plan */
    int all;                    /* bits */
    uint64_t **bits;            /* per host; NULL: it cannot be had at all */
};

static bool
fits(const struct planner_in *in, const struct planner_job *job, int host)
{
    for (int r = 0; r < job->role_count; r++)
        if (planner_set_has(in->sets[job->roles[r].set].bits, host))
            return true;
    return false;
}

static bool
uses(const struct planner_slot *slot, int host)
{
    for (int u = 0; u < slot->host_count; u++)
        if (slot->hosts[u] == host)
            return true;
    return false;
}

/* Notes who is in the way on the host; the one that leaves last is told. */
static void
note(struct planner_why_host *line, enum planner_obstacle obstacle,
     int which, int64_t until_ms)
{
    if (line->obstacle == PLANNER_FREE || until_ms > line->until_ms)
        *line = (struct planner_why_host){ obstacle, which, until_ms };
}

static void
look_at(struct way *way, int host, struct planner_why_host *line)
{
    const struct planner_in *in = way->in;
    const struct planner_job *job = &in->jobs[way->j];
    const struct planner_slot *mine = &way->plan->slots[way->j];
    int64_t end = in->now_ms + job->run_ms
        + (mine->reuses && mine->hosts[0] == host ? 0 : job->prepare_ms);
    uint64_t *bits = way->bits[host];

    for (int i = 0; i < in->hold_count; i++)
        if (in->holds[i].host == host) {
            planner_set_add(bits, i);
            note(line, PLANNER_HELD, i, in->holds[i].until_ms);
        }
    for (int i = 0; i < in->window_count; i++)
        if (in->windows[i].host == host && in->windows[i].from_ms < end
            && in->windows[i].until_ms > in->now_ms) {
            planner_set_add(bits, in->hold_count + i);
            note(line, PLANNER_CLOSED, i, in->windows[i].until_ms);
        }
    for (int k = 0; k < in->job_count; k++) {
        const struct planner_slot *slot = &way->plan->slots[k];

        if (way->rank[k] >= way->rank[way->j] || !uses(slot, host)
            || slot->verdict > PLANNER_LATER || slot->start_ms >= end)
            continue;
        planner_set_add(bits, in->hold_count + in->window_count + k);
        note(line, PLANNER_BOOKED, k, slot->end_ms);
    }
}

static int
weigh(const struct way *way, const uint64_t *a, const uint64_t *b)
{
    int count = 0;

    for (int i = 0; i < (way->all + 63) / 64; i++)
        count += __builtin_popcountll(a[i] | (b != NULL ? b[i] : 0));
    return count;
}

static bool
may(const struct way *way, int r, int host)
{
    const struct planner_job *job = &way->in->jobs[way->j];

    return way->bits[host] != NULL
        && planner_set_has(way->in->sets[job->roles[r].set].bits, host);
}

/* The pair that waits for least. */
static bool
best_pair(const struct way *way, int r, int s, int *chosen)
{
    const struct planner_in *in = way->in;
    const struct planner_role *roles = in->jobs[way->j].roles;
    bool same = roles[r].same_class > 0
        && (r == s || roles[r].same_class == roles[s].same_class);
    int best = INT32_MAX;

    for (int a = 0; a < in->host_count; a++) {
        for (int b = 0; b < in->host_count && may(way, r, a); b++) {
            int weight;

            if (a == b || !may(way, s, b)
                || (same && in->hosts[a].class != in->hosts[b].class))
                continue;
            weight = weigh(way, way->bits[a], way->bits[b]);
            if (weight < best) {
                best = weight;
                chosen[0] = a;
                chosen[1] = b;
            }
        }
    }
    return best < INT32_MAX;
}

/* Role by role, the host that adds least. */
static bool
best_each(const struct way *way, struct arena *arena, int *chosen)
{
    const struct planner_in *in = way->in;
    const struct planner_job *job = &in->jobs[way->j];
    uint64_t *sum = planner_set_new(arena, way->all);
    int *left = ROOM(in->host_count, int);
    int unit = 0;

    for (int h = 0; h < in->host_count; h++)
        left[h] = in->hosts[h].count;
    for (int r = 0; r < job->role_count; r++)
        for (int n = 0; n < job->roles[r].count; n++, unit++) {
            int best = -1, least = INT32_MAX;

            for (int h = 0; h < in->host_count; h++) {
                if (left[h] == 0 || !may(way, r, h)
                    || weigh(way, sum, way->bits[h]) >= least)
                    continue;
                best = h;
                least = weigh(way, sum, way->bits[h]);
            }
            if (best < 0)
                return false;
            left[best]--;
            chosen[unit] = best;
            for (int i = 0; i < (way->all + 63) / 64; i++)
                sum[i] |= way->bits[best][i];
        }
    return true;
}

static bool
choose(const struct way *way, struct arena *arena, int units, int *chosen)
{
    const struct planner_job *job = &way->in->jobs[way->j];

    if (units == 2 && job->role_count == 2)
        return best_pair(way, 0, 1, chosen);
    if (units == 2)
        return best_pair(way, 0, 0, chosen);
    return best_each(way, arena, chosen);
}

static void
list(const struct way *way, const int *chosen, int units,
     struct arena *arena, struct planner_why *why)
{
    const struct planner_in *in = way->in;

    why->holds = ROOM(in->hold_count, int);
    why->windows = ROOM(in->window_count, int);
    why->jobs = ROOM(in->job_count, int);
    for (int i = 0; i < way->all; i++) {
        bool in_way = false;

        for (int u = 0; u < units && !in_way; u++)
            in_way = planner_set_has(way->bits[chosen[u]], i);
        if (!in_way)
            continue;
        if (i < in->hold_count)
            why->holds[why->hold_count++] = i;
        else if (i < in->hold_count + in->window_count)
            why->windows[why->window_count++] = i - in->hold_count;
        else
            why->jobs[why->job_count++] = i - in->hold_count
                - in->window_count;
    }
}

void
planner_explain(const struct planner_in *in, const struct planner_plan *plan,
                int j, struct arena *arena, struct planner_why *why_out)
{
    const struct planner_job *job = &in->jobs[j];
    struct way way = {
        .in = in, .plan = plan, .j = j,
        .rank = ROOM(in->job_count, int),
        .all = in->hold_count + in->window_count + in->job_count,
        .bits = ROOM(in->host_count, uint64_t *),
    };
    int units = 0, *chosen;

    *why_out = (struct planner_why){
        .hosts = ROOM(in->host_count, struct planner_why_host),
    };
    for (int i = 0; i < in->job_count; i++)
        way.rank[plan->order[i]] = i;
    for (int r = 0; r < job->role_count; r++)
        units += job->roles[r].count;
    for (int h = 0; h < in->host_count; h++) {
        struct planner_why_host *line = &why_out->hosts[h];

        line->which = -1;
        if (!fits(in, job, h)) {
            line->obstacle = PLANNER_UNFIT;
        } else if ((in->hosts[h].out != NULL && !job->check)
                   || in->hosts[h].retired) {
            line->obstacle = PLANNER_OUT;
        } else {
            way.bits[h] = planner_set_new(arena, way.all);
            look_at(&way, h, line);
        }
    }
    chosen = ROOM(units, int);
    why_out->possible = choose(&way, arena, units, chosen);
    if (why_out->possible)
        list(&way, chosen, units, arena, why_out);
}
