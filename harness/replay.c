/* harness/replay.c - see replay.h. */
#include <config.h>

#include "harness/replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/arena.h"
#include "harness/fault.h"
#include "harness/mem.h"
#include "harness/plan_db.h"
#include "harness/plan_make.h"
#include "harness/plan_past_db.h"
#include "harness/plan_tally.h"

#define ROOM(count, type) arena_alloc(arena, ((size_t)(count) + 1) \
                                             * sizeof(type))
/* What has not been made yet does not end before. */
#define NOT_YET (PLANNER_NO_TIME / 4)

enum state { COMES = 0, WAITS, RUNS, OVER, LOST };

struct entry {
    const struct replay_job *past;
    int priority;
    enum state state;
    int wait;                   /* its index in the facts */
    struct plan_booking booking;        /* of the last plan: start_ms 0: none */
    int *hosts;                 /* booked, then taken */
    struct plan_length length;  /* the truth */
    int64_t start_ms, end_ms;
    bool reuses;
    int gave;
    const char *gave_to, *gives_to;     /* NULL: to nobody */
    int64_t asked_ms, gives_ms; /* it goes then, if it has not ended */
};

/* What a host has prepared, as rows of assay.prepared have it. */
struct ready {
    int64_t flight;             /* 0: nothing */
    const char *setup, *job;
    int64_t since_ms, took_ms;
    int wear;
    bool left;                  /* for the next one */
};

struct replay {
    const struct replay_past *past;
    const struct replay_policy *policy;
    struct arena *arena;
    struct plan_tally *tally;
    struct match_host *hosts;
    int host_count;             /* with those that are added */
    int64_t *trouble;
    struct entry *entries;
    struct entry **owners, **by_name;   /* of each host; by flight and job */
    struct ready *ready;        /* of each host */
    struct plan_had *had;
    size_t had_count, had_cap;
    int others;                 /* so many are over */
    int come, open;             /* entries that came, and are not over */
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
    r->trouble = ROOM(past->host_count + more, int64_t);
    r->owners = ROOM(past->host_count + more, struct entry *);
    r->ready = ROOM(past->host_count + more, struct ready);
    memcpy(r->hosts, past->hosts,
           (size_t)past->host_count * sizeof *r->hosts);
    r->host_count = past->host_count;
    for (int h = 0; h < past->host_count; h++)
        r->hosts[h].never = is_without(r->policy, r->hosts[h].name);
    for (int i = 0; i < r->policy->more_count; i++) {
        int like = host_index(past, r->policy->more[i].like);

        for (int n = 0; n < r->policy->more[i].count; n++) {
            r->hosts[r->host_count] = past->hosts[like];
            r->hosts[r->host_count++].name = arena_printf(
                arena, "%s+%d", past->hosts[like].name, n + 1);
        }
    }
}

static int
compare_names(const void *left, const void *right)
{
    const struct replay_job *a = (*(struct entry *const *)left)->past;
    const struct replay_job *b = (*(struct entry *const *)right)->past;

    if (a->flight != b->flight)
        return a->flight < b->flight ? -1 : 1;
    return strcmp(a->name, b->name);
}

static void
make_entries(struct replay *r)
{
    const struct replay_policy *policy = r->policy;
    const struct replay_past *past = r->past;
    struct arena *arena = r->arena;

    r->entries = ROOM(past->job_count, struct entry);
    r->by_name = ROOM(past->job_count, struct entry *);
    for (int j = 0; j < past->job_count; j++) {
        const struct replay_job *job = &past->jobs[j];
        int group = pool_policy_group(&policy->pool, job->branch);

        r->entries[j] = (struct entry){
            .past = job, .priority = job->priority,
            .hosts = ROOM(job->role_count, int),
            .length = {
                .mean_ms = job->end_ms - job->start_ms - job->prepare_ms,
                .prepare_ms = job->setup_ms,
            },
            .start_ms = -1, .end_ms = -1,
        };
        if (r->entries[j].length.mean_ms < 1)
            r->entries[j].length.mean_ms = 1;
        if (group >= 0 && policy->priorities != NULL
            && policy->priorities[group].given)
            r->entries[j].priority = policy->priorities[group].priority;
        r->by_name[j] = &r->entries[j];
    }
    qsort(r->by_name, (size_t)past->job_count, sizeof *r->by_name,
          compare_names);
}

