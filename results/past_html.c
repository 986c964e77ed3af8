/* results/past_html.c - how a job, or a host, did lately, as a page. */
#include <config.h>

#include "results/past.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/html.h"
#include "results/measure.h"

#define SERIES_SHOWN 40
#define PLOT_WIDTH 560
#define PLOT_HEIGHT 96
#define PLOT_EDGE 6

struct page {
    const struct past *past;
    bool links;
    struct arena arena;
    struct buf *out;
};

/* "<a href=..." to a flight, or to a job in it; "<span" without links. */
static void
open_flight(struct page *page, int64_t flight, const char *job)
{
    if (!page->links) {
        buf_adds(page->out, "<span");
        return;
    }
    buf_addf(page->out, "<a href=\"/flight/%" PRId64, flight);
    if (job[0] != '\0') {
        buf_addc(page->out, '#');
        html_path(page->out, job);
    }
    buf_addc(page->out, '"');
}

static void
close_flight(struct page *page)
{
    buf_adds(page->out, page->links ? "</a>" : "</span>");
}

/* A name that has a page of its own. */
static void
named(struct page *page, const char *kind, const char *name)
{
    if (page->links) {
        buf_addf(page->out, "<a href=\"/%s/", kind);
        html_path(page->out, name);
        buf_adds(page->out, "\">");
    }
    html_text(page->out, name);
    if (page->links)
        buf_adds(page->out, "</a>");
}

/* Strips ------------------------------------------------------------------- */

/* The oldest first. 'statuses' NULL: of the runs themselves. */
static void
strip(struct page *page, const enum outcome *statuses)
{
    const struct past *past = page->past;
    struct buf *out = page->out;

    buf_adds(out, "<div class=\"strip\">");
    for (size_t i = past->run_count; i-- > 0;) {
        const struct past_run *run = &past->runs[i];
        enum outcome status = statuses == NULL ? run->status : statuses[i];

        open_flight(page, run->flight, run->job);
        buf_addf(out, " class=\"%s\" title=\"flight %" PRId64 " ",
                 html_class(status), run->flight);
        if (past->is_host)
            html_text(out, run->job);
        buf_addf(out, ": %s", status == OUTCOME_NONE ? "not there"
                 : outcome_name(status));
        if (statuses == NULL && run->reason[0] != '\0') {
            buf_adds(out, ", ");
            html_text(out, run->reason);
        }
        buf_adds(out, "\">");
        close_flight(page);
    }
    buf_adds(out, "</div>");
}

static void
rate_cells(const struct past_rate *rate, struct buf *out)
{
    buf_adds(out, "<td class=\"right keep\">");
    if (rate->rate < 0)
        buf_adds(out, "<span class=\"soft\">-</span><td>");
    else
        buf_addf(out, "<b>%.0f %%</b><td class=\"soft keep\">%.0f to %.0f %%",
                 rate->rate * 100, rate->low * 100, rate->high * 100);
    buf_addf(out, "<td class=\"right\">%zu<td class=\"right\">%zu"
             "<td class=\"right\">%zu", rate->pass, rate->fail,
             rate->broken);
}

static void
part_head(struct page *page)
{
    const struct past *past = page->past;
    struct buf *out = page->out;

    buf_addf(out, "<section class=\"verdict %s\">\n<h1>%s ",
             past->run_count == 0 ? "none" : html_class(past->runs[0].status),
             past->is_host ? "host" : "job");
    html_text(out, past->name);
    buf_adds(out, "</h1>\n<p>");
    html_text(out, past->run_count == 0 ? "It has not run yet."
              : arena_printf(&page->arena, "Passed %s; the last run: %s.",
                             past_rate_text(&past->rate, &page->arena),
                             outcome_name(past->runs[0].status)));
    buf_adds(out, "</p>\n");
    if (past->what[0] != '\0') {
        buf_adds(out, "<p class=\"soft\">");
        html_text(out, past->what);
        buf_adds(out, "</p>\n");
    }
    if (past->branch[0] != '\0') {
        buf_adds(out, "<p class=\"soft\">On branch ");
        html_text(out, past->branch);
        buf_adds(out, ".</p>\n");
    }
    strip(page, NULL);
    buf_adds(out, "\n<p class=\"legend\"><span>the newest is on the right"
             "</span><span><b class=\"pass bar\"></b>pass</span>"
             "<span><b class=\"fail bar\"></b>fail</span>"
             "<span><b class=\"broken bar\"></b>broken</span>"
             "<span><b class=\"skip bar\"></b>not run</span></p>\n"
             "</section>\n");
}

