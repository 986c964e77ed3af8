/* results/report_json.c - the report for machines: verdict and evidence.
 *
 * Keys are the database's names; times are UTC in ISO 8601, durations ms; what
 * is absent is null. */
#include <config.h>

#include "results/report.h"

#include "harness/arena.h"
#include "harness/json.h"
#include "results/cause.h"
#include "results/evidence.h"
#include "results/measure.h"
#include "results/phases.h"
#include "results/report_changes.h"
#include "results/report_decision.h"
#include "results/report_parts.h"
#include "results/verdict.h"

static void
put_lane(json_t *object, enum lane lane)
{
    json_put_text(object, "lane", lane == LANE_NONE ? NULL : lane_name(lane));
}

static void
put_pointer(json_t *object, const struct evidence_pointer *pointer)
{
    json_t *evidence;

    if (pointer->file[0] == '\0' && pointer->text[0] == '\0') {
        json_object_set_new(object, "evidence", json_null());
        return;
    }
    evidence = json_object();
    json_put_some(evidence, "file", pointer->file);
    json_put_count(evidence, "line", pointer->line > 0 ? pointer->line : -1);
    json_put_count(evidence, "byte", evidence_byte(pointer));
    json_put_some(evidence, "text", pointer->text);
    json_object_set_new(object, "evidence", evidence);
}

