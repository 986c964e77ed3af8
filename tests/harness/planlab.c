/* tests/harness/planlab.c - see planlab.h. */
#include <config.h>

#include "tests/harness/planlab.h"

#include "harness/arena.h"

#define MINUTE INT64_C(60000)
#define START INT64_C(1000000000)

uint64_t
planlab_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int
planlab_below(uint64_t *state, int n)
{
    return (int)(planlab_random(state) % (uint64_t)n);
}

#define ROOM(count, type) arena_alloc(arena, ((size_t)(count) + 1) \
                                             * sizeof(type))

static struct planner_set *
make_sets(const struct planlab_spec *spec, uint64_t *rnd,
          struct arena *arena)
{
    struct planner_set *sets = ROOM(spec->sets, struct planner_set);

    for (int s = 0; s < spec->sets; s++) {
        int odds = 1 + planlab_below(rnd, 8);

        sets[s].bits = planner_set_new(arena, spec->hosts);
        for (int h = 0; h < spec->hosts; h++)
            if (s == 0 || planlab_below(rnd, 8) < odds)
                planner_set_add(sets[s].bits, h);
    }
    return sets;
}

static void
make_jobs(const struct planlab_spec *spec, uint64_t *rnd,
          struct arena *arena, struct planner_in *in)
{
    struct planner_job *jobs = ROOM(spec->jobs, struct planner_job);
    struct planner_role *roles = ROOM(2 * spec->jobs, struct planner_role);

    for (int j = 0; j < spec->jobs; j++) {
        struct planner_job *job = &jobs[j];
        bool pair = planlab_below(rnd, 100) < spec->pair_percent;

        *job = (struct planner_job){
            .id = j, .name = "job", .flight = j / 20,
            .roles = &roles[2 * j], .role_count = pair ? 2 : 1,
            .run_ms = MINUTE * (5 + planlab_below(rnd, 120)),
            .queued_ms = START - MINUTE * planlab_below(rnd, 600),
        };
        for (int r = 0; r < job->role_count; r++)
            roles[2 * j + r] = (struct planner_role){
                .set = planlab_below(rnd, spec->sets), .count = 1,
                .same_class = pair ? 1 : 0,
            };
        if (pair)
            roles[2 * j + 1].set = roles[2 * j].set;
    }
    in->jobs = jobs;
    in->job_count = spec->jobs;
}

/* All that jobs may ask for besides hosts. */
static void
add_job_extras(uint64_t *rnd, struct arena *arena, struct planner_in *in)
{
    struct planner_job *jobs = ROOM(in->job_count, struct planner_job);
    struct planner_lean *leans;
    int *needs;

    memcpy(jobs, in->jobs, (size_t)in->job_count * sizeof *jobs);
    for (int j = 0; j < in->job_count; j++) {
        struct planner_job *job = &jobs[j];

        job->priority = planlab_below(rnd, 3) - 1;
        job->account = planlab_below(rnd, 3);
        if (planlab_below(rnd, 3) == 0)
            job->quota[0] = 1;
        if (planlab_below(rnd, 4) == 0)
            job->diverse = 1 + planlab_below(rnd, 2);
        if (planlab_below(rnd, 10) == 0)
            job->superseded = true;
        if (planlab_below(rnd, 5) == 0)
            job->preempts = true;
        if (j > 0 && planlab_below(rnd, 4) == 0) {
            needs = ROOM(1, int);
            needs[0] = planlab_below(rnd, j);
            job->needs = needs;
            job->need_count = 1;
        }
        if (planlab_below(rnd, 3) == 0) {
            job->setup = 1 + planlab_below(rnd, 3);
            job->setup_uses = planlab_below(rnd, 4);
            job->prepare_ms = 10 * MINUTE;
        }
        if (planlab_below(rnd, 4) == 0)
            job->deadline_ms = START + MINUTE * planlab_below(rnd, 600);
        if (planlab_below(rnd, 4) == 0) {
            leans = ROOM(1, struct planner_lean);
            leans[0].host = planlab_below(rnd, in->host_count);
            leans[0].run_ms = planlab_below(rnd, 2) * 30 * MINUTE;
            leans[0].bias_ms = -MINUTE * planlab_below(rnd, 200);
            job->leans = leans;
            job->lean_count = 1;
        }
    }
    in->jobs = jobs;
}

