/* results/report_html.c - the report as one page: verdict, coverage, trouble,
 * grid, measurements, versions. What each job did is in report_jobs.c. */
#include <config.h>

#include "results/report.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/html.h"
#include "harness/json.h"
#include "results/age.h"
#include "results/decide.h"
#include "results/evidence.h"
#include "results/measure.h"
#include "results/report_changes.h"
#include "results/report_decision.h"
#include "results/report_jobs.h"
#include "results/report_parts.h"
#include "results/report_why.h"
#include "results/report_words.h"
#include "results/verdict.h"

#define GAPS_SHOWN 200
#define MEASURES_SHOWN 400

struct page {
    const struct report *report;
    const struct evidence *evidence;
    const struct verdict *verdict;
    const struct report_options *options;
    struct arena arena;
    struct buf *out;
};

static void
fact(struct page *page, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    buf_addf(page->out, "<dt>%s</dt><dd>", name);
    html_text(page->out, value);
    buf_adds(page->out, "</dd>\n");
}

static void
add_counts(struct buf *out, const size_t counts[static OUTCOME_COUNT])
{
    for (int i = 0, first = 1; i < OUTCOME_COUNT; i++) {
        if (counts[i] == 0)
            continue;
        buf_addf(out, "%s%zu %s", first ? "" : ", ", counts[i],
                 outcome_name((enum outcome)i));
        first = 0;
    }
}

/* What counts is the decision, if it is one: "tolerable" beside a baseline that
 * nobody has tested only means that there is nothing to compare with. */
static const struct decision *
page_decision(const struct page *page)
{
    const struct decision *decision = page->report->decision;

    return decision != NULL && decision->result == DECIDE_RESULT_TOLERABLE
        && !decision->baseline_tested ? NULL : decision;
}

static const char *
page_word(const struct page *page)
{
    const struct decision *decision = page_decision(page);

    return decision == NULL ? outcome_name(page->verdict->outcome)
        : decide_result_name(decision->result);
}

static enum outcome
page_class(const struct page *page)
{
    const struct decision *decision = page_decision(page);

    if (decision == NULL)
        return page->verdict->outcome;
    if (decide_result_may_push(decision->result))
        return OUTCOME_PASS;
    return decision->result == DECIDE_RESULT_REGRESSIONS ? OUTCOME_FAIL
        : OUTCOME_BROKEN;
}

static void
part_age(struct page *page)
{
    const struct report_age *age = page->report->age;

    if (age == NULL)
        return;
    fact(page, "Last good", words_good(age, &page->arena));
    fact(page, "Failing", words_since(age, &age->failing, &page->arena));
    fact(page, "Same version", words_since(age, &age->same, &page->arena));
}

static void
part_verdict(struct page *page)
{
    const struct evidence *evidence = page->evidence;
    const struct verdict *verdict = page->verdict;
    struct buf *out = page->out;

    buf_addf(out, "<section class=\"verdict %s\">\n<h1>flight %" PRId64
             ": <span>%s</span></h1>\n", html_class(page_class(page)),
             evidence->flight, page_word(page));
    if (page->report->decision != NULL) {
        buf_adds(out, "<p class=\"advice\">");
        html_text(out, words_advice(page->report, &page->arena));
        buf_adds(out, "</p>\n");
    }
    buf_adds(out, "<p>");
    html_text(out, verdict->summary);
    buf_adds(out, "</p>\n<dl class=\"facts\">\n");
    fact(page, "Tested", verdict->tested);
    for (size_t i = 0; i < evidence->tree_count; i++)
        fact(page, "Revision",
             arena_printf(&page->arena, "%s %s", evidence->trees[i].name,
                          evidence->trees[i].value));
    fact(page, "Against", words_against(page->report, &page->arena));
    if (page->report->gate != NULL)
        fact(page, "Gate", page->report->gate->answer);
    fact(page, "Coverage", words_coverage(page->report, &page->arena));
    part_age(page);
    fact(page, "Branch",
         arena_printf(&page->arena, strcmp(evidence->intended,
                                           evidence->blessing) == 0
                      ? "%s, %s" : "%s, %s, now %s", evidence->branch,
                      evidence->intended, evidence->blessing));
    buf_adds(out, "<dt>When</dt><dd>");
    if (evidence->started_ms < 0) {
        buf_adds(out, "not started");
    } else {
        html_time(out, evidence->started_ms);
        if (evidence->finished_ms >= 0) {
            buf_adds(out, ", took ");
            html_duration(out, evidence->finished_ms - evidence->started_ms);
        } else {
            buf_adds(out, ", not finished");
        }
    }
    buf_adds(out, "</dd>\n<dt>Steps</dt><dd>");
    if (verdict->step_count == 0)
        buf_adds(out, "none");
    add_counts(out, verdict->steps);
    buf_adds(out, "</dd>\n");
    if (verdict->case_count > 0) {
        buf_adds(out, "<dt>Cases</dt><dd>");
        add_counts(out, verdict->cases);
        buf_adds(out, "</dd>\n");
    }
    buf_adds(out, "</dl>\n</section>\n");
}