static const char *
who(struct arena *arena, const struct replay_job *job)
{
    return arena_printf(arena, "flight %" PRId64 " job %s", job->flight,
                        job->name);
}

/* What hosts have prepared ------------------------------------------------- */

/* A job may go on from there: nobody else had the host since then. */
static bool
is_ready(const struct replay *r, int h)
{
    const struct ready *ready = &r->ready[h];

    if (ready->flight == 0 || !ready->left || r->owners[h] != NULL)
        return false;
    for (int i = r->past->other_count - 1; i >= 0
         && r->past->others[i].until_ms >= ready->since_ms; i--)
        if (r->past->others[i].host == h
            && r->past->others[i].from_ms <= r->now_ms)
            return false;
    return true;
}

/* The host is given: the job goes on from there, or it is gone. */
static bool
take_ready(struct replay *r, const struct replay_job *job, int h)
{
    struct ready *ready = &r->ready[h];
    bool reuses = job->setup != NULL && job->role_count == 1
        && is_ready(r, h) && ready->flight == job->flight
        && strcmp(ready->setup, job->setup) == 0
        && ready->wear < job->setup_uses;

    if (reuses)
        ready->wear++;
    else
        *ready = (struct ready){
            .flight = job->setup != NULL && job->role_count == 1
                ? job->flight : 0,
            .setup = job->setup, .job = job->name, .wear = 1,
            .took_ms = job->setup_ms,
        };
    ready->left = false;
    return reuses;
}

/* Only a pass leaves something, and only if more wait for it than find it
 * elsewhere. */
static void
leave_ready(struct replay *r, const struct entry *entry, int h)
{
    const struct replay_job *job = entry->past;
    struct ready *ready = &r->ready[h];
    int wanted = 0;

    if (ready->flight == 0)
        return;
    for (int j = 0; j < r->come; j++) {
        const struct replay_job *other = r->entries[j].past;

        wanted += r->entries[j].state == WAITS && other->role_count == 1
            && other->flight == job->flight && other->setup != NULL
            && strcmp(other->setup, job->setup) == 0
            && ready->wear < other->setup_uses
            && host_match_fits(&r->hosts[h], &other->roles[0]);
    }
    for (int k = 0; k < r->host_count; k++)
        wanted -= k != h && r->ready[k].left
            && r->ready[k].flight == job->flight
            && strcmp(r->ready[k].setup, job->setup) == 0;
    if (job->status != OUTCOME_PASS || job->spoiled || wanted <= 0) {
        *ready = (struct ready){ .flight = 0 };
        return;
    }
    ready->left = true;
    ready->since_ms = r->now_ms;
}

/* The facts of a plan ------------------------------------------------------ */

static void
add_needs(struct replay *r, const struct entry *entry,
          struct plan_facts *facts, struct arena *arena)
{
    const struct replay_job *job = entry->past;

    for (int i = 0; i < job->need_count; i++) {
        const struct entry *need = &r->entries[job->needs[i]];

        if (need->state == COMES)
            facts->waits[entry->wait].needs_until_ms = NOT_YET;
        else if (need->state == WAITS || need->state == RUNS)
            plan_wait_need(facts, entry->wait, need->past->flight,
                           need->past->name, job->need_count, arena);
    }
}