static void
add_extras(uint64_t *rnd, struct arena *arena, struct planner_in *in)
{
    struct planner_host *hosts = ROOM(in->host_count, struct planner_host);
    struct planner_hold *holds = ROOM(in->host_count, struct planner_hold);
    struct planner_window *windows = ROOM(2, struct planner_window);
    struct planner_quota *quotas = ROOM(1, struct planner_quota);
    struct planner_account *accounts = ROOM(2, struct planner_account);

    memcpy(hosts, in->hosts, (size_t)in->host_count * sizeof *hosts);
    add_job_extras(rnd, arena, in);
    for (int h = 0; h < in->host_count; h++) {
        hosts[h].setup = planlab_below(rnd, 4);
        hosts[h].wear = planlab_below(rnd, 4);
        if (planlab_below(rnd, 10) == 0)
            hosts[h].out = "bad";
        else if (planlab_below(rnd, 20) == 0)
            hosts[h].retired = true;
        else if (planlab_below(rnd, 3) == 0)
            holds[in->hold_count++] = (struct planner_hold){
                .host = h, .count = 1, .job = 1000 + h, .who = "somebody",
                .until_ms = START + MINUTE * (1 + planlab_below(rnd, 90)),
                .preemptable = planlab_below(rnd, 3) == 0,
                .quota = { planlab_below(rnd, 2) },
                .diverse = planlab_below(rnd, 3),
                .setup = planlab_below(rnd, 4),
                .wear = 1 + planlab_below(rnd, 3),
            };
    }
    for (int i = 0; i < 2; i++) {
        windows[i].host = planlab_below(rnd, in->host_count);
        windows[i].from_ms = START + MINUTE * planlab_below(rnd, 200);
        windows[i].until_ms = windows[i].from_ms
            + MINUTE * (1 + planlab_below(rnd, 100));
        windows[i].why = "a visit";
    }
    quotas[0] = (struct planner_quota){ "branch", 1 + planlab_below(rnd, 3),
                                        50 };
    accounts[0] = (struct planner_account){ 1, planlab_below(rnd, 9) };
    accounts[1] = (struct planner_account){ 2, planlab_below(rnd, 9) };
    in->hosts = hosts;
    in->holds = holds;
    in->windows = windows;
    in->window_count = 2;
    in->quotas = quotas;
    in->quota_count = 1;
    in->accounts = accounts;
    in->account_count = 2;
}

void
planlab_make(const struct planlab_spec *spec, uint64_t seed,
             struct arena *arena, struct planner_in *in_out)
{
    struct planner_host *hosts = ROOM(spec->hosts, struct planner_host);
    uint64_t rnd = seed;

    *in_out = (struct planner_in){
        .now_ms = START, .hosts = hosts, .host_count = spec->hosts,
        .set_count = spec->sets,
    };
    for (int h = 0; h < spec->hosts; h++)
        hosts[h] = (struct planner_host){
            .name = "host", .count = 1,
            .class = planlab_below(&rnd, spec->classes),
        };
    in_out->sets = make_sets(spec, &rnd, arena);
    make_jobs(spec, &rnd, arena, in_out);
    if (spec->extras)
        add_extras(&rnd, arena, in_out);
}

void
planlab_osstest(uint64_t seed, struct arena *arena,
                struct planner_in *in_out)
{
    enum { X86 = 24, ARM32 = 8, ARM64 = 4, HOSTS = X86 + ARM32 + ARM64,
           JOBS = 150, SETS = 8 };
    struct planner_host *hosts = ROOM(HOSTS, struct planner_host);
    struct planner_set *sets = ROOM(SETS, struct planner_set);
    struct planner_job *jobs = ROOM(JOBS, struct planner_job);
    struct planner_role *roles = ROOM(2 * JOBS, struct planner_role);
    uint64_t rnd = seed;

