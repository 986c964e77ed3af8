/* tests/bench/blame-sim.c - flights with known causes, judged: how often the
 * product is blamed or cleared wrongly, and at how many runs.
 *
 * Usage: blame-sim FLIGHTS SEED [single]
 * Rates are drawn from other distributions than the ones that the judge
 * believes in; a "mixed" failure is one of a test that the product's fault
 * would have struck too. "single" judges as most gates do: run it again once,
 * and believe that. Not a part of the product. */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/buf.h"
#include "results/blame.h"

#define JOBS 40
#define HOSTS 6                 /* of one class */
#define HISTORY 60              /* runs of each test with good versions */
#define MIXED BLAME_CAUSE_COUNT /* a row: not the product, this time */

static uint64_t state;

static double
uniform(void)
{
    uint64_t x = state += 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (double)((x ^ x >> 31) >> 11) / 9007199254740992.0;
}

static double
between(double low, double high)
{
    return low + (high - low) * uniform();
}

static int
below(int n)
{
    return (int)(uniform() * n);
}

/* What is wrong with the world of one flight. */
struct world {
    bool product;
    bool hit[JOBS];             /* by the product's fault */
    double product_rate;
    bool both;                  /* shows on one host alone */
    int bad_host;               /* -1: none */
    double host_rate;
    bool outage, passing;       /* passing: over before anybody looks */
    double outage_rate;
    double flaky[JOBS];
    int first_host;
};

struct test {
    int host;
    enum blame_cause cause;     /* that made it fail; NONE: it passed */
};

static void
world_make(struct world *w)
{
    double kind = uniform();
    int some;

    *w = (struct world){ .bad_host = -1 };
    for (int j = 0; j < JOBS; j++) {
        kind = uniform();
        w->flaky[j] = kind < 0.85 ? between(0, 0.002)
            : kind < 0.96 ? between(0.002, 0.02) : between(0.02, 0.15);
    }
    /* Mixed flights come about by themselves, and some on purpose. */
    kind = uniform();
    w->product = kind < 0.20;
    if ((kind >= 0.17 && kind < 0.32) || uniform() < 0.02)
        w->bad_host = below(HOSTS);
    w->outage = (kind >= 0.31 && kind < 0.40) || uniform() < 0.01;
    w->product_rate = uniform() < 0.9 ? between(0.9, 1) : between(0.2, 0.9);
    w->both = uniform() < 0.01;
    some = uniform() < 0.25 ? JOBS : 1 + below(5);
    for (int i = 0; i < some; i++)
        w->hit[below(JOBS)] = true;
    w->host_rate = between(0.4, 1);
    w->outage_rate = between(0.3, 1);
    w->passing = uniform() < 0.5;
    w->first_host = below(HOSTS);
}

/* Why this run fails; NONE: it passes. */
static enum blame_cause
run_once(const struct world *w, int job, int host, bool new, bool later)
{
    if (w->outage && !(later && w->passing) && uniform() < w->outage_rate)
        return BLAME_HARNESS;
    if (host == w->bad_host && uniform() < w->host_rate)
        return BLAME_HOST;
    if (new && w->product && w->hit[job]
        && (!w->both || host == w->first_host)
        && uniform() < w->product_rate)
        return BLAME_PRODUCT;
    return uniform() < w->flaky[job] ? BLAME_FLAKE : BLAME_NONE;
}

/* What the evidence of a failure looks like. */
struct look {
    enum lane lane;
    bool certain, seen;
};

static struct look
look_at(enum blame_cause cause, double fails)
{
    double u = uniform();
    struct look look = { .lane = LANE_UNKNOWN };

    switch (cause) {
    case BLAME_PRODUCT:
        look.lane = u < 0.85 ? LANE_PRODUCT : u < 0.9 ? LANE_TEST
            : LANE_UNKNOWN;
        look.certain = look.lane == LANE_PRODUCT && uniform() < 0.5;
        look.seen = uniform() < 0.02;
        break;
    case BLAME_HOST:
        look.lane = u < 0.5 ? LANE_HOST : u < 0.7 ? LANE_PRODUCT
            : u < 0.85 ? LANE_HARNESS : LANE_UNKNOWN;
        look.certain = look.lane == LANE_PRODUCT ? uniform() < 0.25
            : uniform() < 0.5;
        look.seen = uniform() < 0.3;
        break;
    case BLAME_FLAKE:
        look.lane = u < 0.5 ? LANE_PRODUCT : u < 0.65 ? LANE_TEST
            : u < 0.75 ? LANE_HARNESS : LANE_UNKNOWN;
        look.certain = look.lane == LANE_PRODUCT && uniform() < 0.06;
        look.seen = uniform() < (fails > 0 ? 0.8 : 0.15);
        break;
    case BLAME_HARNESS:
        look.lane = u < 0.6 ? LANE_HARNESS : u < 0.7 ? LANE_PRODUCT
            : u < 0.8 ? LANE_HOST : LANE_UNKNOWN;
        look.certain = look.lane != LANE_PRODUCT && uniform() < 0.5;
        look.seen = uniform() < 0.5;
        break;
    case BLAME_NONE:
    case BLAME_CAUSE_COUNT:
    default:
        break;
    }
    return look;
}

