/* harness/replay.c - see replay.h. */
#include <config.h>

#include "harness/replay.h"

#include <fnmatch.h>
#include <math.h>

#include "harness/arena.h"
#include "harness/fault.h"

/* What nobody has run yet takes as long as OSSTest thinks. */
#define UNKNOWN_MS 5e6

#define ROOM(count, type) arena_alloc(arena, ((size_t)(count) + 1) \
                                             * sizeof(type))

/* Runs of one name so far (Welford, Technometrics 4(3), 1962). */
struct tally {
    const char *name;
    double count, mean, squares;
};

/* What an account had. */
struct use {
    int account;
    int64_t end_ms;
    double host_ms;
};

struct entry {
    const struct replay_job *past;
    const struct replay_branch *branch;
    struct planner_role *roles;
    int64_t start_ms, end_ms;   /* start -1: not yet */
    int64_t booked_ms;
    int *hosts;                 /* booked, then taken */
    int account, quota;
    int diverse;                /* the first entry of its group, + 1 */
    int priority;
    struct tally *of_name, *of_recipe;
    int waiting;                /* its index in the plan; -1 */
    bool lost;                  /* no host would do */
};

struct replay {
    const struct replay_past *past;
    const struct replay_policy *policy;
    struct arena *arena;
    struct match_host *hosts;
    int host_count;             /* with those that are added */
    struct planner_host *planner_hosts;
    struct planner_set *sets;
    int set_count;
    struct planner_quota *quotas;
    struct planner_account *accounts;
    const char **account_names; /* of those behind the policy's branches */
    int account_count;
    struct use *uses;
    int use_count;
    struct tally *names, *recipes;
    int name_count, recipe_count;
    struct entry *entries;
    int *queue, *running;       /* entries */
    int queue_count, running_count;
    int64_t now_ms;
    size_t plans;
};

static int
host_index(const struct replay_past *past, const char *name)
{
    for (int h = 0; h < past->host_count; h++)
        if (strcmp(past->hosts[h].name, name) == 0)
            return h;
    return -1;
}

bool
replay_check(const struct replay_past *past,
             const struct replay_policy *policy, struct fault *why)
{
    const char *wrong = NULL;

    for (int i = 0; policy->without[i] != NULL; i++)
        if (host_index(past, policy->without[i]) < 0)
            wrong = policy->without[i];
    for (int i = 0; i < policy->more_count; i++)
        if (host_index(past, policy->more[i].like) < 0)
            wrong = policy->more[i].like;
    if (wrong == NULL)
        return true;
    return fault_set(why, FAULT_CONFIG, "policy %s: host %s was not in use "
                     "then", policy->name, wrong);
}

static bool
is_without(const struct replay_policy *policy, const char *name)
{
    for (int i = 0; policy->without[i] != NULL; i++)
        if (strcmp(policy->without[i], name) == 0)
            return true;
    return false;
}

static void
make_hosts(struct replay *r)
{
    const struct replay_past *past = r->past;
    struct arena *arena = r->arena;
    int more = 0;

    for (int i = 0; i < r->policy->more_count; i++)
        more += r->policy->more[i].count;
    r->hosts = ROOM(past->host_count + more, struct match_host);
    r->planner_hosts = ROOM(past->host_count + more, struct planner_host);
    memcpy(r->hosts, past->hosts,
           (size_t)past->host_count * sizeof *r->hosts);
    r->host_count = past->host_count;
    for (int i = 0; i < r->policy->more_count; i++) {
        int like = host_index(past, r->policy->more[i].like);

        for (int n = 0; n < r->policy->more[i].count; n++)
            r->hosts[r->host_count++] = past->hosts[like];
    }
    for (int h = 0; h < r->host_count; h++) {
        int class = 0;

        while (strcmp(r->hosts[class].class, r->hosts[h].class) != 0)
            class++;
        r->planner_hosts[h] = (struct planner_host){
            .name = r->hosts[h].name, .count = 1, .class = class,
            .retired = is_without(r->policy, r->hosts[h].name),
        };
    }
}