static void
part_gaps(struct page *page)
{
    const struct verdict *verdict = page->verdict;
    struct buf *out = page->out;

    buf_adds(out, "<h2 id=\"coverage\">What was not covered</h2>\n");
    if (verdict->coverage.gap_count == 0) {
        buf_adds(out, "<p>Nothing was left out: every step of every job ran "
                 "to its end.</p>\n");
        return;
    }
    buf_adds(out, "<div class=\"wide\"><table class=\"list\"><thead><tr>"
             "<th>job<th>tests<th>result<th>why</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < verdict->coverage.gap_count && i < GAPS_SHOWN; i++) {
        const struct coverage_gap *gap = &verdict->coverage.gaps[i];

        buf_adds(out, "<tr><td class=\"keep\">");
        html_text(out, gap->job);
        buf_adds(out, "<td>");
        if (gap->what[0] == '\0')
            buf_adds(out, "<i>the job</i>");
        html_text(out, gap->what);
        buf_adds(out, "<td>");
        html_chip(out, gap->kind);
        html_cell(out, NULL, gap->why);
        buf_adds(out, "</tr>\n");
    }
    buf_adds(out, "</tbody></table></div>\n");
    if (verdict->coverage.gap_count > GAPS_SHOWN)
        buf_addf(out, "<p class=\"soft\">... and %zu more.</p>\n",
                 verdict->coverage.gap_count - GAPS_SHOWN);
}

/* The grid: one table a recipe, since its jobs share their columns. -------- */

static const struct evidence_step *
step_named(const struct evidence_job *job, const char *testid, size_t *at)
{
    /* Columns mostly follow the job's own order. */
    for (size_t n = 0; n < job->step_count; n++) {
        size_t i = (*at + n) % job->step_count;

        if (strcmp(job->steps[i].testid, testid) == 0) {
            *at = i + 1;
            return &job->steps[i];
        }
    }
    return NULL;
}

static void
grid_cell(struct page *page, const struct evidence_job *job,
          const struct evidence_step *step, const char *testid)
{
    struct buf *out = page->out;

    buf_adds(out, "<td>");
    if (step == NULL) {
        buf_adds(out, "<span class=\"none\" title=\"");
        html_text(out, testid);
        buf_adds(out, ": not reached\"></span>");
        return;
    }
    buf_addf(out, "<a class=\"%s\" href=\"#", html_class(step->status));
    html_path(out, job->name);
    buf_addf(out, ".%d\" title=\"", step->number);
    html_text(out, testid);
    buf_addf(out, ": %s", outcome_name(step->status));
    if (report_step_ms(step) >= 0 && !evidence_is_unrun(step)) {
        buf_adds(out, ", ");
        html_duration(out, report_step_ms(step));
    }
    if (step->reason[0] != '\0') {
        buf_adds(out, ": ");
        html_text(out, step->reason);
    }
    buf_addf(out, "\">%s</a>", html_symbol(step->status));
}

