/* tests/harness/planner-test.c - what a plan does with each of the things that
 * a job may ask for; planner-random-test.c is about plans as a whole. */
#include <config.h>

#include "harness/planner.h"

#include "harness/arena.h"
#include "harness/planner_time.h"
#include "harness/planner_why.h"
#include "tests/harness/planlab.h"
#include "tests/tap.h"

#define NOW 1000

static void
timelines(void)
{
    struct planner_time time = { 0 };

    planner_time_init(&time, NOW, 2);
    planner_time_take(&time, 1100, 1200, 1);
    planner_time_take(&time, 1200, 1300, 1);
    is_int(time.count, 3, "bookings back to back are one step");
    planner_time_take(&time, 1150, 1250, 1);
    is_int(planner_time_find(&time, NOW, 100, 1), NOW, "a gap that just "
           "fits");
    is_int(planner_time_find(&time, NOW, 101, 2), 1300, "one that does not");
    is_int(planner_time_find(&time, NOW, 151, 1), 1250, "after the full "
           "part");
    is_int(planner_time_find(&time, 1010, 60, 1), 1010, "from the middle of "
           "a step");
    ok(planner_time_find(&time, NOW, 1, 3) == PLANNER_NO_TIME, "never "
       "more than there are");
    is_int(planner_time_least(&time, 1000, 1151), 0, "the fewest free");
    is_int(planner_time_least(&time, 1000, 1150), 1, "up to the end, without "
           "it");
    is_int(planner_time_next_more(&time, 1100), 1250, "when more are free");
    is_int(planner_time_tail(&time), 1300, "the end of the last booking");
    planner_time_take(&time, 1150, 1250, -1);
    planner_time_take(&time, 1100, 1300, -1);
    is_int(time.count, 1, "what was taken and given back leaves no trace");
    planner_time_take(&time, 500, PLANNER_NO_TIME, 2);
    ok(planner_time_find(&time, NOW, 1, 1) == PLANNER_NO_TIME, "taken for "
       "ever");
    planner_time_free(&time);
}

/* A row: hosts "class:count" are given by letters; jobs by text. */
struct want {
    int job, start, host;
};

static const struct planner_host four[] = {
    { .name = "a", .count = 1, .class = 0 },
    { .name = "b", .count = 1, .class = 0 },
    { .name = "c", .count = 1, .class = 1 },
    { .name = "d", .count = 1, .class = 1 },
};
static uint64_t any_bits = 15, ab_bits = 3, d_bits = 8, none_bits;
static const struct planner_set sets[] = {
    { &any_bits }, { &ab_bits }, { &d_bits }, { &none_bits },
};
enum { ANY, AB, D, NOTHING };
static const struct planner_role any = { ANY, 1, 0 }, ab = { AB, 1, 0 },
    d = { D, 1, 0 }, nothing = { NOTHING, 1, 0 }, three = { ANY, 3, 0 },
    pair[] = { { ANY, 1, 1 }, { ANY, 1, 1 } },
    mixed[] = { { D, 1, 1 }, { ANY, 1, 1 } };

#define JOB(role, length, ...) \
    { .roles = role, .role_count = 1, .run_ms = length, __VA_ARGS__ }
#define PAIR(role, length, ...) \
    { .roles = role, .role_count = 2, .run_ms = length, __VA_ARGS__ }

static struct arena arena;

static struct planner_plan
plan_of(struct planner_in *in, struct planner_job *jobs, int count)
{
    struct planner_plan plan;
    const char *wrong;

    in->now_ms = NOW;
    if (in->hosts == NULL) {
        in->hosts = four;
        in->host_count = 4;
    }
    in->sets = sets;
    in->set_count = (int)ARRAY_LEN(sets);
    for (int j = 0; j < count; j++) {
        jobs[j].id = j;
        if (jobs[j].queued_ms == 0)
            jobs[j].queued_ms = NOW;
    }
    in->jobs = jobs;
    in->job_count = count;
    planner_make(in, &arena, &plan);
    wrong = planlab_check(in, &plan, &arena);
    if (wrong != NULL)
        diag("%s", wrong);
    must(wrong == NULL);
    return plan;
}

#define PLAN(in, jobs) plan_of(in, jobs, (int)ARRAY_LEN(jobs))

