/* harness/plan_make.c - see plan_make.h. */
#include <config.h>

#include "harness/plan_make.h"

#include <math.h>

#include "harness/arena.h"
#include "harness/host_match.h"
#include "harness/plan_db.h"
#include "harness/plan_past_db.h"
#include "harness/task_db.h"

/* What nobody has run yet takes as long as OSSTest thinks. */
#define UNKNOWN_MS INT64_C(5000000)
/* What stopping takes: the step that runs, then the final ones. */
#define YIELD_MS INT64_C(60000)
/* A host where a job was not for so long is as good as a new one. */
#define ROTATE_DAYS 90.0

#define ROOM(count, type) arena_alloc(arena, ((size_t)(count) + 1) \
                                             * sizeof(type))

struct lean_memo {
    const char *job, *branch;
    struct planner_lean *leans;
    int count;
    int64_t reuse_bias_ms;
};

/* A preparation that jobs of a flight share, as the planner's "setup". */
struct setup_memo {
    int64_t flight;
    const char *setup;
};

struct maker {
    const struct plan_facts *facts;
    struct arena *arena;
    struct planner_in *in;
    struct planner_set *sets;
    const struct task_role **set_roles; /* of which a set is */
    const struct plan_wait **set_waits; /* whose it is alone, or NULL */
    struct lean_memo *memos;    /* a hash table, half empty */
    uint64_t memo_mask;
    struct setup_memo *setups;  /* number + 1 is what the planner calls it */
    int setup_count;
    const char **account_names; /* of those behind the groups */
};

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
same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Whether a job that 'wait' is to be diverse from has or had the host. */
static bool
had_by_another(const struct plan_facts *facts, const struct plan_wait *wait,
               int host)
{
    for (int i = 0; i < facts->had_count; i++) {
        const struct plan_had *had = &facts->had[i];

        if (had->host == host && had->flight == wait->flight
            && strcmp(had->word, wait->diverse) == 0
            && strcmp(had->job, wait->job) != 0)
            return true;
    }
    return false;
}

/* The group of a job that is to be diverse, 0 for others. */
static int
group_of(const struct plan_facts *facts, int w)
{
    const struct plan_wait *wait = &facts->waits[w];

    if (wait->diverse == NULL)
        return 0;
    for (int i = w; i > 0; i--)
        if (facts->waits[i - 1].flight != wait->flight)
            break;
        else if (same_text(facts->waits[i - 1].diverse, wait->diverse))
            w = i - 1;
    return w + 1;
}

/* The set of hosts for a role; equal requirements share one. A job that is to
 * be diverse has one of its own: 'wait', else NULL. 'fitted' is in it whatever
 * it is; -1: none. */
static int
set_of(struct maker *m, const struct plan_wait *wait,
       const struct task_role *role, int fitted)
{
    struct planner_in *in = m->in;
    struct planner_set *set;

    for (int s = 0; s < in->set_count; s++)
        if (same_text(m->set_roles[s]->arch, role->arch)
            && same_text(m->set_roles[s]->host, role->host)
            && same_words(m->set_roles[s]->flags, role->flags)
            && same_words(m->set_roles[s]->wants, role->wants)
            && m->set_waits[s] == wait
            && (fitted < 0 || planner_set_has(m->sets[s].bits, fitted)))
            return s;
    m->set_roles[in->set_count] = role;
    m->set_waits[in->set_count] = wait;
    set = &m->sets[in->set_count];
    set->bits = planner_set_new(m->arena, in->host_count);
    for (int h = 0; h < in->host_count; h++)
        if ((h == fitted || host_match_fits(&m->facts->hosts[h], role))
            && (wait == NULL || !had_by_another(m->facts, wait, h)))
            planner_set_add(set->bits, h);
    return in->set_count++;
}

/* 0 for NULL. Jobs of a flight stand together, and so do the last ones here. */
static int
setup_of(struct maker *m, int64_t flight, const char *setup)
{
    if (setup == NULL)
        return 0;
    for (int i = m->setup_count; i > 0; i--)
        if (m->setups[i - 1].flight == flight
            && strcmp(m->setups[i - 1].setup, setup) == 0)
            return i;
    m->setups[m->setup_count] = (struct setup_memo){ flight, setup };
    return ++m->setup_count;
}