static void
add_wait(struct replay *r, struct entry *entry, struct plan_facts *facts)
{
    const struct replay_job *job = entry->past;

    entry->wait = facts->wait_count;
    facts->waits[facts->wait_count++] = (struct plan_wait){
        .flight = job->flight, .job = job->name, .recipe = job->recipe,
        .branch = job->branch, .priority = entry->priority,
        .booking = entry->booking.start_ms != 0 ? &entry->booking : NULL,
        .booked_hosts = entry->booking.start_ms != 0 ? entry->hosts : NULL,
        .queued_ms = job->queued_ms, .deadline_ms = job->deadline_ms,
        .roles = job->roles, .role_count = job->role_count,
        .fitted = job->hosts, .diverse = job->diverse, .setup = job->setup,
        .setup_uses = job->setup_uses,
        .exact = r->policy->exact ? &entry->length : NULL,
        .gave = entry->gave, .gave_to = entry->gave_to,
    };
}

static void
add_waits(struct replay *r, struct plan_facts *facts, struct arena *arena)
{
    facts->waits = ROOM(r->open, struct plan_wait);
    for (int j = 0; j < r->past->job_count; j++)
        if (r->by_name[j]->state == WAITS)
            add_wait(r, r->by_name[j], facts);
    for (int j = 0; j < r->past->job_count; j++)
        if (r->by_name[j]->state == WAITS)
            add_needs(r, r->by_name[j], facts, arena);
}

static void
add_hold(struct replay *r, int h, struct plan_facts *facts,
         struct arena *arena)
{
    const struct entry *entry = r->owners[h];
    struct plan_length *exact = r->policy->exact ? ROOM(1, struct plan_length)
                                                 : NULL;

    if (exact != NULL)
        exact->mean_ms = entry->end_ms - entry->start_ms;
    facts->holds[facts->hold_count++] = (struct plan_hold){
        .host = h, .flight = entry->past->flight, .job = entry->past->name,
        .recipe = entry->past->recipe, .branch = entry->past->branch,
        .who = who(arena, entry->past), .setup = entry->past->setup,
        .wear = r->ready[h].wear, .exact = exact,
        .begun_ms = entry->start_ms,
        .priority = entry->priority,
        .preemptable = entry->past->preemptable, .gave = entry->gave,
        .gives_to = entry->gives_to, .asked_ms = entry->asked_ms,
    };
}

/* Somebody else: he goes when he went. */
static void
add_other(const struct replay *r, const struct replay_other *other,
          struct plan_facts *facts, struct arena *arena)
{
    struct plan_length *length;

    if (other->from_ms > r->now_ms) {
        facts->windows[facts->window_count++] = (struct plan_window){
            .host = other->host, .from_ms = other->from_ms,
            .until_ms = other->until_ms, .kind = "past",
            .who = "somebody", .why = "as recorded",
        };
        return;
    }
    length = ROOM(1, struct plan_length);
    length->mean_ms = other->until_ms - other->from_ms;
    facts->holds[facts->hold_count++] = (struct plan_hold){
        .host = other->host, .branch = other->branch, .who = "somebody",
        .exact = length, .begun_ms = other->from_ms,
    };
}

static void
add_holds(struct replay *r, struct plan_facts *facts, struct arena *arena)
{
    int others = r->past->other_count - r->others;

    facts->holds = ROOM(r->host_count + others, struct plan_hold);
    facts->windows = ROOM(others, struct plan_window);
    facts->prepared = ROOM(r->host_count, struct plan_prepared);
    for (int h = 0; h < r->host_count; h++) {
        if (r->owners[h] != NULL)
            add_hold(r, h, facts, arena);
        if (is_ready(r, h))
            facts->prepared[facts->prepared_count++]
                = (struct plan_prepared){
                .host = h, .flight = r->ready[h].flight,
                .setup = r->ready[h].setup, .job = r->ready[h].job,
                .took_ms = r->ready[h].took_ms, .wear = r->ready[h].wear,
            };
    }
    for (int i = r->others; i < r->past->other_count; i++)
        if (r->past->others[i].host >= 0)
            add_other(r, &r->past->others[i], facts, arena);
}

