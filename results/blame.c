/* results/blame.c - see blame.h.
 *
 * Bayes over a handful of ways in which a test can come to fail. Each way
 * gives the chance of a failure in each cell; what the cells showed weighs the
 * ways, and their sums are the split. The next cell is the one whose result is
 * expected to tell most about the cause (Lindley, Ann. Math. Stat. 27, 1956;
 * Chernoff, ibid. 30, 1959), and the end comes when the odds have left an
 * interval (Wald, Sequential Analysis, 1947). */
#include <config.h>

#include "results/blame.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* The odds at which it ends: P(product) outside [CLEARED, CONVICTED]. */
static const double CONVICTED = 0.99999, CLEARED = 0.015;
/* When nothing more can be run, lesser certainty must do. */
static const double LIKELY = 0.9995, UNLIKELY = 0.2;
/* Who it was instead is worth some runs too, that a host may get its mark. */
static const double NAMED = 0.7;
#define NAMED_RUNS 4
/* Bits a run must be expected to give: few, since what is left of the doubt
 * before a conviction is an outage that is met once in a thousand failures. */
static const double LEAST_GAIN = 0.0001;
#define BLOCK 5
/* Bits about which of the innocent it was, beside those about the product. */
static const double DETAIL = 0.2;

const char *
blame_cause_name(enum blame_cause cause)
{
    static const char *const NAMES[] = {
        [BLAME_NONE] = "none", [BLAME_PRODUCT] = "product",
        [BLAME_HOST] = "host", [BLAME_FLAKE] = "flake",
        [BLAME_HARNESS] = "harness",
    };

    return (size_t)cause < ARRAY_LEN(NAMES) ? NAMES[cause] : NAMES[0];
}

enum blame_cause
blame_cause_parse(const char *word)
{
    for (int i = BLAME_PRODUCT; word != NULL && i < BLAME_CAUSE_COUNT; i++)
        if (strcmp(word, blame_cause_name((enum blame_cause)i)) == 0)
            return (enum blame_cause)i;
    return BLAME_NONE;
}

static const char *const CELLS[BLAME_CELL_COUNT] = {
    [BLAME_NEW_SAME] = "new-same", [BLAME_NEW_SIBLING] = "new-sibling",
    [BLAME_GOOD_SAME] = "good-same", [BLAME_GOOD_SIBLING] = "good-sibling",
};

const char *
blame_cell_name(enum blame_cell cell)
{
    return (size_t)cell < ARRAY_LEN(CELLS) ? CELLS[cell] : "none";
}

enum blame_cell
blame_cell_parse(const char *word)
{
    int i = 0;

    while (i < BLAME_CELL_COUNT && (word == NULL
                                    || strcmp(word, CELLS[i]) != 0))
        i++;
    return (enum blame_cell)i;
}

/* What the first evidence is: rows of WITNESS. */
enum witness { PANIC = 0, SAYS_PRODUCT, SURE_HOST, SAYS_HOST, SURE_HARNESS,
               SAYS_HARNESS, SAYS_TEST, SAYS_NOTHING, WITNESS_COUNT };

/* P(this evidence | cause). A column is a distribution. */
static const double WITNESS[WITNESS_COUNT][BLAME_CAUSE_COUNT] = {
    /*                 none product host   flake  harness */
    [PANIC]        = { 0, 0.4500, 0.050, 0.0300, 0.005 },
    [SAYS_PRODUCT] = { 0, 0.4000, 0.130, 0.4700, 0.100 },
    [SURE_HOST]    = { 0, 0.0005, 0.270, 0.0100, 0.005 },
    [SAYS_HOST]    = { 0, 0.0100, 0.200, 0.0300, 0.050 },
    [SURE_HARNESS] = { 0, 0.0005, 0.010, 0.0200, 0.300 },
    [SAYS_HARNESS] = { 0, 0.0190, 0.090, 0.0500, 0.240 },
    [SAYS_TEST]    = { 0, 0.0200, 0.050, 0.1400, 0.100 },
    [SAYS_NOTHING] = { 0, 0.1000, 0.200, 0.2500, 0.200 },
};
/* P(the good version has shown this signature | cause); a test that never
 * failed before can only have shown it in another job. */
