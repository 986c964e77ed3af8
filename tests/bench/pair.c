/* tests/bench/pair.c - jobs of two hosts among others: pair CASES
 *
 * Prints the mean waits of pairs and of single jobs in a lab that is loaded to
 * 80 per cent, by flights of 50 jobs, and by jobs that come one by one, when
 * hardly anybody waits for long; then runs CASES small random labs to their end
 * and counts those in which a job was stuck, or more hosts were in use than
 * there are. Exit 1 if there was one. That nobody has half of a pair, nor a
 * host that is another's, is what planlab_check() finds of 10,000 random plans
 * in planner-test. */
#include <config.h>

#include <math.h>
#include <stdio.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/replay.h"
#include "harness/replay_policy.h"
#include "tests/harness/planlab.h"

#define HOSTS 24
#define CLASSES 3
#define JOBS 6000
#define LABS 4                  /* of so many jobs each, from as many seeds */
#define PAIR_PERCENT 10
#define MINUTE 60000

static const char *const no_flags[] = { NULL };

struct lab {
    int hosts, classes, jobs, flight;   /* flight: jobs that come together */
    double load;
};

static double
uniform(uint64_t *rnd)
{
    return ((double)(planlab_random(rnd) >> 11) + 0.5) * 0x1p-53;
}

static void
make_hosts(const struct lab *lab, struct arena *arena,
           struct replay_past *past)
{
    past->hosts = arena_alloc(arena, (size_t)lab->hosts
                                     * sizeof *past->hosts);
    past->host_count = lab->hosts;
    for (int h = 0; h < lab->hosts; h++)
        past->hosts[h] = (struct match_host){
            .name = arena_printf(arena, "host-%d", h), .arch = "amd64",
            .class = arena_printf(arena, "class-%d", h % lab->classes),
            .flags = no_flags,
        };
}

/* Jobs of 5 minutes to 3 hours come at random; a pair wants two hosts of one
 * class, which a lab of less than two of any does not have. */
static void
make_past(const struct lab *lab, uint64_t seed, struct arena *arena,
          struct replay_past *past)
{
    static const int hosts[2] = { 0, 0 };
    struct task_role *one = arena_alloc(arena, sizeof *one);
    struct task_role *two = arena_alloc(arena, 2 * sizeof *two);
    double at = 0, mean = 175.0 / log(36) * MINUTE * (1 + PAIR_PERCENT / 100.0)
        / lab->load / lab->hosts;

    *past = (struct replay_past){ 0 };
    make_hosts(lab, arena, past);
    *one = (struct task_role){ .role = "host", .arch = "amd64",
                               .flags = no_flags, .wants = no_flags };
    two[0] = two[1] = *one;
    two[0].same_class = two[1].same_class = 1;
    past->jobs = arena_alloc(arena, (size_t)lab->jobs * sizeof *past->jobs);
    past->job_count = lab->jobs;
    for (int j = 0; j < lab->jobs; j++) {
        bool pair = planlab_below(&seed, 100) < PAIR_PERCENT
            && lab->hosts >= 2 * lab->classes;
        int length = planlab_below(&seed, 30);

        if (j % lab->flight == 0)
            at -= lab->flight * mean * log(uniform(&seed));
        past->jobs[j] = (struct replay_job){
            .flight = j / lab->flight + 1, .branch = "b", .recipe = "r",
            .name = arena_printf(arena, "%s-%d", pair ? "pair" : "single",
                                 length),
            .queued_ms = (int64_t)at, .start_ms = (int64_t)at,
            .roles = pair ? two : one, .hosts = hosts,
            .role_count = pair ? 2 : 1,
            .status = OUTCOME_PASS,
        };
        past->jobs[j].end_ms = (int64_t)at + (int64_t)(
            5 * MINUTE * pow(36, (length + uniform(&seed)) / 30));
    }
}

static void
usual_policy(struct replay_policy *out)
{
    struct pool_policy pool;

    pool_policy_default(&pool);
    replay_policy_of_pool("usual", &pool, out);
}

static void
print_waits(int flight)
{
    struct lab lab = { HOSTS, CLASSES, JOBS, flight, 0.8 };
    double wait[2] = { 0 }, count[2] = { 0 }, used = 0;

    for (uint64_t seed = 1; seed <= LABS; seed++) {
        struct arena arena = ARENA_INIT;
        struct replay_policy policy;
        struct replay_past past;
        struct replay_result result;

        make_past(&lab, seed, &arena, &past);
        usual_policy(&policy);
        replay_run(&past, &policy, &arena, &result);
        for (int j = 0; j < JOBS; j++) {
            int pair = past.jobs[j].role_count - 1;

            wait[pair] += (double)(result.places[j].start_ms
                                   - past.jobs[j].queued_ms) / 1000;
            count[pair]++;
        }
        used += result.sim.utilisation;
        arena_free(&arena);
    }
    printf("pair: %d hosts, %.0f per cent in use, %d come together: a single "
           "waits %.0f s, a pair %.0f s: %.2f times (1.5)\n", HOSTS,
           used / LABS * 100, flight, wait[0] / count[0], wait[1] / count[1],
           wait[1] / count[1] / (wait[0] / count[0]));
}

/* Whether at any start more hosts are in use than there are, or a job starts
 * before it came. */
static bool
goes_wrong(const struct replay_past *past, const struct replay_place *places)
{
    for (int i = 0; i < past->job_count; i++) {
        int used = 0;

        if (places[i].start_ms < past->jobs[i].queued_ms)
            return true;
        for (int k = 0; k < past->job_count; k++)
            if (places[k].start_ms <= places[i].start_ms
                && places[i].start_ms < places[k].end_ms)
                used += past->jobs[k].role_count;
        if (used > past->host_count)
            return true;
    }
    return false;
}

int
main(int argc, char **argv)
{
    int64_t cases, wrong = 0;
    uint64_t rnd = 7;

    must(argc == 2 && parse_int64(argv[1], 1, 1000000, &cases));
    print_waits(50);
    print_waits(1);
    for (int64_t i = 0; i < cases; i++) {
        struct lab lab = { 2 + planlab_below(&rnd, 5),
                           1 + planlab_below(&rnd, 2), 30,
                           1 + 9 * planlab_below(&rnd, 2), 0.5 };
        struct arena arena = ARENA_INIT;
        struct replay_policy policy;
        struct replay_past past;
        struct replay_result result;

        lab.load = 0.5 + uniform(&rnd);
        make_past(&lab, planlab_random(&rnd), &arena, &past);
        usual_policy(&policy);
        policy.order = planlab_below(&rnd, 4) == 0
            ? PLANNER_ORDER_FCFS : PLANNER_ORDER_ASSAY;
        replay_run(&past, &policy, &arena, &result);
        wrong += result.sim.too_big > 0 || goes_wrong(&past, result.places);
        arena_free(&arena);
    }
    printf("pair: %d random labs run to their end: %d with a job stuck, or "
           "more hosts in use than there are\n", (int)cases, (int)wrong);
    return wrong == 0 ? 0 : 1;
}
