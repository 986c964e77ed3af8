/* tests/bisector/search-test.c - sums and choices on random histories, beside
 * slow and obvious ones. */
#include <config.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "bisector/graph.h"
#include "bisector/posterior.h"
#include "bisector/search.h"
#include "harness/mem.h"
#include "tests/tap.h"

#define N 700

static uint64_t state = 1;

static size_t
below(size_t n)
{
    uint64_t x = state += 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    return (size_t)((x ^ x >> 29) % n);
}

/* Each commit has one to three of the last 30 as parents; the last one all
 * that nobody has, since bad has every candidate. */
static void
random_history(struct graph *g, size_t n)
{
    char hex[GRAPH_HEX_BYTES];
    bool *has_child = xcalloc(n, sizeof(*has_child));
    uint32_t node = 0, parent;
    size_t i, k, parents;

    graph_init(g);
    snprintf(hex, sizeof(hex), "%040x", 0xffffffffu);
    graph_tree_add(g, "t", "", hex, "end");
    for (i = 0; i < n; i++) {
        snprintf(hex, sizeof(hex), "%040zx", i + 1);
        must(graph_node_add(g, hex, (int64_t)i, &node));
        parents = i == 0 ? 0 : below(4) == 0 ? 1 + below(3) : 1;
        for (k = 0; k < parents && i + 1 < n; k++) {
            parent = (uint32_t)(i - 1 - below(i < 30 ? i : 30));
            graph_parent_add(g, parent);
            has_child[parent] = true;
        }
        for (k = 0; k < i && i + 1 == n; k++)
            if (!has_child[k])
                graph_parent_add(g, (uint32_t)k);
        if (below(10) == 0 && i + 1 < n)
            graph_set_suspect(g, node, false);
    }
    graph_hex(g, 0, node, g->trees[0].bad);
    free(has_child);
}

static uint64_t *
has_of(const struct graph *g, uint32_t node)
{
    uint64_t *has = xcalloc(graph_words(g) + 1, sizeof(*has));

    graph_add_ancestors(g, 0, node, has);
    return has;
}

static void
test_sums(void)
{
    struct graph_class classes[5] = { { 0, 0 } };
    double *a, *b, want_a, want_b, worst = 0;
    uint32_t *class_of, i, k;
    struct graph g;
    uint64_t *has;

    random_history(&g, N);
    a = xcalloc(N, sizeof(*a));
    b = xcalloc(N, sizeof(*b));
    class_of = xcalloc(N, sizeof(*class_of));
    for (i = 0; i < ARRAY_LEN(classes); i++)
        classes[i] = (struct graph_class){ (double)below(100),
                                           -(double)below(9) };
    for (i = 0; i < N; i++)
        class_of[i] = below(7) == 0 ? GRAPH_NO_CLASS
            : (uint32_t)below(ARRAY_LEN(classes));
    graph_sums(&g, class_of, classes, ARRAY_LEN(classes), a, b);
    for (i = 0; i < N; i++) {
        has = has_of(&g, i);
        want_a = want_b = 0;
        for (k = 0; k < N; k++)
            if (graph_bit(has, k) && class_of[k] != GRAPH_NO_CLASS) {
                want_a += classes[class_of[k]].a;
                want_b += classes[class_of[k]].b;
            }
        worst = fmax(worst, fabs(a[i] - want_a) + fabs(b[i] - want_b));
        free(has);
    }
    ok(worst < 1e-6, "sums over ancestors are what a walk finds");
    free(a);
    free(b);
    free(class_of);
    graph_fini(&g);
}

/* What a run at 'node' tells, from the definition. 'fails' and 'passes' are
 * counts of runs at 'tested'. */
struct tested {
    uint32_t node, fails, passes;
    uint64_t *has;
};

