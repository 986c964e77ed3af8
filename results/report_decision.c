/* results/report_decision.c - see report_decision.h. */
#include <config.h>

#include "results/report_decision.h"

#include <inttypes.h>

#include "harness/buf.h"
#include "harness/html.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/plain.h"
#include "results/decide_json.h"
#include "results/perf.h"
#include "results/plot.h"
#include "results/series.h"
#include "results/verdict.h"

#define SHOWN 30                /* of a category; what blocks is never cut */
#define NAME_MAX_BYTES 300

static const char *const HEADINGS[] = {
    [DECIDE_CATEGORY_NONE] = "Not judged",
    [DECIDE_CATEGORY_BLOCKING] = "Blocking",
    [DECIDE_CATEGORY_HEISENBUG] = "Passed in another run of this version",
    [DECIDE_CATEGORY_ALLOWABLE] = "Allowed",
    [DECIDE_CATEGORY_NONBLOCKING] = "Not blocking",
};
static_assert(ARRAY_LEN(HEADINGS) == DECIDE_CATEGORY_COUNT, "one for each");

/* Failures of one category that are listed. */
static size_t
count_of(const struct decision *decision, enum decide_category category)
{
    size_t count = 0;

    for (size_t i = 0; i < decision->failure_count; i++)
        count += decision->failures[i].category == category
            && !decision->failures[i].repeated;
    return count;
}

static const char *
plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void
add_plain(struct buf *out, const char *outside)
{
    plain_add(out, outside, strlen(outside), NAME_MAX_BYTES);
}

/* "Regressions :-( 2 of 7 failures block." */
static void
add_sentence(const struct verdict *verdict, struct buf *out)
{
    const struct decision *decision = &verdict->decision;
    size_t failures = 0;

    for (int i = 0; i < DECIDE_CATEGORY_COUNT; i++)
        failures += count_of(decision, (enum decide_category)i);
    buf_adds(out, decide_result_text(decision->result));
    if (failures > 0)
        buf_addf(out, " %zu of %zu failure%s block%s.",
                 decision->blocker_count, failures, plural(failures),
                 decision->blocker_count == 1 ? "s" : "");
}

static void
add_baseline(const struct verdict *verdict, struct buf *out)
{
    if (verdict->baseline[0] != '\0')
        add_plain(out, verdict->baseline);
    else
        buf_adds(out, "none is known");
    if (verdict->baseline[0] != '\0' && !verdict->decision.baseline_tested)
        buf_adds(out, "; no flight of it is known");
}

static void
add_coverage(const struct verdict *verdict, struct buf *out)
{
    const struct coverage *coverage = &verdict->coverage;

    if (coverage->baseline == 0)
        buf_addf(out, "%zu test%s ran to a result", coverage->covered,
                 plural(coverage->covered));
    else
        buf_addf(out, "%zu of the %zu tests that flight %" PRId64
                 " covered; %zu lost, %zu new",
                 coverage->baseline_covered - coverage->lost,
                 coverage->baseline_covered, coverage->baseline,
                 coverage->lost, coverage->gained);
    if (coverage->eroded > 0)
        buf_addf(out, "; %zu lost before it, since flight %" PRId64,
                 coverage->eroded, coverage->eroded_since);
}

/* Text --------------------------------------------------------------------- */

static void
text_failure(const struct decide_failure *failure, struct buf *out)
{
    size_t start = out->len, width;

    buf_adds(out, "    ");
    add_plain(out, failure->job);
    buf_addc(out, ' ');
    add_plain(out, decide_testid_text(failure->testid));
    width = out->len - start;
    buf_addf(out, "%*s %-8s ", width < 52 ? (int)(52 - width) : 0, "",
             outcome_name(failure->status));
    add_plain(out, failure->summary);
    if (failure->allow != NULL) {
        buf_adds(out, ", allowed by ");
        add_plain(out, failure->allow->source);
    }
    buf_addc(out, '\n');
}

static void
text_category(const struct decision *decision, enum decide_category category,
              struct buf *out)
{
    size_t count = count_of(decision, category), shown = 0;
    bool all = category == DECIDE_CATEGORY_BLOCKING;

    if (count == 0)
        return;
    buf_addf(out, "  %s:\n", HEADINGS[category]);
    for (size_t i = 0; i < decision->failure_count; i++) {
        const struct decide_failure *failure = &decision->failures[i];

        if (failure->category != category || failure->repeated)
            continue;
        if (!all && shown == SHOWN) {
            buf_addf(out, "    ... and %zu more\n", count - shown);
            break;
        }
        text_failure(failure, out);
        shown++;
    }
}