static void
pairs_first(void)
{
    static const struct planner_host by_turns[] = {
        { .name = "a", .count = 1, .class = 0 },
        { .name = "b", .count = 1, .class = 1 },
        { .name = "c", .count = 1, .class = 0 },
        { .name = "d", .count = 1, .class = 1 },
    };
    struct planner_hold holds[] = {
        { .host = 0, .count = 1, .job = 90, .until_ms = 1100 },
        { .host = 1, .count = 1, .job = 91, .until_ms = 1100 },
        { .host = 2, .count = 1, .job = 92, .until_ms = 1200 },
    };
    struct planner_in in = { .holds = holds, .hold_count = 3 };
    struct planner_job jobs[] = {
        JOB(&ab, 100, .flight = 1), PAIR(pair, 100, .flight = 2),
        JOB(&ab, 5, .flight = 3),
    };
    struct planner_job later[] = {
        JOB(&any, 100, .flight = 1), JOB(&any, 100, .flight = 2),
        PAIR(pair, 3000, .flight = 3, .not_before_ms = NOW + 1),
    };
    struct planner_plan plan = PLAN(&in, jobs);

    is_int(plan.slots[1].start_ms, 1105, "a pair goes before a single job");
    is_int(plan.slots[0].start_ms, 1205, "which would put it off");
    is_int(plan.slots[2].start_ms, 1100, "but not before one far smaller");
    in = (struct planner_in){ .hosts = by_turns, .host_count = 4 };
    plan = PLAN(&in, later);
    is_int(plan.slots[2].start_ms, NOW + 1, "single jobs leave a pair of "
           "hosts");
}

static void
order(void)
{
    struct planner_in in = { 0 };
    struct planner_job jobs[] = {
        JOB(&d, 100, .flight = 1), JOB(&d, 50, .flight = 2),
        JOB(&d, 200, .flight = 3, .priority = -1), JOB(&d, 60, .flight = 2),
    };
    struct planner_plan plan = PLAN(&in, jobs);

    is_int(plan.slots[2].start_ms, 1000, "priority goes first");
    is_int(plan.slots[3].start_ms, 1200, "then the flight with the shorter "
           "jobs, the longest of them first");
    is_int(plan.slots[1].start_ms, 1260, "and the last");
    is_int(plan.slots[0].start_ms, 1310, "then the other flight");
    jobs[0].queued_ms = NOW - 3600000;
    plan = PLAN(&in, jobs);
    is_int(plan.slots[0].start_ms, 1200, "unless it has waited for more of "
           "its lengths");
    in.policy.order = PLANNER_ORDER_FCFS;
    jobs[0].queued_ms = 999;
    jobs[2].priority = 0;
    jobs[2].queued_ms = 998;
    plan = PLAN(&in, jobs);
    is_int(plan.slots[2].start_ms, 1000, "first come, first served");
    is_int(plan.slots[1].start_ms, 1300, "by id when they came together");
}

/* Ten like machines, six of them busy until 1100. */
static void
passing(void)
{
    static const struct planner_host ten = { .name = "all", .count = 10 };
    static const struct planner_hold six = { .count = 6, .until_ms = 1100 };
    static const struct planner_role eight = { 0, 8, 0 }, nine = { 0, 9, 0 },
        four_of = { 0, 4, 0 }, two = { 0, 2, 0 };
    static const int first[10];
    uint64_t bits = 1;
    const struct planner_set all[] = { { &bits } };
    struct planner_in in = { .now_ms = NOW, .hosts = &ten, .host_count = 1,
                             .holds = &six, .hold_count = 1, .sets = all,
                             .set_count = (int)ARRAY_LEN(all),
                             .policy = { .patience_ms = 36000000 } };
    struct planner_job jobs[] = {
        JOB(&eight, 50, .id = 1, .flight = 1, .queued_ms = NOW),
        JOB(&nine, 100, .id = 2, .flight = 2, .queued_ms = NOW,
            .booked_hosts = first),
        JOB(&four_of, 1000, .id = 3, .flight = 3, .queued_ms = NOW),
        JOB(&two, 1000, .id = 4, .flight = 4, .queued_ms = NOW),
    };
    struct planner_plan plan;

    in.jobs = jobs;
    in.job_count = (int)ARRAY_LEN(jobs);
    planner_make(&in, &arena, &plan);
    is_int(plan.slots[0].start_ms, 1100, "the first that waits has its place");
    ok(plan.slots[2].start_ms > NOW, "nobody starts who would delay it");
    ok(plan.slots[3].verdict == PLANNER_NOW && plan.order[1] == 3,
       "but who does not, even before another one");
    is_int(plan.slots[1].start_ms, 2000, "that is booked in what is left");
    jobs[3].priority = 1;
    planner_make(&in, &arena, &plan);
    ok(plan.slots[1].start_ms == 1150 && plan.slots[3].start_ms == 1250,
       "a better priority is not passed");
    jobs[3].priority = 0;
    jobs[1].booked_ms = 1150;
    in.policy.patience_ms = 0;
    planner_make(&in, &arena, &plan);
    is_int(plan.slots[1].start_ms, 1150, "nor is one without patience");
    jobs[1].queued_ms = NOW - 36000001;
    in.policy.patience_ms = 36000000;
    planner_make(&in, &arena, &plan);
    ok(plan.slots[1].start_ms == 1100 && plan.slots[0].start_ms == 1200,
       "who has waited long goes first, if he is large");
}

