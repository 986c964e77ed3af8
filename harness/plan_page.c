/* harness/plan_page.c - a plan as a page. */
#include <config.h>

#include "harness/plan_page.h"

#include <inttypes.h>

#include "harness/buf.h"
#include "harness/host_match.h"
#include "harness/html.h"
#include "harness/plan_db.h"
#include "harness/plan_make.h"
#include "harness/plan_text.h"

/* Units of the drawing, which is as wide as the page lets it be. */
#define CHART_WIDTH 1000
#define ROW_HEIGHT 24
#define NAME_WIDTH 170
#define CHAR_WIDTH 6.5          /* of its letters, about */
#define TICKS_MOST 12
#define BEFORE_MS 1800000       /* of what runs, so much is shown */
#define AFTER_MS 600000

struct chart {
    struct buf *out;
    int64_t from_ms, until_ms, now_ms;
    int rows;
};

static double
place_of(const struct chart *chart, int64_t at_ms)
{
    double part = (double)(at_ms - chart->from_ms)
        / (double)(chart->until_ms - chart->from_ms);

    part = part < 0 ? 0 : part > 1 ? 1 : part;
    return NAME_WIDTH + part * CHART_WIDTH;
}

/* As much of a text as there is room for, with whole characters. */
static void
add_cut(const char *text, double width, struct buf *out)
{
    size_t room = (size_t)(width / CHAR_WIDTH), count = 0, at = 0;
    size_t bytes = strlen(text), last = 0;
    struct buf cut = BUF_INIT;

    while (at < bytes && count < room) {
        size_t span = utf8_span(text + at, bytes - at);

        last = at;
        at += span > 0 ? span : 1;
        count++;
    }
    if (at < bytes) {
        buf_add(&cut, text, last);
        buf_adds(&cut, "\xe2\x80\xa6");
    } else {
        buf_adds(&cut, text);
    }
    html_text(out, buf_text(&cut));
    buf_free(&cut);
}

static void
bar(struct chart *chart, int row, const char *kind, int64_t from_ms,
    int64_t until_ms, const char *text)
{
    double x = place_of(chart, from_ms), end = place_of(chart, until_ms);
    struct buf *out = chart->out;
    char from[24], until[24];

    plan_text_time(from_ms, chart->now_ms, from);
    plan_text_time(until_ms, chart->now_ms, until);
    buf_addf(out, "<g class=\"%s\"><title>", kind);
    html_text(out, text);
    buf_addf(out, ", %s to %s</title><rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" "
             "height=\"%d\" rx=\"3\"/>", from, until, x, row * ROW_HEIGHT + 3,
             end - x > 1 ? end - x : 1, ROW_HEIGHT - 6);
    if (end - x > 4 * CHAR_WIDTH) {
        buf_addf(out, "<text x=\"%.1f\" y=\"%d\">", x + 4,
                 row * ROW_HEIGHT + 16);
        add_cut(text, end - x - 6, out);
        buf_adds(out, "</text>");
    }
    buf_adds(out, "</g>\n");
}

static void
chart_jobs(struct chart *chart, const struct plan_facts *facts,
           const struct plan_made *made)
{
    struct buf text = BUF_INIT;

    for (int i = 0; i < facts->window_count; i++) {
        const struct plan_window *window = &facts->windows[i];

        buf_reset(&text);
        buf_addf(&text, "%s of %s: %s", window->kind, window->who,
                 window->why);
        bar(chart, window->host + 1, "closed", window->from_ms,
            window->until_ms, buf_text(&text));
    }
    for (int i = 0; i < made->in.hold_count; i++)
        bar(chart, made->in.holds[i].host + 1, "held",
            facts->holds[i].begun_ms, made->in.holds[i].until_ms,
            made->in.holds[i].who);
    for (int j = 0; j < made->in.job_count; j++) {
        const struct planner_slot *slot = &made->plan.slots[j];

        buf_reset(&text);
        buf_addf(&text, "%" PRId64 ".%s", facts->waits[j].flight,
                 facts->waits[j].job);
        for (int u = 0; u < slot->host_count; u++)
            bar(chart, slot->hosts[u] + 1, "booked", slot->start_ms,
                slot->end_ms, buf_text(&text));
    }
    buf_free(&text);
}

static void
chart_line(struct chart *chart, int64_t at_ms, const char *class,
           const char *text)
{
    double x = place_of(chart, at_ms);

    buf_addf(chart->out, "<line%s x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\""
             "/><text%s x=\"%.1f\" y=\"14\">%s</text>\n", class, x, x,
             ROW_HEIGHT - 4, chart->rows * ROW_HEIGHT, class, x + 3, text);
}

