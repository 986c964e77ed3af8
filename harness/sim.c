/* harness/sim.c - see sim.h. */
#include <config.h>

#include "harness/sim.h"

#include "harness/arena.h"
#include "harness/mem.h"
#include "harness/planner.h"
#include "harness/swf.h"

#define SLOWDOWN_BOUND_S 10.0   /* Feitelson et al., JSSPP 1997 */
#define LAST_JOBS 2             /* of a user, for his next one's length */

/* A job in the simulation. */
struct entry {
    const struct swf_job *swf;
    int64_t submit_ms, start_ms, end_ms;
    int64_t run_ms, limit_ms;   /* what is true; what is booked */
    int64_t expect_ms;          /* what is believed */
    int64_t booked_ms;
    int user;                   /* index among users */
};

struct user {
    int64_t run_ms[LAST_JOBS];
    size_t count;
};

struct sim {
    const struct sim_options *options;
    struct arena *arena;
    struct entry *entries;
    size_t count;
    struct user *users;
    size_t *queue, *running;    /* entries; the queue by submission */
    size_t queue_count, running_count;
    int64_t now_ms;
    size_t plans;
    int free;
    /* of the planner */
    struct planner_job *jobs;
    struct planner_role *roles;
    struct planner_hold *holds;
    int *first_host;            /* zeros: all machines are one host */
};

static void
start(struct sim *sim, size_t e)
{
    struct entry *entry = &sim->entries[e];

    entry->start_ms = sim->now_ms;
    entry->end_ms = sim->now_ms + entry->run_ms;
    sim->free -= entry->swf->procs;
    must(sim->free >= 0);
    sim->running[sim->running_count++] = e;
}

/* Drops the entries that have been started from the queue. */
static void
close_ranks(struct sim *sim)
{
    size_t left = 0;

    for (size_t i = 0; i < sim->queue_count; i++)
        if (sim->entries[sim->queue[i]].start_ms < 0)
            sim->queue[left++] = sim->queue[i];
    sim->queue_count = left;
}

static void
ask_fcfs(struct sim *sim)
{
    for (size_t i = 0; i < sim->queue_count; i++) {
        if (sim->entries[sim->queue[i]].swf->procs > sim->free)
            break;
        start(sim, sim->queue[i]);
    }
    close_ranks(sim);
}

/* When the head of the queue can start if nobody is late, and how many hosts
 * are left over then. */
static int64_t
shadow_time(const struct sim *sim, const struct entry *head, int *extra_out)
{
    int64_t at = sim->now_ms - 1, next;
    int free = sim->free;

    do {
        next = PLANNER_NO_TIME;
        for (size_t i = 0; i < sim->running_count; i++) {
            const struct entry *e = &sim->entries[sim->running[i]];
            int64_t end = e->start_ms + e->limit_ms;

            end = end > sim->now_ms ? end : sim->now_ms;
            if (end > at && end < next)
                next = end;
        }
        must(next != PLANNER_NO_TIME);
        at = next;
        for (size_t i = 0; i < sim->running_count; i++) {
            const struct entry *e = &sim->entries[sim->running[i]];
            int64_t end = e->start_ms + e->limit_ms;

            end = end > sim->now_ms ? end : sim->now_ms;
            if (end == at)
                free += e->swf->procs;
        }
    } while (free < head->swf->procs);
    *extra_out = free - head->swf->procs;
    return at;
}

static void
ask_easy(struct sim *sim)
{
    int64_t shadow;
    int extra;

    ask_fcfs(sim);
    if (sim->queue_count == 0)
        return;
    shadow = shadow_time(sim, &sim->entries[sim->queue[0]], &extra);
    for (size_t i = 1; i < sim->queue_count; i++) {
        const struct entry *e = &sim->entries[sim->queue[i]];
        bool ends = sim->now_ms + e->limit_ms <= shadow;

        if (e->swf->procs > sim->free || (!ends && e->swf->procs > extra))
            continue;
        extra -= ends ? 0 : e->swf->procs;
        start(sim, sim->queue[i]);
    }
    close_ranks(sim);
}

