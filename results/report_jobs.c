/* results/report_jobs.c - what each job did and where its time went. */
#include <config.h>

#include "results/report_jobs.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/html.h"
#include "results/evidence.h"
#include "results/excerpt.h"
#include "results/logfile.h"
#include "results/phases.h"
#include "results/report.h"
#include "results/report_parts.h"
#include "results/verdict.h"

/* With more jobs than this only those with trouble stand open. */
#define JOBS_OPEN 6
#define CASES_SHOWN 300
#define FRAGMENT_BYTES 60
#define HEAD_LINES 25
#define TAIL_LINES 40
/* Logs of good steps are left out once the page has grown to this: those of
 * bad steps never are. */
#define LOGS_BYTES (3u << 20)

struct jobs {
    const struct evidence *evidence;
    const struct verdict *verdict;
    const struct report_options *options;
    struct arena *arena;
    struct buf *out;
    int64_t start_ms, end_ms;   /* of the job's picture */
};

void
report_file_link(const struct report_options *options, const char *path,
                 struct buf *out)
{
    bool link = options->links == REPORT_LINKS_FILES && path[0] != '/';

    if (link) {
        buf_adds(out, "<a href=\"");
        html_path(out, options->base);
        html_path(out, path);
        buf_adds(out, "\">");
    }
    html_text(out, path);
    if (link)
        buf_adds(out, "</a>");
}

/* Browsers scroll to a text that stands behind "#:~:text=" (WICG, Scroll to
 * Text Fragment); others ignore it. */
static void
add_fragment(const char *line, struct buf *out)
{
    size_t bytes = 0;

    while (bytes < FRAGMENT_BYTES && line[bytes] >= ' ' && line[bytes] <= '~')
        bytes++;
    if (bytes > 0)
        buf_adds(out, "#:~:text=");
    for (size_t i = 0; i < bytes; i++)
        buf_addf(out, "%%%02X", (unsigned)line[i]);
}

void
report_line_link(const struct report_options *options, const char *path,
                 const struct excerpt_line *mark, struct buf *out)
{
    bool link = options->links == REPORT_LINKS_FILES && path[0] != '/';

    if (mark == NULL || mark->number == 0) {
        report_file_link(options, path, out);
        return;
    }
    if (link) {
        buf_adds(out, "<a href=\"");
        html_path(out, options->base);
        html_path(out, path);
        add_fragment(mark->text, out);
        buf_adds(out, "\">");
    }
    html_text(out, path);
    buf_addf(out, ":%" PRId64, mark->number);
    if (link)
        buf_adds(out, "</a>");
    if (mark->byte >= 0)
        buf_addf(out, " <span class=\"soft\">byte %" PRId64 "</span>",
                 mark->byte);
}

/* A bar of the job's time line. */
static void
add_track(struct jobs *jobs, int64_t start_ms, int64_t end_ms,
          const char *class)
{
    double span = (double)(jobs->end_ms - jobs->start_ms);
    double left, width;

    buf_adds(jobs->out, "<span class=\"track\">");
    if (span > 0 && start_ms >= jobs->start_ms && end_ms >= start_ms) {
        left = 100 * (double)(start_ms - jobs->start_ms) / span;
        width = 100 * (double)(end_ms - start_ms) / span;
        buf_addf(jobs->out, "<s class=\"%s\" style=\"left:%.2f%%;"
                 "width:%.2f%%\"></s>", class, left, width);
    }
    buf_adds(jobs->out, "</span>");
}

/* Quarters of the time line, above it. */
static void
add_axis(struct jobs *jobs)
{
    int64_t span = jobs->end_ms - jobs->start_ms;

    if (span <= 0)
        return;
    buf_adds(jobs->out, "<div class=\"phase axis\"><span></span><span></span>"
             "<span></span><span class=\"track\">");
    for (int i = 0; i < 4; i++) {
        buf_addf(jobs->out, "<span style=\"left:%d%%\">", 25 * i);
        html_duration(jobs->out, span * i / 4);
        buf_adds(jobs->out, "</span>");
    }
    buf_adds(jobs->out, "</span><span></span></div>\n");
}