/* Failures that look alike are judged once: here those of one cause, in a
 * third of cases of host, harness and flake each for itself. */
static int
signature_of(enum blame_cause cause)
{
    if (cause == BLAME_PRODUCT)
        return uniform() < 0.9 ? 0 : 1;
    if (cause == BLAME_FLAKE)
        return -1;
    return uniform() < 0.33 ? -1 : cause == BLAME_HOST ? 2 : 3;
}

static void
count_cell(const struct world *w, int job, int host, bool new,
           enum blame_cause cause, struct blame_count *count)
{
    enum blame_cause got = run_once(w, job, host, new, true);
    double u = uniform();

    if (got == BLAME_NONE) {
        if (uniform() < 0.01)
            count->broken++;
        else
            count->pass++;
    } else if (got != cause)
        (*(got == BLAME_PRODUCT || got == BLAME_FLAKE ? &count->other
           : &count->broken))++;
    else if (got == BLAME_PRODUCT || got == BLAME_FLAKE || u < 0.6)
        (*(u < 0.93 ? &count->fail : &count->other))++;
    else
        (*(u < 0.9 ? &count->broken : &count->other))++;
}

struct totals {
    int flights, failing_flights, blocked, wrong_blocks, wrong_pushes;
    int product_flights;
    int64_t failures, groups, runs, most;
    int64_t infra, infra_called_product;
    int64_t matrix[MIXED + 1][BLAME_CAUSE_COUNT];
};

static enum blame_cause
judge(const struct world *w, int job, int host, enum blame_cause cause,
      int others_elsewhere, bool single, struct totals *totals)
{
    const struct blame_budget budget = BLAME_BUDGET_INIT;
    struct blame_facts facts = { .other_version = true, .sibling = true,
                                 .cost_ms = 600000 };
    struct blame_judgement now;
    struct look look;
    int sibling = (host + 1 + below(HOSTS - 1)) % HOSTS;

    for (int i = 0; i < HISTORY; i++)
        facts.flake_fails += uniform() < w->flaky[job];
    facts.flake_runs = HISTORY;
    look = look_at(cause, facts.flake_fails);
    facts.lane = look.lane;
    facts.certain = look.certain;
    facts.seen_before = look.seen;
    facts.cells[BLAME_NEW_SIBLING].fail = others_elsewhere;
    if (single) {
        count_cell(w, job, host, true, cause, &facts.cells[BLAME_NEW_SAME]);
        totals->runs++;
        return facts.cells[BLAME_NEW_SAME].pass > 0 ? BLAME_FLAKE
            : BLAME_PRODUCT;
    }
    for (;;) {
        blame_judge(&facts, &budget, &now);
        if (now.end != BLAME_END_NONE)
            break;
        count_cell(w, job, now.next == BLAME_NEW_SAME
                   || now.next == BLAME_GOOD_SAME ? host : sibling,
                   now.next == BLAME_NEW_SAME || now.next == BLAME_NEW_SIBLING,
                   cause, &facts.cells[now.next]);
        facts.runs++;
        totals->runs++;
    }
    if (facts.runs > totals->most)
        totals->most = facts.runs;
    return now.cause;
}

static void
judge_group(const struct world *w, const struct test *tests,
            const int *signatures, int job, bool *judged, bool single,
            struct totals *totals, bool *blocks)
{
    enum blame_cause cause = tests[job].cause, said;
    int elsewhere = 0;
    bool mixed;

