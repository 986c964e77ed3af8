/* results/report_text.c - the report for a terminal or a mail. */
#include <config.h>

#include "results/report.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/plain.h"
#include "results/age.h"
#include "results/evidence.h"
#include "results/measure.h"
#include "results/phases.h"
#include "results/report_changes.h"
#include "results/report_decision.h"
#include "results/report_parts.h"
#include "results/report_words.h"
#include "results/verdict.h"

#define GAPS_SHOWN 100
#define TROUBLES_SHOWN 20
#define MEASURES_SHOWN 100
#define TEXT_MAX 2000

struct text {
    const struct report *report;
    const struct evidence *evidence;
    const struct verdict *verdict;
    const struct report_options *options;
    struct arena arena;
    struct buf *out;
};

static void
put(struct text *text, const char *outside)
{
    plain_add(text->out, outside, strlen(outside), TEXT_MAX);
}

static void
put_wrapped(struct text *text, const char *outside, int column, int indent)
{
    plain_wrap(text->out, outside, TEXT_MAX, column, indent);
}

static void
put_heading(struct text *text, const char *heading)
{
    buf_addf(text->out, "\n%s\n", heading);
}

static void
put_fact(struct text *text, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    buf_addf(text->out, "  %-9s ", name);
    put_wrapped(text, value, 12, 12);
}

static const char *
time_text(struct text *text, int64_t wall_ms)
{
    char iso[32];

    clock_iso(wall_ms, iso);
    return arena_printf(&text->arena, "%.10s %.8s UTC", iso, iso + 11);
}

static const char *
duration_text(struct text *text, int64_t ms)
{
    char human[32];

    clock_human(ms, human);
    return arena_strdup(&text->arena, human);
}

static const char *
counts_text(struct text *text, const size_t counts[static OUTCOME_COUNT])
{
    const char *all = "";

    for (int i = 0; i < OUTCOME_COUNT; i++) {
        if (counts[i] > 0)
            all = arena_printf(&text->arena, "%s%s%zu %s", all,
                               all[0] == '\0' ? "" : ", ", counts[i],
                               outcome_name((enum outcome)i));
    }
    return all;
}

static void
part_verdict(struct text *text)
{
    const struct evidence *evidence = text->evidence;
    const struct verdict *verdict = text->verdict;
    const struct report_age *age = text->report->age;
    const char *when = "not started";

    buf_addf(text->out, "%s\n", verdict->headline);
    if (text->report->decision != NULL) {
        put_wrapped(text, words_advice(text->report, &text->arena), 0, 0);
    }
    put_wrapped(text, verdict->summary, 0, 0);
    buf_addc(text->out, '\n');
    put_fact(text, "tested", verdict->tested);
    if (text->report->gate != NULL)
        put_fact(text, "gate", text->report->gate->answer);
    for (size_t i = 0; i < evidence->tree_count; i++)
        put_fact(text, "revision",
                 arena_printf(&text->arena, "%s %s", evidence->trees[i].name,
                              evidence->trees[i].value));
    if (age != NULL) {
        put_fact(text, "last good", words_good(age, &text->arena));
        put_fact(text, "failing", words_since(age, &age->failing,
                                              &text->arena));
        put_fact(text, "same", words_since(age, &age->same, &text->arena));
    }
    put_fact(text, "branch",
             arena_printf(&text->arena, "%s, %s", evidence->branch,
                          evidence->intended));
    if (evidence->started_ms >= 0 && evidence->finished_ms >= 0)
        when = arena_printf(&text->arena, "%s, took %s",
                            time_text(text, evidence->started_ms),
                            duration_text(text, evidence->finished_ms
                                          - evidence->started_ms));
    else if (evidence->started_ms >= 0)
        when = arena_printf(&text->arena, "%s, not finished",
                            time_text(text, evidence->started_ms));
    put_fact(text, "when", when);
    put_fact(text, "jobs", counts_text(text, verdict->jobs));
    put_fact(text, "steps", counts_text(text, verdict->steps));
    put_fact(text, "cases", counts_text(text, verdict->cases));
    put_fact(text, "harness", evidence->harness);
}