static void
add_phases(struct jobs *jobs, const struct evidence_job *job,
           const struct evidence_step *step)
{
    struct buf *out = jobs->out;
    struct phase_boot boot;

    for (size_t i = 0; i < job->boot_count; i++) {
        phases_of_boot(job, &job->boots[i], &boot);
        if (boot.step != step)
            continue;
        for (int j = 0; j < boot.count; j++) {
            const struct phase *phase = &boot.phases[j];
            char class[16];

            (void)snprintf(class, sizeof class, "p%d%s", (int)phase->kind,
                           phase->complete ? "" : " open");
            buf_adds(out, "<div class=\"phase\"><span></span><span></span>"
                     "<span class=\"testid\">");
            buf_addf(out, "%s%s", phase_name(phase->kind),
                     phase->complete ? "" : ", not finished");
            if (job->role_count > 1) {
                buf_adds(out, ", ");
                html_text(out, job->boots[i].host);
            }
            buf_adds(out, "</span>");
            add_track(jobs, phase->start_ms, phase->end_ms, class);
            buf_adds(out, "<span class=\"took\">");
            html_duration(out, phase->end_ms - phase->start_ms);
            buf_adds(out, "</span></div>\n");
        }
    }
}

static void
add_cases(struct jobs *jobs, const struct evidence_step *step)
{
    struct buf *out = jobs->out;
    size_t shown = 0;

    if (step->case_count == 0)
        return;
    buf_adds(out, "<table class=\"list\"><tbody>\n");
    /* What is not a pass comes first, then passes while there is room. */
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < step->case_count && shown < CASES_SHOWN; i++) {
            const struct evidence_case *item = &step->cases[i];

            if ((item->status == OUTCOME_PASS) != (round == 1))
                continue;
            buf_adds(out, "<tr><td>");
            html_text(out, item->id);
            buf_adds(out, "<td>");
            html_chip(out, item->status);
            html_cell(out, NULL, item->note);
            buf_adds(out, "</tr>\n");
            shown++;
        }
    }
    buf_adds(out, "</tbody></table>\n");
    if (shown < step->case_count)
        buf_addf(out, "<p class=\"soft\">... and %zu more cases.</p>\n",
                 step->case_count - shown);
}

static void
add_log(struct jobs *jobs, const struct evidence_job *job,
        const struct evidence_step *step)
{
    const struct report_options *options = jobs->options;
    bool good = outcome_is_good(step->status);
    struct logfile_view view = { "", "", 0 };
    struct fault why = FAULT_INIT;
    struct buf *out = jobs->out;
    int64_t bytes = 0;
    int fd = -1;

    if (step->log_path[0] == '\0')
        return;
    buf_adds(out, "<p class=\"source\">Log: ");
    if (options->links == REPORT_LINKS_WEB) {
        buf_addf(out, "<a href=\"/log/%" PRId64 "/", jobs->evidence->flight);
        html_path(out, job->name);
        buf_addf(out, "/%d\">", step->number);
        html_text(out, step->log_path);
        buf_adds(out, "</a>");
    } else {
        report_file_link(options, step->log_path, out);
    }
    buf_adds(out, ", ");
    html_bytes(out, step->log_bytes);
    if (step->log_sha256[0] != '\0') {
        buf_adds(out, ", sha256 ");
        html_text(out, step->log_sha256);
    }
    buf_adds(out, "</p>\n");
    if (options->root == NULL || (good && out->len > LOGS_BYTES))
        return;
    if (!logfile_open(options->root, step->log_path, &fd, &bytes, &why)
        || !logfile_view(fd, bytes, HEAD_LINES, TAIL_LINES, jobs->arena,
                         &view, &why)) {
        buf_adds(out, "<p class=\"source\">");
        html_text(out, why.text);
        buf_adds(out, "</p>\n");
    } else if (bytes > 0) {
        buf_adds(out, "<pre>");
        html_pre(out, view.head);
        if (view.left_out_bytes > 0) {
            buf_adds(out, "<span class=\"cut\">... ");
            html_bytes(out, view.left_out_bytes);
            buf_adds(out, " left out ...</span>\n");
        }
        html_pre(out, view.tail);
        buf_adds(out, "</pre>\n");
    }
    fd_close(&fd);
}

static void
add_attachments(struct jobs *jobs, const struct evidence_step *step)
{
    struct buf *out = jobs->out;

    if (step->attachment_count == 0)
        return;
    buf_addf(out, "<details class=\"more\"><summary>%zu files kept</summary>"
             "<table class=\"list\"><tbody>\n", step->attachment_count);
    for (size_t i = 0; i < step->attachment_count; i++) {
        const struct evidence_attachment *file = &step->attachments[i];
        bool link = jobs->options->links == REPORT_LINKS_FILES;

        buf_adds(out, "<tr><td>");
        if (link) {
            buf_adds(out, "<a href=\"");
            html_path(out, jobs->options->base);
            html_path(out, report_artefact_path(file->sha256, jobs->arena));
            buf_adds(out, "\">");
        }
        html_text(out, file->name);
        if (link)
            buf_adds(out, "</a>");
        html_cell(out, NULL, file->kind);
        buf_adds(out, "<td class=\"right keep\">");
        html_bytes(out, file->bytes);
        html_cell(out, "mono", file->sha256);
        buf_adds(out, "</tr>\n");
    }
    buf_adds(out, "</tbody></table></details>\n");
}