/* History at this moment; who has hosts now uses the lab too. */
static void
fill_past(struct replay *r, struct arena *arena, struct plan_past *past)
{
    past->policy = r->policy->pool;
    plan_tally_past(r->tally, r->now_ms, r->host_count, arena, past);
    if (r->policy->exact)
        past->length_count = 0;
    for (int h = 0; h < r->host_count; h++)
        if (r->owners[h] != NULL)
            past->uses[past->use_count++] = (struct plan_use){
                r->owners[h]->past->branch,
                (double)(r->now_ms - r->owners[h]->start_ms),
            };
}

/* Virtual time ------------------------------------------------------------- */

static void
start(struct replay *r, struct entry *entry)
{
    const struct replay_job *job = entry->past;

    entry->state = RUNS;
    entry->start_ms = r->now_ms;
    entry->reuses = false;
    for (int k = 0; k < job->role_count; k++) {
        must(r->owners[entry->hosts[k]] == NULL);
        entry->reuses = take_ready(r, job, entry->hosts[k]);
        r->owners[entry->hosts[k]] = entry;
        if (job->diverse == NULL)
            continue;
        r->had = xgrow(r->had, &r->had_cap, r->had_count, sizeof *r->had);
        r->had[r->had_count++] = (struct plan_had){
            job->flight, job->diverse, job->name, entry->hosts[k],
        };
    }
    entry->end_ms = r->now_ms + entry->length.mean_ms
        + (entry->reuses ? 0 : entry->length.prepare_ms);
}

static bool
needs_are_open(const struct replay *r, const struct entry *entry)
{
    for (int i = 0; i < entry->past->need_count; i++)
        if (r->entries[entry->past->needs[i]].state < OVER)
            return true;
    return false;
}

static void
obey_one(struct replay *r, struct entry *entry,
         const struct planner_slot *slot)
{
    if (slot->verdict != PLANNER_NOW && slot->verdict != PLANNER_LATER) {
        entry->state = LOST;
        r->open--;
        return;
    }
    memcpy(entry->hosts, slot->hosts,
           (size_t)slot->host_count * sizeof *entry->hosts);
    entry->booking = (struct plan_booking){
        .flight = entry->past->flight, .job = entry->past->name,
        .verdict = planner_verdict_name(slot->verdict),
        .start_ms = slot->start_ms, .end_ms = slot->end_ms,
        .start_sd_ms = slot->start_sd_ms, .end_sd_ms = slot->end_sd_ms,
    };
    if (slot->verdict == PLANNER_NOW && !needs_are_open(r, entry))
        start(r, entry);
}

/* Who is to give way so that another starts is told so. */
static void
tell(struct replay *r, const struct plan_facts *facts,
     const struct planner_in *in, const struct planner_plan *plan,
     struct entry **waiting)
{
    for (int i = 0; i < plan->stop_count; i++) {
        struct entry *giver = r->owners[facts->holds[plan->stop[i]].host];
        const struct entry *taker = waiting[plan->stop_for[i]];

        if (giver->gives_to != NULL || needs_are_open(r, taker))
            continue;
        giver->gives_to = who(r->arena, taker->past);
        giver->asked_ms = r->now_ms;
        giver->gives_ms = r->now_ms + in->policy.yield_ms;
    }
}

static void
make_plan(struct replay *r)
{
    struct arena local = ARENA_INIT, *arena = &local;
    struct plan_past past = { .lengths = NULL };
    struct plan_facts facts = {
        .now_ms = r->now_ms, .hosts = r->hosts, .trouble_ms = r->trouble,
        .host_count = r->host_count, .had = r->had,
        .had_count = (int)r->had_count, .past = &past,
    };
    struct entry **waiting = ROOM(r->open, struct entry *);
    struct planner_plan plan;
    struct planner_in in;
    int count = 0;

    fill_past(r, arena, &past);
    add_holds(r, &facts, arena);
    add_waits(r, &facts, arena);
    for (int j = 0; j < r->past->job_count; j++)
        if (r->by_name[j]->state == WAITS)
            waiting[count++] = r->by_name[j];
    plan_make_input(&facts, arena, &in);
    in.policy.order = r->policy->order;
    in.policy.rounds = r->policy->rounds;
    planner_make(&in, arena, &plan);
    tell(r, &facts, &in, &plan, waiting);
    for (int w = 0; w < count; w++)
        obey_one(r, waiting[w], &plan.slots[w]);
    r->plans++;
    arena_free(arena);
}

