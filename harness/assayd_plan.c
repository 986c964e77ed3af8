/* harness/assayd_plan.c - see assayd_plan.h. */
#include <config.h>

#include "harness/assayd_plan.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/assayd_db.h"
#include "harness/assayd_jobs.h"
#include "harness/booking_db.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fs.h"
#include "harness/give_way_db.h"
#include "harness/home.h"
#include "harness/host_match.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/plan_db.h"
#include "harness/plan_make.h"
#include "harness/plan_past_db.h"
#include "harness/task_db.h"

/* Ninety days do not change by the minute. But only the past of what was open
 * was asked for: whoever came since then and seems to have none makes us ask
 * again. */
#define PAST_KEPT_MS 30000
/* What a job says has to be kept: with less than this free, its evidence would
 * have holes, which is broken whatever the product does. */
#define DISK_MIN_BYTES ((int64_t)64 << 20)

struct assayd_plan {
    struct clock *clock;
    int jobs_max;
    struct arena arena;         /* of the past */
    struct plan_past past;
    bool past_known;
    int64_t past_ms;            /* when it was read */
    int strangers;              /* jobs that have none */
    bool idle;                  /* nothing is open and nothing is booked */
    bool disk_full;
};

/* One round. */
struct round {
    const struct assayd_jobs *jobs;
    struct assayd_runners *runners;
    struct arena *arena;
    struct plan_facts facts;
    struct plan_made made;
    const struct assayd_job **job_of;   /* a wait's, or NULL */
    enum assayd_runner *state;  /* a wait's */
    bool *ordered, *starts;     /* the same */
    bool *ready;                /* the same: nothing but hosts is missing */
    const char **texts;         /* what a job waits for; NULL: nothing new */
    const char *lack;           /* what all of them wait for, or NULL */
};

struct assayd_plan *
assayd_plan_new(struct clock *clock, int jobs_max)
{
    struct assayd_plan *plan = xcalloc(1, sizeof *plan);

    plan->clock = clock;
    plan->jobs_max = jobs_max;
    return plan;
}

void
assayd_plan_free(struct assayd_plan *plan)
{
    if (plan == NULL)
        return;
    arena_free(&plan->arena);
    free(plan);
}

static bool
load_past(struct assayd_plan *plan, struct db *db, struct fault *why)
{
    int64_t now = clock_mono_ms(plan->clock);

    if (plan->past_known && now < plan->past_ms + PAST_KEPT_MS)
        return true;
    plan->past_known = false;
    arena_free(&plan->arena);
    if (!plan_past_db_read(db, &plan->arena, &plan->past, why))
        return false;
    plan->past_known = true;
    plan->past_ms = now;
    return true;
}

static int
count_strangers(const struct plan_facts *facts)
{
    int count = 0;

    for (int w = 0; w < facts->wait_count; w++)
        count += plan_length_find(facts->past, 'j', facts->waits[w].job, "")
            == NULL;
    return count;
}

static bool
load(struct assayd_plan *plan, struct db *db, struct arena *arena,
     struct plan_facts *facts, struct fault *why)
{
    bool ok = load_past(plan, db, why)
        && plan_db_load(db, arena, &plan->past, facts, why);

    if (ok && count_strangers(facts) > plan->strangers) {
        plan->past_known = false;
        ok = load_past(plan, db, why);
    }
    if (ok)
        plan->strangers = count_strangers(facts);
    return ok;
}

/* Both lists are by flight and job. An order lives as long as its runner; of
 * one that another controller has given, the age decides. */
static void
match_jobs(struct round *round)
{
    const struct assayd_jobs *jobs = round->jobs;
    size_t at = 0;

    for (int w = 0; w < round->facts.wait_count; w++) {
        struct plan_wait *wait = &round->facts.waits[w];

        while (at < jobs->count
               && (jobs->v[at].flight < wait->flight
                   || (jobs->v[at].flight == wait->flight
                       && strcmp(jobs->v[at].job, wait->job) < 0)))
            at++;
        if (at == jobs->count || jobs->v[at].flight != wait->flight
            || strcmp(jobs->v[at].job, wait->job) != 0)
            continue;           /* it came between two queries */
        round->job_of[w] = &jobs->v[at];
        round->state[w] = assayd_runners_state(round->runners,
                                               &jobs->v[at]);
        if (round->state[w] == ASSAYD_RUNNER_LIVES)
            wait->ordered = wait->booked_hosts != NULL
                && wait->booking->ordered;
        else if (round->state[w] != ASSAYD_RUNNER_NONE)
            wait->ordered = false;
        round->ordered[w] = wait->ordered;
    }
}

