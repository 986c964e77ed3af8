/* results/verdict.c - what a flight's evidence amounts to, in words. */
#include <config.h>

#include "results/verdict.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"

/* How grave a job's outcome is, for the order of troubles; 0: no trouble of
 * its own (what was blocked or starved is a gap, its cause is elsewhere). */
static int
gravity(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_FAIL:
        return 4;
    case OUTCOME_BROKEN:
    case OUTCOME_MISSING:
    case OUTCOME_NONE:
        return 3;
    case OUTCOME_ABORTED:
        return 2;
    case OUTCOME_TRUNCATED:
        return 1;
    case OUTCOME_BLOCKED:
    case OUTCOME_STARVED:
    case OUTCOME_QUEUED:
    case OUTCOME_PREPARING:
    case OUTCOME_RUNNING:
    case OUTCOME_PASS:
    case OUTCOME_SKIP:
    case OUTCOME_REUSED:
    case OUTCOME_COUNT:
        break;
    }
    return 0;
}

enum outcome
verdict_job(const struct evidence_job *job, struct arena *arena,
            const char **why_out)
{
    const struct evidence_step *bad = evidence_first_bad(job);
    bool passed = false;

    *why_out = "";
    if (job->status != OUTCOME_PASS)
        return job->status;
    if (bad != NULL) {
        *why_out = arena_printf(arena, "recorded as a pass, but its step %s "
                                "is %s", bad->testid,
                                outcome_name(bad->status));
        return OUTCOME_BROKEN;
    }
    for (size_t i = 0; i < job->step_count; i++) {
        const struct evidence_step *step = &job->steps[i];

        passed = passed || step->status == OUTCOME_PASS;
        for (size_t j = 0; j < step->case_count; j++) {
            enum outcome status = step->cases[j].status;

            if (status == OUTCOME_PASS || status == OUTCOME_SKIP)
                continue;
            *why_out = arena_printf(arena, "recorded as a pass, but its case "
                                    "%s/%s is %s", step->testid,
                                    step->cases[j].id, outcome_name(status));
            return OUTCOME_BROKEN;
        }
    }
    if (!passed) {
        *why_out = "recorded as a pass, but no step of it passed";
        return OUTCOME_BROKEN;
    }
    return OUTCOME_PASS;
}

/* What went wrong ---------------------------------------------------------- */

static const char *
step_end_text(const struct evidence_step *step, struct arena *arena)
{
    if (step->exit_signal > 0)
        return arena_printf(arena, "%s was killed by signal %d", step->testid,
                            step->exit_signal);
    if (step->exit_code >= 0)
        return arena_printf(arena, "%s exited with status %d", step->testid,
                            step->exit_code);
    return arena_printf(arena, "%s is %s", step->testid,
                        outcome_name(step->status));
}

static void
trouble_fill(const struct evidence_job *job, enum outcome status,
             const char *doubt, struct arena *arena,
             struct verdict_trouble *out)
{
    const struct evidence_step *step = evidence_first_bad(job);

    /* The step that has the job's own outcome tells more than an earlier one
     * that did not end the job. */
    for (size_t i = 0; i < job->step_count; i++) {
        if (job->steps[i].status == status) {
            step = &job->steps[i];
            break;
        }
    }
    out->job = job;
    out->status = status;
    out->step = step;
    out->lane = job->lane;
    if (out->lane == LANE_NONE && step != NULL)
        out->lane = step->lane;
    if (doubt[0] != '\0')
        out->lane = LANE_HARNESS;
    else if (out->lane == LANE_NONE)
        out->lane = LANE_UNKNOWN;
    out->pointer = job->pointer;
    if (out->pointer.file[0] == '\0' && step != NULL)
        out->pointer = step->pointer;
    if (doubt[0] != '\0')
        out->reason = doubt;
    else if (job->reason[0] != '\0')
        out->reason = job->reason;
    else if (step != NULL && step->reason[0] != '\0')
        out->reason = step->reason;
    else if (step != NULL)
        out->reason = step_end_text(step, arena);
    else
        out->reason = "no step of it was recorded";
}

static int
compare_troubles(const void *a, const void *b)
{
    const struct verdict_trouble *x = a, *y = b;
    int order = gravity(y->status) - gravity(x->status);

    return order != 0 ? order : strcmp(x->job->name, y->job->name);
}

/* In words ----------------------------------------------------------------- */

static const char *
plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void
add_counted(struct buf *text, size_t count, const char *what)
{
    if (count == 0)
        return;
    if (text->len > 0)
        buf_adds(text, ", ");
    buf_addf(text, "%zu %s", count, what);
}

static const char *
summary_text(const struct evidence *evidence, const struct verdict *verdict,
             struct arena *arena)
{
    struct buf text = BUF_INIT, uncovered = BUF_INIT;
    size_t jobs = evidence->job_count, gaps[OUTCOME_COUNT] = { 0 };
    const char *summary;