static void
add_step(struct jobs *jobs, const struct evidence_job *job,
         const struct evidence_step *step)
{
    const char *end = report_end_text(step, jobs->arena);
    struct buf *out = jobs->out;

    buf_addf(out, "<details class=\"step %s\"><summary><span class=\"arrow\">"
             "</span><span class=\"sign\" title=\"%s\">%s</span>"
             "<span class=\"testid\">", html_class(step->status),
             outcome_name(step->status), html_symbol(step->status));
    html_text(out, step->testid);
    buf_adds(out, "</span>");
    if (evidence_is_unrun(step))
        add_track(jobs, -1, -1, "");
    else
        add_track(jobs, step->started_ms, step->finished_ms,
                  html_class(step->status));
    buf_adds(out, "<span class=\"took\">");
    if (evidence_is_unrun(step))
        buf_addf(out, "<span class=\"soft\">%s</span>",
                 outcome_name(step->status));
    else
        html_duration(out, report_step_ms(step));
    buf_adds(out, "</span></summary>\n<div class=\"inside\" id=\"");
    html_path(out, job->name);
    buf_addf(out, ".%d\">\n", step->number);
    if (step->reason[0] != '\0') {
        buf_adds(out, "<p class=\"why\">");
        html_text(out, step->reason);
        buf_adds(out, "</p>\n");
    }
    buf_addf(out, "<p class=\"source\">Step %d, ", step->number);
    html_text(out, step->program);
    buf_addf(out, ": %s", outcome_name(step->status));
    if (step->lane != LANE_NONE)
        buf_addf(out, ", fault: %s", lane_name(step->lane));
    if (end[0] != '\0')
        buf_addf(out, ", %s", end);
    if (step->progress[0] != '\0') {
        buf_adds(out, ", last progress ");
        html_text(out, step->progress);
    }
    if (step->started_ms >= 0) {
        buf_adds(out, ", started ");
        html_time(out, step->started_ms);
    }
    if (step->boot[0] != '\0') {
        buf_adds(out, ", boot ");
        html_text(out, step->boot);
    }
    if (step->reused_job[0] != '\0') {
        buf_adds(out, ", stands for <a href=\"#");
        html_path(out, step->reused_job);
        buf_addf(out, ".%d\">step %d of ", step->reused_step,
                 step->reused_step);
        html_text(out, step->reused_job);
        buf_adds(out, "</a>");
    }
    buf_adds(out, "</p>\n");
    add_cases(jobs, step);
    add_log(jobs, job, step);
    add_attachments(jobs, step);
    buf_adds(out, "</div></details>\n");
    add_phases(jobs, job, step);
}

static void
add_firmware(struct jobs *jobs, const struct evidence_job *job)
{
    struct buf *out = jobs->out;

    if (job->firmware_count == 0)
        return;
    buf_adds(out, "<details class=\"more\"><summary>what firmware said"
             "</summary><table class=\"list\"><tbody>\n");
    for (size_t i = 0; i < job->firmware_count; i++) {
        buf_adds(out, "<tr><td class=\"keep\">");
        html_text(out, job->firmware[i].host);
        html_cell(out, "soft", job->firmware[i].source);
        html_cell(out, NULL, job->firmware[i].said);
        buf_adds(out, "<td class=\"soft\">boot ");
        html_text(out, arena_printf(jobs->arena, "%.8s",
                                    job->firmware[i].boot));
        buf_adds(out, "</tr>\n");
    }
    buf_adds(out, "</tbody></table></details>\n");
}

static void
add_runvars(struct jobs *jobs, const struct evidence_job *job)
{
    struct buf *out = jobs->out;

    if (job->runvar_count == 0)
        return;
    buf_addf(out, "<details class=\"more\"><summary>%zu variables</summary>"
             "<table class=\"list\"><tbody>\n", job->runvar_count);
    for (size_t i = 0; i < job->runvar_count; i++) {
        buf_adds(out, "<tr><td class=\"keep\">");
        html_text(out, job->runvars[i].name);
        html_cell(out, NULL, job->runvars[i].value);
        buf_addf(out, "<td class=\"soft\">%s</tr>\n",
                 job->runvars[i].result ? "result" : "definition");
    }
    buf_adds(out, "</tbody></table></details>\n");
}

