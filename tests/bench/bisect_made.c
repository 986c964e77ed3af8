/* tests/bench/bisect_made.c - made histories, and the rules of rivals. */
#include <config.h>

#include "tests/bench/bisect_made.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bisector/graph.h"
#include "harness/mem.h"

static uint64_t state;

void
made_seed(uint64_t seed)
{
    state = seed * 7919 + 1;
}

static uint64_t
next_random(void)
{
    uint64_t x = state += 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

double
made_uniform(void)
{
    return (double)(next_random() >> 11) / 9007199254740992.0;
}

size_t
made_below(size_t n)
{
    return (size_t)(next_random() % n);
}

static void
made_tree(struct graph *g, size_t t, size_t n, size_t trees, bool merges)
{
    uint32_t node = 0, main_line = GRAPH_GOOD, side = GRAPH_GOOD;
    size_t first = g->count;
    char hex[GRAPH_HEX_BYTES], name[32];
    uint32_t *tips = xcalloc(n + 1, sizeof(*tips));
    size_t i, left = 0, count = 0;

    snprintf(name, sizeof(name), "t%zu", t);
    snprintf(hex, sizeof(hex), "%040x", 0xffffffffu - (unsigned int)t);
    graph_tree_add(g, name, "", hex, "end");
    for (i = 0; i < n; i++) {
        snprintf(hex, sizeof(hex), "%040zx", first + i + 1);
        must(graph_node_add(g, hex, (int64_t)(i * trees + made_below(trees)),
                            &node));
        if (merges && left == 0 && side == GRAPH_GOOD && i > 2
            && i + 10 < n && made_below(2) == 0) {
            left = made_below(5);       /* off an older one, often merged */
            graph_parent_add(g, tips[count - 1 - made_below(count < 30
                                                    ? count : 30)]);
            side = node;
        } else if (left > 0) {
            graph_parent_add(g, side);
            side = node;
            left--;
        } else {
            if (main_line != GRAPH_GOOD)
                graph_parent_add(g, main_line);
            if (side != GRAPH_GOOD)
                graph_parent_add(g, side);
            side = GRAPH_GOOD;
            main_line = node;
            tips[count++] = node;
        }
    }
    graph_hex(g, t, node, g->trees[t].bad);
    free(tips);
}

void
made_history(struct graph *g, size_t n, size_t trees, bool merges)
{
    size_t t;

    graph_init(g);
    for (t = 0; t < trees; t++)
        made_tree(g, t, n / trees, trees, merges);
}

/* As near to half as can be. */
int
rival_git(const struct graph *g, uint32_t culprit)
{
    size_t i, left = g->count, words = graph_words(g), half, best;
    uint64_t *live = xcalloc(words, sizeof(*live)), *has;
    struct graph_class one = { 1, 0 };
    double *sums = xcalloc(g->count, sizeof(*sums));
    double *other = xcalloc(g->count, sizeof(*other));
    uint32_t *class_of = xcalloc(g->count, sizeof(*class_of)), pick = 0;
    int runs;

    for (i = 0; i < g->count; i++)
        live[i / 64] |= (uint64_t)1 << (i % 64);
    for (runs = 0; left > 1; runs++) {
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

enum { UNTESTED, PASSED, FAILED };

/* The parent of a failure where the length is greatest. False: none is left. */
static bool
longest_parent(const struct graph *g, const char *result,
               const double *length, uint32_t *out)
{
    char *failed_before = xcalloc(g->count, 1);
    double best = 0;
    size_t i, k;

    for (i = 0; i < g->count; i++) {
        for (k = g->parent_at[i]; k < g->parent_at[i + 1]; k++)
            if (result[g->parents[k]] == FAILED
                || failed_before[g->parents[k]])
                failed_before[i] = 1;
        if (result[i] != FAILED || failed_before[i])
            continue;           /* not tested, or not interesting */
        for (k = g->parent_at[i]; k < g->parent_at[i + 1]; k++)
            if (length[g->parents[k]] > best) {
                best = length[g->parents[k]];
                *out = g->parents[k];
            }
    }
    free(failed_before);
    return best > 0;
}

int
rival_osstest(const struct graph *g, uint32_t culprit, bool steps)
{
    double *length = xcalloc(g->count, sizeof(*length)), half, gone;
    uint64_t *above = xcalloc(graph_words(g), sizeof(*above));
    char *result = xcalloc(g->count, 1);
    uint32_t at, next, start;
    size_t i, k;
    int runs;

    graph_add_descendants(g, 0, culprit, above);
    result[g->count - 1] = FAILED;
    for (runs = 0;; runs++) {
        for (i = 0; i < g->count; i++) {
            length[i] = result[i] != PASSED;
            for (k = g->parent_at[i]; length[i] > 0
                 && k < g->parent_at[i + 1]; k++)
                length[i] += length[g->parents[k]];
            length[i] = fmin(length[i], 1e300);
        }
        if (!longest_parent(g, result, length, &start))
            break;
        half = floor(length[start] / 2);
        for (at = start, gone = 0; gone < half; at = next) {
            next = GRAPH_GOOD;
            for (k = g->parent_at[at]; k < g->parent_at[at + 1]; k++)
                if (length[g->parents[k]] > 0 && (next == GRAPH_GOOD
                    || length[g->parents[k]] > length[next]))
                    next = g->parents[k];
            if (next == GRAPH_GOOD)
                break;
            gone = steps ? gone + 1 : length[start] - length[next];
        }
        result[at] = graph_bit(above, at) ? FAILED : PASSED;
    }
    free(result);
    free(above);
    free(length);
    return runs;
}