static void
tell_tally(struct replay *r, const struct entry *entry,
           enum outcome status)
{
    const struct replay_job *job = entry->past;

    for (int k = 0; k < job->role_count; k++) {
        const struct match_host *host = &r->hosts[entry->hosts[k]];
        const struct plan_told told = {
            .job = job->name, .recipe = job->recipe, .branch = job->branch,
            .host = host->name, .class = host->class,
            .begun_ms = entry->start_ms, .end_ms = r->now_ms,
            .run_ms = entry->length.mean_ms,
            .prepare_ms = entry->reuses ? 0 : entry->length.prepare_ms,
            .status = status,
        };

        plan_tally_add(r->tally, &told);
    }
}

static void
end(struct replay *r, struct entry *entry)
{
    entry->state = OVER;
    entry->gives_to = NULL;
    r->open--;
    tell_tally(r, entry, entry->past->status);
    for (int k = 0; k < entry->past->role_count; k++) {
        r->owners[entry->hosts[k]] = NULL;
        leave_ready(r, entry, entry->hosts[k]);
    }
}

/* It waits again, as if it had never begun. */
static void
give_way(struct replay *r, struct entry *entry)
{
    tell_tally(r, entry, OUTCOME_NONE);
    for (int k = 0; k < entry->past->role_count; k++) {
        r->owners[entry->hosts[k]] = NULL;
        r->ready[entry->hosts[k]] = (struct ready){ .flight = 0 };
    }
    entry->state = WAITS;
    entry->booking.start_ms = 0;
    entry->start_ms = entry->end_ms = -1;
    entry->gave++;
    entry->gave_to = entry->gives_to;
    entry->gives_to = NULL;
}

void
replay_tell(const struct replay_other *other, struct plan_tally *tally)
{
    const struct plan_told told = {
        .job = other->job, .recipe = other->recipe,
        .branch = other->branch, .host = other->name,
        .class = other->class, .begun_ms = other->from_ms,
        .end_ms = other->until_ms, .run_ms = other->run_ms,
        .prepare_ms = other->prepare_ms, .status = other->status,
    };

    if (other->job != NULL)
        plan_tally_add(tally, &told);
}

static void
end_some(struct replay *r)
{
    for (; r->others < r->past->other_count
         && r->past->others[r->others].until_ms <= r->now_ms; r->others++)
        replay_tell(&r->past->others[r->others], r->tally);
    for (int j = 0; j < r->come; j++) {
        struct entry *entry = &r->entries[j];

        if (entry->state == RUNS && entry->end_ms <= r->now_ms)
            end(r, entry);
        else if (entry->state == RUNS && entry->gives_to != NULL
                 && entry->gives_ms <= r->now_ms)
            give_way(r, entry);
    }
}

/* When something happens next: a job comes, ends or gives way, somebody else
 * gives a host back, or it is time for a booking. */
static int64_t
next_event(const struct replay *r)
{
    int64_t at = r->come < r->past->job_count
        ? r->past->jobs[r->come].queued_ms : PLANNER_NO_TIME;
    bool waits = false;

    for (int j = 0; j < r->come; j++) {
        const struct entry *entry = &r->entries[j];

        if (entry->state == RUNS && entry->end_ms < at)
            at = entry->end_ms;
        if (entry->state == RUNS && entry->gives_to != NULL
            && entry->gives_ms < at)
            at = entry->gives_ms;
        waits = waits || entry->state == WAITS;
        if (entry->state == WAITS && entry->booking.start_ms > r->now_ms
            && entry->booking.start_ms < at)
            at = entry->booking.start_ms;
    }
    if (waits && r->others < r->past->other_count
        && r->past->others[r->others].until_ms < at)
        at = r->past->others[r->others].until_ms;
    return at;
}