static bool
same_words(const char *const *a, const char *const *b)
{
    while (*a != NULL && *b != NULL && strcmp(*a, *b) == 0) {
        a++;
        b++;
    }
    return *a == *b;
}

static bool
same_role(const struct task_role *a, const struct task_role *b)
{
    return same_words(a->flags, b->flags) && same_words(a->wants, b->wants)
        && strcmp(a->arch, b->arch) == 0
        && (a->host == b->host || (a->host != NULL && b->host != NULL
                                   && strcmp(a->host, b->host) == 0));
}

/* The hosts that fit a role now; and the one that it had, which fitted
 * then. */
static int
set_of(struct replay *r, const struct task_role *role, int had,
       const struct task_role **roles)
{
    struct planner_set *set;

    for (int s = 0; s < r->set_count; s++)
        if (same_role(roles[s], role)
            && planner_set_has(r->sets[s].bits, had))
            return s;
    roles[r->set_count] = role;
    set = &r->sets[r->set_count];
    set->bits = planner_set_new(r->arena, r->host_count);
    for (int h = 0; h < r->host_count; h++)
        if (h == had || host_match_fits(&r->hosts[h], role))
            planner_set_add(set->bits, h);
    return r->set_count++;
}

/* Tallies ----------------------------------------------------------------- */

static int
compare_tallies(const void *left, const void *right)
{
    return strcmp(((const struct tally *)left)->name,
                  ((const struct tally *)right)->name);
}

static int
sort_tallies(struct tally *tallies, int count)
{
    int unique = 0;

    qsort(tallies, (size_t)count, sizeof *tallies, compare_tallies);
    for (int i = 0; i < count; i++)
        if (unique == 0
            || strcmp(tallies[unique - 1].name, tallies[i].name) != 0)
            tallies[unique++] = tallies[i];
    return unique;
}

static struct tally *
find_tally(struct tally *tallies, int count, const char *name)
{
    struct tally key = { .name = name };

    return bsearch(&key, tallies, (size_t)count, sizeof key,
                   compare_tallies);
}

/* Adds 'count' runs at once (Chan, Golub and LeVeque, 1979). */
static void
add_runs(struct tally *tally, double count, double mean, double squares)
{
    double all, delta;

    if (tally == NULL)
        return;
    all = tally->count + count;
    delta = mean - tally->mean;
    tally->squares += squares + delta * delta * tally->count * count / all;
    tally->mean += delta * count / all;
    tally->count = all;
}

static void
make_tallies(struct replay *r)
{
    const struct replay_past *past = r->past;
    struct arena *arena = r->arena;

    r->names = ROOM(past->job_count, struct tally);
    r->recipes = ROOM(past->job_count, struct tally);
    for (int j = 0; j < past->job_count; j++) {
        r->names[j].name = past->jobs[j].name;
        r->recipes[j].name = past->jobs[j].recipe;
    }
    r->name_count = sort_tallies(r->names, past->job_count);
    r->recipe_count = sort_tallies(r->recipes, past->job_count);
    for (int i = 0; i < past->length_count; i++) {
        const struct replay_length *length = &past->lengths[i];
        double squares = length->variance_ms2 * length->count;

        add_runs(find_tally(r->names, r->name_count, length->name),
                 length->count, length->mean_ms, squares);
        add_runs(find_tally(r->recipes, r->recipe_count, length->recipe),
                 length->count, length->mean_ms, squares);
    }
}

/* What is believed of a job now; '*spread' is a standard deviation. */
static double
believed(const struct replay *r, const struct entry *entry, double *spread)
{
    const struct tally *tally = entry->of_name->count > 0
        ? entry->of_name : entry->of_recipe;

    *spread = 0;
    if (r->policy->exact)
        return (double)(entry->past->end_ms - entry->past->start_ms);
    *spread = UNKNOWN_MS / 4;
    if (tally->count <= 0)
        return UNKNOWN_MS;
    *spread = tally->count > 1 ? sqrt(tally->squares / (tally->count - 1))
                               : tally->mean / 4;
    return tally->mean;
}

