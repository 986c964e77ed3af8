/* bisector/culprit.c - what a search found, as text and JSON. The graph is in
 * culprit_graph.c, the page in culprit_html.c. */
#include <config.h>

#include "bisector/culprit.h"

#include <stdlib.h>
#include <string.h>

#include "bisector/account.h"
#include "bisector/graph.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/plain.h"
#include "harness/proc.h"

#define LIST_MOST 40            /* suspects that a text names */
#define LINE_MOST 2000          /* bytes of a line of git's */

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

void
culprit_git(const struct graph *graph, uint32_t node, const char *option,
            struct buf *out)
{
    size_t t = graph_tree_of(graph, node), start, len;
    bool stat = strcmp(option, "--stat") == 0;
    char hex[GRAPH_HEX_BYTES];
    const char *argv[] = { "git", "-C", graph->trees[t].dir, "show",
                           "--no-show-signature", "--no-color",
                           stat ? "--pretty=" : "-s", option, hex, NULL };
    struct fault ignored = FAULT_INIT;
    struct buf raw = BUF_INIT;

    graph_hex(graph, t, node, hex);
    if (proc_run(argv, NULL, 0, 0, &raw, &ignored))
        for (start = 0; start < raw.len; start += len + 1) {
            len = strcspn(raw.data + start, "\n");
            if (len > 0 || !stat) {
                plain_add(out, raw.data + start, len, LINE_MOST);
                buf_addc(out, '\n');
            }
        }
    buf_free(&raw);
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
        culprit_git(graph, answer->suspects[i].node, "--pretty=%s", out);
    }
    if (answer->suspect_count > LIST_MOST)
        buf_addf(out, "  and %zu more (--json has all)\n",
                 answer->suspect_count - LIST_MOST);
}

void
culprit_left(const struct search_answer *answer, const struct graph *graph,
             struct buf *out)
{
    buf_addf(out, "even odds on %zu of %zu commits, about %.0f more run%s",
             answer->half_count, graph->suspect_count, answer->runs_left,
             answer->runs_left == 1 ? "" : "s");
}

void
culprit_headline(const struct culprit *culprit, struct buf *out)
{
    const struct search_answer *answer = culprit->answer;
    const char *new_end = answer->fixed ? "the new end" : "bad";

    switch (answer->verdict) {
    case SEARCH_VERDICT_NONE:
    case SEARCH_MORE:
        buf_adds(out, "not at the end: ");
        culprit_left(answer, culprit->graph, out);
        break;
    case SEARCH_CULPRIT:
        buf_adds(out, answer->fixed ? "fixed by: " : "culprit: ");
        name_add(culprit->graph, answer->suspects[0].node, out);
        break;
    case SEARCH_SUSPECTS:
        buf_addf(out, "one of %zu commits; no test can tell which",
                 answer->suspect_count);
        break;
    case SEARCH_FLAKE:
        buf_addf(out, answer->fixed
                 ? "not fixed: the new end fails as the old one does (%.1f "
                   "%% of runs)"
                 : "not reproducible: bad does not fail more often than good "
                   "(%.1f %% of runs); no commit is to blame",
                 100 * answer->rate_good);
        break;
    case SEARCH_GOOD_FAILS:
        buf_adds(out, answer->fixed
                 ? "the old end passes too: it was fixed before, or never "
                   "failed"
                 : "the good end fails too: the cause is older, or not in "
                   "these trees");
        break;
    case SEARCH_END_BLOCKED:
        buf_addf(out, "%s %s, so that nothing can be said", new_end,
                 culprit->account->different > 0 ? "fails in another way"
                                                 : "cannot be tested");
        break;
    case SEARCH_GAVE_UP:
        buf_addf(out, "stopped after %lld runs; %zu commits with a chance of "
                 "%.3f", (long long)answer->runs, answer->suspect_count,
                 answer->chance);
        break;
    case SEARCH_VERDICT_COUNT:
        must_never("not a verdict");
    }
}

void
culprit_sides(const struct culprit *culprit,
              const struct account_run **bad_out,
              const struct account_run **good_out)
{
    const struct graph *g = culprit->graph;
    uint32_t node = culprit->answer->suspects[0].node, parent = GRAPH_GOOD;
    size_t t = graph_tree_of(g, node);
    bool fixed = culprit->answer->fixed;

    if (g->parent_at[node] < g->parent_at[node + 1])
        parent = g->parents[g->parent_at[node]];
    *bad_out = account_last(culprit->account, SEARCH_FAIL, t,
                            fixed ? parent : node);
    *good_out = account_last(culprit->account, SEARCH_PASS, t,
                             fixed ? node : parent);
}

