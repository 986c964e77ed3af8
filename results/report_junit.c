/* results/report_junit.c - the report as JUnit XML.
 *
 * There is no standard; this keeps to what the schema of Jenkins' xUnit
 * plug-in (junit-10.xsd) and Ant's older one both allow. They have four words
 * for how a test went; what none of them fits is an error. */
#include <config.h>

#include "results/report.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/html.h"
#include "results/evidence.h"
#include "results/report_parts.h"
#include "results/verdict.h"

enum kind { KIND_OK, KIND_SKIPPED, KIND_FAILURE, KIND_ERROR, KIND_COUNT };

static const char *const ELEMENTS[KIND_COUNT] = {
    [KIND_SKIPPED] = "skipped", [KIND_FAILURE] = "failure",
    [KIND_ERROR] = "error",
};

struct counts {
    size_t tests, of[KIND_COUNT];
};

/* A step that waited for another one in vain is skipped: that one is the
 * failure. 'alone' when there is nothing else that tells. */
static enum kind
kind_of(enum outcome outcome, bool alone)
{
    if (outcome == OUTCOME_PASS)
        return KIND_OK;
    if (outcome == OUTCOME_FAIL)
        return KIND_FAILURE;
    if (outcome == OUTCOME_SKIP || outcome == OUTCOME_REUSED
        || (outcome == OUTCOME_BLOCKED && !alone))
        return KIND_SKIPPED;
    return KIND_ERROR;
}