static double
information(const struct graph *g, const struct search_opts *opts,
            const struct tested *tested, size_t count, uint32_t node)
{
    double p_fail = 0, noise = 0, sum = 0, *weight, *fail, like, rate;
    uint64_t *has = has_of(g, node);
    size_t i, k;

    weight = xcalloc(g->count + 2, sizeof(*weight));
    fail = xcalloc(g->count + 2, sizeof(*fail));
    for (i = 0; i < g->count + 2; i++) {
        bool none = i == g->count, already = i == g->count + 1;

        if (i < g->count && !g->is_suspect[i])
            continue;
        like = none ? opts->none : already ? opts->already
            : (1 - opts->none - opts->already) / (double)g->suspect_count;
        for (k = 0; k < count; k++) {
            rate = already || (!none && graph_bit(tested[k].has, (uint32_t)i))
                ? opts->flake_bad : opts->flake_good;
            like *= pow(rate, tested[k].fails)
                * pow(1 - rate, tested[k].passes);
        }
        weight[i] = like;
        fail[i] = already || (!none && graph_bit(has, (uint32_t)i))
            ? opts->flake_bad : opts->flake_good;
        sum += like;
    }
    for (i = 0; i < g->count + 2; i++) {
        p_fail += weight[i] / sum * fail[i];
        noise += weight[i] / sum * posterior_entropy(fail[i]);
    }
    free(weight);
    free(fail);
    free(has);
    return posterior_entropy(p_fail) - noise;
}

static void
test_choice(double bad, double good)
{
    struct search_opts opts = SEARCH_OPTS_INIT;
    struct tested tested[8];
    struct search_test test;
    struct search *search;
    double best, got, worst = 0;
    uint32_t i, k;
    size_t round;
    struct graph g;

    opts.flake_bad = bad;
    opts.flake_good = good;
    opts.trust_ends = true;
    random_history(&g, 200);
    search = search_new(&g, &opts);
    for (round = 0; round < ARRAY_LEN(tested); round++) {
        if (search_next(search, 1, &test) == 0)
            break;              /* all is known */
        got = test.at[0] < g.count
            ? information(&g, &opts, tested, round, test.at[0]) : INFINITY;
        best = 0;
        for (i = 0; i < g.count; i++)
            if (g.is_suspect[i])
                best = fmax(best, information(&g, &opts, tested, round, i));
        if (isfinite(got))
            worst = fmax(worst, best - got);
        tested[round].node = test.at[0] < g.count ? test.at[0]
            : (uint32_t)below(g.count);
        tested[round].has = has_of(&g, tested[round].node);
        tested[round].fails = (uint32_t)below(2);
        tested[round].passes = 1 - tested[round].fails;
        test.at[0] = tested[round].node;
        search_record(search, &test, tested[round].fails > 0 ? SEARCH_FAIL
                                                             : SEARCH_PASS);
    }
    ok(worst < 1e-6, "the choice at %g/%g is the best by definition", bad,
       good);
    if (worst >= 1e-6)
        diag("%g bits worse", worst);
    for (k = 0; k < round; k++)
        free(tested[k].has);
    search_free(search);
    graph_fini(&g);
}

/* With tests that do not err, the culprit is found wherever it is. */
static void
test_all_culprits(bool fixed)
{
    struct search_opts opts = SEARCH_OPTS_INIT;
    int wrong = 0, runs, most = 0;
    struct search_answer answer;
    struct search_test test;
    struct search *search;
    uint32_t culprit;
    struct graph g;
    uint64_t *has;

    opts.flake_bad = 1;
    opts.flake_good = 0;
    opts.fixed = fixed;
    random_history(&g, 120);
    for (culprit = 0; culprit < g.count; culprit++) {
        if (!g.is_suspect[culprit])
            continue;
        search = search_new(&g, &opts);
        for (runs = 0; runs < 100; runs++) {
            search_answer(search, &answer);
            if (answer.verdict != SEARCH_MORE)
                break;
            search_answer_fini(&answer);
            must(search_next(search, 1, &test) == 1);
            has = has_of(&g, test.at[0]);
            search_record(search, &test, graph_bit(has, culprit) != fixed
                          ? SEARCH_FAIL : SEARCH_PASS);
            free(has);
        }
        wrong += answer.verdict != SEARCH_CULPRIT
            || answer.suspects[0].node != culprit;
        most = runs > most ? runs : most;
        search_answer_fini(&answer);
        search_free(search);
    }
    is_int(wrong, 0, "every commit that %s is found",
           fixed ? "mends" : "breaks");
    diag("%d runs at most, with the ends", most);
    graph_fini(&g);
}

/* A failure that does not come again: bad alone is run until that is sure, and
 * good never; once bad has failed, good is next. */