/* Entries ----------------------------------------------------------------- */

static void
set_branch(struct replay *r, struct entry *entry)
{
    const struct replay_policy *policy = r->policy;

    entry->priority = entry->past->priority;
    for (int i = 0; i < policy->branch_count; i++) {
        const struct replay_branch *branch = &policy->branches[i];

        if (fnmatch(branch->pattern, entry->past->branch, 0) != 0)
            continue;
        if (branch->has_priority)
            entry->priority = branch->priority;
        if (branch->share > 0)
            entry->account = branch->as + 1;
        if (branch->hosts_max > 0 || branch->percent_max > 0)
            entry->quota = branch->as + 1;
        return;
    }
    for (int i = policy->branch_count; i < r->account_count; i++)
        if (strcmp(r->account_names[i], entry->past->branch) == 0)
            entry->account = i + 1;
    if (entry->account > 0 || !policy->charges_all)
        return;
    r->accounts[r->account_count].share = 1;
    r->account_names[r->account_count++] = entry->past->branch;
    entry->account = r->account_count;
}

/* Jobs of one flight and word want other hosts than each other. */
static void
set_diverse(struct replay *r, int j)
{
    struct entry *entry = &r->entries[j];

    if (entry->past->diverse == NULL)
        return;
    entry->diverse = j + 1;
    for (int i = 0; i < j; i++)
        if (r->entries[i].diverse == i + 1
            && r->entries[i].past->flight == entry->past->flight
            && strcmp(r->entries[i].past->diverse, entry->past->diverse)
               == 0)
            entry->diverse = i + 1;
}

static void
make_branches(struct replay *r)
{
    struct arena *arena = r->arena;

    r->quotas = ROOM(r->policy->branch_count, struct planner_quota);
    r->account_count = r->policy->branch_count;
    r->accounts = ROOM(r->account_count + r->past->job_count,
                       struct planner_account);
    r->account_names = ROOM(r->account_count + r->past->job_count,
                            const char *);
    r->uses = ROOM(r->past->job_count, struct use);
    for (int i = 0; i < r->policy->branch_count; i++) {
        const struct replay_branch *branch = &r->policy->branches[i];

        r->accounts[i].share = branch->as == i ? branch->share : 0;
        r->quotas[i] = (struct planner_quota){
            branch->pattern, branch->hosts_max, branch->percent_max,
        };
    }
}

static void
make_entries(struct replay *r)
{
    const struct replay_past *past = r->past;
    struct arena *arena = r->arena;
    const struct task_role **roles;
    int all = 0;

    for (int j = 0; j < past->job_count; j++)
        all += past->jobs[j].role_count;
    r->sets = ROOM(all, struct planner_set);
    roles = ROOM(all, const struct task_role *);
    r->entries = ROOM(past->job_count, struct entry);
    r->queue = ROOM(past->job_count, int);
    r->running = ROOM(past->job_count, int);
    for (int j = 0; j < past->job_count; j++) {
        const struct replay_job *job = &past->jobs[j];
        struct entry *entry = &r->entries[j];

        *entry = (struct entry){
            .past = job, .start_ms = -1, .waiting = -1,
            .of_name = find_tally(r->names, r->name_count, job->name),
            .of_recipe = find_tally(r->recipes, r->recipe_count,
                                    job->recipe),
        };
        entry->roles = ROOM(job->role_count, struct planner_role);
        entry->hosts = ROOM(job->role_count, int);
        for (int i = 0; i < job->role_count; i++)
            entry->roles[i] = (struct planner_role){
                set_of(r, &job->roles[i], job->hosts[i], roles), 1,
                job->roles[i].same_class,
            };
        set_branch(r, entry);
        set_diverse(r, j);
    }
}