/* What a job that has to wait for hosts waits for, and why again. It does not
 * say who has them: that would change all the time, and 'plan why' knows. */
static const char *
wanted_hosts(struct arena *arena, const struct plan_wait *wait)
{
    struct buf out = BUF_INIT;
    const char *text;

    buf_addf(&out, "%s", wait->role_count > 1 ? "hosts: " : "a host: ");
    for (int i = 0; i < wait->role_count; i++) {
        const struct task_role *role = &wait->roles[i];

        buf_addf(&out, "%s%s", i > 0 ? " and " : "",
                 role->host != NULL ? role->host
                 : role->arch != NULL ? role->arch : "any");
        for (int k = 0; role->host == NULL && role->flags[k] != NULL; k++)
            buf_addf(&out, " %s", role->flags[k]);
        for (int k = 0; role->host == NULL && role->wants[k] != NULL; k++)
            buf_addf(&out, " %s", role->wants[k]);
    }
    if (wait->gave > 0)
        buf_addf(&out, "; gave way to %s", wait->gave_to);
    text = arena_strdup(arena, buf_text(&out));
    buf_free(&out);
    return text;
}

static bool
is_hopeless(const struct round *round, const struct plan_wait *wait)
{
    int *chosen = arena_alloc(round->arena, ((size_t)wait->role_count + 1)
                                            * sizeof *chosen);

    return !host_match(round->facts.hosts, round->facts.host_count,
                       wait->roles, wait->role_count, true, chosen);
}

static void
decide_one(const struct assayd_plan *plan, struct round *round, int w,
           int *room)
{
    const struct plan_wait *wait = &round->facts.waits[w];
    const struct planner_slot *slot = &round->made.plan.slots[w];
    const struct assayd_job *job = round->job_of[w];
    const char **text = &round->texts[job - round->jobs->v];
    bool may = round->state[w] == ASSAYD_RUNNER_NONE
        || round->state[w] == ASSAYD_RUNNER_OVER;

    if (!job->queued || job->abort || job->blocked || wait->ordered
        || round->state[w] == ASSAYD_RUNNER_LIVES)
        return;
    if (job->needs_open != NULL) {
        *text = arena_printf(round->arena, "jobs: %s", job->needs_open);
        return;
    }
    /* The runner of a job that no hosts will ever do for says so. */
    if (slot->verdict != PLANNER_NOW && !slot->for_runner
        && (slot->verdict != PLANNER_NEVER || !is_hopeless(round, wait))) {
        *text = wanted_hosts(round->arena, wait);
        round->ready[w] = may && round->lack == NULL;
        return;
    }
    if (round->lack != NULL) {
        *text = round->lack;
        return;
    }
    if (*room <= 0 || slot->for_runner) {
        *text = arena_printf(round->arena, "one of %d runners",
                             plan->jobs_max);
        return;
    }
    if (!may)
        return;
    round->starts[w] = true;
    round->ordered[w] = slot->host_count > 0;
    (*room)--;
}

/* A full disk breaks what runs now, and need not break what comes next. */
static void
look_for_disk(struct assayd_plan *plan, struct round *round)
{
    int64_t bytes = fs_free_bytes(home_path(round->arena, "flights"));
    bool full = bytes >= 0 && bytes < DISK_MIN_BYTES;

    if (full)
        round->lack = "room on the controller's disk";
    if (full && !plan->disk_full)
        log_error("no job is started: %" PRId64 " MiB are free where flights "
                  "are kept, and %" PRId64 " wanted", bytes >> 20,
                  DISK_MIN_BYTES >> 20);
    else if (!full && plan->disk_full)
        log_info("jobs are started again: there is room for flights");
    plan->disk_full = full;
}

static void
decide(const struct assayd_plan *plan, struct round *round)
{
    int room = assayd_runners_room(round->runners);

    for (int i = 0; i < round->facts.wait_count; i++) {
        int w = round->made.plan.order[i];

        if (round->job_of[w] != NULL)
            decide_one(plan, round, w, &room);
    }
}

