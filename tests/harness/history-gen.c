/* tests/harness/history-gen.c - lives of a small lab in virtual time, for
 * history-check: "history-gen FIRST COUNT [FLAW]".
 *
 * The planner is the real one. Around it is a model of the rest: two
 * controllers of which one has the lock; runners that take their hosts in one
 * transaction which looks again; the reaper. Controllers, runners and the
 * database die at random moments, clocks are stepped by an hour, hosts go bad
 * while they are planned or in use, and orders arrive late, given by a
 * controller that has long lost its lock. FLAW leaves out one of the
 * protections, so that the checker can be seen to notice:
 *
 *     no-recheck   the transaction trusts the plan
 *     no-atomic    hosts are taken one by one
 *     no-reap      nobody looks after the dead
 *     no-retry     an order that came to nothing is forgotten
 *     wall-clock   the grace of the lost is measured by a clock that is set */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/planner.h"
#include "tests/harness/planlab.h"

#define HOSTS 5
#define JOBS 10
#define TASKS 400
#define ORDERS 64
#define GRACE 120               /* seconds: TASK_GRACE_MS */
#define LOOK 60                 /* TASK_LOOK_MS, for turns as long as ours */
#define END 200000

enum flaw { FLAW_NONE = 0, FLAW_RECHECK, FLAW_ATOMIC, FLAW_REAP,
            FLAW_RETRY, FLAW_CLOCK };

struct task {
    int job;
    int64_t ends;               /* its work is done then; 0: not begun */
    int64_t looked;             /* the lock was missing, by the clock; 0 */
    int64_t lost;               /* for so long, from look to look */
    bool alive, lock, over;
    bool told;                  /* to give way */
};

struct order {
    int64_t at;                 /* when the runner gets to it; 0: none */
    int job, hosts[2], count;
};

struct world {
    uint64_t rnd;
    enum flaw flaw;
    int64_t now, skew;          /* of the controllers' clock */
    int owner[HOSTS];
    bool bad[HOSTS];
    struct task tasks[TASKS];
    int task_count;
    struct order orders[ORDERS];
    struct {
        int64_t queued, booked, run;
        int booked_hosts[2], needs, set, task, tries, gave;
        bool ordered, ended;
    } jobs[JOBS];
    bool up[2];                 /* controllers */
    int leader;                 /* -1: none */
    int half_taken;             /* a task between two takes, by the flaw */
    int half_host;
};

static bool
chance(struct world *w, int one_in)
{
    return planlab_below(&w->rnd, one_in) == 0;
}