    /* 0 x86, 1 intel, 2 amd, 3 with a property, 4 arm32, 5 a board of it,
     * 6 arm64, 7 new x86 */
    for (int s = 0; s < SETS; s++)
        sets[s].bits = planner_set_new(arena, HOSTS);
    for (int h = 0; h < HOSTS; h++) {
        bool x86 = h < X86, arm32 = !x86 && h < X86 + ARM32;

        hosts[h] = (struct planner_host){
            .name = "host", .count = 1, .class = h / 2,
        };
        planner_set_add(sets[x86 ? 0 : arm32 ? 4 : 6].bits, h);
        if (x86)
            planner_set_add(sets[h < 14 ? 1 : 2].bits, h);
        if (x86 && h % 3 == 0)
            planner_set_add(sets[3].bits, h);
        if (x86 && h % 4 < 2)
            planner_set_add(sets[7].bits, h);
        if (arm32 && h % 2 == 0)
            planner_set_add(sets[5].bits, h);
    }
    for (int j = 0; j < JOBS; j++) {
        int kind = planlab_below(&rnd, 100);
        bool pair = kind < 8;
        int set = pair ? 0 : kind < 50 ? 0 : kind < 60 ? 1 : kind < 67 ? 2
            : kind < 73 ? 3 : kind < 77 ? 7 : kind < 89 ? 4 : kind < 93 ? 5
            : 6;

        for (int r = 0; r < 2; r++)
            roles[2 * j + r] = (struct planner_role){ set, 1, pair };
        jobs[j] = (struct planner_job){
            .id = j, .name = "job", .flight = 1,
            .roles = &roles[2 * j], .role_count = pair ? 2 : 1,
            .run_ms = MINUTE * (15 + planlab_below(&rnd, 30)
                                + planlab_below(&rnd, 2)
                                  * planlab_below(&rnd, 120)),
            .queued_ms = START,
        };
    }
    *in_out = (struct planner_in){
        .now_ms = START, .hosts = hosts, .host_count = HOSTS, .sets = sets,
        .set_count = SETS, .jobs = jobs, .job_count = JOBS,
    };
}

static bool
within(const struct planner_in *in, int inner, int outer)
{
    for (int h = 0; h < in->host_count; h++)
        if (planner_set_has(in->sets[inner].bits, h)
            && !planner_set_has(in->sets[outer].bits, h))
            return false;
    return true;
}

int64_t
planlab_bound(const struct planner_in *in)
{
    int64_t best = 0;

    for (int s = 0; s < in->set_count; s++) {
        int64_t work = 0, size = 0;

        for (int h = 0; h < in->host_count; h++)
            size += planner_set_has(in->sets[s].bits, h);
        for (int j = 0; j < in->job_count; j++) {
            const struct planner_job *job = &in->jobs[j];

            best = job->run_ms > best ? job->run_ms : best;
            for (int r = 0; r < job->role_count; r++)
                if (within(in, job->roles[r].set, s))
                    work += job->run_ms * job->roles[r].count;
        }
        if (size > 0 && (work + size - 1) / size > best)
            best = (work + size - 1) / size;
    }
    return best;
}

static bool
has_place(const struct planner_slot *slot)
{
    return slot->verdict == PLANNER_NOW || slot->verdict == PLANNER_LATER;
}

static bool
stopped(const struct planner_plan *plan, int64_t job)
{
    for (int i = 0; i < plan->stop_count; i++)
        if (plan->stop[i] == job)
            return true;
    return false;
}

