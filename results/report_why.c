/* results/report_why.c - the parts of the page that say why. */
#include <config.h>

#include "results/report_why.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/html.h"
#include "results/cause.h"
#include "results/evidence.h"
#include "results/report.h"
#include "results/report_causes.h"
#include "results/report_jobs.h"
#include "results/report_parts.h"
#include "results/verdict.h"

#define CAUSES_SHOWN 40

/* The four cells ----------------------------------------------------------- */

static void
blame_cell(const struct cause_blame *blame, enum blame_cell cell,
           struct buf *out)
{
    const struct blame_count *count = &blame->cells[cell];
    const struct {
        int count;
        const char *class, *word;
    } PARTS[] = {
        { count->pass, "pass", "passed" },
        { count->fail, "fail", "failed alike" },
        { count->other, "fail", "failed otherwise" },
        { count->broken, "broken", "broke" },
    };
    bool any = false;

    buf_adds(out, "<td>");
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        if (PARTS[i].count == 0)
            continue;
        buf_addf(out, "%s<b class=\"chip %s\">%d %s</b>", any ? " " : "",
                 PARTS[i].class, PARTS[i].count, PARTS[i].word);
        any = true;
    }
    if (!any)
        buf_adds(out, "<span class=\"soft\">not run</span>");
}

static void
blame_split(const struct cause_blame *blame, struct buf *out)
{
    static const char *const CLASSES[BLAME_CAUSE_COUNT] = {
        [BLAME_PRODUCT] = "fail", [BLAME_HOST] = "broken",
        [BLAME_FLAKE] = "wait", [BLAME_HARNESS] = "skip",
    };

    buf_adds(out, "<div class=\"split\">");
    for (int i = BLAME_NONE + 1; i < BLAME_CAUSE_COUNT; i++) {
        if (blame->split[i] >= 0.005)
            buf_addf(out, "<s class=\"%s\" style=\"width:%.1f%%\"></s>",
                     CLASSES[i], blame->split[i] * 100);
    }
    buf_adds(out, "</div>\n<p class=\"legend\">");
    for (int i = BLAME_NONE + 1; i < BLAME_CAUSE_COUNT; i++)
        buf_addf(out, "<span><b class=\"%s bar\"></b>%s %.0f %%</span>",
                 CLASSES[i], blame_cause_name((enum blame_cause)i),
                 blame->split[i] * 100);
    buf_adds(out, "</p>\n");
}

static void
blame_table(const struct cause_blame *blame, struct buf *out)
{
    buf_adds(out, "<div class=\"blame\"><table class=\"list\"><thead><tr>"
             "<th>run again<th>same host<th>sibling host</tr></thead>\n"
             "<tbody><tr><td>this version");
    blame_cell(blame, BLAME_NEW_SAME, out);
    blame_cell(blame, BLAME_NEW_SIBLING, out);
    buf_adds(out, "</tr>\n<tr><td>last good");
    if (blame->good_flight != 0)
        buf_addf(out, " <span class=\"soft\">flight %" PRId64 "</span>",
                 blame->good_flight);
    blame_cell(blame, BLAME_GOOD_SAME, out);
    blame_cell(blame, BLAME_GOOD_SIBLING, out);
    buf_adds(out, "</tr>\n</tbody></table>\n");
    blame_split(blame, out);
    buf_adds(out, "<p class=\"source\">");
    if (blame->open)
        buf_adds(out, "Not decided yet, more runs are wanted. ");
    html_text(out, blame->reason);
    buf_addf(out, ". <span class=\"soft\">%d run%s", blame->run_count_spent,
             blame->run_count_spent == 1 ? "" : "s");
    if (blame->host_ms > 0) {
        buf_adds(out, ", ");
        html_duration(out, blame->host_ms);
        buf_adds(out, " of host time");
    }
    buf_adds(out, "</span></p></div>\n");
}

static const struct cause_blame *
blame_of(const struct report *report, const char *signature)
{
    for (size_t i = 0; report->causes != NULL
         && i < report->causes->group_count; i++) {
        const struct cause_group *group = &report->causes->groups[i];

        if (strcmp(group->signature, signature) == 0)
            return group->blame;
    }
    return NULL;
}

/* Causes ------------------------------------------------------------------- */

static void
add_lines(const struct verdict_trouble *trouble,
          const struct report_options *options, struct arena *arena,
          struct buf *out)
{
    struct report_lines lines;