static void
make_hosts(struct maker *m)
{
    const struct plan_facts *facts = m->facts;
    struct arena *arena = m->arena;
    struct planner_host *hosts = ROOM(facts->host_count,
                                      struct planner_host);

    for (int h = 0; h < facts->host_count; h++) {
        int class = 0;

        while (strcmp(facts->hosts[class].class, facts->hosts[h].class) != 0)
            class++;
        hosts[h] = (struct planner_host){
            .name = facts->hosts[h].name, .count = 1, .class = class,
            .out = facts->hosts[h].obstacle,
            .retired = facts->hosts[h].never,
        };
    }
    for (int i = 0; i < facts->prepared_count; i++) {
        const struct plan_prepared *prepared = &facts->prepared[i];

        hosts[prepared->host].setup = setup_of(m, prepared->flight,
                                               prepared->setup);
        hosts[prepared->host].wear = prepared->wear;
    }
    m->in->hosts = hosts;
    m->in->host_count = facts->host_count;
}

/* How long a job takes there, by the nearest past that there is. */
static const struct plan_length *
length_of(const struct plan_facts *facts, const char *job,
          const char *recipe, const struct match_host *host)
{
    const struct plan_length *length = NULL;

    if (host != NULL)
        length = plan_length_find(facts->past, 'h', job, host->name);
    if (length == NULL && host != NULL)
        length = plan_length_find(facts->past, 'c', job, host->class);
    if (length == NULL)
        length = plan_length_find(facts->past, 'j', job, "");
    if (length == NULL && recipe != NULL)
        length = plan_length_find(facts->past, 'r', recipe, "");
    return length;
}

/* The first hold of the job that has this one. */
static int
first_of(const struct plan_facts *facts, int i)
{
    const struct plan_hold *hold = &facts->holds[i];

    for (int k = 0; k < i && hold->job != NULL; k++)
        if (facts->holds[k].flight == hold->flight
            && facts->holds[k].job != NULL
            && strcmp(facts->holds[k].job, hold->job) == 0)
            return k;
    return i;
}

/* Until when somebody has a host. One who is about to give way is never long
 * about it: the job that waits for that needs nobody else to stop. */
static int64_t
held_until(const struct plan_facts *facts, const struct plan_hold *hold,
           const struct plan_length *length)
{
    if (hold->gives_to != NULL)
        return hold->asked_ms + YIELD_MS > facts->now_ms + 1000
            && hold->asked_ms <= facts->now_ms
            ? hold->asked_ms + YIELD_MS : facts->now_ms + 1000;
    return planner_overdue(hold->begun_ms, length != NULL
                           ? length->mean_ms + length->prepare_ms
                           : UNKNOWN_MS, facts->now_ms);
}

static void
make_holds(struct maker *m)
{
    const struct pool_policy *policy = &m->facts->past->policy;
    const struct plan_facts *facts = m->facts;
    struct arena *arena = m->arena;
    struct planner_hold *holds = ROOM(facts->hold_count,
                                      struct planner_hold);

    for (int i = 0; i < facts->hold_count; i++) {
        const struct plan_hold *hold = &facts->holds[i];
        const struct plan_length *length = hold->exact != NULL
            || hold->job == NULL ? hold->exact
            : length_of(facts, hold->job, hold->recipe,
                        &facts->hosts[hold->host]);

        holds[i] = (struct planner_hold){
            .host = hold->host, .count = 1, .job = first_of(facts, i),
            .who = hold->who,
            .quota = { hold->branch == NULL ? 0
                       : pool_policy_group(&facts->past->policy,
                                           hold->branch) + 1 },
            .spread_ms = length != NULL ? length->sd_ms : UNKNOWN_MS / 2,
            .until_ms = held_until(facts, hold, length),
            .lost_ms = facts->now_ms - hold->begun_ms,
            .preemptable = hold->job != NULL && hold->gives_to == NULL
                && hold->gave < policy->gives_max
                && pool_policy_gives_way(policy, hold->branch,
                                         hold->priority, hold->preemptable),
            .setup = hold->gives_to == NULL
                ? setup_of(m, hold->flight, hold->setup) : 0,
            .wear = hold->wear,
        };
    }
    m->in->holds = holds;
    m->in->hold_count = facts->hold_count;
}