static void
say(const struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
say(const struct world *w, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    printf("%" PRId64 " ", w->now);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

static void
end_task(struct world *w, int t)
{
    for (int h = 0; h < HOSTS; h++)
        if (w->owner[h] == t) {
            w->owner[h] = 0;
            say(w, "free %d %d", t, h);
        }
    w->tasks[t].over = true;
    w->tasks[t].lock = false;
    if (w->jobs[w->tasks[t].job].task == t)
        w->jobs[w->tasks[t].job].task = 0;
}

static void
kill_task(struct world *w, int t)
{
    if (!w->tasks[t].alive)
        return;
    w->tasks[t].alive = false;
    w->tasks[t].lock = false;
    say(w, "dead %d", t);
}

/* A runner comes to life and tries to take its hosts. */
static void
run_order(struct world *w, struct order *order)
{
    int t = ++w->task_count, job = order->job;
    bool can = !w->jobs[job].ended && w->jobs[job].task == 0;

    must(t < TASKS);
    order->at = 0;
    w->tasks[t] = (struct task){ .job = job, .alive = true, .lock = true };
    say(w, "task %d", t);
    if (chance(w, 15)) {
        kill_task(w, t);        /* before its transaction */
        return;
    }
    for (int i = 0; i < order->count && w->flaw != FLAW_RECHECK; i++)
        can = can && w->owner[order->hosts[i]] == 0
            && !w->bad[order->hosts[i]];
    if (!can) {
        end_task(w, t);
        if (w->flaw != FLAW_RETRY)
            w->jobs[job].ordered = false;
        w->tasks[t].alive = false;
        return;
    }
    for (int i = 0; i < order->count; i++) {
        w->owner[order->hosts[i]] = t;
        if (w->flaw == FLAW_ATOMIC)
            say(w, "take %d %d %d", t, job, order->hosts[i]);
    }
    if (w->flaw != FLAW_ATOMIC && order->count == 2)
        say(w, "take %d %d %d %d", t, job, order->hosts[0],
            order->hosts[1]);
    else if (w->flaw != FLAW_ATOMIC)
        say(w, "take %d %d %d", t, job, order->hosts[0]);
    w->jobs[job].task = t;
    w->jobs[job].booked = 0;
    if (chance(w, 15)) {
        kill_task(w, t);        /* after it, before any work */
        return;
    }
    say(w, "start %d %d", t, job);
    w->tasks[t].ends = w->now + w->jobs[job].run / 2
        + planlab_below(&w->rnd, (int)w->jobs[job].run);
}

/* It does, or has died before it came to that. */
static void
give_way(struct world *w, int t)
{
    int job = w->tasks[t].job;

    say(w, "yield %d %d", t, job);
    w->jobs[job].gave++;
    w->jobs[job].ordered = false;
    w->jobs[job].task = 0;
}

/* Frees what the dead hold, a while after their locks were seen missing. */
static void
reap(struct world *w)
{
    for (int t = 1; t <= w->task_count && w->flaw != FLAW_REAP; t++) {
        struct task *task = &w->tasks[t];
        int job = task->job;
        int64_t by;

        if (task->over || task->lock) {
            task->looked = task->lost = 0;
            continue;
        }
        by = task->looked == 0 ? 0 : w->now + w->skew - task->looked;
        if (w->flaw != FLAW_CLOCK)
            by = by < 0 ? 0 : by > LOOK ? LOOK : by;
        task->looked = w->now + w->skew;
        task->lost += by;
        if (task->lost < GRACE)
            continue;
        if (task->alive)
            kill_task(w, t);    /* it could not come back: it gives up */
        if (w->jobs[job].task == t && task->told) {
            give_way(w, t);
        } else if (w->jobs[job].task == t && ++w->jobs[job].tries >= 3) {
            say(w, "end %d %d broken", t, job);
            w->jobs[job].ended = true;
        }
        w->jobs[job].ordered = false;
        end_task(w, t);
    }
}

static int
waiting_jobs(struct world *w, struct planner_job *jobs,
             struct planner_role *roles, int *which)
{
    int count = 0;

    for (int j = 0; j < JOBS; j++) {
        if (w->jobs[j].ended || w->jobs[j].ordered || w->jobs[j].task != 0
            || w->jobs[j].queued > w->now || w->jobs[j].queued == 0)
            continue;
        roles[count] = (struct planner_role){ w->jobs[j].set,
                                              w->jobs[j].needs, 0 };
        jobs[count] = (struct planner_job){
            .id = j, .flight = j, .roles = &roles[count], .role_count = 1,
            .run_ms = w->jobs[j].run * 1000,
            .queued_ms = w->jobs[j].queued * 1000, .preempts = j % 3 == 0,
            .booked_ms = w->jobs[j].booked,
            .booked_hosts = w->jobs[j].booked_hosts,
        };
        which[count++] = j;
    }
    return count;
}

static void
give_order(struct world *w, int job, const int *hosts, int count)
{
    for (int i = 0; i < ORDERS; i++) {
        struct order *order = &w->orders[i];

        if (order->at != 0)
            continue;
        *order = (struct order){ .at = w->now + 1
                                 + planlab_below(&w->rnd, 90),
                                 .job = job, .count = count };
        memcpy(order->hosts, hosts, (size_t)count * sizeof *hosts);
        w->jobs[job].ordered = true;
        return;
    }
}

/* Jobs of which every third does, twice at most, once at work. */
static bool
gives_way(const struct world *w, int t)
{
    const struct task *task = &w->tasks[t];

    return task->job % 3 == 1 && task->ends != 0 && !task->told
        && w->jobs[task->job].gave < 2;
}

/* 'stale': by one that has lost the lock and does not know it; it has not seen
 * what was ordered meanwhile. */
static void
plan(struct world *w, bool stale)
{
    struct arena arena = ARENA_INIT;
    struct planner_host hosts[HOSTS] = { { 0 } };
    struct planner_hold holds[HOSTS + 2 * ORDERS];
    uint64_t bits[2] = { 31, 7 };
    struct planner_set sets[2] = { { &bits[0] }, { &bits[1] } };
    struct planner_job jobs[JOBS];
    struct planner_role roles[JOBS];
    struct planner_plan made;
    struct planner_in in = {
        .now_ms = (w->now + w->skew) * 1000, .hosts = hosts,
        .host_count = HOSTS, .sets = sets, .set_count = 2, .jobs = jobs,
        .holds = holds,
        .policy = { .patience_ms = 3600000, .yield_ms = 60000 },
    };
    int which[JOBS];

    in.job_count = waiting_jobs(w, jobs, roles, which);
    for (int h = 0; h < HOSTS; h++) {
        hosts[h] = (struct planner_host){ .name = "h", .count = 1,
            .out = w->bad[h] ? "bad" : NULL };
        if (w->owner[h] != 0 && !stale)
            holds[in.hold_count++] = (struct planner_hold){
                .host = h, .count = 1, .job = w->owner[h],
                .preemptable = gives_way(w, w->owner[h]),
                .until_ms = planner_overdue(w->now * 1000, 600000,
                                            in.now_ms),
            };
    }
    for (int i = 0; i < ORDERS && !stale; i++)
        for (int k = 0; k < w->orders[i].count && w->orders[i].at != 0; k++)
            holds[in.hold_count++] = (struct planner_hold){
                .host = w->orders[i].hosts[k], .count = 1,
                .until_ms = in.now_ms + 600000,
            };
    planner_make(&in, &arena, &made);
    for (int i = 0; i < made.stop_count; i++)
        w->tasks[made.stop[i]].told = true;
    for (int i = 0; i < in.job_count; i++) {
        const struct planner_slot *slot = &made.slots[i];

        w->jobs[which[i]].booked = 0;
        if (slot->verdict == PLANNER_NOW)
            give_order(w, which[i], slot->hosts, slot->host_count);
        if (slot->verdict != PLANNER_LATER)
            continue;
        w->jobs[which[i]].booked = slot->start_ms;
        memcpy(w->jobs[which[i]].booked_hosts, slot->hosts,
               (size_t)slot->host_count * sizeof(int));
    }
    arena_free(&arena);
}

static void
mishap(struct world *w)
{
    int h = planlab_below(&w->rnd, HOSTS);

    switch (planlab_below(&w->rnd, 7)) {
    case 0:                     /* a controller dies, the other is started */
        h %= 2;
        w->up[h] = !w->up[h];
        w->up[!h] = w->up[!h] || !w->up[h];
        if (w->leader == h)
            w->leader = -1;
        break;
    case 1:                     /* the lock is lost unnoticed */
        if (w->leader >= 0)
            plan(w, true);
        break;
    case 2:
        if (w->task_count > 0)
            kill_task(w, 1 + planlab_below(&w->rnd, w->task_count));
        break;
    case 3:                     /* the server restarts: all locks are gone */
        for (int t = 1; t <= w->task_count; t++)
            w->tasks[t].lock = false;
        w->leader = -1;
        break;
    case 4:
        w->skew += chance(w, 2) ? 3600 : -3600;
        break;
    case 5:
        w->bad[h] = !w->bad[h];
        say(w, "host %d %s", h, w->bad[h] ? "bad" : "good");
        break;
    default:                    /* the network breaks for one runner */
        if (w->task_count > 0)
            w->tasks[1 + planlab_below(&w->rnd, w->task_count)].lock = false;
        break;
    }
}

static bool
all_over(const struct world *w)
{
    for (int j = 0; j < JOBS; j++)
        if (!w->jobs[j].ended)
            return false;
    for (int t = 1; t <= w->task_count; t++)
        if (!w->tasks[t].over)
            return false;
    return true;
}

static void
turn(struct world *w, bool calm)
{
    for (int i = 0; i < ORDERS; i++)
        if (w->orders[i].at != 0 && w->orders[i].at <= w->now)
            run_order(w, &w->orders[i]);
    for (int t = 1; t <= w->task_count; t++) {
        struct task *task = &w->tasks[t];

        if (task->alive && !task->over && !task->lock && chance(w, 2))
            task->lock = true;  /* it is back in time */
        if (task->alive && !task->over && task->lock && task->told
            && chance(w, 3)) {
            give_way(w, t);
            task->alive = false;
            end_task(w, t);
        }
        if (!task->alive || task->over || task->ends == 0
            || w->now < task->ends || !task->lock)
            continue;
        say(w, "end %d %d pass", t, task->job);
        w->jobs[task->job].ended = true;
        task->alive = false;
        end_task(w, t);
    }
    if (w->leader < 0)
        w->leader = w->up[0] ? 0 : w->up[1] ? 1 : -1;
    if (!calm && chance(w, 6))
        mishap(w);
    if (w->leader >= 0) {
        reap(w);
        plan(w, false);
    }
}

static void
live(uint64_t seed, enum flaw flaw)
{
    struct world w = { .rnd = seed * 7919 + 1, .flaw = flaw, .leader = -1,
                       .up = { true, true }, .now = 1000 };

    say(&w, "history %" PRIu64, seed);
    for (int j = 0; j < JOBS; j++) {
        w.jobs[j].queued = 1 + planlab_below(&w.rnd, 3000);
        w.jobs[j].needs = 1 + planlab_below(&w.rnd, 3) / 2;
        w.jobs[j].set = planlab_below(&w.rnd, 2);
        w.jobs[j].run = 60 + planlab_below(&w.rnd, 900);
        say(&w, "queue %d %d", j, w.jobs[j].needs);
    }
    while (w.now < END && !all_over(&w)) {
        bool calm = w.now > 8000;

        if (calm) {             /* what was broken is mended */
            w.up[0] = true;
            for (int h = 0; h < HOSTS; h++)
                if (w.bad[h]) {
                    w.bad[h] = false;
                    say(&w, "host %d good", h);
                }
        }
        turn(&w, calm);
        w.now += 10 + planlab_below(&w.rnd, 50);
    }
    say(&w, "over");
}

int
main(int argc, char **argv)
{
    static const char *const flaws[] = { "none", "no-recheck", "no-atomic",
                                         "no-reap", "no-retry",
                                         "wall-clock" };
    int64_t first, count;
    size_t flaw = 0;

    must(argc >= 3 && parse_int64(argv[1], 1, INT32_MAX, &first)
         && parse_int64(argv[2], 1, INT32_MAX, &count));
    while (argc > 3 && flaw < ARRAY_LEN(flaws)
           && strcmp(argv[3], flaws[flaw]) != 0)
        flaw++;
    must(flaw < ARRAY_LEN(flaws));
    for (int64_t i = 0; i < count; i++)
        live((uint64_t)(first + i), (enum flaw)flaw);
    return 0;
}