/* What one job's slot says of itself. */
static const char *
check_slot(const struct planner_in *in, int j,
           const struct planner_slot *slot, const struct planner_plan *plan)
{
    const struct planner_job *job = &in->jobs[j];
    int unit = 0, class = -1;

    if (slot->start_ms < in->now_ms || slot->start_ms < job->not_before_ms)
        return "starts in the past";
    if ((slot->verdict == PLANNER_NOW) != (slot->start_ms == in->now_ms))
        return "does not know whether it starts now";
    for (int i = 0; i < job->need_count; i++)
        if (!has_place(&plan->slots[job->needs[i]])
            || plan->slots[job->needs[i]].end_ms > slot->start_ms)
            return "starts before what it needs has ended";
    if (slot->late != (job->deadline_ms > 0
                       && slot->end_ms > job->deadline_ms))
        return "does not know whether it is late";
    for (int r = 0; r < job->role_count; r++)
        for (int n = 0; n < job->roles[r].count; n++, unit++) {
            int h;

            if (unit >= slot->host_count)
                return "has not all its hosts";
            h = slot->hosts[unit];
            if (!planner_set_has(in->sets[job->roles[r].set].bits, h))
                return "has a host that does not fit";
            if ((in->hosts[h].out != NULL && !job->check)
                || in->hosts[h].retired)
                return "has a host that is out";
            if (job->roles[r].same_class > 0 && class >= 0
                && in->hosts[h].class != class)
                return "has hosts of two classes";
            if (job->roles[r].same_class > 0)
                class = in->hosts[h].class;
            for (int u = 0; u < unit; u++)
                if (slot->hosts[u] == h && in->hosts[h].count == 1)
                    return "has one host twice";
            for (int i = 0; i < in->window_count; i++)
                if (in->windows[i].host == h
                    && slot->start_ms < in->windows[i].until_ms
                    && slot->end_ms > in->windows[i].from_ms)
                    return "is in a window of its host";
            for (int i = 0; i < in->hold_count; i++)
                if (in->holds[i].host == h && in->hosts[h].count == 1
                    && slot->start_ms < in->holds[i].until_ms
                    && !stopped(plan, in->holds[i].job))
                    return "has a host that somebody holds";
        }
    return unit == slot->host_count ? NULL : "has too many hosts";
}

static const char *
check_two(const struct planner_in *in, int a, int b,
          const struct planner_plan *plan)
{
    const struct planner_slot *x = &plan->slots[a], *y = &plan->slots[b];
    bool diverse = in->jobs[a].diverse > 0
        && in->jobs[a].diverse == in->jobs[b].diverse;
    bool meet = x->start_ms < y->end_ms && y->start_ms < x->end_ms;

    for (int i = 0; i < x->host_count; i++)
        for (int k = 0; k < y->host_count; k++) {
            if (x->hosts[i] != y->hosts[k])
                continue;
            if (diverse)
                return "has a host of its diversity group";
            if (meet && in->hosts[x->hosts[i]].count == 1)
                return "has a host together with another";
        }
    return NULL;
}

/* Hosts that a quota's jobs have when job 'j' starts. */
static const char *
check_quota(const struct planner_in *in, int j,
            const struct planner_plan *plan)
{
    const struct planner_slot *slot = &plan->slots[j];
    int q = in->jobs[j].quota[0] - 1, used = 0, all = 0, most;

    if (q < 0)
        return NULL;
    for (int h = 0; h < in->host_count; h++)
        all += in->hosts[h].out == NULL && !in->hosts[h].retired;
    most = all * in->quotas[q].percent_max / 100;
    most = in->quotas[q].percent_max == 0 ? all : most > 0 ? most : 1;
    if (in->quotas[q].hosts_max > 0 && in->quotas[q].hosts_max < most)
        most = in->quotas[q].hosts_max;
    for (int k = 0; k < in->job_count; k++) {
        const struct planner_slot *other = &plan->slots[k];

        if (in->jobs[k].quota[0] == q + 1 && has_place(other)
            && other->start_ms <= slot->start_ms
            && slot->start_ms < other->end_ms)
            used += other->host_count;
    }
    for (int i = 0; i < in->hold_count; i++)
        if (in->holds[i].quota[0] == q + 1
            && slot->start_ms < in->holds[i].until_ms
            && !stopped(plan, in->holds[i].job))
            used += in->holds[i].count;
    return used > most ? "is over its quota" : NULL;
}