/* A job with hosts is over when it gives them back. */
static void
make_runs(struct maker *m)
{
    const struct plan_facts *facts = m->facts;
    struct arena *arena = m->arena;
    struct planner_run *runs = ROOM(facts->run_count, struct planner_run);

    for (int i = 0; i < facts->run_count; i++) {
        const struct plan_run *run = &facts->runs[i];
        const struct plan_length *length = length_of(facts, run->job,
                                                     run->recipe, NULL);

        runs[i].job = facts->hold_count + i;
        for (int k = facts->hold_count - 1; k >= 0; k--)
            if (facts->holds[k].flight == run->flight
                && facts->holds[k].job != NULL
                && strcmp(facts->holds[k].job, run->job) == 0) {
                runs[i].job = k;
                if (m->in->holds[k].until_ms > runs[i].until_ms)
                    runs[i].until_ms = m->in->holds[k].until_ms;
            }
        if (runs[i].until_ms == 0)
            runs[i].until_ms = planner_overdue(run->begun_ms, length != NULL
                                               ? length->mean_ms
                                                 + length->prepare_ms
                                               : UNKNOWN_MS, facts->now_ms);
    }
    m->in->runs = runs;
    m->in->run_count = facts->run_count;
    m->in->runners_max = facts->jobs_max;
}

static void
make_windows(struct maker *m)
{
    const struct plan_facts *facts = m->facts;
    struct arena *arena = m->arena;
    struct planner_window *windows = ROOM(facts->window_count,
                                          struct planner_window);

    for (int i = 0; i < facts->window_count; i++)
        windows[i] = (struct planner_window){
            facts->windows[i].host, facts->windows[i].from_ms,
            facts->windows[i].until_ms, facts->windows[i].why,
        };
    m->in->windows = windows;
    m->in->window_count = facts->window_count;
}

/* A job that passed goes round: so much the host is preferred that it was not
 * on for so long (OSSTest: the logarithm of the days). Of a job that failed the
 * host it failed on is, and after that those like it. */
static int64_t
stick(struct maker *m, const struct plan_last *lasts, int count, int h)
{
    const struct pool_policy *policy = &m->facts->past->policy;
    const struct match_host *host = &m->facts->hosts[h];
    double days = ROTATE_DAYS;
    bool failed = false, there = false, alike = false;

    for (int i = 0; i < count; i++) {
        bool same = strcmp(lasts[i].host, host->name) == 0;

        failed = failed || lasts[i].failed;
        there = there || (same && lasts[i].failed);
        alike = alike || (lasts[i].failed
                          && strcmp(lasts[i].class, host->class) == 0);
        if (same)
            days = (double)(m->facts->now_ms - lasts[i].at_ms) / 86400000;
    }
    if (failed)
        return there ? -policy->failed_ms : alike ? -policy->alike_ms : 0;
    return -(int64_t)((double)policy->rotate_ms
                      * fmin(1, log1p(fmax(0, days)) / log1p(ROTATE_DAYS)));
}

static void
fill_leans(struct maker *m, const struct plan_wait *wait,
           struct lean_memo *memo)
{
    const struct plan_facts *facts = m->facts;
    const struct plan_past *past = facts->past;
    struct arena *arena = m->arena;
    struct planner_lean *leans = ROOM(facts->host_count,
                                      struct planner_lean);
    int group = pool_policy_group(&past->policy, wait->branch), count;
    bool known = plan_length_find(past, 'j', wait->job, "") != NULL;
    const struct plan_last *lasts = plan_last_find(past, wait->job,
                                                   wait->branch, &count);