    report_lines_of(trouble, options, arena, &lines);
    if (lines.excerpt.count > 0) {
        buf_adds(out, "<pre class=\"lines\">");
        for (int i = 0; i < lines.excerpt.count; i++) {
            const struct excerpt_line *line = &lines.excerpt.lines[i];

            buf_addf(out, "<span%s><i>", line->marked ? " class=\"mark\""
                                                      : "");
            if (line->number > 0)
                buf_addf(out, "%" PRId64, line->number);
            buf_adds(out, "</i>");
            html_text(out, line->text);
            buf_adds(out, "</span>");
        }
        buf_adds(out, "</pre>\n");
    }
    if (lines.file[0] != '\0') {
        buf_adds(out, "<p class=\"source\">");
        if (lines.excerpt.count > 0)
            buf_addf(out, "%s, from ", lines.excerpt.sign[0] != '\0'
                     ? lines.excerpt.sign : "the last lines");
        report_line_link(options, lines.file, excerpt_mark(&lines.excerpt),
                         out);
        buf_adds(out, "</p>\n");
    }
    if (lines.note[0] != '\0') {
        buf_adds(out, "<p class=\"source\">");
        html_text(out, lines.note);
        buf_adds(out, "</p>\n");
    }
}

/* The job that the lines are of, and where all of it is. */
static void
add_example(const struct report *report, const struct report_cause *cause,
            const struct report_options *options, struct arena *arena,
            struct buf *out)
{
    const struct verdict_trouble *trouble = cause->trouble;
    const char *hosts = report_hosts_text(trouble->job, arena);

    buf_adds(out, "<p class=\"soft\"><a href=\"#");
    html_path(out, trouble->job->name);
    buf_adds(out, "\">");
    html_text(out, trouble->job->name);
    buf_adds(out, "</a>");
    if (hosts[0] != '\0') {
        buf_adds(out, ", on ");
        html_text(out, hosts);
    }
    if (strcmp(trouble->reason, cause->title) != 0) {
        buf_adds(out, ": ");
        html_text(out, trouble->reason);
    }
    buf_adds(out, "</p>\n");
    add_lines(trouble, options, arena, out);
    if (trouble->step != NULL) {
        buf_adds(out, "<p class=\"source\">All of it: <code>assay logs ");
        buf_addf(out, "%" PRId64 " ", report->evidence->flight);
        html_text(out, trouble->job->name);
        buf_adds(out, " ");
        html_text(out, trouble->step->testid);
        buf_adds(out, "</code></p>\n");
    }
}

static void
add_cause(const struct report *report, const struct report_cause *cause,
          const struct report_options *options, struct arena *arena,
          struct buf *out)
{
    const struct cause_blame *blame = blame_of(report, cause->signature);
    enum outcome status = cause->trouble == NULL ? OUTCOME_FAIL
        : cause->trouble->status;

    buf_addf(out, "<article class=\"trouble %s\">\n<h3>",
             html_class(status));
    html_chip(out, status);
    buf_adds(out, " ");
    html_text(out, cause->title);
    buf_addf(out, " <span class=\"soft\">fault: %s%s</span></h3>\n",
             lane_name(cause->lane), cause->blocks ? ", blocks" : "");
    buf_adds(out, "<p class=\"why\">");
    html_text(out, cause->where);
    buf_adds(out, "</p>\n");
    if (cause->history[0] != '\0') {
        buf_adds(out, "<p>");
        html_text(out, cause->history);
        buf_adds(out, "</p>\n");
    }
    if (blame != NULL)
        blame_table(blame, out);
    if (cause->trouble != NULL)
        add_example(report, cause, options, arena, out);
    if (cause->signature[0] != '\0') {
        buf_adds(out, "<p class=\"source\">signature <code>");
        html_text(out, cause->signature);
        buf_adds(out, "</code></p>\n");
    }
    buf_adds(out, "</article>\n");
}

void
report_why_causes(const struct report *report,
                  const struct report_options *options, struct arena *arena,
                  struct buf *out)
{
    struct report_cause *causes;
    size_t count;

    report_causes(report, arena, &causes, &count);
    if (count == 0)
        return;
    buf_addf(out, "<h2 id=\"trouble\">What went wrong: %zu cause%s</h2>\n",
             count, count == 1 ? "" : "s");
    for (size_t i = 0; i < count && i < CAUSES_SHOWN; i++)
        add_cause(report, &causes[i], options, arena, out);
    if (count > CAUSES_SHOWN)
        buf_addf(out, "<p class=\"soft\">... and %zu more, in the grid.</p>\n",
                 count - CAUSES_SHOWN);
}