static void
expect(struct sim *sim, struct entry *entry)
{
    const struct user *user = &sim->users[entry->user];
    int64_t sum = 0;

    entry->expect_ms = entry->limit_ms;
    if (sim->options->estimates != SIM_HISTORY || user->count < LAST_JOBS)
        return;
    for (size_t i = 0; i < LAST_JOBS; i++)
        sum += user->run_ms[i];
    if (sum / LAST_JOBS < entry->limit_ms)
        entry->expect_ms = sum / LAST_JOBS;
}

static void
ask_assay(struct sim *sim)
{
    struct arena arena = ARENA_INIT;
    struct planner_host host = { .name = "all", .count = sim->options->hosts };
    uint64_t bits = 1;
    struct planner_set set = { .bits = &bits };
    struct planner_plan plan;
    struct planner_in in = {
        .now_ms = sim->now_ms, .hosts = &host, .host_count = 1,
        .sets = &set, .set_count = 1, .jobs = sim->jobs,
        .job_count = (int)sim->queue_count, .holds = sim->holds,
        .hold_count = (int)sim->running_count,
        .policy = { .patience_ms = sim->options->patience_ms },
    };

    for (size_t i = 0; i < sim->running_count; i++) {
        const struct entry *e = &sim->entries[sim->running[i]];

        sim->holds[i] = (struct planner_hold){
            .count = e->swf->procs, .job = e->swf->id,
            .until_ms = planner_overdue(e->start_ms, e->limit_ms,
                                        sim->now_ms),
        };
    }
    for (size_t i = 0; i < sim->queue_count; i++) {
        struct entry *e = &sim->entries[sim->queue[i]];

        expect(sim, e);
        sim->roles[i] = (struct planner_role){ .count = e->swf->procs };
        sim->jobs[i] = (struct planner_job){
            .id = (int64_t)sim->queue[i], .flight = (int)sim->queue[i],
            .roles = &sim->roles[i], .role_count = 1,
            .run_ms = e->limit_ms, .expect_ms = e->expect_ms,
            .queued_ms = e->submit_ms, .booked_ms = e->booked_ms,
            .booked_hosts = sim->first_host,
        };
    }
    planner_make(&in, &arena, &plan);
    for (size_t i = 0; i < sim->queue_count; i++) {
        must(plan.slots[i].verdict == PLANNER_NOW
             || plan.slots[i].verdict == PLANNER_LATER);
        sim->entries[sim->queue[i]].booked_ms = plan.slots[i].start_ms;
        if (plan.slots[i].verdict == PLANNER_NOW)
            start(sim, sim->queue[i]);
    }
    arena_free(&arena);
    close_ranks(sim);
}

/* Ends what ends now. */
static void
end_some(struct sim *sim)
{
    size_t left = 0;

    for (size_t i = 0; i < sim->running_count; i++) {
        const struct entry *e = &sim->entries[sim->running[i]];
        struct user *user = &sim->users[e->user];

        if (e->end_ms > sim->now_ms) {
            sim->running[left++] = sim->running[i];
            continue;
        }
        sim->free += e->swf->procs;
        user->run_ms[user->count++ % LAST_JOBS] = e->run_ms;
    }
    sim->running_count = left;
}

static void
run_all(struct sim *sim)
{
    static void (*const ask[SIM_POLICY_COUNT])(struct sim *) = {
        ask_assay, ask_easy, ask_fcfs,
    };
    size_t next = 0;

    while (next < sim->count || sim->running_count > 0) {
        int64_t at = next < sim->count ? sim->entries[next].submit_ms
                                       : PLANNER_NO_TIME;

        for (size_t i = 0; i < sim->running_count; i++)
            if (sim->entries[sim->running[i]].end_ms < at)
                at = sim->entries[sim->running[i]].end_ms;
        sim->now_ms = at;
        end_some(sim);
        while (next < sim->count && sim->entries[next].submit_ms <= at)
            sim->queue[sim->queue_count++] = next++;
        if (sim->queue_count == 0)
            continue;
        ask[sim->options->policy](sim);
        sim->plans++;
    }
    must(sim->queue_count == 0);
}