static void
add_job(struct jobs *jobs, const struct evidence_job *job,
        enum outcome status)
{
    const char *hosts = report_hosts_text(job, jobs->arena);
    bool bad = status != OUTCOME_PASS && status != OUTCOME_SKIP;
    const struct evidence_build *build;
    struct buf *out = jobs->out;

    if (!phases_span(job, &jobs->start_ms, &jobs->end_ms))
        jobs->start_ms = jobs->end_ms = -1;
    buf_adds(out, "<details class=\"job\" id=\"");
    html_path(out, job->name);
    buf_addf(out, "\"%s><summary>", bad
             || jobs->evidence->job_count <= JOBS_OPEN ? " open" : "");
    html_chip(out, status);
    buf_adds(out, " <h3>");
    html_text(out, job->name);
    buf_adds(out, "</h3> <span class=\"soft\">");
    html_text(out, hosts);
    if (hosts[0] != '\0')
        buf_adds(out, ", ");
    html_text(out, job->arch);
    build = evidence_build_of(jobs->evidence, job);
    if (build != NULL) {
        buf_adds(out, ", ");
        html_text(out, build->name);
    }
    buf_adds(out, "</span> <span class=\"time soft\">");
    html_duration(out, report_job_ms(job));
    buf_adds(out, "</span></summary>\n<div>\n");
    if (job->reason[0] != '\0') {
        buf_adds(out, "<p>");
        html_text(out, job->reason);
        buf_adds(out, "</p>\n");
    }
    if (job->waits_for[0] != '\0' && !outcome_is_final(status)) {
        buf_adds(out, "<p class=\"soft\">Waits: ");
        html_text(out, job->waits_for);
        buf_adds(out, "</p>\n");
    }
    if (job->booking.known) {
        buf_adds(out, "<p class=\"soft\">Expected: ");
        booking_words(&job->booking, out);
        buf_adds(out, "</p>\n");
    }
    buf_adds(out, "<div class=\"flow\">\n");
    add_axis(jobs);
    for (size_t i = 0; i < job->step_count; i++)
        add_step(jobs, job, &job->steps[i]);
    if (job->step_count == 0)
        buf_adds(out, "<p class=\"soft\">No step was run.</p>\n");
    buf_adds(out, "</div>\n");
    add_phases(jobs, job, NULL);
    add_firmware(jobs, job);
    add_runvars(jobs, job);
    buf_adds(out, "</div></details>\n");
}

/* All jobs on one time line, when there are several. */
static void
add_flight(struct jobs *jobs)
{
    const struct evidence *evidence = jobs->evidence;
    struct buf *out = jobs->out;
    int64_t start = -1, end = -1, job_start, job_end;

    for (size_t i = 0; i < evidence->job_count; i++) {
        if (!phases_span(&evidence->jobs[i], &job_start, &job_end))
            continue;
        if (start < 0 || job_start < start)
            start = job_start;
        if (job_end > end)
            end = job_end;
    }
    if (evidence->job_count < 2 || start < 0)
        return;
    jobs->start_ms = start;
    jobs->end_ms = end;
    buf_adds(out, "<div class=\"flow whole\">\n");
    add_axis(jobs);
    for (size_t i = 0; i < evidence->job_count; i++) {
        const struct evidence_job *job = &evidence->jobs[i];
        enum outcome status = jobs->verdict->job_status[i];

        if (!phases_span(job, &job_start, &job_end))
            continue;
        buf_addf(out, "<div class=\"phase\"><span></span>"
                 "<span class=\"sign %s\">%s</span><span class=\"testid\">",
                 html_class(status), html_symbol(status));
        html_text(out, job->name);
        buf_adds(out, "</span>");
        add_track(jobs, job_start, job_end, html_class(status));
        buf_adds(out, "<span class=\"took\">");
        html_duration(out, job_end - job_start);
        buf_adds(out, "</span></div>\n");
    }
    buf_adds(out, "</div>\n");
}

void
report_jobs(const struct evidence *evidence, const struct verdict *verdict,
            const struct report_options *options, struct arena *arena,
            struct buf *out)
{
    struct jobs jobs = { evidence, verdict, options, arena, out, -1, -1 };

    buf_adds(out, "<h2 id=\"time\">Step by step: time and logs</h2>\n");
    add_flight(&jobs);
    for (size_t i = 0; i < evidence->job_count; i++)
        add_job(&jobs, &evidence->jobs[i], verdict->job_status[i]);
}
