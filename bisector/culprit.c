/* bisector/culprit.c - what a search found, as text, JSON and a graph. */
#include <config.h>

#include "bisector/culprit.h"

#include <stdlib.h>

#include "bisector/graph.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/proc.h"

#define LIST_MOST 40            /* suspects that a text names */

static const int exits[] = {
    [SEARCH_VERDICT_NONE] = CULPRIT_EXIT_MORE,
    [SEARCH_MORE] = CULPRIT_EXIT_MORE,
    [SEARCH_CULPRIT] = CULPRIT_EXIT_CULPRIT,
    [SEARCH_SUSPECTS] = CULPRIT_EXIT_SUSPECTS,
    [SEARCH_FLAKE] = CULPRIT_EXIT_FLAKE,
    [SEARCH_GOOD_FAILS] = CULPRIT_EXIT_GOOD_FAILS,
    [SEARCH_END_BLOCKED] = CULPRIT_EXIT_BLOCKED,
    [SEARCH_GAVE_UP] = CULPRIT_EXIT_GAVE_UP,
};
static_assert(ARRAY_LEN(exits) == SEARCH_VERDICT_COUNT, "one for each");

int
culprit_exit_status(enum search_verdict verdict)
{
    return exits[verdict];
}

/* What git says of a commit; nothing if it does not know it any more. */
static void
git_show(const struct graph *graph, uint32_t node, const char *format,
         struct buf *out)
{
    size_t t = graph_tree_of(graph, node);
    char hex[GRAPH_HEX_BYTES], *pretty = xasprintf("--pretty=%s", format);
    struct fault ignored = FAULT_INIT;
    const char *argv[] = { "git", "-C", graph->trees[t].dir, "show", "-s",
                           "--no-show-signature", pretty, hex, NULL };
    struct buf raw = BUF_INIT;
    size_t start, len;

    graph_hex(graph, t, node, hex);
    if (proc_run(argv, NULL, 0, 0, &raw, &ignored))
        for (start = 0; start < raw.len; start += len + 1) {
            len = strcspn(raw.data + start, "\n");
            buf_add_escaped(out, raw.data + start, len);
            buf_addc(out, '\n');
        }
    buf_free(&raw);
    xfree_str(&pretty);
}

static void
name_add(const struct graph *graph, uint32_t node, struct buf *out)
{
    size_t t = graph_tree_of(graph, node);
    char hex[GRAPH_HEX_BYTES];

    graph_hex(graph, t, node, hex);
    buf_adds(out, hex);
    if (graph->tree_count > 1)
        buf_addf(out, " of %s", graph->trees[t].name);
}

static void
suspects_add(const struct graph *graph, const struct search_answer *answer,
             struct buf *out)
{
    size_t i;

    for (i = 0; i < answer->suspect_count && i < LIST_MOST; i++) {
        buf_adds(out, "  ");
        name_add(graph, answer->suspects[i].node, out);
        buf_addf(out, " %.3f ", answer->suspects[i].chance);
        git_show(graph, answer->suspects[i].node, "format:%s%n", out);
    }
    if (answer->suspect_count > LIST_MOST)
        buf_addf(out, "  and %zu more (--json has all)\n",
                 answer->suspect_count - LIST_MOST);
}

static void
culprit_add(const struct graph *graph, const struct search_answer *answer,
            struct buf *out)
{
    buf_adds(out, answer->fixed ? "fixed by: " : "culprit: ");
    name_add(graph, answer->suspects[0].node, out);
    buf_addc(out, '\n');
    git_show(graph, answer->suspects[0].node,
             "format:  author: %an <%ae>%n  date: %ad%n  subject: %s%n", out);
}

void
culprit_text(const struct graph *graph, struct search *search UNUSED,
            const struct search_answer *answer, int64_t different,
            struct buf *out)
{
    switch (answer->verdict) {
    case SEARCH_VERDICT_NONE:
    case SEARCH_MORE:
        buf_addf(out, "not at the end: %zu of %zu commits left, about %.0f "
                 "more runs\n", answer->suspect_count, graph->suspect_count,
                 answer->runs_left);
        suspects_add(graph, answer, out);
        break;
    case SEARCH_CULPRIT:
        culprit_add(graph, answer, out);
        break;
    case SEARCH_SUSPECTS:
        buf_addf(out, "one of %zu commits; no test can tell which:\n",
                 answer->suspect_count);
        suspects_add(graph, answer, out);
        break;
    case SEARCH_FLAKE:
        buf_addf(out, answer->fixed
                 ? "not fixed: the new end fails as the old one does (%.1f "
                   "%% of runs)\n"
                 : "not reproducible: bad does not fail more often than good "
                   "(%.1f %% of runs); no commit is to blame\n",
                 100 * answer->rate_good);
        break;
    case SEARCH_GOOD_FAILS:
        buf_adds(out, answer->fixed
                 ? "the old end passes too: it was fixed before, or never "
                   "failed\n"
                 : "the good end fails too: the cause is older, or not in "
                   "these trees\n");
        break;
    case SEARCH_END_BLOCKED:
        buf_addf(out, "%s %s, so that nothing can be said\n",
                 answer->fixed ? "the new end" : "bad", different > 0
                 ? "fails in another way" : "cannot be tested");
        break;
    case SEARCH_GAVE_UP:
        buf_addf(out, "stopped after %lld runs; %zu commits with a chance of "
                 "%.3f:\n", (long long)answer->runs, answer->suspect_count,
                 answer->chance);
        suspects_add(graph, answer, out);
        break;
    case SEARCH_VERDICT_COUNT:
        must_never("not a verdict");
    }
    if (answer->verdict == SEARCH_CULPRIT)
        buf_addf(out, "  confidence %.4f after %lld runs; fails in %.0f %% "
                 "of runs with it, %.0f %% without\n", answer->chance,
                 (long long)answer->runs,
                 100 * (answer->fixed ? answer->rate_good : answer->rate_bad),
                 100 * (answer->fixed ? answer->rate_bad
                                      : answer->rate_good));
    else if (answer->verdict != SEARCH_MORE
             && answer->verdict != SEARCH_END_BLOCKED)
        buf_addf(out, "  confidence %.4f after %lld runs\n", answer->chance,
                 (long long)answer->runs);
    if (different > 0)
        buf_addf(out, "  %lld run%s failed in another way, and count%s as "
                 "cannot tell\n", (long long)different,
                 different > 1 ? "s" : "", different > 1 ? "" : "s");
}