static json_t *
json_cases(const struct evidence_step *step)
{
    json_t *list = json_array();

    for (size_t i = 0; i < step->case_count; i++) {
        json_t *item = json_object();

        json_put_text(item, "id", step->cases[i].id);
        json_put_text(item, "status", outcome_name(step->cases[i].status));
        json_put_some(item, "note", step->cases[i].note);
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *
json_metrics(const struct evidence_step *step)
{
    json_t *list = json_array();

    for (size_t i = 0; i < step->metric_count; i++) {
        json_t *item = json_object();

        json_put_text(item, "name", step->metrics[i].name);
        json_object_set_new(item, "value", json_real(step->metrics[i].value));
        json_put_text(item, "unit", step->metrics[i].unit);
        json_put_text(item, "better", step->metrics[i].higher_is_better
                      ? "higher" : "lower");
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *
json_attachments(const struct evidence_step *step)
{
    json_t *list = json_array();

    for (size_t i = 0; i < step->attachment_count; i++) {
        json_t *item = json_object();

        json_put_text(item, "name", step->attachments[i].name);
        json_put_text(item, "kind", step->attachments[i].kind);
        json_put_text(item, "sha256", step->attachments[i].sha256);
        json_put_count(item, "bytes", step->attachments[i].bytes);
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *
json_steps(const struct evidence_job *job)
{
    json_t *list = json_array();

    for (size_t i = 0; i < job->step_count; i++) {
        const struct evidence_step *step = &job->steps[i];
        json_t *item = json_object();

        json_put_int(item, "step", step->number);
        json_put_text(item, "testid", step->testid);
        json_put_text(item, "program", step->program);
        json_put_text(item, "status", outcome_name(step->status));
        put_lane(item, step->lane);
        json_put_some(item, "reason", step->reason);
        put_pointer(item, &step->pointer);
        json_put_count(item, "exit_code", step->exit_code);
        json_put_count(item, "exit_signal", step->exit_signal);
        json_put_some(item, "progress", step->progress);
        json_put_time(item, "started_at", step->started_ms);
        json_put_time(item, "finished_at", step->finished_ms);
        json_put_count(item, "elapsed_ms", report_step_ms(step));
        json_put_some(item, "log_path", step->log_path);
        json_put_count(item, "log_bytes", step->log_bytes);
        json_put_some(item, "log_sha256", step->log_sha256);
        json_put_some(item, "harness", step->harness);
        json_put_some(item, "boot", step->boot);
        if (step->reused_job[0] != '\0') {
            json_put_some(item, "reused_job", step->reused_job);
            json_put_int(item, "reused_step", step->reused_step);
        }
        json_object_set_new(item, "cases", json_cases(step));
        json_object_set_new(item, "measurements", json_metrics(step));
        json_object_set_new(item, "attachments", json_attachments(step));
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *
json_firmware(const struct evidence_job *job)
{
    json_t *list = json_array();

    for (size_t i = 0; i < job->firmware_count; i++) {
        json_t *item = json_object();

        json_put_text(item, "boot", job->firmware[i].boot);
        json_put_text(item, "host", job->firmware[i].host);
        json_put_text(item, "source", job->firmware[i].source);
        json_put_text(item, "said", job->firmware[i].said);
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *
json_boots(const struct evidence_job *job)
{
    json_t *list = json_array();

    for (size_t i = 0; i < job->boot_count; i++) {
        const struct evidence_boot *boot = &job->boots[i];
        json_t *item = json_object(), *phases = json_array();
        struct phase_boot split;

        json_put_text(item, "nonce", boot->nonce);
        json_put_text(item, "host", boot->host);
        json_put_text(item, "status", boot->status);
        json_put_some(item, "reason", boot->reason);
        json_put_some(item, "address", boot->address);
        json_put_time(item, "armed_at", boot->armed_ms);
        json_put_time(item, "power_at", boot->power_ms);
        json_put_time(item, "powered_at", boot->powered_ms);
        json_put_time(item, "script_at", boot->script_ms);
        json_put_time(item, "fetched_at", boot->fetched_ms);
        json_put_time(item, "up_at", boot->up_ms);
        json_put_int(item, "fetch_count", boot->fetch_count);
        json_put_int(item, "fetch_bytes", boot->fetch_bytes);
        phases_of_boot(job, boot, &split);
        for (int j = 0; j < split.count; j++) {
            const struct phase *phase = &split.phases[j];
            json_t *part = json_object();

            json_put_text(part, "phase", phase_name(phase->kind));
            json_put_int(part, "ms", phase->end_ms - phase->start_ms);
            json_object_set_new(part, "complete",
                                json_boolean(phase->complete));
            json_array_append_new(phases, part);
        }
        json_object_set_new(item, "phases", phases);
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *
json_job_parts(const struct evidence_job *job, json_t *item)
{
    json_t *roles = json_array(), *runvars = json_array();
    json_t *needs = json_array();

    for (size_t i = 0; i < job->role_count; i++) {
        json_t *role = json_object();

        json_put_text(role, "role", job->roles[i].role);
        json_put_text(role, "arch", job->roles[i].arch);
        json_put_some(role, "host", job->roles[i].host);
        json_array_append_new(roles, role);
    }
    for (size_t i = 0; i < job->runvar_count; i++) {
        json_t *runvar = json_object();

        json_put_text(runvar, "name", job->runvars[i].name);
        json_put_text(runvar, "value", job->runvars[i].value);
        json_put_text(runvar, "origin", job->runvars[i].result
                      ? "result" : "definition");
        json_array_append_new(runvars, runvar);
    }
    for (size_t i = 0; i < job->need_count; i++) {
        json_t *need = json_object();

        json_put_int(need, "flight", job->needs[i].flight);
        json_put_text(need, "job", job->needs[i].job);
        json_array_append_new(needs, need);
    }
    json_object_set_new(item, "roles", roles);
    json_object_set_new(item, "runvars", runvars);
    json_object_set_new(item, "needs", needs);
    json_object_set_new(item, "boots", json_boots(job));
    json_object_set_new(item, "firmware", json_firmware(job));
    json_object_set_new(item, "steps", json_steps(job));
    return item;
}

static json_t *
json_jobs(const struct evidence *evidence, const struct verdict *verdict)
{
    json_t *list = json_array();

    for (size_t i = 0; i < evidence->job_count; i++) {
        const struct evidence_job *job = &evidence->jobs[i];
        json_t *item = json_object();

        json_put_text(item, "job", job->name);
        json_put_text(item, "recipe", job->recipe);
        json_put_text(item, "arch", job->arch);
        json_put_text(item, "status", outcome_name(job->status));
        json_put_text(item, "judged", outcome_name(verdict->job_status[i]));
        put_lane(item, job->lane);
        json_put_some(item, "reason", job->reason);
        put_pointer(item, &job->pointer);
        json_put_count(item, "candidate", job->candidate > 0 ? job->candidate
                                                             : -1);
        json_put_some(item, "waits_for", job->waits_for);
        if (job->booking.known)
            json_object_set_new(item, "expected",
                                booking_json(&job->booking));
        json_put_some(item, "harness", job->harness);
        json_put_time(item, "created_at", job->created_ms);
        json_put_time(item, "started_at", job->started_ms);
        json_put_time(item, "finished_at", job->finished_ms);
        json_put_count(item, "elapsed_ms", report_job_ms(job));
        json_array_append_new(list, json_job_parts(job, item));
    }
    return list;
}

static json_t *
json_pairs(const struct evidence_pair *pairs, size_t count)
{
    json_t *object = json_object();

    for (size_t i = 0; i < count; i++)
        json_put_text(object, pairs[i].name, pairs[i].value);
    return object;
}

/* Failures by signature, with the very line that each of them is known by. */
static json_t *
json_causes(const struct causes *causes)
{
    json_t *list = json_array();

    for (size_t i = 0; causes != NULL && i < causes->group_count; i++) {
        const struct cause_group *group = &causes->groups[i];
        json_t *item = json_object(), *failures = json_array();

        json_put_text(item, "signature", group->signature);
        json_put_text(item, "title", group->title);
        put_lane(item, group->lane);
        json_put_count(item, "issue",
                       group->issue == NULL ? -1 : group->issue->issue);
        for (size_t j = 0; j < causes->count; j++) {
            const struct cause *cause = &causes->list[j];
            json_t *failure;

            if (cause->group != i)
                continue;
            failure = json_object();
            json_put_text(failure, "job", cause->job);
            json_put_some(failure, "testid", cause->testid);
            json_put_some(failure, "file", cause->pointer.file);
            json_put_count(failure, "line", cause->pointer.line > 0
                                            ? cause->pointer.line : -1);
            json_put_count(failure, "byte", evidence_byte(&cause->pointer));
            json_put_some(failure, "text", cause->pointer.text);
            json_array_append_new(failures, failure);
        }
        json_object_set_new(item, "failures", failures);
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *
json_verdict(const struct verdict *verdict)
{
    json_t *object = json_object(), *gaps = json_array();
    json_t *troubles = json_array();

    json_put_text(object, "outcome", outcome_name(verdict->outcome));
    json_put_text(object, "summary", verdict->summary);
    for (size_t i = 0; i < verdict->coverage.gap_count; i++) {
        const struct coverage_gap *from = &verdict->coverage.gaps[i];
        json_t *gap = json_object();

        json_put_text(gap, "kind", outcome_name(from->kind));
        json_put_text(gap, "job", from->job);
        json_put_some(gap, "what", from->what);
        json_put_int(gap, "count", (int64_t)from->count);
        json_put_int(gap, "lost", (int64_t)from->lost);
        if (from->since != 0)
            json_put_int(gap, "since", from->since);
        json_put_some(gap, "why", from->why);
        json_array_append_new(gaps, gap);
    }
    for (size_t i = 0; i < verdict->trouble_count; i++) {
        const struct verdict_trouble *trouble = &verdict->troubles[i];
        json_t *item = json_object();

        json_put_text(item, "job", trouble->job->name);
        json_put_text(item, "testid", trouble->step == NULL ? NULL
                      : trouble->step->testid);
        json_put_text(item, "status", outcome_name(trouble->status));
        put_lane(item, trouble->lane);
        json_put_text(item, "reason", trouble->reason);
        put_pointer(item, &trouble->pointer);
        json_array_append_new(troubles, item);
    }
    json_object_set_new(object, "not_covered", gaps);
    json_object_set_new(object, "decision", report_decision_json(verdict));
    json_object_set_new(object, "troubles", troubles);
    return object;
}

static json_t *
json_measures(const struct evidence *evidence)
{
    struct arena arena = ARENA_INIT;
    json_t *list = json_array();
    struct measure *measures;
    size_t count;

    measure_all(evidence, &arena, &measures, &count);
    for (size_t i = 0; i < count; i++) {
        const struct measure *measure = &measures[i];
        json_t *item = json_object();

        json_put_text(item, "job", measure->job->name);
        json_put_text(item, "testid", measure->step->testid);
        json_put_text(item, "name", measure->name);
        json_put_text(item, "unit", measure->unit);
        json_put_text(item, "better", measure->higher_is_better ? "higher"
                                                                : "lower");
        json_put_int(item, "repeats", (int64_t)measure->count);
        json_object_set_new(item, "median", json_real(measure->median));
        json_object_set_new(item, "min", json_real(measure->min));
        json_object_set_new(item, "max", json_real(measure->max));
        json_object_set_new(item, "spread", measure->spread < 0 ? json_null()
                            : json_real(measure->spread));
        json_array_append_new(list, item);
    }
    arena_free(&arena);
    return list;
}

static void
put_versions(json_t *object, const struct evidence *evidence)
{
    json_t *hosts = json_array(), *builds = json_array();

    for (size_t i = 0; i < evidence->build_count; i++) {
        const struct evidence_build *build = &evidence->builds[i];
        json_t *item = json_object();

        json_put_int(item, "candidate", build->candidate);
        json_put_text(item, "name", build->name);
        json_put_text(item, "source", build->source);
        json_put_text(item, "arch", build->arch);
        json_object_set_new(item, "properties",
                            json_pairs(build->properties,
                                       build->property_count));
        json_object_set_new(item, "parts", json_pairs(build->parts,
                                                      build->part_count));
        json_array_append_new(builds, item);
    }
    for (size_t i = 0; i < evidence->host_count; i++) {
        const struct evidence_host *host = &evidence->hosts[i];
        json_t *item = json_object();

        json_put_text(item, "host", host->name);
        json_put_text(item, "site", host->site);
        json_put_text(item, "arch", host->arch);
        json_put_text(item, "firmware", host->firmware);
        json_put_text(item, "class", host->class);
        json_put_text(item, "state", host->state);
        json_object_set_new(item, "properties",
                            json_pairs(host->properties,
                                       host->property_count));
        json_array_append_new(hosts, item);
    }
    json_object_set_new(object, "candidates", builds);
    json_object_set_new(object, "hosts", hosts);
    json_object_set_new(object, "trees", json_pairs(evidence->trees,
                                                    evidence->tree_count));
}

json_t *
report_json(const struct report *report)
{
    const struct evidence *evidence = report->evidence;
    const struct verdict *verdict = report->verdict;
    json_t *object = json_object();

    json_put_int(object, "flight", evidence->flight);
    json_put_text(object, "branch", evidence->branch);
    json_put_text(object, "blessing", evidence->blessing);
    json_put_text(object, "intended", evidence->intended);
    json_put_text(object, "outcome", outcome_name(evidence->outcome));
    json_put_text(object, "harness", evidence->harness);
    json_put_some(object, "source", evidence->source);
    json_put_some(object, "abort_reason", evidence->abort_reason);
    json_put_time(object, "created_at", evidence->created_ms);
    json_put_time(object, "started_at", evidence->started_ms);
    json_put_time(object, "finished_at", evidence->finished_ms);
    json_object_set_new(object, "verdict", json_verdict(verdict));
    json_put_some(object, "gate", report->gate == NULL ? ""
                                  : report->gate->answer);
    json_object_set_new(object, "jobs", json_jobs(evidence, verdict));
    json_object_set_new(object, "measurements", json_measures(evidence));
    put_versions(object, evidence);
    json_object_set_new(object, "causes", json_causes(report->causes));
    json_object_set_new(object, "changes",
                        report_changes_json(report->changes));
    return object;
}