    if (group >= 0 && !past->policy.groups[group].sticky)
        count = 0;
    /* To go round is worth nothing where others have just been. */
    memo->reuse_bias_ms = count > 0 ? -past->policy.rotate_ms : 0;
    for (int i = 0; i < count; i++)
        if (lasts[i].failed)
            memo->reuse_bias_ms = 0;
    for (int h = 0; h < facts->host_count; h++) {
        const struct match_host *host = &facts->hosts[h];
        const struct plan_length *there = NULL;
        struct planner_lean lean = { .host = h };

        if (known)
            there = plan_length_find(past, 'h', wait->job, host->name);
        if (known && there == NULL)
            there = plan_length_find(past, 'c', wait->job, host->class);
        if (there != NULL)
            lean.run_ms = there->mean_ms + there->sd_ms;
        lean.bias_ms = facts->trouble_ms[h]
            + (count > 0 ? stick(m, lasts, count, h) : 0);
        if (lean.run_ms != 0 || lean.bias_ms != 0)
            leans[memo->count++] = lean;
    }
    memo->leans = leans;
}

/* What a job of this name and branch leans to is the same in each flight. */
static const struct lean_memo *
leans_of(struct maker *m, const struct plan_wait *wait)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);       /* FNV-1a */
    struct lean_memo *memo;

    for (const char *p = wait->job; *p != '\0'; p++)
        hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
    for (;; hash++) {
        memo = &m->memos[hash & m->memo_mask];
        if (memo->job == NULL)
            break;
        if (strcmp(memo->job, wait->job) == 0
            && strcmp(memo->branch, wait->branch) == 0)
            return memo;
    }
    memo->job = wait->job;
    memo->branch = wait->branch;
    fill_leans(m, wait, memo);
    return memo;
}

/* A role of a job whose runner is about to take this very host. */
static const struct task_role *
ordered_role(struct maker *m, const struct plan_wait *wait, int r)
{
    struct task_role *role = arena_alloc(m->arena, sizeof *role);

    *role = wait->roles[r];
    role->host = m->facts->hosts[wait->booked_hosts[r]].name;
    return role;
}

/* Waiting makes a priority below the normal one better, never above it. */
static int
priority_of(const struct plan_facts *facts, const struct plan_wait *wait)
{
    int64_t waited = facts->now_ms - wait->queued_ms;
    int64_t better = waited > 0
        ? waited / facts->past->policy.starvation_ms : 0;

    if (wait->priority <= 0)
        return wait->priority;
    return better < wait->priority ? wait->priority - (int)better : 0;
}

/* Groups are charged first, then each branch that is in none. */
static int
account_of(const struct maker *m, const char *branch)
{
    int group = pool_policy_group(&m->facts->past->policy, branch);

    if (group >= 0)
        return group + 1;
    for (int i = m->facts->past->policy.group_count;
         i < m->in->account_count; i++)
        if (strcmp(m->account_names[i], branch) == 0)
            return i + 1;
    return 0;
}

static void
make_accounts(struct maker *m)
{
    const struct plan_past *past = m->facts->past;
    const struct pool_policy *policy = &past->policy;
    struct arena *arena = m->arena;
    int room = policy->group_count + past->use_count + m->facts->wait_count;
    struct planner_account *accounts = ROOM(room, struct planner_account);
    struct planner_quota *quotas = ROOM(policy->group_count,
                                        struct planner_quota);

    m->account_names = ROOM(room, const char *);
    m->in->accounts = accounts;
    m->in->account_count = policy->group_count;
    for (int g = 0; g < policy->group_count; g++) {
        accounts[g].share = policy->groups[g].share;
        quotas[g] = (struct planner_quota){
            policy->groups[g].name, policy->groups[g].hosts_max,
            policy->groups[g].percent_max,
        };
    }
    m->in->quotas = quotas;
    m->in->quota_count = policy->group_count;
    for (int i = 0; i < m->facts->wait_count; i++) {
        const char *branch = m->facts->waits[i].branch;

        if (account_of(m, branch) != 0)
            continue;
        accounts[m->in->account_count].share = 1;
        m->account_names[m->in->account_count++] = branch;
    }
    /* Who waits for nothing needs no account, but counts as a user. */
    for (int i = 0; i < past->use_count; i++) {
        int account = account_of(m, past->uses[i].branch);

        if (account == 0) {
            accounts[m->in->account_count].share = 1;
            m->account_names[m->in->account_count++] = past->uses[i].branch;
            account = m->in->account_count;
        }
        accounts[account - 1].used += past->uses[i].host_ms;
    }
}