/* Virtual time ------------------------------------------------------------ */

static void
fill_needs(struct replay *r, const struct entry *entry,
           struct planner_job *job, struct arena *arena)
{
    int *needs = ROOM(entry->past->need_count, int);
    double spread;

    for (int i = 0; i < entry->past->need_count; i++) {
        const struct entry *need = &r->entries[entry->past->needs[i]];

        if (need->waiting >= 0) {
            needs[job->need_count++] = need->waiting;
        } else if (need->start_ms < 0 && !need->lost) {
            job->not_before_ms = PLANNER_NO_TIME / 4;   /* not made yet */
        } else if (!need->lost && need->end_ms > r->now_ms) {
            int64_t end = planner_overdue(
                need->start_ms, (int64_t)believed(r, need, &spread),
                r->now_ms);

            if (end > job->not_before_ms)
                job->not_before_ms = end;
        }
    }
    job->needs = needs;
}

/* Waiting makes a priority below the normal one better, never above it. */
static int
priority_of(const struct replay *r, const struct entry *entry)
{
    int64_t waited = r->now_ms - entry->past->queued_ms, better;

    if (entry->priority <= 0 || r->policy->starvation_ms <= 0)
        return entry->priority;
    better = waited / r->policy->starvation_ms;
    return better < entry->priority ? entry->priority - (int)better : 0;
}

/* The roles of a job that is to be diverse: without the hosts that others of
 * its group have had. */
static const struct planner_role *
roles_left(struct replay *r, const struct entry *entry, struct planner_in *in,
           struct planner_set *sets, struct arena *arena)
{
    struct planner_role *roles = ROOM(entry->past->role_count,
                                      struct planner_role);
    size_t words = ((size_t)r->host_count + 63) / 64;

    for (int k = 0; k < entry->past->role_count; k++) {
        struct planner_set *set = &sets[in->set_count];

        roles[k] = entry->roles[k];
        set->bits = planner_set_new(arena, r->host_count);
        memcpy(set->bits, r->sets[entry->roles[k].set].bits,
               words * sizeof *set->bits);
        for (int i = 0; i < r->past->job_count; i++)
            for (int u = 0; r->entries[i].diverse == entry->diverse
                 && r->entries[i].start_ms >= 0
                 && u < r->entries[i].past->role_count; u++)
                set->bits[r->entries[i].hosts[u] / 64]
                    &= ~(UINT64_C(1) << (r->entries[i].hosts[u] % 64));
        roles[k].set = in->set_count++;
    }
    return roles;
}

static void
fill_jobs(struct replay *r, struct planner_in *in, struct arena *arena)
{
    struct planner_job *jobs = ROOM(r->queue_count, struct planner_job);
    struct planner_set *sets;
    int more = 0;

    for (int i = 0; i < r->queue_count; i++)
        if (r->entries[r->queue[i]].diverse > 0)
            more += r->entries[r->queue[i]].past->role_count;
    sets = ROOM(r->set_count + more, struct planner_set);
    memcpy(sets, r->sets, (size_t)r->set_count * sizeof *sets);
    in->sets = sets;
    in->set_count = r->set_count;

    for (int i = 0; i < r->queue_count; i++)
        r->entries[r->queue[i]].waiting = i;
    for (int i = 0; i < r->queue_count; i++) {
        const struct entry *entry = &r->entries[r->queue[i]];
        double spread, mean = believed(r, entry, &spread);

        jobs[i] = (struct planner_job){
            .id = r->queue[i], .name = entry->past->name,
            .flight = (int)entry->past->flight, .account = entry->account,
            .priority = priority_of(r, entry), .roles = entry->diverse == 0
                ? entry->roles : roles_left(r, entry, in, sets, arena),
            .diverse = entry->diverse,
            .role_count = entry->past->role_count,
            .run_ms = (int64_t)(mean + spread), .expect_ms = (int64_t)mean,
            .spread_ms = (int64_t)spread,
            .queued_ms = entry->past->queued_ms,
            .booked_ms = entry->booked_ms,
            .booked_hosts = entry->booked_ms > 0 ? entry->hosts : NULL,
            .quota = { entry->quota },
        };
        fill_needs(r, entry, &jobs[i], arena);
    }
    in->jobs = jobs;
    in->job_count = r->queue_count;
}

