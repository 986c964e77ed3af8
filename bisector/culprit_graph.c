/* bisector/culprit_graph.c - a search as a graph, for Graphviz and drawn by
 * it. */
#include <config.h>

#include "bisector/culprit.h"

#include <stdlib.h>
#include <string.h>

#include "bisector/graph.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/mem.h"
#include "harness/proc.h"

#define DRAW_LIMIT_MS 60000
#define SHADE_LEAST .01         /* of the likeliest: what is seen as shade */

/* Which commits the picture shows: tested ones and the likeliest. */
static void
shown_mark(const struct graph *graph, struct search *search,
           const struct search_answer *answer, size_t most, bool *shown)
{
    struct search_seen seen;
    size_t i, t, n = 0;

    for (i = 0; i < search_seen_count(search); i++) {
        search_seen_get(search, i, &seen);
        for (t = 0; t < graph->tree_count; t++)
            if (seen.test.at[t] < graph->count && !shown[seen.test.at[t]]) {
                shown[seen.test.at[t]] = true;
                n++;
            }
    }
    for (i = 0; i < answer->live_count && n < most
         && answer->suspects[i].chance
            >= SHADE_LEAST * answer->suspects[0].chance; i++)
        if (!shown[answer->suspects[i].node]) {
            shown[answer->suspects[i].node] = true;
            n++;
        }
}

/* What was seen at a commit, in all tests that have it of its tree. */
static struct search_seen
seen_at(struct search *search, const struct graph *graph, uint32_t node)
{
    size_t i, t = graph_tree_of(graph, node);
    struct search_seen seen, all = { .fails = 0 };

    for (i = 0; i < search_seen_count(search); i++) {
        search_seen_get(search, i, &seen);
        if (seen.test.at[t] != node)
            continue;
        all.fails += seen.fails;
        all.passes += seen.passes;
        all.cannots += seen.cannots;
    }
    return all;
}

static const char *
color_of(const struct search_seen *seen)
{
    return seen->fails > 0 && seen->passes > 0 ? "#c77700"
        : seen->fails > 0 ? "#c0271d" : seen->passes > 0 ? "#2e8b57"
        : seen->cannots > 0 ? "#3f559c" : "#9a9a9a";
}

/* "3 bad 1 good": the colour in words. */
static void
seen_add(const struct search_seen *seen, struct buf *out)
{
    const struct {
        const char *name;
        uint32_t count;
    } all[] = { { "bad", seen->fails }, { "good", seen->passes },
                { "cannot tell", seen->cannots } };
    const char *before = "\\n";
    size_t i;

    for (i = 0; i < ARRAY_LEN(all); i++)
        if (all[i].count > 0) {
            buf_addf(out, "%s%u %s", before, all[i].count, all[i].name);
            before = ", ";
        }
}

/* The nearest shown ancestors of each shown commit, by one walk back. */
static void
edges_add(const struct graph *graph, const bool *shown, uint32_t node,
          uint32_t *mark, struct buf *out)
{
    uint32_t *stack = xcalloc(graph->count + 1, sizeof(*stack)), at, p;
    size_t n = 0, k;

    stack[n++] = node;
    while (n > 0) {
        at = stack[--n];
        for (k = graph->parent_at[at]; k < graph->parent_at[at + 1]; k++) {
            p = graph->parents[k];
            if (mark[p] == node + 1)
                continue;
            mark[p] = node + 1;
            if (shown[p])
                buf_addf(out, "  n%u -> n%u%s;\n", p, node,
                         at == node ? "" : " [style=dashed]");
            else
                stack[n++] = p;
        }
    }
    free(stack);
}

void
culprit_dot(const struct culprit *culprit, size_t most, struct buf *out)
{
    const struct search_answer *answer = culprit->answer;
    const struct graph *graph = culprit->graph;
    struct search *search = culprit->search;
    bool *shown = xcalloc(graph->count + 1, sizeof(*shown));
    uint32_t *mark = xcalloc(graph->count + 1, sizeof(*mark)), i;
    char hex[GRAPH_HEX_BYTES];
    struct search_seen seen;
    double top = answer->live_count > 0 ? answer->suspects[0].chance : 1;
    double chance;
    size_t t;

    shown_mark(graph, search, answer, most, shown);
    buf_adds(out, "digraph bisect {\n  rankdir=BT;\n"
             "  bgcolor=transparent;\n  edge [color=\"#888888\"];\n"
             "  node [shape=box, style=filled, fontname=monospace, "
             "fontsize=10];\n");
    for (i = 0; i < graph->count; i++) {
        if (!shown[i])
            continue;
        t = graph_tree_of(graph, i);
        graph_hex(graph, t, i, hex);
        chance = search_chance(search, i);
        seen = seen_at(search, graph, i);
        buf_addf(out, "  n%u [label=\"%s%s%.12s\\n%.3f", i,
                 graph->tree_count > 1 ? graph->trees[t].name : "",
                 graph->tree_count > 1 ? " " : "", hex, chance);
        seen_add(&seen, out);
        buf_addf(out, "\", color=\"%s\", penwidth=%d, "
                 "fillcolor=\"0 %.3f 1\"%s];\n", color_of(&seen),
                 seen.fails + seen.passes + seen.cannots > 0 ? 3 : 1,
                 top > 0 ? .6 * chance / top : 0,
                 answer->verdict == SEARCH_CULPRIT
                 && i == answer->suspects[0].node ? ", peripheries=2" : "");
        edges_add(graph, shown, i, mark, out);
    }
    buf_adds(out, "}\n");
    free(mark);
    free(shown);
}

bool
culprit_svg(const struct culprit *culprit, size_t most, struct buf *out,
            struct fault *why)
{
    static const char *const argv[] = { "dot", "-Tsvg", NULL };
    struct buf text = BUF_INIT, all = BUF_INIT;
    const char *svg;
    bool ok;

    culprit_dot(culprit, most, &text);
    ok = proc_run(argv, buf_text(&text), text.len, DRAW_LIMIT_MS, &all, why);
    if (ok) {
        svg = strstr(buf_text(&all), "<svg");
        ok = svg != NULL
            || fault_set(why, FAULT_PEER, "dot -Tsvg made no picture");
        if (ok)
            buf_adds(out, svg);
    } else if (why->kind == FAULT_SYSTEM) {
        fault_hint(why, "apt install graphviz");
    }
    buf_free(&all);
    buf_free(&text);
    return ok;
}