/* Users by number, to index a table. */
static int
compare_ints(const void *left, const void *right)
{
    const int *a = left, *b = right;

    return *a < *b ? -1 : *a > *b;
}

static void
number_users(struct sim *sim)
{
    int *numbers = arena_alloc(sim->arena, (sim->count + 1) * sizeof *numbers);
    size_t count = 0;

    for (size_t i = 0; i < sim->count; i++)
        numbers[i] = sim->entries[i].swf->user;
    qsort(numbers, sim->count, sizeof *numbers, compare_ints);
    for (size_t i = 0; i < sim->count; i++)
        if (count == 0 || numbers[i] != numbers[count - 1])
            numbers[count++] = numbers[i];
    for (size_t i = 0; i < sim->count; i++) {
        const int *found = bsearch(&sim->entries[i].swf->user, numbers,
                                   count, sizeof *numbers, compare_ints);

        sim->entries[i].user = (int)(found - numbers);
    }
    sim->users = arena_alloc(sim->arena, (count + 1) * sizeof *sim->users);
}

static void
fill_entries(struct sim *sim, const struct swf *swf)
{
    for (size_t i = 0; i < swf->count; i++) {
        const struct swf_job *job = &swf->jobs[i];
        struct entry *entry = &sim->entries[sim->count];

        if (job->procs > sim->options->hosts)
            continue;
        sim->count++;
        entry->swf = job;
        entry->submit_ms = job->submit_s * 1000;
        entry->start_ms = -1;
        entry->run_ms = job->run_s * 1000;
        entry->limit_ms = sim->options->estimates == SIM_EXACT
            ? entry->run_ms : job->estimate_s * 1000;
    }
}

static int
compare_doubles(const void *left, const void *right)
{
    const double *a = left, *b = right;

    return *a < *b ? -1 : *a > *b;
}

/* Work that arrives from a time on cannot be over before that time and its
 * share of all hosts. */
static double
bound(const struct sim_job *jobs, size_t count, int hosts)
{
    double best = 0, work = 0, run, end;

    for (size_t i = count; i-- > 0; ) {
        if (jobs[i].start_ms < 0)
            continue;
        run = (double)(jobs[i].end_ms - jobs[i].start_ms);
        work += run * jobs[i].hosts;
        end = (double)jobs[i].submit_ms + work / hosts;
        best = end > best ? end : best;
        end = (double)jobs[i].submit_ms + run;
        best = end > best ? end : best;
    }
    return best;
}

void
sim_sum_up(const struct sim_job *jobs, size_t count, int hosts,
           struct arena *arena, struct sim_result *result_out)
{
    struct sim_result *result = result_out;
    double *waits = arena_alloc(arena, (count + 1) * sizeof *waits);
    double *slows = arena_alloc(arena, (count + 1) * sizeof *slows);
    double work = 0, end = 0, begin;
    size_t n = 0;