static void
test_not_reproducible(void)
{
    struct search_opts opts = SEARCH_OPTS_INIT;
    struct search_test test, good, bad;
    struct search_answer answer;
    struct search *search;
    bool all_bad = true;
    struct graph g;
    int runs;

    random_history(&g, 120);
    search_test_ends(&g, &good, &bad);
    search = search_new(&g, &opts);
    for (runs = 0; runs < 100; runs++) {
        search_answer(search, &answer);
        if (answer.verdict != SEARCH_MORE)
            break;
        search_answer_fini(&answer);
        must(search_next(search, 1, &test) == 1);
        all_bad = all_bad && search_test_same(&g, &test, &bad);
        search_record(search, &test, SEARCH_PASS);
    }
    ok(answer.verdict == SEARCH_FLAKE && answer.chance >= opts.confidence,
       "bad that passes %d times: not reproducible", runs);
    ok(all_bad && runs > 1, "and nothing else was run");
    search_answer_fini(&answer);
    search_free(search);

    search = search_new(&g, &opts);
    must(search_next(search, 1, &test) == 1);
    search_record(search, &test, SEARCH_PASS);
    search_record(search, &bad, SEARCH_FAIL);
    ok(search_next(search, 1, &test) == 1
       && search_test_same(&g, &test, &good), "bad has failed: good is next");
    search_free(search);
    graph_fini(&g);
}

static void
line_history(struct graph *g, size_t n)
{
    char hex[GRAPH_HEX_BYTES];
    uint32_t node = 0;
    size_t i;

    graph_init(g);
    snprintf(hex, sizeof(hex), "%040d", 0);
    graph_tree_add(g, "t", "", hex, "end");
    for (i = 0; i < n; i++) {
        snprintf(hex, sizeof(hex), "%040zx", i + 1);
        must(graph_node_add(g, hex, (int64_t)i, &node));
        if (i > 0)
            graph_parent_add(g, node - 1);
    }
    graph_hex(g, 0, node, g->trees[0].bad);
}

/* Good and a commit near the culprit cannot be tested: what lies between may,
 * and is not given up untried; runs that tell next to nothing are not made. */
static void
test_worth(void)
{
    struct search_opts opts = SEARCH_OPTS_INIT;
    struct search_test test, good, bad, near;
    struct search_answer answer;
    struct search *search;
    struct graph g;
    int runs;

    line_history(&g, 14);
    search_test_ends(&g, &good, &bad);
    near = (struct search_test){ { 7 } };
    search = search_new(&g, &opts);
    search_record(search, &bad, SEARCH_FAIL);
    search_record(search, &good, SEARCH_CANNOT);
    search_record(search, &near, SEARCH_CANNOT);
    for (runs = 3; runs < 100; runs++) {
        search_answer(search, &answer);
        if (answer.verdict != SEARCH_MORE)
            break;
        search_answer_fini(&answer);
        must(search_next(search, 1, &test) == 1);
        search_record(search, &test,
                      search_test_same(&g, &test, &good)
                      || search_test_same(&g, &test, &near) ? SEARCH_CANNOT
                      : test.at[0] == GRAPH_BAD || test.at[0] >= 8
                      ? SEARCH_FAIL : SEARCH_PASS);
    }
    ok(answer.verdict == SEARCH_SUSPECTS && answer.suspect_count == 2
       && answer.suspects[0].node + answer.suspects[1].node == 15,
       "a stretch that is none is looked into");
    ok(runs <= 20, "by %d runs", runs);
    search_answer_fini(&answer);
    search_free(search);

    search = search_new(&g, &opts);
    search_record(search, &bad, SEARCH_FAIL);
    for (runs = 1; runs < 100; runs++) {
        search_answer(search, &answer);
        if (answer.verdict != SEARCH_MORE)
            break;
        search_answer_fini(&answer);
        must(search_next(search, 1, &test) == 1);
        search_record(search, &test, search_test_same(&g, &test, &bad)
                      ? SEARCH_FAIL : SEARCH_CANNOT);
    }
    ok(answer.verdict == SEARCH_SUSPECTS && answer.suspect_count == 14,
       "nothing but bad can be tested: any of them");
    ok(runs <= 40, "by %d runs", runs);
    search_answer_fini(&answer);
    search_free(search);
    graph_fini(&g);
}

int
main(void)
{
    int i;

    for (i = 0; i < 5; i++)
        test_sums();
    for (i = 0; i < 3; i++) {
        test_choice(.9, .1);
        test_choice(.5, .02);
        test_choice(.999, .001);
    }
    test_all_culprits(false);
    test_all_culprits(true);
    test_not_reproducible();
    test_worth();
    return tap_done();
}