static void
make_job(struct maker *m, int w, struct planner_job *job)
{
    const struct plan_facts *facts = m->facts;
    const struct plan_wait *wait = &facts->waits[w];
    const struct plan_length *length = wait->exact != NULL ? wait->exact
        : length_of(facts, wait->job, wait->recipe, NULL);
    const struct lean_memo *memo = leans_of(m, wait);
    struct arena *arena = m->arena;
    struct planner_role *roles = ROOM(wait->role_count, struct planner_role);

    for (int r = 0; r < wait->role_count; r++)
        roles[r] = (struct planner_role){
            set_of(m, wait->diverse != NULL ? wait : NULL,
                   wait->ordered ? ordered_role(m, wait, r)
                                 : &wait->roles[r],
                   wait->fitted != NULL ? wait->fitted[r] : -1),
            1, wait->roles[r].same_class,
        };
    *job = (struct planner_job){
        .id = w, .name = wait->job, .flight = (int)wait->flight,
        .account = account_of(m, wait->branch),
        .priority = wait->ordered ? PLANNER_PRIORITY_FIRST
                                  : priority_of(facts, wait),
        .roles = roles,
        .role_count = wait->role_count,
        .run_ms = length != NULL ? length->mean_ms + length->sd_ms
                                 : UNKNOWN_MS,
        .expect_ms = length != NULL ? length->mean_ms : UNKNOWN_MS,
        .spread_ms = length != NULL ? length->sd_ms : UNKNOWN_MS / 2,
        .prepare_ms = length != NULL ? length->prepare_ms : 0,
        .setup = setup_of(m, wait->flight, wait->setup),
        .setup_uses = wait->setup_uses,
        .reuse_bias_ms = memo->reuse_bias_ms,
        .queued_ms = wait->queued_ms,
        .not_before_ms = wait->needs_until_ms,
        .needs = wait->needs, .need_count = wait->need_count,
        .check = wait->role_count > 0 && wait->roles[0].check,
        .quota = { pool_policy_group(&facts->past->policy, wait->branch)
                   + 1 },
        .diverse = group_of(facts, w), .deadline_ms = wait->deadline_ms,
        .superseded = wait->superseded_by != 0,
        .preempts = !wait->ordered
            && pool_policy_preempts(&facts->past->policy, wait->branch,
                                    wait->priority),
        .leans = memo->leans, .lean_count = memo->count,
        .booked_hosts = wait->booked_hosts,
        .booked_ms = wait->booked_hosts != NULL ? wait->booking->start_ms
                                                : 0,
    };
}

void
plan_make_input(const struct plan_facts *facts, struct arena *arena,
                struct planner_in *out)
{
    struct maker maker = { .facts = facts, .arena = arena, .in = out };
    struct planner_job *jobs = ROOM(facts->wait_count, struct planner_job);
    int roles = 0, room = 1;

    *out = (struct planner_in){
        .now_ms = facts->now_ms,
        .policy = { .patience_ms = facts->past->policy.patience_ms,
                    .yield_ms = YIELD_MS,
                    .gain_ms = facts->past->policy.gain_ms },
    };
    while (room < 2 * facts->wait_count)
        room *= 2;
    maker.memos = ROOM(room, struct lean_memo);
    maker.memo_mask = (uint64_t)room - 1;
    for (int w = 0; w < facts->wait_count; w++)
        roles += facts->waits[w].role_count;
    maker.setups = ROOM(facts->wait_count + facts->hold_count
                        + facts->prepared_count, struct setup_memo);
    maker.sets = ROOM(roles, struct planner_set);
    maker.set_roles = ROOM(roles, const struct task_role *);
    maker.set_waits = ROOM(roles, const struct plan_wait *);
    make_hosts(&maker);
    make_holds(&maker);
    make_runs(&maker);
    make_windows(&maker);
    make_accounts(&maker);
    for (int w = 0; w < facts->wait_count; w++)
        make_job(&maker, w, &jobs[w]);
    out->sets = maker.sets;
    out->jobs = jobs;
    out->job_count = facts->wait_count;
}

void
plan_make(const struct plan_facts *facts, struct arena *arena,
          struct plan_made *out)
{
    *out = (struct plan_made){ 0 };
    plan_make_input(facts, arena, &out->in);
    planner_make(&out->in, arena, &out->plan);
}