static void
fair(void)
{
    static const struct planner_account accounts[] = { { 1, 10 }, { 1, 1 } };
    struct planner_in in = { .accounts = accounts, .account_count = 2 };
    struct planner_job jobs[] = {
        JOB(&d, 100, .flight = 1, .account = 1),
        JOB(&d, 150, .flight = 2, .account = 2),
    };
    struct planner_plan plan = PLAN(&in, jobs);

    is_int(plan.slots[1].start_ms, 1000, "who had little lately goes first");
    in.account_count = 0;
    jobs[0].account = jobs[1].account = 0;
    plan = PLAN(&in, jobs);
    is_int(plan.slots[0].start_ms, 1000, "where nobody counts, he does not");
}

static void
many_hosts(void)
{
    struct planner_in in = { 0 };
    struct planner_job jobs[] = {
        JOB(&ab, 300, .flight = 1, .priority = -1),
        PAIR(pair, 100, .flight = 2),
        JOB(&any, 100, .flight = 3, .priority = 1),
        JOB(&three, 100, .flight = 4, .priority = 2),
        PAIR(mixed, 50, .flight = 5, .priority = 3),
        JOB(&nothing, 1, .flight = 6), PAIR(pair, 10, .superseded = true),
        { .run_ms = 5 },
    };
    struct planner_plan plan = PLAN(&in, jobs);

    is_int(plan.slots[1].start_ms, 1000, "a pair starts");
    is_int(four[plan.slots[1].hosts[0]].class, 1, "in the class that has two "
           "free");
    is_int(plan.slots[2].hosts[0], plan.slots[0].hosts[0] == 0 ? 1 : 0,
           "a single takes the rest");
    is_int(plan.slots[3].start_ms, 1100, "three of any wait for three");
    is_int(plan.slots[4].start_ms, 1200, "a pair of which one is named");
    is_int(plan.slots[4].hosts[0], 3, "has that one first");
    is_int(plan.slots[5].verdict, PLANNER_NEVER, "no host fits: never");
    is_int(plan.slots[6].verdict, PLANNER_EXPIRED, "superseded");
    is_int(plan.slots[7].verdict, PLANNER_NOW, "without hosts: now");
    is_int(plan.end_ms, 1300, "the end of the plan");
}

static void
checks(void)
{
    static const struct planner_host hosts[] = {
        { .name = "a", .count = 1, .out = "suspect" },
        { .name = "b", .count = 1 },
    };
    struct planner_in in = { .hosts = hosts, .host_count = 2 };
    static uint64_t a_bits = 1, b_bits = 2, both_bits = 3;
    static const struct planner_set sets_of[] = {
        { &a_bits }, { &b_bits }, { &both_bits },
    };
    static const struct planner_role a = { 0, 1, 0 }, both = { 2, 1, 0 };
    struct planner_job jobs[] = {
        JOB(&both, 100, .priority = -1), JOB(&both, 100),
        JOB(&a, 50, .check = true), JOB(&a, 50),
    };
    struct planner_plan plan;
    struct planner_why reasons;

    in.sets = sets_of;
    in.set_count = (int)ARRAY_LEN(sets_of);
    in.now_ms = NOW;
    in.jobs = jobs;
    in.job_count = (int)ARRAY_LEN(jobs);
    for (int j = 0; j < in.job_count; j++)
        jobs[j].id = j;
    planner_make(&in, &arena, &plan);
    ok(planlab_check(&in, &plan, &arena) == NULL, "a plan with a check");
    is_int(plan.slots[1].start_ms, 1100, "a host that is out is not given");
    is_int(plan.slots[2].start_ms, 1000, "but to the job that checks it");
    is_int(plan.slots[3].verdict, PLANNER_STUCK, "others wait for that");
    planner_explain(&in, &plan, 2, &arena, &reasons);
    is_int(reasons.hosts[0].obstacle, PLANNER_FREE, "nothing is in its way");
}