static void
part_tests(struct page *page)
{
    const struct past *past = page->past;
    struct buf *out = page->out;

    if (past->test_count == 0)
        return;
    buf_adds(out, "<h2 id=\"tests\">Tests</h2>\n<div class=\"wide\">"
             "<table class=\"list\"><thead><tr><th>test<th>runs"
             "<th class=\"right\">passed<th>interval<th class=\"right\">pass"
             "<th class=\"right\">fail<th class=\"right\">broken</tr></thead>"
             "\n<tbody>\n");
    for (size_t i = 0; i < past->test_count; i++) {
        buf_adds(out, "<tr><td class=\"keep\">");
        html_text(out, past->tests[i].testid);
        buf_adds(out, "<td class=\"strips\">");
        strip(page, past->tests[i].statuses);
        rate_cells(&past->tests[i].rate, out);
        buf_adds(out, "</tr>\n");
    }
    buf_adds(out, "</tbody></table></div>\n<p class=\"soft\">Passed: of the "
             "runs that passed or failed, with the interval in which the true "
             "rate is for 95 of 100 tests (Wilson).</p>\n");
}

/* Plots -------------------------------------------------------------------- */

static void
plot_range(const struct past *past, const struct past_series *series,
           double *min_out, double *max_out)
{
    bool any = false;

    *min_out = *max_out = 0;
    for (size_t i = 0; i < past->run_count; i++) {
        double value = series->values[i];

        if (!series->known[i])
            continue;
        if (!any || value < *min_out)
            *min_out = value;
        if (!any || value > *max_out)
            *max_out = value;
        any = true;
    }
}

static double
plot_x(const struct past *past, size_t run)
{
    double steps = past->run_count > 1 ? (double)(past->run_count - 1) : 1;

    return PLOT_EDGE + (PLOT_WIDTH - 2 * PLOT_EDGE)
        * ((double)(past->run_count - 1 - run) / steps);
}

static double
plot_y(double value, double min, double max)
{
    double part = max > min ? (value - min) / (max - min) : 0.5;

    return PLOT_HEIGHT - PLOT_EDGE - (PLOT_HEIGHT - 2 * PLOT_EDGE) * part;
}

static void
draw(struct page *page, const struct past_series *series, double min,
     double max)
{
    const struct past *past = page->past;
    struct buf *out = page->out;
    char low[32], high[32], number[32];

    measure_format(min, low);
    measure_format(max, high);
    buf_addf(out, "<svg class=\"plot\" viewBox=\"0 0 %d %d\" role=\"img\">"
             "<title>", PLOT_WIDTH, PLOT_HEIGHT);
    html_text(out, series->name);
    buf_addf(out, ", %s to %s</title><line x1=\"0\" x2=\"%d\" y1=\"%d\" "
             "y2=\"%d\"/><polyline points=\"", low, high, PLOT_WIDTH,
             PLOT_HEIGHT - 1, PLOT_HEIGHT - 1);
    for (size_t i = past->run_count; i-- > 0;) {
        if (series->known[i])
            buf_addf(out, "%.1f,%.1f ", plot_x(past, i),
                     plot_y(series->values[i], min, max));
    }
    buf_adds(out, "\"/>");
    for (size_t i = past->run_count; i-- > 0;) {
        if (!series->known[i])
            continue;
        measure_format(series->values[i], number);
        buf_addf(out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\">"
                 "<title>flight %" PRId64 ": %s ",
                 html_class(past->runs[i].status), plot_x(past, i),
                 plot_y(series->values[i], min, max), past->runs[i].flight,
                 number);
        html_text(out, series->unit);
        buf_adds(out, "</title></circle>");
    }
    buf_adds(out, "</svg>");
}

