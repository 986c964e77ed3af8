/* tests/results/decide_world.h - small histories in a few lines of text, and
 * decisions as text.
 *
 *     20 T: pair=fail boot=pass migrate=fail; smoke=pass boot=pass
 *     21 TR: pair=pass boot=pass migrate=pass
 *     10 B: ...
 *     passed pair migrate
 *     allow pair @@
 *
 * A flight a line: its number, T for this version, B for the baseline's, R for
 * a retest, then its jobs with their statuses and steps; "pair@60=fail" is
 * thought to take 60 ms. The first is the one that is judged; one that has no
 * T is judged too, but is no part of the history. */
#ifndef TESTS_RESULTS_DECIDE_WORLD_H
#define TESTS_RESULTS_DECIDE_WORLD_H

#include "harness/arena.h"
#include "harness/buf.h"
#include "results/decide.h"
#include "tests/tap.h"

#define WORLD_LIST_MAX 64

/* The next word up to one of 'ends' in *p, which moves past it; NULL at the
 * end. */
static UNUSED const char *
world_word(struct arena *arena, const char **p, const char *ends)
{
    const char *start;

    *p += strspn(*p, " ");
    if (**p == '\0')
        return NULL;
    start = *p;
    *p += strcspn(*p, ends);
    if (**p != '\0')
        (*p)++;
    return arena_printf(arena, "%.*s", (int)strcspn(start, ends), start);
}

static UNUSED enum outcome
world_outcome(const char *word)
{
    enum outcome outcome = outcome_parse(word);

    if (outcome == OUTCOME_NONE && strcmp(word, "none") != 0)
        tap_bail("no outcome '%s' in the test's own text", word);
    return outcome;
}

/* "pair@60=fail boot=pass" */
static UNUSED void
world_job(struct arena *arena, const char *text, struct decide_job *out)
{
    struct decide_step *steps
        = arena_alloc(arena, WORLD_LIST_MAX * sizeof *steps);
    const char *name, *status, *p = text;

    out->name = world_word(arena, &p, "=@");
    if (p[-1] == '@')
        out->estimate_ms = atoll(world_word(arena, &p, "="));
    out->status = world_outcome(world_word(arena, &p, " "));
    out->lane = out->status == OUTCOME_PASS ? LANE_NONE : LANE_UNKNOWN;
    while ((name = world_word(arena, &p, "=")) != NULL) {
        status = world_word(arena, &p, " ");
        steps[out->step_count++] = (struct decide_step){
            name, world_outcome(status), LANE_NONE
        };
    }
    out->steps = steps;
}

static UNUSED struct decide_flight
world_flight(struct arena *arena, const char *line)
{
    struct decide_job *jobs
        = arena_alloc(arena, WORLD_LIST_MAX * sizeof *jobs);
    const char *p = line, *flags, *job;
    struct decide_flight flight = { .blessing = "real", .jobs = jobs };

    flight.flight = atoll(world_word(arena, &p, " "));
    flags = world_word(arena, &p, ":");
    for (; *flags != '\0'; flags++) {
        if (*flags == 'T')
            flight.versions |= DECIDE_THIS;
        else if (*flags == 'B')
            flight.versions |= DECIDE_THAT;
        else if (*flags == 'R')
            flight.blessing = "real-retest";
    }
    while ((job = world_word(arena, &p, ";")) != NULL)
        world_job(arena, job, &jobs[flight.job_count++]);
    return flight;
}

/* As the database orders them. */
static UNUSED int
world_order(const void *a, const void *b)
{
    const struct decide_flight *x = a, *y = b;
    int order = strcmp(x->blessing, y->blessing);

    if (order != 0)
        return order;
    return (x->flight < y->flight) - (x->flight > y->flight);
}

static UNUSED struct decide_input
world_input(struct arena *arena, const char *text)
{
    struct decide_flight *history
        = arena_alloc(arena, WORLD_LIST_MAX * sizeof *history);
    struct decide_cell *passed
        = arena_alloc(arena, WORLD_LIST_MAX * sizeof *passed);
    struct decide_allow *allow
        = arena_alloc(arena, WORLD_LIST_MAX * sizeof *allow);
    struct decide_input input = { .branch = "b", .history = history,
                                  .passed = passed, .allow = allow };
    const char *p = text, *line;

    while ((line = world_word(arena, &p, "\n")) != NULL) {
        const char *rest = line, *word = world_word(arena, &rest, " ");

        if (strcmp(word, "passed") == 0) {
            passed[input.passed_count].job = world_word(arena, &rest, " ");
            passed[input.passed_count++].testid = rest;
        } else if (strcmp(word, "allow") == 0) {
            allow[input.allow_count].source = "allow.test:1";
            allow[input.allow_count].job = world_word(arena, &rest, " ");
            allow[input.allow_count++].testid = rest;
        } else {
            struct decide_flight flight = world_flight(arena, line);

            if (input.flight.flight == 0)
                input.flight = flight;
            if (flight.versions != 0)
                history[input.history_count++] = flight;
        }
    }
    qsort(history, input.history_count, sizeof *history, world_order);
    return input;
}

/* "result" and a line a failure: job testid | summary | blocker category. */
static UNUSED void
world_answer(const struct decision *decision, struct buf *out)
{
    buf_addf(out, "%s\n", decide_result_name(decision->result));
    for (size_t i = 0; i < decision->failure_count; i++) {
        const struct decide_failure *failure = &decision->failures[i];

        buf_addf(out, "%s %s | %s | %s %s%s\n", failure->job,
                 decide_testid_text(failure->testid), failure->summary,
                 decide_blocker_name(failure->blocker),
                 decide_category_name(failure->category),
                 failure->repeated ? " repeated" : "");
    }
}

#endif