static void
part_troubles(struct text *text)
{
    const struct verdict *verdict = text->verdict;
    struct buf *out = text->out;

    if (verdict->trouble_count == 0)
        return;
    put_heading(text, "What went wrong");
    for (size_t i = 0; i < verdict->trouble_count && i < TROUBLES_SHOWN;
         i++) {
        const struct verdict_trouble *trouble = &verdict->troubles[i];
        const char *hosts = report_hosts_text(trouble->job, &text->arena);
        struct report_lines lines;

        buf_adds(out, "  ");
        put(text, trouble->job->name);
        if (trouble->step != NULL) {
            buf_addc(out, ' ');
            put(text, trouble->step->testid);
        }
        buf_addf(out, ": %s, fault: %s", outcome_name(trouble->status),
                 lane_name(trouble->lane));
        if (hosts[0] != '\0') {
            buf_adds(out, ", on ");
            put(text, hosts);
        }
        buf_adds(out, "\n    ");
        put_wrapped(text, trouble->reason, 4, 4);
        report_lines_of(trouble, text->options, &text->arena, &lines);
        if (lines.file[0] != '\0') {
            buf_adds(out, "    ");
            put(text, lines.file);
            buf_addf(out, "%s:\n", report_place_text(&lines.excerpt,
                                                     &text->arena));
        }
        for (int j = 0; j < lines.excerpt.count; j++) {
            const struct excerpt_line *line = &lines.excerpt.lines[j];

            buf_addf(out, "    %c ", line->marked ? '>' : ' ');
            if (line->number > 0)
                buf_addf(out, "%6" PRId64 " ", line->number);
            put(text, line->text);
            buf_addc(out, '\n');
        }
        if (lines.note[0] != '\0') {
            buf_adds(out, "    ");
            put_wrapped(text, lines.note, 4, 4);
        }
    }
    if (verdict->trouble_count > TROUBLES_SHOWN)
        buf_addf(out, "  ... and %zu more\n",
                 verdict->trouble_count - TROUBLES_SHOWN);
}

static void
part_gaps(struct text *text)
{
    const struct verdict *verdict = text->verdict;

    put_heading(text, "What was not covered");
    if (verdict->coverage.gap_count == 0)
        buf_adds(text->out, "  nothing was left out\n");
    for (size_t i = 0; i < verdict->coverage.gap_count && i < GAPS_SHOWN; i++) {
        const struct coverage_gap *gap = &verdict->coverage.gaps[i];

        buf_adds(text->out, "  ");
        put_wrapped(text, arena_printf(&text->arena, "%s %s%s%s%s%s",
                                       gap->job, gap->what,
                                       gap->what[0] == '\0' ? "" : " ",
                                       outcome_name(gap->kind),
                                       gap->why[0] == '\0' ? "" : ": ",
                                       gap->why), 2, 4);
    }
    if (verdict->coverage.gap_count > GAPS_SHOWN)
        buf_addf(text->out, "  ... and %zu more\n",
                 verdict->coverage.gap_count - GAPS_SHOWN);
}

static void
put_boots(struct text *text, const struct evidence_job *job,
          const struct evidence_step *step)
{
    struct phase_boot boot;

    for (size_t i = 0; i < job->boot_count; i++) {
        phases_of_boot(job, &job->boots[i], &boot);
        if (boot.step != step || boot.count == 0)
            continue;
        buf_adds(text->out, "       ");
        put(text, job->boots[i].host);
        buf_adds(text->out, ":");
        for (int j = 0; j < boot.count; j++) {
            const struct phase *phase = &boot.phases[j];

            buf_addf(text->out, "%s %s %s%s", j == 0 ? "" : ",",
                     phase_name(phase->kind),
                     duration_text(text, phase->end_ms - phase->start_ms),
                     phase->complete ? "" : " and not finished");
        }
        buf_addc(text->out, '\n');
    }
}

static void
part_jobs(struct text *text)
{
    const struct evidence *evidence = text->evidence;
    struct buf *out = text->out;
    size_t column;

    put_heading(text, "Jobs");
    for (size_t i = 0; i < evidence->job_count; i++) {
        const struct evidence_job *job = &evidence->jobs[i];
        const char *hosts = report_hosts_text(job, &text->arena);

        buf_adds(out, "  ");
        put(text, job->name);
        buf_addf(out, ": %s", outcome_name(text->verdict->job_status[i]));
        if (report_job_ms(job) >= 0)
            buf_addf(out, ", %s", duration_text(text, report_job_ms(job)));
        if (hosts[0] != '\0') {
            buf_adds(out, ", ");
            put(text, hosts);
        }
        buf_addc(out, '\n');
        for (size_t j = 0; j < job->step_count; j++) {
            const struct evidence_step *step = &job->steps[j];

            buf_addf(out, "    %2d ", step->number);
            column = out->len;
            put(text, step->testid);
            while (out->len - column < 36)
                buf_addc(out, ' ');
            buf_addf(out, " %-9s", outcome_name(step->status));
            if (!evidence_is_unrun(step) && report_step_ms(step) >= 0)
                buf_addf(out, " %12s",
                         duration_text(text, report_step_ms(step)));
            if (step->reused_job[0] != '\0') {
                buf_addf(out, " step %d of ", step->reused_step);
                put(text, step->reused_job);
            }
            while (out->len > 0 && out->data[out->len - 1] == ' ')
                out->data[--out->len] = '\0';
            buf_addc(out, '\n');
            put_boots(text, job, step);
        }
    }
}