static void
backfill(void)
{
    static const struct planner_hold holds[] = {
        { .host = 3, .count = 1, .until_ms = 1100, .who = "x" },
    };
    static const struct planner_window windows[] = {
        { .host = 2, .from_ms = 1050, .until_ms = 1200, .why = "lent" },
    };
    struct planner_in in = { .holds = holds, .hold_count = 1,
                             .windows = windows, .window_count = 1 };
    struct planner_job jobs[] = {
        PAIR(mixed, 100, .flight = 1, .priority = -1),
        JOB(&d, 100, .flight = 2), JOB(&d, 101, .flight = 3),
    };
    struct planner_plan plan = PLAN(&in, jobs);

    is_int(plan.slots[0].start_ms, 1200, "a pair waits for window and "
           "holder");
    is_int(plan.slots[1].start_ms, 1100, "a job that fits goes before it");
    is_int(plan.slots[2].start_ms, 1300, "one that would delay it does not");
}

static void
reuse_and_leans(void)
{
    static const struct planner_host hosts[] = {
        { .name = "a", .count = 1 }, { .name = "b", .count = 1, .setup = 7 },
    };
    static const struct planner_lean slow[] = { { 1, 500, 0 } };
    static const struct planner_lean sticky[] = { { 0, 0, -150 } };
    struct planner_in in = { .hosts = hosts, .host_count = 2 };
    struct planner_job one[] = {
        JOB(&ab, 100, .prepare_ms = 50, .setup = 7),
        JOB(&ab, 100, .prepare_ms = 50, .setup = 7, .flight = 1),
        JOB(&ab, 100, .prepare_ms = 120, .setup = 7, .flight = 2),
    };
    struct planner_job two[] = {
        JOB(&ab, 100, .leans = slow, .lean_count = 1),
    };
    struct planner_job rotates[] = {
        JOB(&ab, 100, .prepare_ms = 50, .setup = 7, .leans = sticky,
            .lean_count = 1),
        JOB(&ab, 100, .prepare_ms = 50, .setup = 7, .leans = sticky,
            .lean_count = 1, .reuse_bias_ms = -150),
    };
    struct planner_job three_jobs[] = {
        JOB(&ab, 100, .priority = -1, .leans = sticky, .lean_count = 1),
        JOB(&ab, 100, .flight = 1, .leans = sticky, .lean_count = 1),
        JOB(&ab, 100, .flight = 2, .leans = sticky, .lean_count = 1),
    };
    struct planner_plan plan = PLAN(&in, one);

    ok(plan.slots[0].reuses && plan.slots[0].hosts[0] == 1
       && plan.slots[0].end_ms == 1100, "finds its setup: no preparation");
    ok(!plan.slots[1].reuses && plan.slots[1].end_ms == 1150,
       "prepares another rather than wait");
    ok(plan.slots[2].reuses && plan.slots[2].start_ms == 1100,
       "waits where that is sooner");
    plan = PLAN(&in, two);
    is_int(plan.slots[0].hosts[0], 0, "the host where it is quicker");
    in.jobs = rotates;
    in.job_count = 1;
    planner_make(&in, &arena, &plan);
    is_int(plan.slots[0].hosts[0], 0, "a lean is more than a preparation");
    in.jobs++;
    planner_make(&in, &arena, &plan);
    ok(plan.slots[0].hosts[0] == 1 && plan.slots[0].reuses,
       "but not where the job goes on from what is there");
    plan = PLAN(&in, three_jobs);
    ok(plan.slots[0].hosts[0] == 0 && plan.slots[1].hosts[0] == 0,
       "waits for the host that it leans to");
    is_int(plan.slots[2].hosts[0], 1, "but not for ever");
}