    if (jobs == 0) {
        return "There was no job in it: nothing was tested.";
    } else if (verdict->jobs[OUTCOME_PASS] == jobs) {
        buf_addf(&text, jobs == 1 ? "Its one job passed" : "All %zu jobs "
                 "passed", jobs);
    } else {
        buf_addf(&text, "Of %zu job%s, ", jobs, plural(jobs));
        for (int i = 0, first = 1; i < OUTCOME_COUNT; i++) {
            if (verdict->jobs[i] == 0)
                continue;
            buf_addf(&text, "%s%zu %s", first ? "" : ", ", verdict->jobs[i],
                     outcome_name((enum outcome)i));
            first = 0;
        }
    }
    buf_addc(&text, '.');
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        gaps[i] = verdict->steps[i] + verdict->cases[i];
    add_counted(&uncovered, gaps[OUTCOME_SKIP], gaps[OUTCOME_SKIP] == 1
                ? "test was skipped" : "tests were skipped");
    add_counted(&uncovered, gaps[OUTCOME_BLOCKED],
                gaps[OUTCOME_BLOCKED] == 1 ? "test was not run"
                                           : "tests were not run");
    add_counted(&uncovered, gaps[OUTCOME_MISSING],
                gaps[OUTCOME_MISSING] == 1 ? "expected result is missing"
                                           : "expected results are missing");
    add_counted(&uncovered, gaps[OUTCOME_REUSED],
                gaps[OUTCOME_REUSED] == 1
                ? "step was not run, another job's stands for it"
                : "steps were not run, other jobs' stand for them");
    if (uncovered.len > 0)
        buf_addf(&text, " %s.", buf_text(&uncovered));
    if (evidence->abort_reason[0] != '\0')
        buf_addf(&text, " It was stopped: %s.", evidence->abort_reason);
    summary = arena_strdup(arena, buf_text(&text));
    buf_free(&text);
    buf_free(&uncovered);
    return summary;
}

/* Each candidate once, with what is known of it on each architecture. */
static const char *
tested_text(const struct evidence *evidence, struct arena *arena)
{
    struct buf text = BUF_INIT;
    const char *tested, *version, *last = "";

    for (size_t i = 0; i < evidence->build_count; i++) {
        const struct evidence_build *build = &evidence->builds[i];
        bool same = i > 0
            && evidence->builds[i - 1].candidate == build->candidate;

        version = evidence_pair_get(build->properties, build->property_count,
                                    "xen_version");
        if (version == NULL)
            version = "";
        if (!same) {
            buf_addf(&text, "%s%s (", i > 0 ? "); " : "", build->name);
            last = "";
        } else {
            buf_adds(&text, ", ");
        }
        if (version[0] != '\0' && strcmp(version, last) != 0)
            buf_addf(&text, "Xen %s ", version);
        last = version;
        buf_adds(&text, build->arch);
    }
    if (evidence->build_count > 0)
        buf_addc(&text, ')');
    tested = arena_strdup(arena, buf_text(&text));
    buf_free(&text);
    return tested;
}

/* The baseline in words: its flight, and what its version differs in. */
static const char *
baseline_text(const struct verdict_basis *basis, struct arena *arena)
{
    const struct decide_input *input = &basis->input;
    struct buf text = BUF_INIT;
    const char *copy;

    if (basis->covered.flight != 0)
        buf_addf(&text, "flight %" PRId64, basis->covered.flight);
    for (size_t i = 0; i < input->that_count; i++) {
        const struct decide_version *that = &input->that_version[i];
        bool same = false;

        for (size_t j = 0; j < input->this_count; j++) {
            const struct decide_version *this = &input->this_version[j];

            same = same || (strcmp(this->tree, that->tree) == 0
                            && strcmp(this->revision, that->revision) == 0);
        }
        if (!same)
            buf_addf(&text, "%s%s %s", text.len > 0 ? ", " : "", that->tree,
                     that->revision);
    }
    copy = arena_strdup(arena, buf_text(&text));
    buf_free(&text);
    return copy;
}

static void
compare(const struct verdict_basis *basis, struct arena *arena,
        struct verdict *out)
{
    out->basis = basis;
    out->baseline = "";
    if (basis == NULL)
        return;
    decide(&basis->input, arena, &out->decision);
    out->baseline = baseline_text(basis, arena);
}

void
verdict_of(const struct evidence *evidence,
           const struct verdict_basis *basis, struct arena *arena,
           struct verdict *out)
{
    struct verdict_trouble *troubles;

    *out = (struct verdict){ .outcome = OUTCOME_NONE };
    out->job_status = arena_alloc(arena, evidence->job_count
                                  * sizeof *out->job_status + 1);
    troubles = arena_alloc(arena, evidence->job_count * sizeof *troubles + 1);
    for (size_t i = 0; i < evidence->job_count; i++) {
        const struct evidence_job *job = &evidence->jobs[i];
        const char *doubt;
        enum outcome status = verdict_job(job, arena, &doubt);

        out->job_status[i] = status;
        out->jobs[status]++;
        for (size_t j = 0; j < job->step_count; j++) {
            const struct evidence_step *step = &job->steps[j];

            /* Whether a host is switched off is no test. */
            if (step->status != OUTCOME_SKIP || !evidence_is_chore(step))
                out->steps[step->status]++;
            out->step_count++;
            for (size_t k = 0; k < step->case_count; k++)
                out->cases[step->cases[k].status]++;
            out->case_count += step->case_count;
        }
        if (gravity(status) > 0)
            trouble_fill(job, status, doubt, arena,
                         &troubles[out->trouble_count++]);
    }
    qsort(troubles, out->trouble_count, sizeof *troubles, compare_troubles);
    out->troubles = troubles;
    coverage_of(evidence, out->job_status,
                basis == NULL || basis->covered.flight == 0
                    ? NULL : &basis->covered, arena, &out->coverage);
    compare(basis, arena, out);
    out->outcome = outcome_combine(out->job_status, evidence->job_count);
    out->headline = arena_printf(arena, "flight %lld: %s",
                                 (long long)evidence->flight,
                                 outcome_name(out->outcome));
    out->summary = summary_text(evidence, out, arena);
    out->tested = tested_text(evidence, arena);
}