    *result = (struct sim_result){ 0 };
    for (size_t i = 0; i < count; i++) {
        const struct sim_job *job = &jobs[i];
        double run = (double)(job->end_ms - job->start_ms) / 1000;

        if (job->start_ms < 0) {
            result->too_big++;
            continue;
        }
        waits[n] = (double)(job->start_ms - job->submit_ms) / 1000;
        slows[n] = (waits[n] + run) / (run > SLOWDOWN_BOUND_S
                                       ? run : SLOWDOWN_BOUND_S);
        slows[n] = slows[n] > 1 ? slows[n] : 1;
        result->wait_mean += waits[n];
        result->slowdown_mean += slows[n++];
        work += run * job->hosts;
        end = (double)job->end_ms > end ? (double)job->end_ms : end;
    }
    result->jobs = n;
    if (n == 0)
        return;
    begin = (double)jobs[0].submit_ms;
    qsort(waits, n, sizeof *waits, compare_doubles);
    qsort(slows, n, sizeof *slows, compare_doubles);
    result->wait_mean /= (double)n;
    result->slowdown_mean /= (double)n;
    result->wait_p99 = waits[n * 99 / 100];
    result->wait_p999 = waits[n * 999 / 1000];
    result->wait_max = waits[n - 1];
    result->slowdown_p99 = slows[n * 99 / 100];
    result->makespan = (end - begin) / 1000;
    result->makespan_bound = (bound(jobs, count, hosts) - begin) / 1000;
    result->utilisation = work / (result->makespan * hosts);
}

static struct sim_job *
list_jobs(const struct sim *sim, const struct swf *swf)
{
    struct sim_job *jobs = arena_alloc(sim->arena, (swf->count + 1)
                                                   * sizeof *jobs);
    size_t next = 0;

    for (size_t i = 0; i < swf->count; i++) {
        jobs[i] = (struct sim_job){
            .submit_ms = swf->jobs[i].submit_s * 1000, .start_ms = -1,
            .end_ms = -1, .hosts = swf->jobs[i].procs,
        };
        if (next < sim->count && sim->entries[next].swf == &swf->jobs[i]) {
            jobs[i].start_ms = sim->entries[next].start_ms;
            jobs[i].end_ms = sim->entries[next++].end_ms;
        }
    }
    return jobs;
}

#define ROOM(count, type) arena_alloc(arena, ((count) + 1) * sizeof(type))

void
sim_run(const struct swf *swf, const struct sim_options *options,
        struct arena *arena, struct sim_result *result_out,
        struct sim_job **jobs_out)
{
    struct sim sim = { .options = options, .arena = arena,
                       .free = options->hosts };
    struct sim_job *jobs;

    sim.entries = ROOM(swf->count, struct entry);
    sim.queue = ROOM(swf->count, size_t);
    sim.running = ROOM(swf->count, size_t);
    sim.jobs = ROOM(swf->count, struct planner_job);
    sim.roles = ROOM(swf->count, struct planner_role);
    sim.holds = ROOM(swf->count, struct planner_hold);
    sim.first_host = ROOM((size_t)options->hosts, int);
    fill_entries(&sim, swf);
    number_users(&sim);
    run_all(&sim);
    jobs = list_jobs(&sim, swf);
    sim_sum_up(jobs, swf->count, options->hosts, arena, result_out);
    result_out->plans = sim.plans;
    if (jobs_out != NULL)
        *jobs_out = jobs;
}

static const char *const policy_names[SIM_POLICY_COUNT] = {
    "assay", "easy", "fcfs",
};
static const char *const estimates_names[SIM_ESTIMATES_COUNT] = {
    "user", "history", "exact",
};

const char *
sim_policy_name(enum sim_policy policy)
{
    must((size_t)policy < ARRAY_LEN(policy_names));
    return policy_names[policy];
}

enum sim_policy
sim_policy_parse(const char *name)
{
    enum sim_policy policy = 0;

    while (policy < SIM_POLICY_COUNT
           && strcmp(name, policy_names[policy]) != 0)
        policy++;
    return policy;
}

const char *
sim_estimates_name(enum sim_estimates estimates)
{
    must((size_t)estimates < ARRAY_LEN(estimates_names));
    return estimates_names[estimates];
}

enum sim_estimates
sim_estimates_parse(const char *name)
{
    enum sim_estimates estimates = 0;

    while (estimates < SIM_ESTIMATES_COUNT
           && strcmp(name, estimates_names[estimates]) != 0)
        estimates++;
    return estimates;
}