static json_t *
commit_json(const struct graph *graph, uint32_t node, double chance)
{
    size_t t = graph_tree_of(graph, node);
    char hex[GRAPH_HEX_BYTES];

    graph_hex(graph, t, node, hex);
    return json_pack("{s:s, s:s, s:f}", "tree", graph->trees[t].name,
                     "commit", hex, "chance", chance);
}

json_t *
culprit_json(const struct graph *graph, struct search *search,
            const struct search_answer *answer, int64_t different)
{
    json_t *suspects = json_array(), *tests = json_array(), *at, *json;
    char hex[GRAPH_HEX_BYTES];
    struct search_seen seen;
    size_t i, t;

    for (i = 0; i < answer->suspect_count; i++)
        json_array_append_new(suspects, commit_json(graph,
            answer->suspects[i].node, answer->suspects[i].chance));
    for (i = 0; i < search_seen_count(search); i++) {
        search_seen_get(search, i, &seen);
        at = json_object();
        for (t = 0; t < graph->tree_count; t++) {
            graph_hex(graph, t, seen.test.at[t], hex);
            json_put_text(at, graph->trees[t].name, hex);
        }
        json_array_append_new(tests, json_pack(
            "{s:o, s:i, s:i, s:i}", "at", at, "bad", (int)seen.fails, "good",
            (int)seen.passes, "cannot-tell", (int)seen.cannots));
    }
    json = json_pack("{s:s, s:b, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, "
                     "s:I, s:I, s:o, s:o}",
                     "verdict", search_verdict_name(answer->verdict),
                     "fixed", answer->fixed, "chance", answer->chance, "chance-flake", answer->none,
                     "chance-already", answer->already,
                     "rate-bad", answer->rate_bad,
                     "rate-good", answer->rate_good,
                     "runs-left", answer->runs_left,
                     "runs", (json_int_t)answer->runs,
                     "other-failures", (json_int_t)different,
                     "commits", (json_int_t)graph->suspect_count,
                     "commits-left", (json_int_t)answer->suspect_count,
                     "suspects", suspects, "tests", tests);
    if (answer->verdict == SEARCH_CULPRIT)
        json_object_set_new(json, "culprit", commit_json(graph,
            answer->suspects[0].node, answer->suspects[0].chance));
    return json;
}

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
    for (i = 0; i < answer->live_count && n < most; i++)
        if (!shown[answer->suspects[i].node]) {
            shown[answer->suspects[i].node] = true;
            n++;
        }
}

static const char *
color_of(struct search *search, const struct graph *graph, uint32_t node)
{
    size_t i, t = graph_tree_of(graph, node);
    struct search_seen seen;
    const char *color = "black";

    for (i = 0; i < search_seen_count(search); i++) {
        search_seen_get(search, i, &seen);
        if (seen.test.at[t] != node)
            continue;
        color = seen.fails > 0 && seen.passes > 0 ? "orange"
            : seen.fails > 0 ? "red" : seen.passes > 0 ? "green"
            : seen.cannots > 0 ? "blue" : color;
    }
    return color;
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
culprit_dot(const struct graph *graph, struct search *search,
           const struct search_answer *answer, size_t most, struct buf *out)
{
    bool *shown = xcalloc(graph->count + 1, sizeof(*shown));
    uint32_t *mark = xcalloc(graph->count + 1, sizeof(*mark)), i;
    char hex[GRAPH_HEX_BYTES];
    double top = answer->live_count > 0 ? answer->suspects[0].chance : 1;
    double chance;
    size_t t;

    shown_mark(graph, search, answer, most, shown);
    buf_adds(out, "digraph bisect {\n  rankdir=BT;\n"
             "  node [shape=box, style=filled, fontname=monospace];\n");
    for (i = 0; i < graph->count; i++) {
        if (!shown[i])
            continue;
        t = graph_tree_of(graph, i);
        graph_hex(graph, t, i, hex);
        chance = search_chance(search, i);
        buf_addf(out, "  n%u [label=\"%s%s%.12s\\n%.3f\", color=%s, "
                 "fillcolor=\"0 %.3f 1\"%s];\n", i,
                 graph->tree_count > 1 ? graph->trees[t].name : "",
                 graph->tree_count > 1 ? " " : "", hex, chance,
                 color_of(search, graph, i),
                 top > 0 ? .6 * chance / top : 0,
                 answer->verdict == SEARCH_CULPRIT
                 && i == answer->suspects[0].node ? ", peripheries=2" : "");
        edges_add(graph, shown, i, mark, out);
    }
    buf_adds(out, "}\n");
    free(mark);
    free(shown);
}