static void
chart_axis(struct chart *chart)
{
    int64_t step = 15 * 60000;
    char text[24];

    while ((chart->until_ms - chart->from_ms) / step > TICKS_MOST)
        step *= 2;
    for (int64_t at = (chart->from_ms / step + 1) * step;
         at < chart->until_ms; at += step) {
        int64_t away = at > chart->now_ms ? at - chart->now_ms
                                          : chart->now_ms - at;

        plan_text_time(at, chart->now_ms, text);
        chart_line(chart, at, " class=\"tick\"", away < step / 3 ? "" : text);
    }
}

/* A row a host, and a line between them. */
static void
chart_hosts(struct chart *chart, const struct plan_facts *facts)
{
    struct buf *out = chart->out;

    for (int h = 0; h < facts->host_count; h++) {
        const char *obstacle = facts->hosts[h].obstacle;

        buf_addf(out, "<line x1=\"0\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>"
                 "<text x=\"2\" y=\"%d\"%s>", NAME_WIDTH + CHART_WIDTH,
                 (h + 1) * ROW_HEIGHT, (h + 1) * ROW_HEIGHT,
                 (h + 1) * ROW_HEIGHT + 16,
                 obstacle != NULL ? " class=\"out\"" : "");
        if (obstacle != NULL) {
            buf_adds(out, "<title>");
            html_text(out, obstacle);
            buf_adds(out, "</title>");
        }
        add_cut(facts->hosts[h].name, NAME_WIDTH - 8, out);
        buf_adds(out, "</text>\n");
    }
}

static void
part_chart(const struct plan_facts *facts, const struct plan_made *made,
           struct buf *out)
{
    struct chart chart = { out, facts->now_ms - BEFORE_MS,
                           made->plan.end_ms + AFTER_MS, facts->now_ms,
                           facts->host_count + 1 };

    for (int i = 0; i < made->in.hold_count; i++)
        if (made->in.holds[i].until_ms > chart.until_ms)
            chart.until_ms = made->in.holds[i].until_ms;
    buf_addf(out, "<h2 id=\"chart\">Hosts over time (UTC)</h2>\n"
             "<div class=\"wide\"><svg class=\"gantt\" viewBox=\"0 0 %d %d\" "
             "role=\"img\"><title>who has which host, and when</title>\n",
             NAME_WIDTH + CHART_WIDTH + 8, chart.rows * ROW_HEIGHT + 4);
    chart_hosts(&chart, facts);
    chart_axis(&chart);
    chart_jobs(&chart, facts, made);
    chart_line(&chart, chart.now_ms, " class=\"now\"", "now");
    buf_adds(out, "</svg></div>\n<p class=\"legend\">"
             "<span><b class=\"held bar\"></b>in use</span>"
             "<span><b class=\"booked bar\"></b>booked for a job that "
             "waits</span>"
             "<span><b class=\"closed bar\"></b>leased or blocked</span>"
             "<span>a host in grey takes no jobs</span></p>\n");
}

static void
page_row(void *owner, const char *const *cells)
{
    struct buf *out = owner;

    buf_adds(out, "<tr>");
    for (int i = 0; i < 6; i++)
        html_cell(out, i == 5 || i == 2 ? NULL : "keep", cells[i]);
    buf_adds(out, "</tr>\n");
}

void
plan_page_html(const struct plan_facts *facts, const struct plan_made *made,
               struct buf *out)
{
    int rows = made->in.hold_count + facts->window_count
        + made->in.job_count;
    char now[24];

    plan_text_time(facts->now_ms, 0, now);
    html_begin(out, "Assay: the plan");
    buf_addf(out, "<p class=\"top\"><span>Assay, plan</span><span>as of %s "
             "UTC</span></p>\n<main>\n<section class=\"verdict wait\">\n"
             "<h1>the plan</h1>\n<p>%d job%s wait%s; %d of %d host%s in use."
             "</p>\n</section>\n", now, made->in.job_count,
             made->in.job_count == 1 ? "" : "s",
             made->in.job_count == 1 ? "s" : "", made->in.hold_count,
             facts->host_count,
             facts->host_count == 1 ? " is" : "s are");
    if (facts->host_count == 0)
        buf_adds(out, "<p>No host is known.</p>\n");
    else
        part_chart(facts, made, out);
    buf_adds(out, "<h2 id=\"queue\">Who has hosts, and who waits</h2>\n");
    if (rows == 0) {
        buf_adds(out, "<p>Nobody.</p>\n");
    } else {
        buf_adds(out, "<div class=\"wide\"><table class=\"list\"><thead><tr>"
                 "<th>who<th>state<th>hosts<th>start (UTC)<th>end (UTC)"
                 "<th>remark</tr></thead>\n<tbody>\n");
        plan_text_rows(facts, made, page_row, out);
        buf_adds(out, "</tbody></table></div>\n");
    }
    buf_adds(out, "</main>\n<footer><p>Made of what the database said: "
             "<code>assay plan</code>; <code>assay plan why FLIGHT JOB</code> "
             "says what a job waits for.</p></footer>\n");
    html_end(out);
}