static bool
is_change(const struct perf *perf)
{
    return perf->change == PERF_WORSE || perf->change == PERF_BETTER;
}

static void
text_perf(const struct perf *perf, struct buf *out)
{
    if (!is_change(perf))
        return;
    buf_adds(out, perf->change == PERF_WORSE ? "  slower: " : "  better: ");
    add_plain(out, perf->series->job);
    buf_addc(out, ' ');
    add_plain(out, perf->text);
    buf_addc(out, '\n');
}

void
report_decision_text(const struct verdict *verdict, struct buf *out)
{
    if (verdict->basis == NULL)
        return;
    buf_adds(out, "\nAgainst the baseline\n  verdict   ");
    add_sentence(verdict, out);
    buf_adds(out, "\n  baseline  ");
    add_baseline(verdict, out);
    buf_adds(out, "\n  coverage  ");
    add_coverage(verdict, out);
    buf_addc(out, '\n');
    for (int i = 0; i < DECIDE_CATEGORY_COUNT; i++)
        text_category(&verdict->decision, (enum decide_category)i, out);
    for (size_t i = 0; i < verdict->perf_count; i++)
        text_perf(&verdict->perfs[i], out);
}

/* HTML --------------------------------------------------------------------- */

static void
html_failure(const struct verdict *verdict, size_t number, struct buf *out)
{
    const struct decide_failure *failure
        = &verdict->decision.failures[number];
    const struct verdict_fact *fact = verdict->facts == NULL ? NULL
                                      : &verdict->facts[number];

    buf_adds(out, "<tr><td class=\"keep\">");
    html_text(out, failure->job);
    buf_adds(out, "<td>");
    if (failure->testid[0] == '\0')
        buf_adds(out, "<i>the job</i>");
    html_text(out, failure->testid);
    buf_adds(out, "<td>");
    html_chip(out, failure->status);
    html_cell(out, "keep", failure->summary);
    buf_adds(out, "<td>");
    if (failure->lane != LANE_NONE)
        buf_addf(out, "%s", lane_name(failure->lane));
    buf_adds(out, "<td>");
    if (failure->allow != NULL) {
        buf_adds(out, "<i>allowed by ");
        html_text(out, failure->allow->source);
        buf_adds(out, "</i> ");
    }
    if (fact != NULL)
        html_text(out, fact->reason);
    buf_adds(out, "</tr>\n");
}

static void
html_category(const struct verdict *verdict, enum decide_category category,
              struct buf *out)
{
    const struct decision *decision = &verdict->decision;
    size_t count = count_of(decision, category), shown = 0;
    bool all = category == DECIDE_CATEGORY_BLOCKING;

    if (count == 0)
        return;
    buf_addf(out, "<h3>%s</h3>\n<div class=\"wide\"><table class=\"list\">"
             "<thead><tr><th>job<th>test<th>result<th>compared<th>fault<th>why"
             "</tr></thead>\n<tbody>\n", HEADINGS[category]);
    for (size_t i = 0; i < decision->failure_count; i++) {
        if (decision->failures[i].category != category
            || decision->failures[i].repeated
            || (!all && shown == SHOWN))
            continue;
        html_failure(verdict, i, out);
        shown++;
    }
    buf_adds(out, "</tbody></table></div>\n");
    if (shown < count)
        buf_addf(out, "<p class=\"soft\">... and %zu more.</p>\n",
                 count - shown);
}

static void
html_perfs(const struct verdict *verdict, struct buf *out)
{
    size_t shown = 0;

    for (size_t i = 0; i < verdict->perf_count; i++) {
        const struct perf *perf = &verdict->perfs[i];
        const struct series *series = perf->series;
        double *values;

        if (!is_change(perf))
            continue;
        if (shown++ == 0)
            buf_adds(out, "<h2 id=\"measured\">Measurements that changed"
                     "</h2>\n");
        values = xcalloc(series->count, sizeof(*values));
        for (size_t k = 0; k < series->count; k++)
            values[k] = series->points[k].value;
        buf_adds(out, "<p>");
        html_text(out, series->job);
        buf_adds(out, ": ");
        html_text(out, perf->text);
        buf_adds(out, "</p>\n<div class=\"wide\">");
        plot_svg(&(struct plot){ .values = values, .count = series->count,
                                 .changes = (const size_t[]){
                                     series->count - 1 },
                                 .change_count = 1, .title = perf->testid,
                                 .unit = series->unit }, out);
        buf_adds(out, "</div>\n");
        free(values);
    }
    if (shown > 0)
        buf_adds(out, "<p class=\"soft\">A dot is the median of a flight, "
                 "the newest is on the right; a line is the level before, "
                 "and now.</p>\n");
}