/* One value is no picture. */
static void
plot(struct page *page, const struct past_series *series)
{
    struct buf *out = page->out;
    char low[32], high[32];
    size_t known = 0;
    double min, max;

    for (size_t i = 0; i < page->past->run_count; i++)
        known += series->known[i];
    plot_range(page->past, series, &min, &max);
    measure_format(min, low);
    measure_format(max, high);
    if (known > 1)
        draw(page, series, min, max);
    else
        buf_adds(out, "<span class=\"soft\">one value so far</span>");
    if (strcmp(low, high) == 0)
        buf_addf(out, "<td class=\"soft keep\">%s ", low);
    else
        buf_addf(out, "<td class=\"soft keep\">%s to %s ", low, high);
    html_text(out, series->unit);
}

static void
part_series(struct page *page)
{
    const struct past *past = page->past;
    struct buf *out = page->out;

    if (past->series_count == 0)
        return;
    buf_adds(out, "<h2 id=\"measurements\">Measurements</h2>\n"
             "<div class=\"wide\"><table class=\"list\"><thead><tr><th>what"
             "<th class=\"right\">last<th>medians, the newest on the right"
             "<th>range<th>which is better</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < past->series_count && i < SERIES_SHOWN; i++) {
        const struct past_series *series = &past->series[i];
        char last[32] = "-";

        for (size_t j = past->run_count; j-- > 0;) {
            if (series->known[j])
                measure_format(series->values[j], last);
        }
        buf_adds(out, "<tr><td class=\"keep\">");
        html_text(out, series->name);
        buf_adds(out, "<br><span class=\"soft\">");
        html_text(out, series->testid);
        buf_addf(out, "</span><td class=\"right keep\"><b>%s</b> ", last);
        html_text(out, series->unit);
        buf_adds(out, "<td>");
        plot(page, series);
        buf_addf(out, "<td class=\"soft keep\">%s</tr>\n",
                 series->higher_is_better ? "more" : "less");
    }
    buf_adds(out, "</tbody></table></div>\n");
    if (past->series_count > SERIES_SHOWN)
        buf_addf(out, "<p class=\"soft\">... and %zu more, in the JSON.</p>\n",
                 past->series_count - SERIES_SHOWN);
}

/* Lists -------------------------------------------------------------------- */

static void
part_runs(struct page *page)
{
    const struct past *past = page->past;
    struct buf *out = page->out;

    if (past->run_count == 0)
        return;
    buf_addf(out, "<h2 id=\"runs\">Runs</h2>\n<div class=\"wide\">"
             "<table class=\"list\"><thead><tr><th class=\"right\">flight"
             "<th>result<th>%s<th>branch<th>tested<th>started"
             "<th class=\"right\">took<th>why</tr></thead>\n<tbody>\n",
             past->is_host ? "job" : "hosts");
    for (size_t i = 0; i < past->run_count; i++) {
        const struct past_run *run = &past->runs[i];

        buf_adds(out, "<tr><td class=\"right\">");
        open_flight(page, run->flight, "");
        buf_addf(out, ">%" PRId64, run->flight);
        close_flight(page);
        buf_adds(out, "<td>");
        html_chip(out, run->status);
        buf_adds(out, "<td class=\"keep\">");
        if (past->is_host)
            named(page, "job", run->job);
        else if (run->hosts[0] != '\0' && strchr(run->hosts, ' ') == NULL)
            named(page, "host", run->hosts);
        else
            html_text(out, run->hosts);
        html_cell(out, "keep", run->branch);
        html_cell(out, NULL, run->tested);
        buf_adds(out, "<td class=\"keep\">");
        html_time(out, run->started_ms);
        buf_adds(out, "<td class=\"right keep\">");
        if (run->took_ms >= 0)
            html_duration(out, run->took_ms);
        buf_adds(out, "<td>");
        if (run->lane != LANE_NONE)
            buf_addf(out, "<span class=\"soft\">%s:</span> ",
                     lane_name(run->lane));
        html_text(out, run->reason);
        buf_adds(out, "</tr>\n");
    }
    buf_adds(out, "</tbody></table></div>\n");
    if (past->more)
        buf_adds(out, "<p class=\"soft\">... and older ones.</p>\n");
}