static void
grid_of_recipe(struct page *page, const char *recipe)
{
    const struct evidence *evidence = page->evidence;
    struct buf *out = page->out;
    const char *const *testids;
    size_t count;

    testids = report_testids(evidence, recipe, &page->arena, &count);
    buf_adds(out, "<div class=\"wide\"><table class=\"grid\"><thead><tr>"
             "<th class=\"name\">recipe ");
    html_text(out, recipe);
    buf_adds(out, "<th><span>the whole job</span>");
    for (size_t i = 0; i < count; i++) {
        buf_adds(out, "<th><span>");
        html_text(out, testids[i]);
        buf_adds(out, "</span>");
    }
    buf_adds(out, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < evidence->job_count; i++) {
        const struct evidence_job *job = &evidence->jobs[i];
        size_t at = 0;

        if (strcmp(job->recipe, recipe) != 0)
            continue;
        buf_adds(out, "<tr><th><a href=\"#");
        html_path(out, job->name);
        buf_adds(out, "\">");
        html_text(out, job->name);
        buf_addf(out, "</a><td><b class=\"%s\" title=\"%s\">%s</b>",
                 html_class(page->verdict->job_status[i]),
                 outcome_name(page->verdict->job_status[i]),
                 html_symbol(page->verdict->job_status[i]));
        for (size_t j = 0; j < count; j++)
            grid_cell(page, job, job->step_count == 0 ? NULL
                      : step_named(job, testids[j], &at), testids[j]);
        buf_adds(out, "</tr>\n");
    }
    buf_adds(out, "</tbody></table></div>\n");
}

static void
part_grid(struct page *page)
{
    const struct evidence *evidence = page->evidence;
    struct buf *out = page->out;
    bool used[OUTCOME_COUNT] = { false };

    buf_adds(out, "<h2 id=\"grid\">Jobs and steps</h2>\n");
    for (size_t i = 0; i < evidence->job_count; i++) {
        bool first = true;

        used[page->verdict->job_status[i]] = true;
        for (size_t j = 0; j < i && first; j++)
            first = strcmp(evidence->jobs[j].recipe,
                           evidence->jobs[i].recipe) != 0;
        if (first)
            grid_of_recipe(page, evidence->jobs[i].recipe);
    }
    buf_adds(out, "<p class=\"legend\">");
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        if (used[i] || page->verdict->steps[i] > 0)
            buf_addf(out, "<span><b class=\"%s\">%s</b>%s</span>",
                     html_class((enum outcome)i),
                     html_symbol((enum outcome)i),
                     outcome_name((enum outcome)i));
    }
    buf_adds(out, "<span>hatched: not reached</span></p>\n");
}

/* Measurements ------------------------------------------------------------- */

static void
measure_dots(const struct measure *measure, struct buf *out)
{
    double range = measure->max - measure->min;
    size_t step = measure->count / 200 + 1;

    if (measure->count < 2 || !(range > 0))
        return;
    buf_adds(out, "<svg class=\"dots\" viewBox=\"0 0 144 18\" "
             "aria-hidden=\"true\"><line x1=\"6\" x2=\"138\" y1=\"9\" "
             "y2=\"9\"/>");
    for (size_t i = 0; i < measure->count; i += step)
        buf_addf(out, "<circle cx=\"%.1f\" cy=\"9\" r=\"3.4\"/>",
                 6 + 132 * ((measure->sorted[i] - measure->min) / range));
    buf_addf(out, "<line class=\"mid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"2\" "
             "y2=\"16\"/></svg>",
             6 + 132 * ((measure->median - measure->min) / range),
             6 + 132 * ((measure->median - measure->min) / range));
}