/* Five jobs of 100, 50 to prepare, one after the other on one host. 'want' has
 * a letter or figure a job: fresh, worn, or which use it is. */
static const struct wear_case {
    const char *name, *want;
    int uses;                   /* that one preparation is good for */
    int setup, wear;            /* there; the jobs want 7 */
    int held, held_wear;        /* by one who leaves that at 1100; 0: nobody */
    int64_t from_ms, until_ms;  /* a window */
    int64_t end_ms;
} wear_cases[] = {
    { "a new host", "f23w2", .uses = 3, .end_ms = 1600 },
    { "used once", "23w23", .uses = 3, .setup = 7, .wear = 1,
      .end_ms = 1550 },
    { "worn out", "w23w2", .uses = 3, .setup = 7, .wear = 3,
      .end_ms = 1600 },
    { "it does not wear", "56789", .setup = 7, .wear = 4, .end_ms = 1500 },
    { "good for one", "fwwww", .uses = 1, .end_ms = 1750 },
    { "of another kind", "f23w2", .uses = 3, .setup = 8, .wear = 1,
      .end_ms = 1600 },
    { "left by a holder", "3w23w", .uses = 3, .setup = 8, .held = 7,
      .held_wear = 2, .end_ms = 1700 },
    { "left by him worn out", "w23w2", .uses = 3, .held = 7, .held_wear = 3,
      .end_ms = 1700 },
    { "lent before", "f23w2", .uses = 3, .setup = 7, .wear = 1,
      .from_ms = 900, .until_ms = 1100, .end_ms = 1700 },
    { "lent meanwhile", "23f23", .uses = 3, .setup = 7, .wear = 1,
      .from_ms = 1250, .until_ms = 1300, .end_ms = 1650 },
};

static void
wear(void)
{
    for (size_t i = 0; i < ARRAY_LEN(wear_cases); i++) {
        const struct wear_case *c = &wear_cases[i];
        const struct planner_host host = { .name = "a", .count = 1,
                                           .setup = c->setup,
                                           .wear = c->wear };
        const struct planner_hold hold = { .count = 1, .until_ms = 1100,
                                           .setup = c->held,
                                           .wear = c->held_wear };
        const struct planner_window window = { 0, c->from_ms, c->until_ms,
                                               "lent" };
        struct planner_in in = {
            .hosts = &host, .host_count = 1,
            .holds = &hold, .hold_count = c->held != 0,
            .windows = &window, .window_count = c->until_ms != 0,
        };
        struct planner_job jobs[5];
        struct planner_plan plan;
        char got[6] = "";

        for (int j = 0; j < 5; j++)
            jobs[j] = (struct planner_job)JOB(&any, 100, .prepare_ms = 50,
                                              .setup = 7,
                                              .setup_uses = c->uses);
        plan = PLAN(&in, jobs);
        for (int j = 0; j < 5; j++)
            got[j] = plan.slots[j].worn ? 'w' : !plan.slots[j].reuses ? 'f'
                : (char)('0' + plan.slots[j].use);
        is_str(got, c->want, "%s", c->name);
        is_int(plan.end_ms, c->end_ms, "when all are done");
    }
}

/* Who goes on from what another leaves relies on it. */
static void
counts_on(void)
{
    static const struct planner_host host[] = {
        { .name = "a", .count = 1, .setup = 7, .wear = 1 },
    };
    static const struct planner_hold hold[] = {
        { .count = 1, .job = 77, .until_ms = 5000, .setup = 7, .wear = 1,
          .preemptable = true },
    };
    struct planner_in in = { .hosts = host, .host_count = 1 };
    struct planner_job gap[] = {
        JOB(&any, 100, .prepare_ms = 50, .setup = 7, .priority = -1,
            .not_before_ms = 1050),
        JOB(&any, 20),
    };
    struct planner_job yields[] = {
        JOB(&any, 100, .preempts = true),
        JOB(&any, 100, .prepare_ms = 50, .setup = 7, .priority = 1),
    };
    struct planner_plan plan = PLAN(&in, gap);

    ok(plan.slots[0].reuses && plan.slots[1].start_ms == 1150,
       "a host is kept for it no longer than that saves");
    is_int(plan.slots[0].prepared_by, 0, "nobody in this plan has prepared it");
    gap[0].not_before_ms = 1051;
    plan = PLAN(&in, gap);
    ok(!plan.slots[0].reuses && plan.slots[1].start_ms == NOW,
       "else others go before, and it is prepared anew");
    in.holds = hold;
    in.hold_count = 1;
    plan = PLAN(&in, yields);
    ok(plan.stop_count == 1 && !plan.slots[1].reuses,
       "who gives way leaves nothing");
    yields[1].priority = -1;
    plan = PLAN(&in, yields);
    ok(plan.stop_count == 0 && plan.slots[1].reuses,
       "and does not where a job before counts on it");
}