static void
part_marks(struct page *page)
{
    const struct past *past = page->past;
    struct buf *out = page->out;

    if (past->mark_count == 0)
        return;
    buf_adds(out, "<h2 id=\"marks\">It did not do its part</h2>\n"
             "<div class=\"wide\"><table class=\"list\"><thead><tr>"
             "<th class=\"right\">flight<th>when<th>job<th>why</tr></thead>"
             "\n<tbody>\n");
    for (size_t i = 0; i < past->mark_count; i++) {
        const struct past_mark *mark = &past->marks[i];

        buf_adds(out, "<tr><td class=\"right\">");
        open_flight(page, mark->flight, mark->job);
        buf_addf(out, ">%" PRId64, mark->flight);
        close_flight(page);
        buf_adds(out, "<td class=\"keep\">");
        html_time(out, mark->at_ms);
        html_cell(out, "keep", mark->job);
        html_cell(out, NULL, mark->reason);
        buf_adds(out, "</tr>\n");
    }
    buf_adds(out, "</tbody></table></div>\n");
}

static const char *
boot_class(const char *status)
{
    return strcmp(status, "up") == 0 ? "pass"
        : strcmp(status, "failed") == 0 ? "fail" : "skip";
}

static void
part_health(struct page *page)
{
    const struct past *past = page->past;
    struct buf *out = page->out;

    if (past->health_count == 0)
        return;
    buf_adds(out, "<h2 id=\"health\">May it be used?</h2>\n"
             "<div class=\"wide\"><table class=\"list\"><thead><tr>"
             "<th>when<th>state<th>by whom<th>why</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < past->health_count; i++) {
        buf_adds(out, "<tr><td class=\"keep\">");
        html_time(out, past->health[i].at_ms);
        html_cell(out, "keep", past->health[i].state);
        html_cell(out, "keep", past->health[i].who);
        html_cell(out, NULL, past->health[i].why);
        buf_adds(out, "</tr>\n");
    }
    buf_adds(out, "</tbody></table></div>\n");
}

/* What its firmware was really given, which may not be what was meant. */
static void
part_served(struct page *page)
{
    const struct past *past = page->past;
    struct buf *out = page->out;

    if (past->served_count == 0)
        return;
    buf_adds(out, "<h2 id=\"served\">Given to boot</h2>\n"
             "<div class=\"wide\"><table class=\"list\"><thead><tr>"
             "<th>when<th>file<th>by<th>to firmware that calls itself"
             "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < past->served_count; i++) {
        buf_adds(out, "<tr><td class=\"keep\">");
        html_time(out, past->served[i].at_ms);
        html_cell(out, NULL, past->served[i].file);
        html_cell(out, "keep", past->served[i].way);
        html_cell(out, NULL, past->served[i].vendor);
        buf_adds(out, "</tr>\n");
    }
    buf_adds(out, "</tbody></table></div>\n");
}

static void
part_boots(struct page *page)
{
    const struct past *past = page->past;
    struct buf *out = page->out;

    if (past->boot_count == 0)
        return;
    buf_adds(out, "<h2 id=\"boots\">Boots</h2>\n<div class=\"strip\">");
    for (size_t i = past->boot_count; i-- > 0;) {
        const struct past_boot *boot = &past->boots[i];

        if (boot->flight != 0)
            open_flight(page, boot->flight, boot->job);
        else
            buf_adds(out, page->links ? "<a" : "<span");
        buf_addf(out, " class=\"%s\" title=\"", boot_class(boot->status));
        html_time(out, boot->armed_ms);
        buf_adds(out, ": ");
        html_text(out, boot->status);
        if (boot->up_ms >= 0) {
            buf_adds(out, " after ");
            html_duration(out, boot->up_ms - boot->armed_ms);
        }
        if (boot->reason[0] != '\0') {
            buf_adds(out, ", ");
            html_text(out, boot->reason);
        }
        buf_adds(out, "\">");
        close_flight(page);
    }
    buf_adds(out, "</div>\n<p class=\"legend\"><span>the newest is on the "
             "right</span><span><b class=\"pass bar\"></b>up</span>"
             "<span><b class=\"fail bar\"></b>failed</span>"
             "<span><b class=\"skip bar\"></b>neither</span></p>\n");
}

void
past_html(const struct past *past, enum report_links links, struct buf *out)
{
    struct page page = { past, links == REPORT_LINKS_WEB, ARENA_INIT, out };

    part_head(&page);
    part_tests(&page);
    part_series(&page);
    part_marks(&page);
    part_health(&page);
    part_boots(&page);
    part_served(&page);
    part_runs(&page);
    arena_free(&page.arena);
}
