/* tests/results/decide_random.h - random histories, the same everywhere for
 * the same seed: few jobs and testids, so that runs meet. */
#ifndef TESTS_RESULTS_DECIDE_RANDOM_H
#define TESTS_RESULTS_DECIDE_RANDOM_H

#include "tests/results/decide_world.h"

static uint64_t random_state;

/* xorshift64*: the same histories everywhere. */
static UNUSED unsigned
random_below(unsigned limit)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (unsigned)((random_state * 2685821657736338717u) >> 33) % limit;
}

static UNUSED enum outcome
random_outcome(unsigned passes)
{
    static const enum outcome OTHERS[] = {
        OUTCOME_FAIL, OUTCOME_FAIL, OUTCOME_FAIL, OUTCOME_FAIL,
        OUTCOME_BROKEN, OUTCOME_BROKEN, OUTCOME_BLOCKED, OUTCOME_BLOCKED,
        OUTCOME_STARVED, OUTCOME_SKIP, OUTCOME_MISSING, OUTCOME_TRUNCATED,
        OUTCOME_ABORTED, OUTCOME_RUNNING, OUTCOME_QUEUED, OUTCOME_NONE,
    };

    return random_below(100) < passes ? OUTCOME_PASS
        : OTHERS[random_below(random_below(3) == 0 ? ARRAY_LEN(OTHERS) : 6)];
}

static const char *const RANDOM_JOBS[] = { "build-a", "pair", "smoke",
                                           "test-b" };
static const char *const RANDOM_TESTIDS[] = { "boot", "boot/x", "migrate",
                                              "stop" };

static UNUSED struct decide_flight
random_flight(struct arena *arena, int64_t number, unsigned passes)
{
    struct decide_job *jobs
        = arena_alloc(arena, ARRAY_LEN(RANDOM_JOBS) * sizeof *jobs);
    struct decide_flight flight = {
        .flight = number, .jobs = jobs, .versions = random_below(4),
        .blessing = random_below(3) == 0 ? "real-retest" : "real",
    };

    for (size_t i = 0; i < ARRAY_LEN(RANDOM_JOBS); i++) {
        struct decide_step *steps
            = arena_alloc(arena, ARRAY_LEN(RANDOM_TESTIDS) * sizeof *steps);
        struct decide_job *job = &jobs[flight.job_count];

        if (random_below(4) == 0)
            continue;
        flight.job_count++;
        job->name = RANDOM_JOBS[i];
        job->status = random_outcome(passes);
        job->estimate_ms = random_below(3);
        job->steps = steps;
        for (size_t j = 0; j < ARRAY_LEN(RANDOM_TESTIDS); j++) {
            if (random_below(4) == 0)
                continue;
            steps[job->step_count++] = (struct decide_step){
                RANDOM_TESTIDS[j], random_outcome(passes), LANE_NONE
            };
        }
    }
    return flight;
}

static UNUSED struct decide_input
random_input(struct arena *arena)
{
    struct decide_flight *history
        = arena_alloc(arena, WORLD_LIST_MAX * sizeof *history);
    struct decide_cell *passed
        = arena_alloc(arena, WORLD_LIST_MAX * sizeof *passed);
    struct decide_allow *allow
        = arena_alloc(arena, WORLD_LIST_MAX * sizeof *allow);
    struct decide_input input = { .branch = "b", .history = history,
                                  .passed = passed, .allow = allow };
    unsigned passes = 30 + random_below(70), flights = random_below(9);

    input.flight = random_flight(arena, 50 + random_below(9), passes);
    if (input.flight.versions != 0)
        history[input.history_count++] = input.flight;
    for (unsigned i = 0; i < flights; i++)
        history[input.history_count++]
            = random_flight(arena, 10 * (i + 1), passes);
    qsort(history, input.history_count, sizeof *history, world_order);
    for (size_t i = 0; i < random_below(8); i++)
        passed[input.passed_count++] = (struct decide_cell){
            RANDOM_JOBS[random_below(ARRAY_LEN(RANDOM_JOBS))],
            RANDOM_TESTIDS[random_below(ARRAY_LEN(RANDOM_TESTIDS))]
        };
    for (size_t i = 0; i < random_below(3); i++)
        allow[input.allow_count++] = (struct decide_allow){
            RANDOM_JOBS[random_below(ARRAY_LEN(RANDOM_JOBS))], "@@", "allow:1"
        };
    return input;
}

#endif