static void
quotas_and_groups(void)
{
    static const struct planner_quota quotas[] = { { "q", 2, 0 },
                                                   { "p", 0, 25 } };
    struct planner_in in = { .quotas = quotas, .quota_count = 2 };
    struct planner_job jobs[] = {
        JOB(&any, 100, .quota = { 1 }), JOB(&any, 100, .quota = { 1 }),
        JOB(&any, 100, .quota = { 1 }), JOB(&three, 100, .quota = { 1 }),
        JOB(&any, 70, .quota = { 2 }, .flight = 1),
        JOB(&any, 70, .quota = { 2 }, .flight = 2),
    };
    struct planner_job group[] = {
        JOB(&ab, 10, .diverse = 5), JOB(&ab, 10, .diverse = 5),
        JOB(&ab, 10, .diverse = 5),
    };
    struct planner_plan plan = PLAN(&in, jobs);

    is_int(plan.slots[2].start_ms, 1100, "over the quota: later");
    is_int(plan.slots[3].verdict, PLANNER_NEVER, "more than the quota: "
           "never");
    is_int(plan.slots[5].start_ms, 1070, "a quarter of four is one");
    plan = PLAN(&in, group);
    ok(plan.slots[0].start_ms == NOW && plan.slots[1].start_ms == NOW,
       "two of a group, two hosts");
    ok(plan.slots[2].verdict == PLANNER_STUCK, "and no third one");
}

static void
preemption(void)
{
    static const struct planner_hold holds[] = {
        { .host = 3, .count = 1, .job = 77, .until_ms = 5000,
          .preemptable = true },
        { .host = 2, .count = 1, .job = 78, .until_ms = 5000,
          .preemptable = true },
    };
    struct planner_in in = { .holds = holds, .hold_count = 2 };
    struct planner_job jobs[] = { JOB(&d, 100, .preempts = true) };
    struct planner_job meek[] = { JOB(&d, 100) };
    struct planner_plan plan = PLAN(&in, jobs);

    ok(plan.slots[0].verdict == PLANNER_NOW && plan.slots[0].preempting,
       "a preemptable holder yields");
    ok(plan.stop_count == 1 && plan.stop[0] == 77, "he and nobody else");
    plan = PLAN(&in, meek);
    ok(plan.slots[0].start_ms == 5000 && plan.stop_count == 0,
       "but only to who may");
    in.policy.yield_ms = 60;
    plan = PLAN(&in, jobs);
    ok(plan.slots[0].verdict == PLANNER_LATER && plan.slots[0].preempting
       && plan.slots[0].start_ms == NOW + 60,
       "to give way takes a time");
    ok(plan.stop_count == 1 && plan.stop_for[0] == 0, "for this one");
    in.policy.gain_ms = 5000 - NOW - 60;
    plan = PLAN(&in, jobs);
    ok(plan.stop_count == 0 && plan.slots[0].start_ms == 5000,
       "nobody gives way for a start that is hardly sooner");
}

/* As few as do, and those that lose least. */
static void
who_gives_way(void)
{
    static const struct planner_hold holds[] = {
        { .host = 0, .count = 1, .job = 77, .until_ms = 9000,
          .preemptable = true, .lost_ms = 500 },
        { .host = 1, .count = 1, .job = 78, .until_ms = 9000,
          .preemptable = true, .lost_ms = 100 },
        { .host = 2, .count = 1, .job = 79, .until_ms = 9000 },
        { .host = 3, .count = 1, .job = 78, .until_ms = 9000,
          .preemptable = true, .lost_ms = 100 },
    };
    struct planner_in in = { .holds = holds, .hold_count = 4,
                             .policy = { .yield_ms = 10 } };
    struct planner_job two[] = {
        JOB(&any, 100, .preempts = true), JOB(&any, 50),
    };
    struct planner_job eager_four[] = {
        JOB(&any, 100, .preempts = true), JOB(&any, 100, .preempts = true),
        JOB(&any, 100, .preempts = true), JOB(&any, 100, .preempts = true),
    };
    struct planner_plan plan = PLAN(&in, two);

    ok(plan.stop_count == 1 && plan.stop[0] == 78,
       "the one that has done least gives way");
    ok(plan.slots[1].start_ms == NOW + 10,
       "with all it has: others have that too");
    plan = PLAN(&in, eager_four);
    is_int(plan.stop_count, 2, "each gives way once");
    is_int(plan.slots[3].start_ms, NOW + 110,
       "and when nobody is left, all wait");
}

