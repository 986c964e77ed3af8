/* bisector/culprit_html.c - what a search found, as a page. */
#include <config.h>

#include "bisector/culprit.h"

#include <math.h>
#include <string.h>

#include "bisector/account.h"
#include "bisector/graph.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/html.h"

#define SHOWN_MOST 80           /* commits in the picture */
#define LISTED_MOST 40          /* suspects */

/* The colour of an answer: found, nobody to blame, or not known. */
static const char *
answer_class(enum search_verdict verdict)
{
    switch (verdict) {
    case SEARCH_CULPRIT:
        return "fail";
    case SEARCH_FLAKE:
    case SEARCH_GOOD_FAILS:
        return "skip";
    case SEARCH_MORE:
    case SEARCH_VERDICT_NONE:
        return "wait";
    case SEARCH_SUSPECTS:
    case SEARCH_END_BLOCKED:
    case SEARCH_GAVE_UP:
    case SEARCH_VERDICT_COUNT:
        break;
    }
    return "broken";
}

static void
fact_begin(struct buf *out, const char *name)
{
    buf_addf(out, "<dt>%s</dt><dd>", name);
}

static void
revisions_add(const struct culprit *culprit, const struct search_test *at,
              struct buf *out)
{
    const struct graph *g = culprit->graph;
    char hex[GRAPH_HEX_BYTES];
    size_t t;

    for (t = 0; t < g->tree_count; t++) {
        graph_hex(g, t, at->at[t], hex);
        buf_addf(out, "%s<code>", t > 0 ? " " : "");
        if (g->tree_count > 1) {
            html_text(out, g->trees[t].name);
            buf_addc(out, '=');
        }
        buf_addf(out, "%.12s</code>", hex);
    }
}

static void
output_add(const struct account_run *run, struct buf *out)
{
    const char *name;

    if (run->output == NULL)
        return;
    name = strrchr(run->output, '/');
    buf_adds(out, "<a href=\"");
    html_path(out, run->output);
    buf_adds(out, "\">");
    html_text(out, name != NULL ? name + 1 : run->output);
    buf_adds(out, "</a>");
}

static void
side_add(const struct culprit *culprit, const char *name,
         const struct account_run *run, struct buf *out)
{
    if (run == NULL)
        return;
    fact_begin(out, name);
    revisions_add(culprit, &run->at, out);
    buf_addc(out, ' ');
    output_add(run, out);
    buf_adds(out, "</dd>\n");
}

/* Author, subject and the two sides of the culprit. */
static void
commit_add(const struct culprit *culprit, struct buf *out)
{
    static const struct {
        const char *name, *pretty;
    } facts[] = { { "subject", "--pretty=%s" },
                  { "author", "--pretty=%an <%ae>" },
                  { "date", "--pretty=%ad" } };
    uint32_t node = culprit->answer->suspects[0].node;
    const struct account_run *bad, *good;
    struct buf text = BUF_INIT;
    size_t i;

    for (i = 0; i < ARRAY_LEN(facts); i++) {
        buf_reset(&text);
        culprit_git(culprit->graph, node, facts[i].pretty, &text);
        fact_begin(out, facts[i].name);
        html_text(out, buf_text(&text));
        buf_adds(out, "</dd>\n");
    }
    culprit_sides(culprit, &bad, &good);
    side_add(culprit, "bad run", bad, out);
    side_add(culprit, "good run", good, out);
    buf_free(&text);
}

static void
facts_add(const struct culprit *culprit, struct buf *out)
{
    const struct search_answer *answer = culprit->answer;
    const struct account *account = culprit->account;
    int64_t left = account_left_ms(account, answer->runs_left);

    buf_adds(out, "<dl class=\"facts\">\n");
    if (answer->verdict == SEARCH_CULPRIT)
        commit_add(culprit, out);
    if (answer->verdict == SEARCH_MORE) {
        fact_begin(out, "left");
        buf_addf(out, "%zu of %zu commits, about %.0f runs",
                 answer->suspect_count, culprit->graph->suspect_count,
                 answer->runs_left);
        if (left >= 0) {
            buf_adds(out, ", ");
            html_duration(out, left);
        }
    } else {
        fact_begin(out, "confidence");
        buf_addf(out, "%.4f", answer->chance);
    }
    buf_adds(out, "</dd>\n");
    fact_begin(out, "failure rates");
    buf_addf(out, "%.0f %% of bad revisions' runs, %.0f %% of good ones'"
             "</dd>\n", 100 * answer->rate_bad, 100 * answer->rate_good);
    fact_begin(out, "effort");
    buf_addf(out, "%lld runs", (long long)account->count);
    if (account->timed > 0) {
        buf_adds(out, ", ");
        html_duration(out, account->ms);
    }
    if (account->different > 0)
        buf_addf(out, "; %lld failed in another way",
                 (long long)account->different);
    buf_adds(out, "</dd>\n");
    fact_begin(out, "journal");
    html_text(out, culprit->journal);
    buf_adds(out, "</dd>\n</dl>\n");
}

static void
stat_add(const struct culprit *culprit, struct buf *out)
{
    struct buf text = BUF_INIT;

    culprit_git(culprit->graph, culprit->answer->suspects[0].node, "--stat",
                &text);
    if (text.len > 0) {
        buf_adds(out, "<h2>What it changed</h2>\n<pre>");
        html_pre(out, buf_text(&text));
        buf_adds(out, "</pre>\n");
    }
    buf_free(&text);
}