static void
fill_taken(struct replay *r, struct planner_in *in, struct arena *arena)
{
    struct planner_hold *holds;
    struct planner_window *windows = ROOM(r->past->busy_count,
                                          struct planner_window);
    int all = 0;

    for (int i = 0; i < r->running_count; i++)
        all += r->entries[r->running[i]].past->role_count;
    holds = ROOM(all, struct planner_hold);
    for (int i = 0; i < r->running_count; i++) {
        const struct entry *entry = &r->entries[r->running[i]];
        double spread, mean = believed(r, entry, &spread);

        for (int k = 0; k < entry->past->role_count; k++)
            holds[in->hold_count++] = (struct planner_hold){
                .host = entry->hosts[k], .count = 1, .job = r->running[i],
                .until_ms = planner_overdue(entry->start_ms, (int64_t)mean,
                                            r->now_ms),
                .spread_ms = (int64_t)spread, .quota = { entry->quota },
            };
    }
    for (int i = 0; i < r->past->busy_count; i++) {
        const struct replay_busy *busy = &r->past->busy[i];

        if (busy->until_ms > r->now_ms)
            windows[in->window_count++] = (struct planner_window){
                busy->host, busy->from_ms, busy->until_ms, "as recorded",
            };
    }
    in->holds = holds;
    in->windows = windows;
}

static void
obey(struct replay *r, const struct planner_plan *plan)
{
    int left = 0;

    for (int i = 0; i < r->queue_count; i++) {
        struct entry *entry = &r->entries[r->queue[i]];
        const struct planner_slot *slot = &plan->slots[i];

        entry->waiting = -1;
        if (slot->verdict != PLANNER_NOW && slot->verdict != PLANNER_LATER) {
            entry->lost = true;
            continue;
        }
        entry->booked_ms = slot->start_ms;
        memcpy(entry->hosts, slot->hosts,
               (size_t)slot->host_count * sizeof *entry->hosts);
        if (slot->verdict == PLANNER_LATER) {
            r->queue[left++] = r->queue[i];
            continue;
        }
        entry->start_ms = r->now_ms;
        entry->end_ms = r->now_ms + entry->past->end_ms
            - entry->past->start_ms;
        r->running[r->running_count++] = r->queue[i];
    }
    r->queue_count = left;
}

/* What each account had lately. */
static void
count_use(struct replay *r)
{
    for (int i = 0; i < r->account_count; i++)
        r->accounts[i].used = 0;
    for (int i = 0; i < r->use_count; i++)
        if (r->policy->fair_ms <= 0
            || r->uses[i].end_ms > r->now_ms - r->policy->fair_ms)
            r->accounts[r->uses[i].account - 1].used += r->uses[i].host_ms;
}

static void
make_plan(struct replay *r)
{
    struct arena arena = ARENA_INIT;
    struct planner_plan plan;
    struct planner_in in = {
        .now_ms = r->now_ms, .policy = r->policy->planner,
        .hosts = r->planner_hosts, .host_count = r->host_count,
        .quotas = r->quotas, .quota_count = r->policy->branch_count,
        .accounts = r->accounts, .account_count = r->account_count,
    };

    count_use(r);
    fill_jobs(r, &in, &arena);
    fill_taken(r, &in, &arena);
    planner_make(&in, &arena, &plan);
    obey(r, &plan);
    r->plans++;
    arena_free(&arena);
}

