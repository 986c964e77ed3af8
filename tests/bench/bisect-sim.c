/* tests/bench/bisect-sim.c - searches over made histories with a made culprit,
 * by the thousand: how many runs, and how often right.
 *
 * Usage: bisect-sim clean|merges N SEEDS
 *        bisect-sim flaky N SEEDS BAD GOOD known|learned
 *        bisect-sim none N SEEDS SHARE
 *        bisect-sim broken N SEEDS SHARE outside|inside
 *        bisect-sim parallel N SEEDS K
 *        bisect-sim trees N SEEDS TREES
 * One line: what, mean, worst, right. Not a part of the product. */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bisector/graph.h"
#include "bisector/search.h"
#include "harness/buf.h"
#include "harness/mem.h"

#define RUNS_MOST 2000

static uint64_t state;

static uint64_t
next_random(void)
{
    uint64_t x = state += 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static double
uniform(void)
{
    return (double)(next_random() >> 11) / 9007199254740992.0;
}

static size_t
below(size_t n)
{
    return (size_t)(next_random() % n);
}

/* A line of commits in each tree; with 'merges', side branches of up to 20. */
static void
history(struct graph *g, size_t n, size_t trees, bool merges)
{
    char hex[GRAPH_HEX_BYTES], name[32];
    uint32_t node = 0, main_line, side, first;
    size_t t, i, left;

    graph_init(g);
    for (t = 0; t < trees; t++) {
        snprintf(name, sizeof(name), "t%zu", t);
        snprintf(hex, sizeof(hex), "%040x", 0xffffffffu - (unsigned int)t);
        graph_tree_add(g, name, "", hex, "end");
        main_line = side = GRAPH_GOOD;
        first = (uint32_t)g->count;
        left = 0;
        for (i = 0; i < n / trees; i++) {
            snprintf(hex, sizeof(hex), "%040zx", t * n + i + 1);
            must(graph_node_add(g, hex, (int64_t)(i * trees + below(trees)),
                                &node));
            if (merges && left == 0 && side == GRAPH_GOOD && i > 2
                && i + 40 < n / trees && below(8) == 0) {
                left = 1 + below(20);   /* off an older commit */
                side = main_line;
                graph_parent_add(g, first + (uint32_t)below(i));
                side = node;
                left--;
                continue;
            }
            if (left > 0) {
                graph_parent_add(g, side);
                side = node;
                left--;
                continue;
            }
            if (main_line != GRAPH_GOOD)
                graph_parent_add(g, main_line);
            if (side != GRAPH_GOOD) {
                graph_parent_add(g, side);
                side = GRAPH_GOOD;
            }
            main_line = node;
        }
        graph_hex(g, t, node, g->trees[t].bad);
    }
}

struct truth {
    uint32_t culprit;           /* GRAPH_BAD: none */
    uint64_t *above;            /* what has it */
    double bad, good;           /* rates */
    uint32_t broken_from, broken_to;
};

static enum search_result
run(const struct graph *g, const struct truth *truth,
    const struct search_test *test)
{
    bool has = false;
    uint32_t at;
    size_t t;

    for (t = 0; t < g->tree_count; t++) {
        at = test->at[t];
        if (at == GRAPH_GOOD || at == GRAPH_BAD)
            continue;
        if (at >= truth->broken_from && at < truth->broken_to)
            return SEARCH_CANNOT;
        has = has || (truth->above != NULL && graph_bit(truth->above, at));
    }
    return uniform() < (has ? truth->bad : truth->good) ? SEARCH_FAIL
                                                        : SEARCH_PASS;
}

/* Rounds of at most 'parallel' runs at once. */
static int
search_all(const struct graph *g, const struct search_opts *opts,
           const struct truth *truth, size_t parallel,
           struct search_answer *answer)
{
    struct search *search = search_new(g, opts);
    struct search_test tests[64];
    size_t n, i;
    int rounds;

    for (rounds = 0; rounds < RUNS_MOST; rounds++) {
        search_answer(search, answer);
        if (answer->verdict != SEARCH_MORE)
            break;
        n = search_next(search, parallel, tests);
        for (i = 0; i < n; i++)
            search_start(search, &tests[i]);
        for (i = 0; i < n; i++)
            search_record(search, &tests[i], run(g, truth, &tests[i]));
        search_answer_fini(answer);
    }
    search_free(search);
    return rounds;
}

/* The rule of git: as near to half as can be. */
static int
git_all(const struct graph *g, uint32_t culprit)
{
    uint64_t *live = xcalloc(graph_words(g), sizeof(*live)), *has;
    size_t i, left = g->count, words = graph_words(g), half, best;
    struct graph_class one = { 1, 0 };
    double *sums = xcalloc(g->count, sizeof(*sums));
    double *other = xcalloc(g->count, sizeof(*other));
    uint32_t *class_of = xcalloc(g->count, sizeof(*class_of)), pick = 0;
    int runs = 0;

    for (i = 0; i < g->count; i++)
        live[i / 64] |= (uint64_t)1 << (i % 64);
    while (left > 1) {
        for (i = 0; i < g->count; i++)
            class_of[i] = graph_bit(live, (uint32_t)i) ? 0 : GRAPH_NO_CLASS;
        graph_sums(g, class_of, &one, 1, sums, other);
        best = 0;
        for (i = 0; i < g->count; i++) {
            half = (size_t)fmin(sums[i], (double)left - sums[i]);
            if (graph_bit(live, (uint32_t)i) && half > best) {
                best = half;
                pick = (uint32_t)i;
            }
        }
        has = xcalloc(words, sizeof(*has));
        graph_add_ancestors(g, 0, pick, has);
        runs++;
        left = 0;
        for (i = 0; i < words; i++) {
            live[i] &= graph_bit(has, culprit) ? has[i] : ~has[i];
            left += (size_t)__builtin_popcountll(live[i]);
        }
        free(has);
    }
    free(live);
    free(sums);
    free(other);
    free(class_of);
    return runs;
}

static double
number(char **argv, int argc, int i, double missing)
{
    double value = missing;

    if (i < argc)
        must(parse_double(argv[i], &value));
    return value;
}

static double
entropy(double p)
{
    return p <= 0 || p >= 1 ? 0 : -p * log2(p) - (1 - p) * log2(1 - p);
}

/* Of the channel whose inputs are "has it" and "has it not". */
static double
capacity(double bad, double good)
{
    double best = 0, p, info;

    for (p = .001; p < 1; p += .001) {
        info = entropy(p * bad + (1 - p) * good) - p * entropy(bad)
            - (1 - p) * entropy(good);
        best = fmax(best, info);
    }
    return best;
}

int
main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "clean";
    size_t n = (size_t)number(argv, argc, 2, 1024), trees = 1, parallel = 1;
    int seeds = (int)number(argv, argc, 3, 100), i, rounds, worst = 0;
    struct search_opts opts = SEARCH_OPTS_INIT;
    struct truth truth = { .bad = 1, .good = 0 };
    double sum = 0, none = 0, share = 0, git = 0;
    int right = 0, git_worst = 0, runs;
    struct search_answer answer;
    bool inside = false;
    struct graph g;
    uint32_t size;

    opts.trust_ends = true;
    opts.none = opts.already = 1e-6;
    opts.flake_bad = 1;
    opts.flake_good = 0;
    if (strcmp(mode, "flaky") == 0) {
        truth.bad = number(argv, argc, 4, .8);
        truth.good = number(argv, argc, 5, .2);
        opts.flake_bad = truth.bad;
        opts.flake_good = truth.good;
        if (argc > 6 && strcmp(argv[6], "learned") == 0)
            opts.flake_bad = opts.flake_good = -1;
    } else if (strcmp(mode, "none") == 0) {
        none = number(argv, argc, 4, .4);
        opts = (struct search_opts)SEARCH_OPTS_INIT;
        opts.confidence = .98;
    } else if (strcmp(mode, "broken") == 0) {
        share = number(argv, argc, 4, .25);
        inside = argc > 5 && strcmp(argv[5], "inside") == 0;
    } else if (strcmp(mode, "parallel") == 0) {
        parallel = (size_t)number(argv, argc, 4, 3);
    } else if (strcmp(mode, "trees") == 0) {
        trees = (size_t)number(argv, argc, 4, 3);
    }
    state = 1;
    history(&g, n, trees, strcmp(mode, "merges") == 0);
    for (i = 0; i < seeds; i++) {
        state = (uint64_t)i * 7919 + 1;
        size = (uint32_t)(share * (double)g.count);
        truth.broken_from = (uint32_t)below(g.count - size - 1);
        truth.broken_to = truth.broken_from + size;
        do
            truth.culprit = (uint32_t)below(g.count);
        while (share > 0 && inside != (truth.culprit >= truth.broken_from
                                       && truth.culprit < truth.broken_to));
        if (uniform() < none)
            truth.culprit = GRAPH_BAD;
        truth.above = xcalloc(graph_words(&g) + 1, sizeof(*truth.above));
        if (truth.culprit != GRAPH_BAD)
            graph_add_descendants(&g, graph_tree_of(&g, truth.culprit),
                                  truth.culprit, truth.above);
        rounds = search_all(&g, &opts, &truth, parallel, &answer);
        sum += rounds;
        worst = rounds > worst ? rounds : worst;
        if (truth.culprit == GRAPH_BAD)
            right += answer.verdict == SEARCH_FLAKE;
        else if (inside)        /* the commit that mends it is one, too */
            right += answer.verdict == SEARCH_SUSPECTS
                && answer.suspect_count == (size_t)size + 1;
        else
            right += (answer.verdict == SEARCH_CULPRIT
                      && answer.suspects[0].node == truth.culprit)
                || (answer.verdict == SEARCH_SUSPECTS
                    && truth.culprit == truth.broken_to);
        if (strcmp(mode, "clean") == 0 || strcmp(mode, "merges") == 0) {
            runs = git_all(&g, truth.culprit);
            git += runs;
            git_worst = runs > git_worst ? runs : git_worst;
        }
        search_answer_fini(&answer);
        free(truth.above);
    }
    printf("%-9s n=%-6zu mean %.2f worst %d right %.3f", mode, n,
           sum / seeds, worst, (double)right / seeds);
    if (strcmp(mode, "flaky") == 0)
        printf(" (%g/%g %s: bound %.2f, ratio %.2f)", truth.bad, truth.good,
               opts.flake_bad < 0 ? "learned" : "known",
               (.95 * log2((double)n) - entropy(.05))
               / capacity(truth.bad, truth.good),
               sum / seeds / ((.95 * log2((double)n) - entropy(.05))
                              / capacity(truth.bad, truth.good)));
    else if (git > 0)
        printf(" (git's rule: mean %.2f worst %d; log2 n %.2f)", git / seeds,
               git_worst, log2((double)n));
    else
        printf(" (log2 n %.2f, K=%zu, trees=%zu, share=%g)",
               log2((double)n), parallel, trees, share);
    printf("\n");
    graph_fini(&g);
    return 0;
}