/* What is on a host at 'at_ms' by this plan, as its last user left it, and how
 * many have used that; 0: nobody knows. */
static int
left_at(const struct planner_in *in, const struct planner_plan *plan, int host,
        int64_t at_ms, int *wear_out)
{
    int64_t since = in->now_ms;
    int setup = in->hosts[host].setup, last = -1;

    *wear_out = in->hosts[host].wear;
    for (int i = 0; i < in->hold_count; i++)
        if (in->holds[i].host == host) {
            bool stops = stopped(plan, in->holds[i].job);

            since = stops ? in->now_ms : in->holds[i].until_ms;
            setup = stops ? 0 : in->holds[i].setup;
            *wear_out = in->holds[i].wear;
        }
    for (int j = 0; j < in->job_count; j++) {
        const struct planner_slot *slot = &plan->slots[j];

        for (int u = 0; u < slot->host_count; u++)
            if (slot->hosts[u] == host && slot->end_ms <= at_ms
                && slot->end_ms > since) {
                since = slot->end_ms;
                last = j;
            }
    }
    if (last >= 0) {
        setup = in->jobs[last].setup;
        *wear_out = 1;
        if (plan->slots[last].reuses
            && left_at(in, plan, host, plan->slots[last].start_ms,
                       wear_out) != 0)
            ++*wear_out;
    }
    for (int i = 0; i < in->window_count; i++)
        if (in->windows[i].host == host && in->windows[i].from_ms < at_ms
            && in->windows[i].until_ms > since)
            setup = 0;
    return setup;
}

/* Of a job of one host: whether it is as long as it has to be, and prepares
 * its host unless that is done. */
static const char *
check_setup(const struct planner_in *in, int j,
            const struct planner_plan *plan)
{
    const struct planner_job *job = &in->jobs[j];
    const struct planner_slot *slot = &plan->slots[j];
    int64_t length = job->run_ms;
    int wear;

    if (slot->host_count != 1)
        return slot->reuses ? "finds several hosts prepared" : NULL;
    for (int i = 0; i < job->lean_count; i++)
        if (job->leans[i].host == slot->hosts[0] && job->leans[i].run_ms > 0)
            length = job->leans[i].run_ms;
    if (!slot->reuses)
        length += job->prepare_ms;
    if (slot->end_ms - slot->start_ms != length)
        return "is not as long as it should be";
    if (!slot->reuses)
        return NULL;
    if (job->setup == 0 || left_at(in, plan, slot->hosts[0], slot->start_ms,
                                   &wear) != job->setup)
        return "goes on from what is not there";
    if (job->setup_uses > 0 && wear >= job->setup_uses)
        return "goes on from what is worn out";
    return slot->use == wear + 1 ? NULL : "counts uses wrongly";
}

const char *
planlab_check(const struct planner_in *in, const struct planner_plan *plan,
              struct arena *arena)
{
    for (int j = 0; j < in->job_count; j++) {
        const struct planner_slot *slot = &plan->slots[j];
        const char *wrong = NULL;

        if (in->jobs[j].superseded != (slot->verdict == PLANNER_EXPIRED))
            wrong = "is superseded, or not";
        else if (slot->verdict == PLANNER_NONE)
            wrong = "has no verdict";
        else if (has_place(slot))
            wrong = check_slot(in, j, slot, plan);
        else if (slot->host_count > 0)
            wrong = "has hosts but no place";
        if (wrong == NULL && has_place(slot))
            wrong = check_quota(in, j, plan);
        if (wrong == NULL && has_place(slot))
            wrong = check_setup(in, j, plan);
        for (int k = 0; k < j && wrong == NULL; k++)
            if (has_place(slot) && has_place(&plan->slots[k]))
                wrong = check_two(in, j, k, plan);
        if (wrong != NULL)
            return arena_printf(arena, "job %d %s", j, wrong);
    }
    return NULL;
}