/* Jobs that no plan will ever start. */
static bool
starve(const struct round *round, struct db *db, struct fault *why)
{
    for (int w = 0; w < round->facts.wait_count; w++) {
        const struct plan_wait *wait = &round->facts.waits[w];
        enum planner_verdict verdict = round->made.plan.slots[w].verdict;
        const char *reason = NULL;

        if (round->job_of[w] == NULL || !round->job_of[w]->queued
            || round->starts[w]
            || round->state[w] == ASSAYD_RUNNER_LIVES)
            continue;
        if (verdict == PLANNER_EXPIRED)
            reason = arena_printf(round->arena, "expired in the queue: "
                                  "superseded by flight %" PRId64,
                                  wait->superseded_by);
        else if (verdict == PLANNER_NEVER && wait->diverse != NULL
                 && wait->need_count == 0 && wait->needs_until_ms == 0)
            reason = arena_printf(round->arena, "diverse '%s': the flight's "
                                  "other jobs have had each host that would "
                                  "do", wait->diverse);
        if (reason != NULL
            && !assayd_db_starve(db, wait->flight, wait->job, reason, why))
            return false;
    }
    return true;
}

/* Jobs that give way so that others start soon. */
static bool
make_way(const struct round *round, struct db *db, struct fault *why)
{
    const struct planner_plan *plan = &round->made.plan;

    for (int i = 0; i < plan->stop_count; i++) {
        const struct plan_hold *hold = &round->facts.holds[plan->stop[i]];
        const struct plan_wait *wait = &round->facts.waits[plan->stop_for[i]];
        bool asked = false;

        if (!round->ready[plan->stop_for[i]])
            continue;
        if (!give_way_db_ask(db, hold->flight, hold->job, wait->flight,
                             wait->job, &asked, why))
            return false;
        if (asked)
            log_info("job %" PRId64 ".%s is told to give way to %" PRId64
                     ".%s", hold->flight, hold->job, wait->flight,
                     wait->job);
    }
    return true;
}

static void
start(struct round *round, int w)
{
    const struct plan_wait *wait = &round->facts.waits[w];
    const struct planner_slot *slot = &round->made.plan.slots[w];
    struct buf hosts = BUF_INIT;

    for (int u = 0; u < slot->host_count; u++)
        buf_addf(&hosts, "%s%s=%s", u > 0 ? "," : "", wait->roles[u].role,
                 round->facts.hosts[slot->hosts[u]].name);
    assayd_runners_start(round->runners, round->job_of[w],
                         hosts.len > 0 ? buf_text(&hosts) : NULL);
    buf_free(&hosts);
}

#define ROOM(count, type) arena_alloc(arena, ((size_t)(count) + 1) \
                                             * sizeof(type))

bool
assayd_plan_start(struct assayd_plan *plan, struct db *db,
                  struct arena *arena, const struct assayd_jobs *jobs,
                  struct assayd_runners *runners, struct fault *why)
{
    struct round round = { .jobs = jobs, .runners = runners, .arena = arena };
    int count;

    if (jobs->count == 0 && plan->idle)
        return true;
    plan->idle = false;
    if (!load(plan, db, arena, &round.facts, why))
        return false;
    count = round.facts.wait_count;
    round.job_of = ROOM(count, const struct assayd_job *);
    round.state = ROOM(count, enum assayd_runner);
    round.ordered = ROOM(count, bool);
    round.starts = ROOM(count, bool);
    round.ready = ROOM(count, bool);
    round.texts = ROOM(jobs->count, const char *);
    match_jobs(&round);
    plan_make(&round.facts, arena, &round.made);
    look_for_disk(plan, &round);
    decide(plan, &round);
    if (!booking_db_order(db, &round.facts, &round.made, round.ordered, why))
        return false;
    for (int i = 0; i < count; i++)
        if (round.starts[round.made.plan.order[i]])
            start(&round, round.made.plan.order[i]);
    plan->idle = jobs->count == 0 && round.facts.booking_count == 0;
    return booking_db_publish(db, &round.facts, &round.made, round.ordered,
                              why)
        && make_way(&round, db, why) && starve(&round, db, why)
        && assayd_db_waits(db, jobs, round.texts, why);
}