static void
run_all(struct replay *r)
{
    r->now_ms = INT64_MIN;
    while (r->come < r->past->job_count || r->open > 0) {
        int64_t at = next_event(r);

        must(at != PLANNER_NO_TIME && at >= r->now_ms);
        r->now_ms = at;
        end_some(r);
        while (r->come < r->past->job_count
               && r->past->jobs[r->come].queued_ms <= at) {
            r->entries[r->come++].state = WAITS;
            r->open++;
        }
        if (r->open > 0)
            make_plan(r);
    }
}

/* Results ------------------------------------------------------------------ */

/* Figures are of jobs that needed hosts. */
static void
sum_up(const struct replay_past *past, int host_count, struct arena *arena,
       struct replay_result *out)
{
    struct sim_job *list = ROOM(past->job_count, struct sim_job);
    size_t count = 0;

    for (int j = 0; j < past->job_count; j++) {
        const struct replay_job *job = &past->jobs[j];
        const struct replay_place *place = &out->places[j];
        bool same = place->start_ms >= 0;

        if (job->role_count == 0)
            continue;
        list[count++] = (struct sim_job){
            job->queued_ms, place->start_ms, place->end_ms, job->role_count,
        };
        for (int k = 0; k < job->role_count && same; k++)
            same = strcmp(place->hosts[k],
                          past->hosts[job->hosts[k]].name) == 0;
        out->same_hosts += same;
        out->reused += place->reused;
        out->gave += place->gave;
    }
    sim_sum_up(list, count, host_count, arena, &out->sim);
}

static void
set_place(const struct replay_job *job, const struct match_host *hosts,
          const int *taken, struct arena *arena, struct replay_place *place)
{
    const char **names = ROOM(job->role_count, const char *);

    for (int k = 0; k < job->role_count; k++)
        names[k] = hosts[taken[k]].name;
    place->hosts = names;
}

void
replay_recorded(const struct replay_past *past, struct arena *arena,
                struct replay_result *out)
{
    *out = (struct replay_result){
        .places = ROOM(past->job_count, struct replay_place),
    };
    for (int j = 0; j < past->job_count; j++) {
        const struct replay_job *job = &past->jobs[j];

        out->places[j] = (struct replay_place){
            job->start_ms, job->end_ms, NULL, job->reused, job->gave,
        };
        set_place(job, past->hosts, job->hosts, arena, &out->places[j]);
    }
    sum_up(past, past->host_count, arena, out);
}

void
replay_run(const struct replay_past *past,
           const struct replay_policy *policy, struct arena *arena,
           struct replay_result *out)
{
    struct replay r = { .past = past, .policy = policy, .arena = arena,
                        .tally = plan_tally_new() };
    int used = 0;

    *out = (struct replay_result){
        .places = ROOM(past->job_count, struct replay_place),
    };
    make_hosts(&r);
    make_entries(&r);
    run_all(&r);
    for (int j = 0; j < past->job_count; j++) {
        const struct entry *entry = &r.entries[j];

        out->places[j] = (struct replay_place){
            entry->start_ms, entry->end_ms, NULL, entry->reuses,
            entry->gave,
        };
        if (entry->start_ms >= 0)
            set_place(entry->past, r.hosts, entry->hosts, arena,
                      &out->places[j]);
    }
    for (int h = 0; h < r.host_count; h++)
        used += !r.hosts[h].never;
    sum_up(past, used, arena, out);
    out->sim.plans = r.plans;
    plan_tally_free(r.tally);
    free(r.had);
}