static void
graph_section(const struct culprit *culprit, struct buf *out)
{
    struct fault why = FAULT_INIT;
    struct buf svg = BUF_INIT;

    buf_adds(out, "<h2>The search</h2>\n");
    if (culprit_svg(culprit, SHOWN_MOST, &svg, &why)) {
        buf_adds(out, "<div class=\"wide\">");
        buf_add(out, svg.data, svg.len);
        buf_adds(out, "</div>\n<p class=\"soft\">Border: what was seen "
                 "there. The redder, the likelier to be the one. A dashed "
                 "edge leaves commits out.</p>\n");
    } else {
        buf_adds(out, "<p class=\"soft\">There is no picture: ");
        html_text(out, why.text);
        buf_adds(out, ".</p>\n");
    }
    buf_free(&svg);
}

static void
suspects_section(const struct culprit *culprit, struct buf *out)
{
    const struct search_answer *answer = culprit->answer;
    struct buf subject = BUF_INIT;
    char hex[GRAPH_HEX_BYTES];
    uint32_t node;
    size_t i, t;

    if (answer->suspect_count == 0 || answer->verdict == SEARCH_CULPRIT)
        return;
    buf_adds(out, "<h2>Suspects</h2>\n<div class=\"wide\"><table "
             "class=\"list\"><thead><tr><th>commit<th class=\"right\">"
             "chance<th>subject</tr></thead>\n<tbody>\n");
    for (i = 0; i < answer->suspect_count && i < LISTED_MOST; i++) {
        node = answer->suspects[i].node;
        t = graph_tree_of(culprit->graph, node);
        graph_hex(culprit->graph, t, node, hex);
        buf_adds(out, "<tr><td class=\"keep\"><code>");
        if (culprit->graph->tree_count > 1) {
            html_text(out, culprit->graph->trees[t].name);
            buf_addc(out, ' ');
        }
        buf_addf(out, "%.12s</code><td class=\"right\">%.3f<td>", hex,
                 answer->suspects[i].chance);
        buf_reset(&subject);
        culprit_git(culprit->graph, node, "--pretty=%s", &subject);
        html_text(out, buf_text(&subject));
        buf_adds(out, "</tr>\n");
    }
    buf_adds(out, "</tbody></table></div>\n");
    if (answer->suspect_count > LISTED_MOST)
        buf_addf(out, "<p class=\"soft\">... and %zu more.</p>\n",
                 answer->suspect_count - LISTED_MOST);
    buf_free(&subject);
}

static void
run_row(const struct culprit *culprit, size_t i, struct buf *out)
{
    static const char *const classes[] = {
        [SEARCH_RESULT_NONE] = "none", [SEARCH_PASS] = "pass",
        [SEARCH_FAIL] = "fail", [SEARCH_CANNOT] = "skip",
    };
    const struct account_run *run = &culprit->account->runs[i];

    static_assert(ARRAY_LEN(classes) == SEARCH_RESULT_COUNT, "one for each");
    buf_addf(out, "<tr><td class=\"right\">%zu<td class=\"keep\">", i + 1);
    revisions_add(culprit, &run->at, out);
    buf_addf(out, "<td class=\"keep\"><b class=\"chip %s\">",
             classes[run->result]);
    if (isfinite(run->value))
        buf_addf(out, "%g", run->value);
    else
        buf_adds(out, run->result == SEARCH_CANNOT ? "cannot tell"
                 : search_result_name(run->result));
    buf_adds(out, "</b><td class=\"right keep\">");
    html_duration(out, run->ms);
    buf_adds(out, "<td class=\"keep\">");
    html_time(out, run->wall_ms);
    buf_adds(out, "<td>");
    output_add(run, out);
    if (run->reason != NULL) {
        buf_addc(out, ' ');
        html_text(out, run->reason);
    }
    buf_adds(out, "</tr>\n");
}

static void
runs_section(const struct culprit *culprit, struct buf *out)
{
    size_t i;

    buf_adds(out, "<h2>Runs</h2>\n<div class=\"wide\"><table class=\"list\">"
             "<thead><tr><th class=\"right\">run<th>revision<th>result"
             "<th class=\"right\">took<th>ended<th>output</tr></thead>\n"
             "<tbody>\n");
    for (i = 0; i < culprit->account->count; i++)
        run_row(culprit, i, out);
    buf_adds(out, "</tbody></table></div>\n");
}

void
culprit_html(const struct culprit *culprit, struct buf *out)
{
    const struct search_answer *answer = culprit->answer;
    struct buf headline = BUF_INIT;

    culprit_headline(culprit, &headline);
    html_begin(out, buf_text(&headline));
    if (answer->verdict == SEARCH_MORE)
        buf_adds(out, "<meta http-equiv=\"refresh\" content=\"30\">\n");
    buf_addf(out, "<p class=\"top\"><span>Assay, bisection</span></p>\n"
             "<section class=\"verdict %s\">\n<h1>",
             answer_class(answer->verdict));
    html_text(out, buf_text(&headline));
    buf_adds(out, "</h1>\n");
    facts_add(culprit, out);
    buf_adds(out, "</section>\n");
    if (answer->verdict == SEARCH_CULPRIT)
        stat_add(culprit, out);
    suspects_section(culprit, out);
    graph_section(culprit, out);
    runs_section(culprit, out);
    html_end(out);
    buf_free(&headline);
}