/* A pair has a promise for the moment at which the holder ends; a job to which
 * he gives way needs the host longer. */
static void
promise_against_way(void)
{
    static const struct planner_hold holds[] = {
        { .host = 3, .count = 1, .job = 77, .until_ms = 5000,
          .preemptable = true },
    };
    static const int booked[] = { 3, 2 }, started[] = { 2 };
    struct planner_in in = { .holds = holds, .hold_count = 1,
                             .policy = { .patience_ms = 7200,
                                         .yield_ms = 60 } };
    struct planner_job jobs[] = {
        PAIR(mixed, 4000, .queued_ms = NOW, .booked_ms = 5000,
             .booked_hosts = booked),
        JOB(&d, 4000, .preempts = true, .priority = -5),
        JOB(&any, 100, .priority = PLANNER_PRIORITY_FIRST,
            .booked_ms = NOW, .booked_hosts = started),
    };
    struct planner_plan plan = PLAN(&in, jobs);

    ok(plan.slots[1].start_ms == NOW + 60 && plan.stop_count == 1,
       "who others give way to does not wait for a promise");
    is_int(plan.slots[0].start_ms, NOW + 4060, "the promised one comes next");
    is_int(plan.slots[2].start_ms, NOW, "what is being started starts");
    jobs[1].preempts = false;
    plan = PLAN(&in, jobs);
    is_int(plan.slots[0].start_ms, 5000, "against any other it holds");
    is_int(plan.slots[1].start_ms, 9000, "however important");
}

/* Runners are as scarce as hosts. */
static void
runners(void)
{
    static const struct planner_run runs[] = { { 77, 3000 }, { 78, 5000 } };
    static const struct planner_hold holds[] = {
        { .host = 0, .count = 1, .job = 77, .until_ms = 3000,
          .preemptable = true },
    };
    struct planner_in in = { .runs = runs, .run_count = 2,
                             .runners_max = 2 };
    struct planner_job jobs[] = {
        JOB(&d, 100, .priority = -2), JOB(&any, 100, .priority = -1),
        JOB(&any, 100), JOB(&any, 100),
    };
    struct planner_job eager[] = { JOB(&d, 100, .preempts = true) };
    struct planner_plan plan;

    jobs[3].role_count = 0;
    plan = PLAN(&in, jobs);
    is_int(plan.slots[0].start_ms, 3000, "a runner is free at 3000");
    ok(plan.slots[0].for_runner, "that is what it waits for");
    is_int(plan.slots[1].start_ms, 3100, "the next one after it");
    is_int(plan.slots[2].start_ms, 3200, "one at a time");
    is_int(plan.slots[3].start_ms, 3300, "a job without hosts needs one too");
    in.runners_max = 3;
    plan = PLAN(&in, jobs);
    is_int(plan.slots[0].start_ms, NOW, "with one more, one at once");
    in.runners_max = 2;
    in.holds = holds;
    in.hold_count = 1;
    plan = PLAN(&in, eager);
    ok(plan.slots[0].start_ms == NOW && plan.stop_count == 1,
       "who gives way gives his runner too");
}

static void
needs(void)
{
    static const int first[] = { 1 }, never[] = { 3 };
    struct planner_in in = { 0 };
    struct planner_job jobs[] = {
        JOB(&any, 10, .flight = 1, .needs = first, .need_count = 1),
        JOB(&d, 100, .flight = 2), JOB(&any, 5, .not_before_ms = 1500),
        JOB(&nothing, 5), JOB(&any, 1, .needs = never, .need_count = 1),
    };
    struct planner_plan plan = PLAN(&in, jobs);

    is_int(plan.slots[0].start_ms, 1100, "after the job that it needs");
    is_int(plan.slots[2].start_ms, 1500, "and not before its time");
    is_int(plan.slots[4].verdict, PLANNER_NEVER, "what needs what never "
           "comes never comes");
}