static void
side_add(const struct culprit *culprit, const char *name,
         const struct account_run *run, struct buf *out)
{
    char hex[GRAPH_HEX_BYTES];
    size_t t;

    if (run == NULL)
        return;
    buf_addf(out, "  %s at", name);
    for (t = 0; t < culprit->graph->tree_count; t++) {
        graph_hex(culprit->graph, t, run->at.at[t], hex);
        buf_addf(out, " %.12s", hex);
    }
    if (run->output != NULL) {
        buf_adds(out, ": ");
        buf_add_escaped(out, run->output, strlen(run->output));
    }
    buf_addc(out, '\n');
}

static void
culprit_add(const struct culprit *culprit, struct buf *out)
{
    const struct search_answer *answer = culprit->answer;
    const struct account_run *bad, *good;
    struct buf stat = BUF_INIT;
    char *rest, *line;

    culprit_git(culprit->graph, answer->suspects[0].node, "--pretty=  author: "
                "%an <%ae>%n  date: %ad%n  subject: %s", out);
    culprit_git(culprit->graph, answer->suspects[0].node, "--stat", &stat);
    for (rest = stat.data; (line = strsep(&rest, "\n")) != NULL;)
        if (line[0] != '\0')
            buf_addf(out, "    %s\n", line);
    buf_free(&stat);
    buf_addf(out, "  confidence %.4f after %lld runs; fails in %.0f %% of "
             "runs with it, %.0f %% without\n", answer->chance,
             (long long)answer->runs,
             100 * (answer->fixed ? answer->rate_good : answer->rate_bad),
             100 * (answer->fixed ? answer->rate_bad : answer->rate_good));
    culprit_sides(culprit, &bad, &good);
    side_add(culprit, "bad", bad, out);
    side_add(culprit, "good", good, out);
}

void
culprit_text(const struct culprit *culprit, struct buf *out)
{
    const struct search_answer *answer = culprit->answer;
    const struct account *account = culprit->account;
    char text[32];

    culprit_headline(culprit, out);
    if (answer->verdict == SEARCH_MORE
        && account_left_ms(account, answer->runs_left) >= 0) {
        clock_human(account_left_ms(account, answer->runs_left), text);
        buf_addf(out, ", %s", text);
    }
    buf_adds(out, answer->verdict == SEARCH_SUSPECTS
             || answer->verdict == SEARCH_GAVE_UP ? ":\n" : "\n");
    if (answer->verdict == SEARCH_CULPRIT)
        culprit_add(culprit, out);
    else if (answer->verdict == SEARCH_MORE
             || answer->verdict == SEARCH_SUSPECTS
             || answer->verdict == SEARCH_GAVE_UP)
        suspects_add(culprit->graph, answer, out);
    if (answer->verdict != SEARCH_CULPRIT && answer->verdict != SEARCH_MORE
        && answer->verdict != SEARCH_END_BLOCKED)
        buf_addf(out, "  confidence %.4f after %lld runs\n", answer->chance,
                 (long long)answer->runs);
    if (account->timed > 0) {
        clock_human(account->ms, text);
        buf_addf(out, "  %lld runs took %s\n", (long long)account->timed,
                 text);
    }
    if (account->different > 0)
        buf_addf(out, "  %lld run%s failed in another way, and count%s as "
                 "cannot tell\n", (long long)account->different,
                 account->different > 1 ? "s" : "",
                 account->different > 1 ? "" : "s");
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
culprit_json(const struct culprit *culprit)
{
    const struct search_answer *answer = culprit->answer;
    const struct graph *graph = culprit->graph;
    json_t *suspects = json_array(), *tests = json_array(), *at, *json;
    char hex[GRAPH_HEX_BYTES];
    struct search_seen seen;
    size_t i, t;

    for (i = 0; i < answer->suspect_count; i++)
        json_array_append_new(suspects, commit_json(graph,
            answer->suspects[i].node, answer->suspects[i].chance));
    for (i = 0; i < search_seen_count(culprit->search); i++) {
        search_seen_get(culprit->search, i, &seen);
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
                     "s:I, s:I, s:s, s:I, s:I, s:o, s:o}",
                     "verdict", search_verdict_name(answer->verdict),
                     "fixed", answer->fixed, "chance", answer->chance,
                     "chance-flake", answer->none,
                     "chance-already", answer->already,
                     "rate-bad", answer->rate_bad,
                     "rate-good", answer->rate_good,
                     "runs-left", answer->runs_left,
                     "runs", (json_int_t)answer->runs,
                     "other-failures",
                     (json_int_t)culprit->account->different,
                     "ms", (json_int_t)culprit->account->ms,
                     "ms-left", (json_int_t)account_left_ms(
                         culprit->account, answer->runs_left),
                     "log", culprit->journal,
                     "commits", (json_int_t)graph->suspect_count,
                     "commits-left", (json_int_t)answer->suspect_count,
                     "suspects", suspects, "tests", tests);
    if (answer->verdict == SEARCH_CULPRIT)
        json_object_set_new(json, "culprit", commit_json(graph,
            answer->suspects[0].node, answer->suspects[0].chance));
    return json;
}