void
report_decision_html(const struct verdict *verdict, struct buf *out)
{
    html_perfs(verdict, out);
    if (verdict->basis == NULL || verdict->decision.failure_count == 0)
        return;
    buf_adds(out, "<h2 id=\"decision\">Failures, compared with the baseline"
             "</h2>\n<p>");
    add_sentence(verdict, out);
    buf_adds(out, "</p>\n");
    for (int i = 0; i < DECIDE_CATEGORY_COUNT; i++)
        html_category(verdict, (enum decide_category)i, out);
}

/* JSON --------------------------------------------------------------------- */

static void
put(json_t *object, const char *key, json_t *value)
{
    must(json_object_set_new(object, key, value) == 0);
}

static void
put_fact(json_t *failure, const struct verdict_fact *fact)
{
    json_t *pointer = json_object();

    json_put_some(failure, "reason", fact->reason);
    json_put_some(failure, "log", fact->log_path);
    json_put_some(failure, "signature", fact->signature);
    json_put_some(pointer, "file", fact->pointer.file);
    json_put_int(pointer, "line", fact->pointer.line);
    if (evidence_byte(&fact->pointer) >= 0)
        json_put_int(pointer, "byte", evidence_byte(&fact->pointer));
    json_put_some(pointer, "text", fact->pointer.text);
    if (fact->pointer.file[0] != '\0') {
        put(failure, "evidence", pointer);
    } else {
        put(failure, "evidence", json_null());
        json_decref(pointer);
    }
}

static json_t *
coverage_json(const struct coverage *coverage)
{
    json_t *out = json_object(), *gaps = json_array();

    if (coverage->baseline != 0)
        json_put_int(out, "baseline", coverage->baseline);
    json_put_int(out, "covered", (int64_t)coverage->covered);
    json_put_int(out, "baseline_covered",
                 (int64_t)coverage->baseline_covered);
    json_put_int(out, "lost", (int64_t)coverage->lost);
    json_put_int(out, "gained", (int64_t)coverage->gained);
    json_put_int(out, "eroded", (int64_t)coverage->eroded);
    if (coverage->eroded > 0)
        json_put_int(out, "eroded_since", coverage->eroded_since);
    for (size_t i = 0; i < coverage->gap_count; i++) {
        const struct coverage_gap *gap = &coverage->gaps[i];
        json_t *one = json_object();

        json_put_text(one, "kind", outcome_name(gap->kind));
        json_put_text(one, "job", gap->job);
        json_put_some(one, "what", gap->what);
        json_put_some(one, "why", gap->why);
        json_put_int(one, "count", (int64_t)gap->count);
        json_put_int(one, "lost", (int64_t)gap->lost);
        if (gap->since != 0)
            json_put_int(one, "since", gap->since);
        must(json_array_append_new(gaps, one) == 0);
    }
    put(out, "gaps", gaps);
    return out;
}

/* Those that are worse or better; what is as it was says nothing. */
static json_t *
perfs_json(const struct verdict *verdict)
{
    static const char *const WORDS[] = {
        [PERF_UNKNOWN] = "unknown", [PERF_SAME] = "same",
        [PERF_WORSE] = "worse", [PERF_BETTER] = "better",
    };
    json_t *list = json_array();

    for (size_t i = 0; i < verdict->perf_count; i++) {
        const struct perf *perf = &verdict->perfs[i];
        json_t *one;

        if (!is_change(perf))
            continue;
        one = json_object();
        json_put_text(one, "job", perf->series->job);
        json_put_text(one, "testid", perf->testid);
        json_put_text(one, "change", WORDS[perf->change]);
        json_put_text(one, "text", perf->text);
        put(one, "before", json_real(perf->before));
        put(one, "value", json_real(perf->value));
        put(one, "noise", json_real(perf->noise));
        must(json_array_append_new(list, one) == 0);
    }
    return list;
}

json_t *
report_decision_json(const struct verdict *verdict)
{
    json_t *out, *failures;

    if (verdict->basis == NULL)
        return json_null();
    out = decide_json(&verdict->basis->input, &verdict->decision);
    failures = json_object_get(out, "failures");
    for (size_t i = 0; verdict->facts != NULL
         && i < verdict->decision.failure_count; i++)
        put_fact(json_array_get(failures, i), &verdict->facts[i]);
    json_put_some(out, "baseline", verdict->baseline);
    put(out, "coverage", coverage_json(&verdict->coverage));
    put(out, "measurements", perfs_json(verdict));
    return out;
}