static void
measure_row(const struct measure *measure, struct buf *out)
{
    char median[32], min[32], max[32];

    measure_format(measure->median, median);
    measure_format(measure->min, min);
    measure_format(measure->max, max);
    buf_adds(out, "<tr><td class=\"keep\">");
    html_text(out, measure->job->name);
    html_cell(out, NULL, measure->step->testid);
    html_cell(out, NULL, measure->name);
    buf_addf(out, "<td class=\"right keep\"><b>%s</b> ", median);
    html_text(out, measure->unit);
    buf_addf(out, "<td class=\"right\">%zu<td class=\"right keep\">",
             measure->count);
    if (measure->count > 1)
        buf_addf(out, "%s to %s", min, max);
    buf_adds(out, "<td class=\"right\">");
    if (measure->spread >= 0)
        buf_addf(out, "%.*f %%", measure->spread < 0.1 ? 1 : 0,
                 measure->spread * 100);
    buf_adds(out, "<td>");
    measure_dots(measure, out);
    buf_addf(out, "<td class=\"soft keep\">%s</tr>\n",
             measure->higher_is_better ? "more" : "less");
}

static void
part_measures(struct page *page)
{
    struct buf *out = page->out;
    struct measure *measures;
    size_t count;

    measure_all(page->evidence, &page->arena, &measures, &count);
    if (count == 0)
        return;
    buf_adds(out, "<h2 id=\"measurements\">Measurements</h2>\n"
             "<div class=\"wide\"><table class=\"list\"><thead><tr><th>job"
             "<th>step<th>what<th class=\"right\">median"
             "<th class=\"right\">repeats<th class=\"right\">range"
             "<th class=\"right\">spread<th>each value<th>which is better"
             "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < count && i < MEASURES_SHOWN; i++)
        measure_row(&measures[i], out);
    buf_adds(out, "</tbody></table></div>\n<p class=\"soft\">Spread: the "
             "range divided by the median.");
    if (count > MEASURES_SHOWN)
        buf_addf(out, " ... and %zu more, in the JSON.",
                 count - MEASURES_SHOWN);
    buf_adds(out, "</p>\n");
}

/* Versions ----------------------------------------------------------------- */

/* "packages" is a JSON list of texts; anything else is shown as it is. */
static void
packages_list(const char *value, struct buf *out)
{
    struct fault why = FAULT_INIT;
    json_t *list = NULL;
    size_t i;
    json_t *item;

    if (!json_parse(value, strlen(value), &list, &why)
        || !json_is_array(list)) {
        html_text(out, value);
        goto out;
    }
    buf_addf(out, "<details class=\"more\"><summary>%zu packages</summary>"
             "<pre>", json_array_size(list));
    json_array_foreach(list, i, item) {
        if (json_is_string(item))
            html_text(out, json_string_value(item));
        buf_addc(out, '\n');
    }
    buf_adds(out, "</pre></details>");
out:
    json_decref(list);
}

static void
part_builds(struct page *page)
{
    const struct evidence *evidence = page->evidence;
    struct buf *out = page->out;

    for (size_t i = 0; i < evidence->build_count; i++) {
        const struct evidence_build *build = &evidence->builds[i];

        buf_adds(out, "<tr><td class=\"keep\">");
        html_text(out, build->name);
        buf_adds(out, " <span class=\"soft\">");
        html_text(out, build->arch);
        buf_adds(out, "</span><td>");
        html_text(out, build->source);
        buf_adds(out, "<td>");
        for (size_t j = 0; j < build->property_count; j++) {
            const struct evidence_pair *pair = &build->properties[j];

            if (strcmp(pair->name, "packages") == 0) {
                packages_list(pair->value, out);
                continue;
            }
            buf_adds(out, "<div><span class=\"soft\">");
            html_text(out, pair->name);
            buf_adds(out, "</span> ");
            html_text(out, pair->value);
            buf_adds(out, "</div>");
        }
        buf_addf(out, "<details class=\"more\"><summary>%zu files by "
                 "SHA-256</summary><pre>", build->part_count);
        for (size_t j = 0; j < build->part_count; j++) {
            html_text(out, build->parts[j].value);
            buf_adds(out, "  ");
            html_text(out, build->parts[j].name);
            buf_addc(out, '\n');
        }
        buf_adds(out, "</pre></details></tr>\n");
    }
}

static void
part_hosts(struct page *page)
{
    const struct evidence *evidence = page->evidence;
    struct buf *out = page->out;

    for (size_t i = 0; i < evidence->host_count; i++) {
        const struct evidence_host *host = &evidence->hosts[i];

        buf_adds(out, "<tr><td class=\"keep\">");
        html_text(out, host->name);
        buf_adds(out, " <span class=\"soft\">");
        html_text(out, host->arch);
        buf_adds(out, "</span><td>");
        html_text(out, host->class);
        buf_adds(out, ", ");
        html_text(out, host->firmware);
        buf_adds(out, " firmware, ");
        html_text(out, host->state);
        buf_adds(out, "<td>");
        for (size_t j = 0; j < host->property_count; j++) {
            if (j > 0)
                buf_adds(out, ", ");
            buf_adds(out, "<span class=\"soft\">");
            html_text(out, host->properties[j].name);
            buf_adds(out, "</span> ");
            html_text(out, host->properties[j].value);
        }
        buf_adds(out, "</tr>\n");
    }
}

/* Every harness revision that wrote a row of this flight. */
static const char *
harness_text(struct page *page)
{
    const struct evidence *evidence = page->evidence;
    const char *text = evidence->harness;

    for (size_t i = 0; i < evidence->job_count; i++) {
        const struct evidence_job *job = &evidence->jobs[i];

        if (job->harness[0] != '\0' && strstr(text, job->harness) == NULL)
            text = arena_printf(&page->arena, "%s, %s", text, job->harness);
        for (size_t j = 0; j < job->step_count; j++) {
            const char *harness = job->steps[j].harness;

            if (harness[0] != '\0' && strstr(text, harness) == NULL)
                text = arena_printf(&page->arena, "%s, %s", text, harness);
        }
    }
    return text;
}

static void
part_versions(struct page *page)
{
    struct buf *out = page->out;

    buf_adds(out, "<h2 id=\"versions\">Versions</h2>\n<div class=\"wide\">"
             "<table class=\"list\"><thead><tr><th>what<th>from<th>which"
             "</tr></thead>\n<tbody>\n");
    part_builds(page);
    part_hosts(page);
    buf_adds(out, "<tr><td>harness<td>Assay<td>");
    html_text(out, harness_text(page));
    buf_adds(out, "</tr>\n</tbody></table></div>\n");
}

void
report_html(const struct report *report, const struct report_options *options,
            struct buf *out)
{
    const struct evidence *evidence = report->evidence;
    const struct verdict *verdict = report->verdict;
    struct page page = { report, evidence, verdict, options, ARENA_INIT,
                         out };

    html_begin(out, verdict->headline);
    buf_adds(out, "<p class=\"top\"><span>Assay, flight report</span><span>");
    if (options->links == REPORT_LINKS_WEB)
        buf_addf(out, "<a href=\"/flights\">all flights</a>, "
                 "<a href=\"/hosts\">hosts</a>, <a href=\"/flight/%" PRId64
                 ".json\">JSON</a>", evidence->flight);
    else
        html_text(out, evidence->branch);
    buf_adds(out, "</span></p>\n<main>\n");
    part_verdict(&page);
    report_why_causes(report, options, &page.arena, out);
    report_decision_html(verdict, out);
    part_gaps(&page);
    report_changes_html(report->changes, out);
    if (evidence->job_count > 0) {
        part_grid(&page);
        report_jobs(evidence, verdict, options, &page.arena, out);
    }
    part_measures(&page);
    part_versions(&page);
    buf_addf(out, "</main>\n<footer><p>The evidence is in the database; this "
             "page shows it: <code>assay flight show %" PRId64 " --json"
             "</code>, <code>assay report %" PRId64 "</code>.</p></footer>\n",
             evidence->flight, evidence->flight);
    html_end(out);
    arena_free(&page.arena);
}