static void
part_measures(struct text *text)
{
    struct measure *measures;
    size_t count;

    measure_all(text->evidence, &text->arena, &measures, &count);
    if (count == 0)
        return;
    put_heading(text, "Measurements");
    for (size_t i = 0; i < count && i < MEASURES_SHOWN; i++) {
        const struct measure *measure = &measures[i];
        char median[32], min[32], max[32];

        measure_format(measure->median, median);
        measure_format(measure->min, min);
        measure_format(measure->max, max);
        buf_adds(text->out, "  ");
        put(text, measure->job->name);
        buf_addc(text->out, ' ');
        put(text, measure->step->testid);
        buf_addc(text->out, ' ');
        put(text, measure->name);
        buf_addf(text->out, ": %s ", median);
        put(text, measure->unit);
        if (measure->count > 1) {
            buf_addf(text->out, " (%zu repeats, %s to %s", measure->count,
                     min, max);
            if (measure->spread >= 0)
                buf_addf(text->out, ", spread %.1f %%",
                         measure->spread * 100);
            buf_adds(text->out, ")");
        }
        buf_addf(text->out, ", %s is better\n",
                 measure->higher_is_better ? "more" : "less");
    }
    if (count > MEASURES_SHOWN)
        buf_addf(text->out, "  ... and %zu more\n", count - MEASURES_SHOWN);
}

/* Once, however many boots and jobs said the same. */
static bool
is_told(const struct evidence *evidence, size_t job, size_t row)
{
    const struct evidence_firmware *this = &evidence->jobs[job].firmware[row];

    for (size_t i = 0; i <= job; i++) {
        const struct evidence_job *other = &evidence->jobs[i];

        for (size_t j = 0; j < (i == job ? row : other->firmware_count); j++)
            if (strcmp(other->firmware[j].host, this->host) == 0
                && strcmp(other->firmware[j].source, this->source) == 0
                && strcmp(other->firmware[j].said, this->said) == 0)
                return true;
    }
    return false;
}

static void
put_firmware(struct text *text)
{
    const struct evidence *evidence = text->evidence;

    for (size_t i = 0; i < evidence->job_count; i++) {
        for (size_t j = 0; j < evidence->jobs[i].firmware_count; j++) {
            const struct evidence_firmware *row
                = &evidence->jobs[i].firmware[j];

            if (is_told(evidence, i, j))
                continue;
            buf_adds(text->out, "  ");
            put_wrapped(text, arena_printf(&text->arena, "firmware of %s, by "
                                           "its %s: %s", row->host,
                                           row->source, row->said), 2, 4);
        }
    }
}

static void
part_versions(struct text *text)
{
    const struct evidence *evidence = text->evidence;

    put_heading(text, "Versions");
    for (size_t i = 0; i < evidence->build_count; i++) {
        const struct evidence_build *build = &evidence->builds[i];
        const char *line = arena_printf(&text->arena, "%s %s (%s):",
                                        build->name, build->arch,
                                        build->source);

        for (size_t j = 0; j < build->property_count; j++) {
            if (strcmp(build->properties[j].name, "packages") != 0)
                line = arena_printf(&text->arena, "%s%s %s %s", line,
                                    j == 0 ? "" : ",",
                                    build->properties[j].name,
                                    build->properties[j].value);
        }
        buf_adds(text->out, "  ");
        put_wrapped(text, line, 2, 4);
    }
    for (size_t i = 0; i < evidence->host_count; i++) {
        const struct evidence_host *host = &evidence->hosts[i];

        buf_adds(text->out, "  ");
        put_wrapped(text, arena_printf(&text->arena, "%s: %s, %s, %s "
                                       "firmware, %s", host->name, host->arch,
                                       host->class, host->firmware,
                                       host->state), 2, 4);
    }
    put_firmware(text);
}

void
report_text(const struct report *report, const struct report_options *options,
            struct buf *out)
{
    struct text text = { report, report->evidence, report->verdict, options,
                         ARENA_INIT, out };

    part_verdict(&text);
    report_decision_text(report->verdict, out);
    part_troubles(&text);
    report_changes_text(report->changes, &text.arena, out);
    part_gaps(&text);
    part_jobs(&text);
    part_measures(&text);
    part_versions(&text);
    arena_free(&text.arena);
}