    /* The same signature on other hosts in the same flight is evidence that
     * costs nothing; one counts, since they are not independent. */
    for (int j = 0; j < JOBS; j++)
        elsewhere |= signatures[job] >= 0 && signatures[j] == signatures[job]
            && tests[j].host != tests[job].host;
    said = judge(w, job, tests[job].host, cause, elsewhere, single, totals);
    totals->groups++;
    *blocks = *blocks || said == BLAME_PRODUCT || said == BLAME_NONE;
    for (int j = 0; j < JOBS; j++) {
        if (j != job && (signatures[job] < 0
                         || signatures[j] != signatures[job]))
            continue;
        judged[j] = true;
        totals->failures++;
        mixed = tests[j].cause != BLAME_PRODUCT && w->product && w->hit[j];
        totals->matrix[mixed ? MIXED : tests[j].cause][said]++;
        if (!mixed && (tests[j].cause == BLAME_HOST
                       || tests[j].cause == BLAME_HARNESS)) {
            totals->infra++;
            totals->infra_called_product += said == BLAME_PRODUCT;
        }
    }
}

static void
fly(bool single, struct totals *totals)
{
    struct world world;
    struct test tests[JOBS];
    int signatures[JOBS], failing = 0;
    bool judged[JOBS] = { false }, product = false, blocks = false;

    world_make(&world);
    for (int j = 0; j < JOBS; j++) {
        tests[j].host = (world.first_host + j) % HOSTS;
        tests[j].cause = run_once(&world, j, tests[j].host, true, false);
        signatures[j] = tests[j].cause == BLAME_NONE ? -1
            : signature_of(tests[j].cause);
        failing += tests[j].cause != BLAME_NONE;
        product = product || tests[j].cause == BLAME_PRODUCT;
        judged[j] = tests[j].cause == BLAME_NONE;
        product = product || (tests[j].cause != BLAME_NONE && world.product
                              && world.hit[j]);
    }
    for (int j = 0; j < JOBS; j++)
        if (!judged[j])
            judge_group(&world, tests, signatures, j, judged, single, totals,
                        &blocks);
    totals->flights++;
    totals->failing_flights += failing > 0;
    totals->product_flights += product;
    totals->blocked += blocks;
    totals->wrong_blocks += blocks && !product;
    totals->wrong_pushes += !blocks && product;
}

static double
percent(int64_t part, int64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static void
print_matrix(const struct totals *t)
{
    printf("  %-10s", "was \\ said");
    for (int k = BLAME_PRODUCT; k < BLAME_CAUSE_COUNT; k++)
        printf("%9s", blame_cause_name((enum blame_cause)k));
    printf("%9s\n", "open");
    for (int i = BLAME_PRODUCT; i <= MIXED; i++) {
        printf("  %-10s", i == MIXED ? "mixed"
               : blame_cause_name((enum blame_cause)i));
        for (int k = BLAME_PRODUCT; k < BLAME_CAUSE_COUNT; k++)
            printf("%9" PRId64, t->matrix[i][k]);
        printf("%9" PRId64 "\n", t->matrix[i][BLAME_NONE]);
    }
}

int
main(int argc, char **argv)
{
    struct totals t = { .flights = 0 };
    int64_t flights, seed;
    bool single = argc == 4 && strcmp(argv[3], "single") == 0;

    if (argc < 3 || !parse_int64(argv[1], 1, 10000000, &flights)
        || !parse_int64(argv[2], 0, INT64_MAX, &seed)) {
        fprintf(stderr, "usage: blame-sim FLIGHTS SEED [single]\n");
        return 2;
    }
    state = (uint64_t)seed;
    for (int64_t i = 0; i < flights; i++)
        fly(single, &t);
    printf("%s: %d flights, %d with failures, %d with a product's fault in "
           "them; %" PRId64 " failing jobs, %" PRId64 " to judge\n",
           single ? "run again once" : "four cells", t.flights,
           t.failing_flights, t.product_flights, t.failures, t.groups);
    print_matrix(&t);
    printf("  wrong blocks %.2f %% of flights, wrong pushes %.2f %% of "
           "flights (%.2f %% of those with a fault)\n",
           percent(t.wrong_blocks, t.flights),
           percent(t.wrong_pushes, t.flights),
           percent(t.wrong_pushes, t.product_flights));
    printf("  infrastructure called product %.3f %%; %.2f runs a failing "
           "job, at most %" PRId64 "\n",
           percent(t.infra_called_product, t.infra),
           (double)t.runs / (double)t.failures, t.most);
    return 0;
}