static void
promises(void)
{
    static const int on_d[] = { 3 };
    struct planner_in in = { .policy = { .patience_ms = 500 } };
    struct planner_job jobs[] = {
        JOB(&d, 100, .flight = 1, .queued_ms = 700, .booked_ms = 1020,
            .booked_hosts = on_d),
        JOB(&d, 90, .flight = 2),
    };
    struct planner_job dated[] = {
        JOB(&d, 100, .flight = 1, .deadline_ms = 1100),
        JOB(&d, 90, .flight = 2),
    };
    struct planner_plan plan = PLAN(&in, jobs);

    is_int(plan.slots[1].start_ms, 1100, "of one that fits, the booking "
           "is kept");
    in.policy.patience_ms = 0;
    jobs[0].booked_ms = 1095;
    plan = PLAN(&in, jobs);
    is_int(plan.slots[1].start_ms, 1000, "what does not break it may go "
           "first");
    jobs[0].booked_ms = 1080;
    plan = PLAN(&in, jobs);
    ok(plan.slots[0].start_ms == 1000 && plan.slots[1].start_ms == 1100,
       "what would break it may not");
    plan = PLAN(&in, dated);
    is_int(plan.slots[0].start_ms, 1000, "a deadline is a promise too");
    dated[0].deadline_ms = 1050;
    plan = PLAN(&in, dated);
    ok(plan.slots[0].late && plan.slots[0].start_ms == 1000,
       "one that cannot be kept is said to be late");
}

static void
why(void)
{
    static const struct planner_hold holds[] = {
        { .host = 0, .count = 1, .until_ms = 1100, .who = "x" },
        { .host = 2, .count = 1, .until_ms = 9000, .who = "y" },
    };
    static const struct planner_window windows[] = {
        { .host = 2, .from_ms = 1000, .until_ms = 9500, .why = "lent" },
    };
    struct planner_in in = { .holds = holds, .hold_count = 2,
                             .windows = windows, .window_count = 1 };
    struct planner_job jobs[] = {
        JOB(&ab, 50, .priority = -2), JOB(&d, 70, .priority = -1),
        PAIR(pair, 100), JOB(&ab, 20, .priority = 1), JOB(&nothing, 1),
    };
    struct planner_plan plan = PLAN(&in, jobs);
    struct planner_why w;

    planner_explain(&in, &plan, 2, &arena, &w);
    ok(w.possible && w.hold_count == 1 && w.holds[0] == 0
       && w.job_count == 1 && w.jobs[0] == 0 && w.window_count == 0,
       "a pair waits for one holder and one job, not for the other class");
    ok(w.hosts[0].obstacle == PLANNER_HELD && w.hosts[0].until_ms == 1100,
       "held, until when");
    ok(w.hosts[1].obstacle == PLANNER_BOOKED && w.hosts[1].which == 0,
       "booked, by whom");
    ok(w.hosts[2].obstacle == PLANNER_CLOSED && w.hosts[2].until_ms == 9500,
       "closed, and that is what lasts longest");
    planner_explain(&in, &plan, 3, &arena, &w);
    ok(w.hosts[3].obstacle == PLANNER_UNFIT, "does not fit");
    ok(w.job_count + w.hold_count >= 1, "waits for somebody");
    planner_explain(&in, &plan, 4, &arena, &w);
    ok(!w.possible, "nothing would do");
}

static void
overdue(void)
{
    is_int(planner_overdue(0, 10000, 5000), 10000, "on time");
    is_int(planner_overdue(0, 10000, 20000), 41000, "the error is squared");
    ok(planner_overdue(0, 10000, 10000) > 10000, "always later than now");
    ok(planner_overdue(0, 0, INT64_C(1) << 50) > INT64_C(1) << 50,
       "without overflow");
}

int
main(void)
{
    timelines();
    order();
    pairs_first();
    passing();
    fair();
    many_hosts();
    checks();
    backfill();
    reuse_and_leans();
    wear();
    counts_on();
    quotas_and_groups();
    preemption();
    runners();
    who_gives_way();
    promise_against_way();
    needs();
    promises();
    why();
    overdue();
    arena_free(&arena);
    return tap_done();
}