static const double SEEN[BLAME_CAUSE_COUNT] = { 0, 0.03, 0.4, 0.75, 0.5 };
static const double SEEN_ELSEWHERE = 0.2;

/* How often a job meets each cause, in a thousand; flakes by history. An
 * outage of the harness strikes many jobs of a flight at once, so that it is
 * met as often as a fault of the product. */
#define PER_MILLE_PRODUCT 20.0
#define PER_MILLE_HOST 5.0
#define PER_MILLE_HARNESS 30.0
#define PER_MILLE_BOTH 0.1

/* Chances that have nothing to do with the cause looked for. */
static const double STRAY_FAIL = 0.002, STRAY_OTHER = 0.01,
                    STRAY_BROKEN = 0.03;

/* One way: a cause, its weight, and P(the trouble strikes) by cell. */
struct way {
    enum blame_cause cause;
    double weight;
    double strikes[BLAME_CELL_COUNT];
    double broken;              /* of the strikes, those that read "broken" */
};
#define WAYS_MAX 16

struct ways {
    struct way list[WAYS_MAX];
    size_t count;
};

static void
add(struct ways *ways, enum blame_cause cause, double per_mille, double rate,
    double new_same, double new_sibling, double good_same,
    double good_sibling)
{
    struct way *way = &ways->list[ways->count++];

    must(ways->count <= WAYS_MAX);
    *way = (struct way){
        /* It has struck once: that is why we are here. */
        .cause = cause, .weight = per_mille * rate,
        .strikes = { new_same * rate, new_sibling * rate, good_same * rate,
                     good_sibling * rate },
        .broken = cause == BLAME_HOST ? 0.3 : cause == BLAME_HARNESS ? 0.4
            : 0.02,
    };
}

/* The rate of a flake is one of a few, each weighed by what the good versions
 * did. At the end of the row is a test that hardly ever passes. */