static void
end_some(struct replay *r)
{
    int left = 0;

    for (int i = 0; i < r->running_count; i++) {
        struct entry *entry = &r->entries[r->running[i]];
        double took = (double)(entry->end_ms - entry->start_ms);

        if (entry->end_ms > r->now_ms) {
            r->running[left++] = r->running[i];
            continue;
        }
        add_runs(entry->of_name, 1, took, 0);
        add_runs(entry->of_recipe, 1, took, 0);
        if (entry->account > 0)
            r->uses[r->use_count++] = (struct use){
                entry->account, r->now_ms, took * entry->past->role_count,
            };
    }
    r->running_count = left;
}

/* When something happens next: a job comes or ends, or somebody else gives a
 * host back; if nothing does, the first booking. */
static int64_t
next_event(const struct replay *r, int next)
{
    int64_t at = next < r->past->job_count ? r->past->jobs[next].queued_ms
                                           : PLANNER_NO_TIME;

    for (int i = 0; i < r->running_count; i++)
        if (r->entries[r->running[i]].end_ms < at)
            at = r->entries[r->running[i]].end_ms;
    for (int i = 0; i < r->past->busy_count && r->queue_count > 0; i++)
        if (r->past->busy[i].until_ms > r->now_ms
            && r->past->busy[i].until_ms < at)
            at = r->past->busy[i].until_ms;
    for (int i = 0; i < r->queue_count && at == PLANNER_NO_TIME; i++)
        at = r->entries[r->queue[i]].booked_ms;
    return at;
}

static void
run_all(struct replay *r)
{
    int next = 0;

    r->now_ms = INT64_MIN;
    while (next < r->past->job_count || r->running_count > 0
           || r->queue_count > 0) {
        int64_t at = next_event(r, next);

        must(at != PLANNER_NO_TIME && at >= r->now_ms);
        r->now_ms = at;
        end_some(r);
        while (next < r->past->job_count
               && r->past->jobs[next].queued_ms <= at)
            r->queue[r->queue_count++] = next++;
        if (r->queue_count > 0)
            make_plan(r);
    }
}

/* Figures are of jobs that needed hosts. */
static void
sum_up(const struct replay_past *past, const struct sim_job *jobs,
       int host_count, struct arena *arena, struct sim_result *out)
{
    struct sim_job *list = ROOM(past->job_count, struct sim_job);
    size_t count = 0;

    for (int j = 0; j < past->job_count; j++)
        if (jobs[j].hosts > 0)
            list[count++] = jobs[j];
    sim_sum_up(list, count, host_count, arena, out);
}

void
replay_recorded(const struct replay_past *past, struct arena *arena,
                struct sim_result *out)
{
    struct sim_job *jobs = ROOM(past->job_count, struct sim_job);

    for (int j = 0; j < past->job_count; j++)
        jobs[j] = (struct sim_job){
            past->jobs[j].queued_ms, past->jobs[j].start_ms,
            past->jobs[j].end_ms, past->jobs[j].role_count,
        };
    sum_up(past, jobs, past->host_count, arena, out);
}

void
replay_run(const struct replay_past *past,
           const struct replay_policy *policy, struct arena *arena,
           struct sim_result *out, struct sim_job **jobs_out)
{
    struct replay r = { .past = past, .policy = policy, .arena = arena };
    struct sim_job *jobs = ROOM(past->job_count, struct sim_job);
    int used = 0;

    make_hosts(&r);
    make_tallies(&r);
    make_branches(&r);
    make_entries(&r);
    run_all(&r);
    for (int j = 0; j < past->job_count; j++)
        jobs[j] = (struct sim_job){
            past->jobs[j].queued_ms, r.entries[j].start_ms,
            r.entries[j].lost ? -1 : r.entries[j].end_ms,
            past->jobs[j].role_count,
        };
    for (int h = 0; h < r.host_count; h++)
        used += !r.planner_hosts[h].retired;
    sum_up(past, jobs, used, arena, out);
    out->plans = r.plans;
    if (jobs_out != NULL)
        *jobs_out = jobs;
}
