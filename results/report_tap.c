/* results/report_tap.c - the report as TAP version 14. */
#include <config.h>

#include "results/report.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/plain.h"
#include "results/evidence.h"
#include "results/report_parts.h"
#include "results/verdict.h"

#define TEXT_MAX 400

struct tap_out {
    struct buf *out;
    int depth;                  /* of subtests */
};

static void
indent(struct tap_out *tap)
{
    buf_addf(tap->out, "%*s", tap->depth * 4, "");
}

/* One line of outside text in which nothing is a directive. */
static void
add_text(struct buf *out, const char *text)
{
    struct buf plain = BUF_INIT;

    plain_add(&plain, text, strlen(text), TEXT_MAX);
    for (const char *p = buf_text(&plain); *p != '\0'; p++) {
        if (*p == '#' || *p == '\\')
            buf_addc(out, '\\');
        buf_addc(out, *p);
    }
    buf_free(&plain);
}

static void
add_subtest(struct tap_out *tap, const char *name, size_t count)
{
    indent(tap);
    buf_adds(tap->out, "# Subtest: ");
    add_text(tap->out, name);
    tap->depth++;
    buf_addc(tap->out, '\n');
    indent(tap);
    buf_addf(tap->out, "1..%zu\n", count);
}

static void
add_point(struct tap_out *tap, size_t number, const char *name,
          enum outcome status, const char *reason)
{
    bool good = outcome_is_good(status);

    indent(tap);
    buf_addf(tap->out, "%s %zu - ", good ? "ok" : "not ok", number);
    add_text(tap->out, name);
    if (status == OUTCOME_SKIP || status == OUTCOME_REUSED) {
        buf_adds(tap->out, reason[0] == '\0' ? " # SKIP" : " # SKIP ");
        add_text(tap->out, reason);
    }
    buf_addc(tap->out, '\n');
}

/* A line of the YAML block. A double-quoted text of YAML needs only these two
 * escaped when it is plain. */
static void
add_yaml(struct tap_out *tap, const char *key, const char *text)
{
    struct buf plain = BUF_INIT;

    if (text[0] == '\0')
        return;
    plain_add(&plain, text, strlen(text), 2000);
    indent(tap);
    buf_addf(tap->out, "  %s: \"", key);
    for (const char *p = buf_text(&plain); *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            buf_addc(tap->out, '\\');
        buf_addc(tap->out, *p);
    }
    buf_adds(tap->out, "\"\n");
    buf_free(&plain);
}

static void
yaml_mark(struct tap_out *tap, const char *mark)
{
    indent(tap);
    buf_addf(tap->out, "  %s\n", mark);
}

static void
add_step(struct tap_out *tap, const struct evidence_step *step, size_t number)
{
    if (step->case_count > 0) {
        add_subtest(tap, step->testid, step->case_count);
        for (size_t i = 0; i < step->case_count; i++) {
            const struct evidence_case *item = &step->cases[i];

            add_point(tap, i + 1, item->id, item->status, item->note);
            if (item->status == OUTCOME_PASS || item->status == OUTCOME_SKIP)
                continue;
            yaml_mark(tap, "---");
            add_yaml(tap, "status", outcome_name(item->status));
            add_yaml(tap, "message", item->note);
            yaml_mark(tap, "...");
        }
        tap->depth--;
    }
    add_point(tap, number, step->testid, step->status, step->reason);
    if (step->status == OUTCOME_SKIP || step->status == OUTCOME_REUSED)
        return;
    yaml_mark(tap, "---");
    add_yaml(tap, "status", outcome_name(step->status));
    if (step->lane != LANE_NONE)
        add_yaml(tap, "fault", lane_name(step->lane));
    add_yaml(tap, "message", step->reason);
    add_yaml(tap, "log", step->log_path);
    if (!evidence_is_unrun(step) && report_step_ms(step) >= 0) {
        indent(tap);
        buf_addf(tap->out, "  duration_ms: %" PRId64 "\n",
                 report_step_ms(step));
    }
    yaml_mark(tap, "...");
}

void
report_tap(const struct report *report, struct buf *out)
{
    const struct evidence *evidence = report->evidence;
    const struct verdict *verdict = report->verdict;
    struct tap_out tap = { out, 0 };

    buf_adds(out, "TAP version 14\n");
    if (evidence->job_count == 0) {
        /* An empty plan would read as a skip, and that as a success. */
        buf_adds(out, "1..1\n");
        add_point(&tap, 1, verdict->headline, verdict->outcome, "");
        return;
    }
    buf_addf(out, "1..%zu\n", evidence->job_count);
    for (size_t i = 0; i < evidence->job_count; i++) {
        const struct evidence_job *job = &evidence->jobs[i];
        const struct verdict_trouble *trouble = report_trouble_of(evidence,
                                                                  verdict, i);
        const char *reason = trouble == NULL ? job->reason : trouble->reason;
        enum outcome status = verdict->job_status[i];
        struct arena arena = ARENA_INIT;

        if (job->step_count > 0) {
            add_subtest(&tap, job->name, job->step_count);
            for (size_t j = 0; j < job->step_count; j++)
                add_step(&tap, &job->steps[j], j + 1);
            tap.depth--;
        }
        add_point(&tap, i + 1, job->name, status, reason);
        if (status != OUTCOME_SKIP) {
            yaml_mark(&tap, "---");
            add_yaml(&tap, "status", outcome_name(status));
            if (trouble != NULL)
                add_yaml(&tap, "fault", lane_name(trouble->lane));
            if (status != OUTCOME_PASS)
                add_yaml(&tap, "message", reason);
            add_yaml(&tap, "hosts", report_hosts_text(job, &arena));
            yaml_mark(&tap, "...");
        }
        arena_free(&arena);
    }
}