static void
add_seconds(struct buf *out, int64_t ms)
{
    if (ms < 0)
        ms = 0;
    buf_addf(out, "%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));
}

static void
add_attribute(struct buf *out, const char *name, const char *value)
{
    buf_addf(out, " %s=\"", name);
    html_text(out, value);
    buf_addc(out, '"');
}

struct testcase {
    const char *suite, *name, *message;
    enum outcome status;
    enum lane lane;
    int64_t ms;
    const char *text;           /* lines that say more, or "" */
};

static void
add_testcase(const struct testcase *test, enum kind kind,
             struct counts *counts, struct buf *out)
{
    counts->tests++;
    counts->of[kind]++;
    buf_adds(out, "    <testcase");
    add_attribute(out, "classname", test->suite);
    add_attribute(out, "name", test->name);
    buf_adds(out, " time=\"");
    add_seconds(out, test->ms);
    if (kind == KIND_OK) {
        buf_adds(out, "\"/>\n");
        return;
    }
    buf_addf(out, "\">\n      <%s", ELEMENTS[kind]);
    if (kind == KIND_SKIPPED) {
        add_attribute(out, "message", test->message);
        buf_adds(out, "/>\n    </testcase>\n");
        return;
    }
    buf_addf(out, " type=\"%s", outcome_name(test->status));
    if (test->lane != LANE_NONE)
        buf_addf(out, ".%s", lane_name(test->lane));
    buf_addc(out, '"');
    add_attribute(out, "message", test->message);
    buf_addc(out, '>');
    buf_add_html(out, test->text);
    buf_addf(out, "</%s>\n    </testcase>\n", ELEMENTS[kind]);
}

/* The lines of a log or console that matter, harmless already. */
static const char *
lines_text(const struct verdict_trouble *trouble,
           const struct report_options *options, struct arena *arena)
{
    struct buf text = BUF_INIT;
    struct report_lines lines;
    const char *copy;

    if (trouble == NULL)
        return "";
    report_lines_of(trouble, options, arena, &lines);
    if (lines.excerpt.count > 0)
        buf_addf(&text, "\n%s:\n", lines.file);
    for (int i = 0; i < lines.excerpt.count; i++)
        buf_addf(&text, "%c %s\n", lines.excerpt.lines[i].marked ? '>' : ' ',
                 lines.excerpt.lines[i].text);
    copy = arena_strdup(arena, buf_text(&text));
    buf_free(&text);
    return copy;
}

static void
add_step(const struct evidence_job *job, const struct evidence_step *step,
         const struct verdict_trouble *trouble,
         const struct report_options *options, struct arena *arena,
         struct counts *counts, struct buf *out)
{
    struct testcase test = {
        .suite = job->name, .name = step->testid, .message = step->reason,
        .status = step->status, .lane = step->lane,
        .ms = evidence_is_unrun(step) ? -1 : report_step_ms(step),
        .text = lines_text(trouble != NULL && trouble->step == step
                           ? trouble : NULL, options, arena),
    };

    if (test.message[0] == '\0')
        test.message = outcome_name(step->status);
    add_testcase(&test, kind_of(step->status, false), counts, out);
    for (size_t i = 0; i < step->case_count; i++) {
        const struct evidence_case *item = &step->cases[i];

        test = (struct testcase){
            .suite = job->name, .status = item->status, .ms = -1, .text = "",
            .name = arena_printf(arena, "%s/%s", step->testid, item->id),
            .message = item->note[0] != '\0' ? item->note
                       : outcome_name(item->status),
        };
        add_testcase(&test, kind_of(item->status, true), counts, out);
    }
}

static void
add_job(const struct evidence *evidence, const struct verdict *verdict,
        const struct report_options *options, size_t index,
        struct counts *total, struct buf *out)
{
    const struct evidence_job *job = &evidence->jobs[index];
    const struct verdict_trouble *trouble = report_trouble_of(evidence,
                                                              verdict, index);
    enum outcome status = verdict->job_status[index];
    struct arena arena = ARENA_INIT;
    struct counts counts = { 0 };
    struct buf cases = BUF_INIT;
    const char *hosts;
    char iso[32];

    for (size_t i = 0; i < job->step_count; i++)
        add_step(job, &job->steps[i], trouble, options, &arena, &counts,
                 &cases);
    /* A job that is no pass has something that says so. */
    if (job->step_count == 0
        || (kind_of(status, true) >= KIND_FAILURE
            && counts.of[KIND_FAILURE] + counts.of[KIND_ERROR] == 0)) {
        struct testcase whole = {
            .suite = job->name, .name = "(job)", .status = status,
            .lane = trouble == NULL ? job->lane : trouble->lane,
            .ms = -1, .text = lines_text(trouble, options, &arena),
            .message = trouble != NULL ? trouble->reason
                       : job->reason[0] != '\0' ? job->reason
                       : outcome_name(status),
        };

        add_testcase(&whole, kind_of(status, true), &counts, &cases);
    }
    clock_iso(job->started_ms >= 0 ? job->started_ms : job->created_ms, iso);
    hosts = report_hosts_text(job, &arena);
    buf_addf(out, "  <testsuite id=\"%zu\"", index);
    add_attribute(out, "name", job->name);
    add_attribute(out, "package", evidence->branch);
    buf_addf(out, " timestamp=\"%.19s\"", iso);
    add_attribute(out, "hostname", hosts[0] == '\0' ? "none" : hosts);
    buf_addf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" "
             "skipped=\"%zu\" time=\"", counts.tests, counts.of[KIND_FAILURE],
             counts.of[KIND_ERROR], counts.of[KIND_SKIPPED]);
    add_seconds(out, report_job_ms(job));
    buf_adds(out, "\">\n    <properties>\n");
    buf_addf(out, "      <property name=\"flight\" value=\"%" PRId64 "\"/>\n"
             "      <property name=\"status\" value=\"%s\"/>\n",
             evidence->flight, outcome_name(status));
    buf_adds(out, "      <property name=\"recipe\"");
    add_attribute(out, "value", job->recipe);
    buf_adds(out, "/>\n      <property name=\"harness\"");
    add_attribute(out, "value", job->harness);
    buf_adds(out, "/>\n    </properties>\n");
    buf_add(out, buf_text(&cases), cases.len);
    buf_adds(out, "    <system-out/>\n    <system-err/>\n  </testsuite>\n");
    total->tests += counts.tests;
    for (int i = 0; i < KIND_COUNT; i++)
        total->of[i] += counts.of[i];
    buf_free(&cases);
    arena_free(&arena);
}

void
report_junit(const struct report *report,
             const struct report_options *options, struct buf *out)
{
    const struct evidence *evidence = report->evidence;
    const struct verdict *verdict = report->verdict;
    int64_t ms = evidence->started_ms < 0 || evidence->finished_ms < 0 ? -1
        : evidence->finished_ms - evidence->started_ms;
    struct counts total = { 0 };
    struct buf suites = BUF_INIT;

    for (size_t i = 0; i < evidence->job_count; i++)
        add_job(evidence, verdict, options, i, &total, &suites);
    buf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
    add_attribute(out, "name", verdict->headline);
    buf_addf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" time=\"",
             total.tests, total.of[KIND_FAILURE], total.of[KIND_ERROR]);
    add_seconds(out, ms);
    buf_adds(out, "\">\n");
    buf_add(out, buf_text(&suites), suites.len);
    buf_adds(out, "</testsuites>\n");
    buf_free(&suites);
}