static void
add_flakes(struct ways *ways, const struct blame_facts *facts)
{
    static const struct { double rate, weight; } GRID[] = {
        { 0.002, 0.55 }, { 0.01, 0.25 }, { 0.03, 0.10 }, { 0.1, 0.06 },
        { 0.3, 0.03 }, { 0.7, 0.01 },
    };
    double fails = fmax(facts->flake_fails, 0);
    double passes = fmax(facts->flake_runs - fails, 0);
    double logs[ARRAY_LEN(GRID)], top = -INFINITY, sum = 0;

    for (size_t i = 0; i < ARRAY_LEN(GRID); i++) {
        logs[i] = log(GRID[i].weight) + fails * log(GRID[i].rate)
            + passes * log1p(-GRID[i].rate);
        top = fmax(top, logs[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(GRID); i++)
        sum += exp(logs[i] - top);
    for (size_t i = 0; i < ARRAY_LEN(GRID); i++)
        add(ways, BLAME_FLAKE, 1000 * exp(logs[i] - top) / sum,
            GRID[i].rate, 1, 1, 1, 1);
}

static enum witness
witness_of(const struct blame_facts *facts)
{
    switch (facts->lane) {
    case LANE_PRODUCT:
        return facts->certain ? PANIC : SAYS_PRODUCT;
    case LANE_HOST:
        return facts->certain ? SURE_HOST : SAYS_HOST;
    case LANE_HARNESS:
        return facts->certain ? SURE_HARNESS : SAYS_HARNESS;
    case LANE_TEST:
        return SAYS_TEST;
    case LANE_NONE:
    case LANE_UNKNOWN:
    case LANE_COUNT:
    default:
        return SAYS_NOTHING;
    }
}

static void
ways_make(const struct blame_facts *facts, struct ways *ways)
{
    enum witness witness = witness_of(facts);

    ways->count = 0;
    add(ways, BLAME_PRODUCT, 0.80 * PER_MILLE_PRODUCT, 0.97, 1, 1, 0, 0);
    add(ways, BLAME_PRODUCT, 0.12 * PER_MILLE_PRODUCT, 0.50, 1, 1, 0, 0);
    add(ways, BLAME_PRODUCT, 0.08 * PER_MILLE_PRODUCT, 0.15, 1, 1, 0, 0);
    /* Needs both: this version on this machine. */
    add(ways, BLAME_PRODUCT, PER_MILLE_BOTH, 0.90, 1, 0, 0, 0);
    add(ways, BLAME_HOST, 0.6 * PER_MILLE_HOST, 0.95, 1, 0, 1, 0);
    add(ways, BLAME_HOST, 0.4 * PER_MILLE_HOST, 0.50, 1, 0, 1, 0);
    add(ways, BLAME_HARNESS, 0.3 * PER_MILLE_HARNESS, 0.95, 1, 1, 1, 1);
    add(ways, BLAME_HARNESS, 0.2 * PER_MILLE_HARNESS, 0.70, 1, 1, 1, 1);
    add(ways, BLAME_HARNESS, 0.2 * PER_MILLE_HARNESS, 0.40, 1, 1, 1, 1);
    /* Was over when we came to look. */
    add(ways, BLAME_HARNESS, 0.3 * PER_MILLE_HARNESS, 0.80, 0, 0, 0, 0);
    add_flakes(ways, facts);
    for (size_t i = 0; i < ways->count; i++) {
        struct way *way = &ways->list[i];
        double seen = SEEN[way->cause];

        if (way->cause == BLAME_FLAKE && facts->flake_fails < 0.5)
            seen = SEEN_ELSEWHERE;
        way->weight *= WITNESS[witness][way->cause]
            * (facts->seen_before ? seen : 1 - seen);
    }
}

enum result { RESULT_PASS = 0, RESULT_FAIL, RESULT_OTHER, RESULT_BROKEN,
              RESULT_COUNT };

static double
chance(const struct way *way, enum blame_cell cell, enum result result)
{
    double q = way->strikes[cell], quiet = 1 - q;

    switch (result) {
    case RESULT_FAIL:
        return q * (0.92 - way->broken) + quiet * STRAY_FAIL;
    case RESULT_OTHER:
        return q * 0.08 + quiet * STRAY_OTHER;
    case RESULT_BROKEN:
        return q * way->broken + quiet * STRAY_BROKEN;
    case RESULT_PASS:
        return quiet * (1 - STRAY_FAIL - STRAY_OTHER - STRAY_BROKEN);
    case RESULT_COUNT:
    default:
        return 0;
    }
}

static void
weigh(struct ways *ways, const struct blame_count cells[])
{
    for (size_t i = 0; i < ways->count; i++) {
        struct way *way = &ways->list[i];
        double nats = log(way->weight);

        for (int c = 0; c < BLAME_CELL_COUNT; c++) {
            enum blame_cell cell = (enum blame_cell)c;

            nats += cells[c].pass * log(chance(way, cell, RESULT_PASS))
                + cells[c].fail * log(chance(way, cell, RESULT_FAIL))
                + cells[c].other * log(chance(way, cell, RESULT_OTHER))
                + cells[c].broken * log(chance(way, cell, RESULT_BROKEN));
        }
        way->weight = nats;
    }
}

/* From logarithms to weights that sum to 1. */
static void
normalise(struct ways *ways)
{
    double top = -INFINITY, sum = 0;

    for (size_t i = 0; i < ways->count; i++)
        top = fmax(top, ways->list[i].weight);
    for (size_t i = 0; i < ways->count; i++)
        sum += exp(ways->list[i].weight - top);
    for (size_t i = 0; i < ways->count; i++)
        ways->list[i].weight = exp(ways->list[i].weight - top) / sum;
}

static double
entropy(const double *p, size_t count)
{
    double bits = 0;

    for (size_t i = 0; i < count; i++)
        bits -= p[i] > 0 ? p[i] * log2(p[i]) : 0;
    return bits;
}

/* What is not known: chiefly if it was the product. */
static double
doubt(const double split[BLAME_CAUSE_COUNT])
{
    const double product[] = { split[BLAME_PRODUCT],
                               1 - split[BLAME_PRODUCT] };

    return entropy(product, ARRAY_LEN(product))
        + DETAIL * entropy(split, BLAME_CAUSE_COUNT);
}

static void
split_of(const struct ways *ways, double split[BLAME_CAUSE_COUNT])
{
    memset(split, 0, BLAME_CAUSE_COUNT * sizeof *split);
    for (size_t i = 0; i < ways->count; i++)
        split[ways->list[i].cause] += ways->list[i].weight;
}

/* Bits of doubt that a run of 'cell' is expected to take away. */
static double
gain(const struct ways *ways, const double now[BLAME_CAUSE_COUNT],
     enum blame_cell cell)
{
    double left = 0, total, split[BLAME_CAUSE_COUNT];

    for (int r = 0; r < RESULT_COUNT; r++) {
        memset(split, 0, sizeof split);
        total = 0;
        for (size_t i = 0; i < ways->count; i++) {
            double p = ways->list[i].weight
                * chance(&ways->list[i], cell, (enum result)r);

            split[ways->list[i].cause] += p;
            total += p;
        }
        for (int k = 0; k < BLAME_CAUSE_COUNT && total > 0; k++)
            split[k] /= total;
        left += total * doubt(split);
    }
    return doubt(now) - left;
}

/* The same for each of BLOCK runs that are looked at together: did one of them
 * not pass? What comes now and then is told by many passes, of which the first
 * says next to nothing. */
static double
gain_of_block(const struct ways *ways,
              const double now[BLAME_CAUSE_COUNT], enum blame_cell cell)
{
    double split[2][BLAME_CAUSE_COUNT] = { { 0 } }, total[2] = { 0 };
    double left = 0;

    for (size_t i = 0; i < ways->count; i++) {
        double all = pow(chance(&ways->list[i], cell, RESULT_PASS), BLOCK);
        const double p[] = { ways->list[i].weight * all,
                             ways->list[i].weight * (1 - all) };

        for (int r = 0; r < 2; r++) {
            split[r][ways->list[i].cause] += p[r];
            total[r] += p[r];
        }
    }
    for (int r = 0; r < 2; r++) {
        for (int k = 0; k < BLAME_CAUSE_COUNT && total[r] > 0; k++)
            split[r][k] /= total[r];
        left += total[r] * doubt(split[r]);
    }
    return (doubt(now) - left) / BLOCK;
}

static bool
is_open(const struct blame_facts *facts, enum blame_cell cell)
{
    bool good = cell == BLAME_GOOD_SAME || cell == BLAME_GOOD_SIBLING;
    bool sibling = cell == BLAME_NEW_SIBLING || cell == BLAME_GOOD_SIBLING;

    return (!good || facts->other_version) && (!sibling || facts->sibling);
}

static enum blame_cause
innocent(const double split[BLAME_CAUSE_COUNT])
{
    enum blame_cause best = BLAME_HOST;

    for (int k = BLAME_HOST; k < BLAME_CAUSE_COUNT; k++)
        if (split[k] > split[best])
            best = (enum blame_cause)k;
    return best;
}

static void
decide(struct blame_judgement *out, double convicted, double cleared)
{
    if (out->split[BLAME_PRODUCT] >= convicted)
        out->cause = BLAME_PRODUCT;
    else if (out->split[BLAME_PRODUCT] <= cleared)
        out->cause = innocent(out->split);
}

void
blame_judge(const struct blame_facts *facts, const struct blame_budget *budget,
            struct blame_judgement *out)
{
    struct ways ways;
    double best = LEAST_GAIN, bits;

    *out = (struct blame_judgement){ .end = BLAME_END_NO_CELL };
    ways_make(facts, &ways);
    weigh(&ways, facts->cells);
    normalise(&ways);
    split_of(&ways, out->split);
    decide(out, CONVICTED, CLEARED);
    if (out->cause != BLAME_NONE
        && (out->split[out->cause] >= NAMED || facts->runs >= NAMED_RUNS)) {
        out->end = BLAME_END_DECIDED;
        return;
    }
    for (int c = 0; c < BLAME_CELL_COUNT; c++) {
        bits = is_open(facts, (enum blame_cell)c)
            ? fmax(gain(&ways, out->split, (enum blame_cell)c),
                   gain_of_block(&ways, out->split, (enum blame_cell)c)) : 0;
        if (bits > best) {
            best = bits;
            out->end = BLAME_END_NONE;
            out->next = (enum blame_cell)c;
        }
    }
    if (out->end == BLAME_END_NONE
        && (facts->runs >= budget->runs
            || (budget->host_ms > 0
                && facts->host_ms + facts->cost_ms > budget->host_ms)))
        out->end = BLAME_END_BUDGET;
    if (out->end != BLAME_END_NONE)
        decide(out, LIKELY, UNLIKELY);
}
