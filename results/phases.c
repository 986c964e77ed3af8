/* results/phases.c - where the time of a job went. */
#include <config.h>

#include "results/phases.h"

#include "harness/attr.h"

const char *
phase_name(enum phase_kind kind)
{
    static const char *const NAMES[PHASE_COUNT] = {
        [PHASE_NONE] = "none",   [PHASE_POWER] = "power",
        [PHASE_FIRMWARE] = "firmware", [PHASE_FETCH] = "fetch",
        [PHASE_BOOT] = "boot",   [PHASE_CONFIRM] = "confirm",
    };

    return (unsigned)kind < PHASE_COUNT ? NAMES[kind] : NAMES[PHASE_NONE];
}

/* The step during which the boot was armed. */
static const struct evidence_step *
step_of_boot(const struct evidence_job *job, const struct evidence_boot *boot)
{
    for (size_t i = job->step_count; i-- > 0;) {
        const struct evidence_step *step = &job->steps[i];

        if (step->started_ms >= 0 && step->started_ms <= boot->armed_ms
            && (step->finished_ms < 0 || step->finished_ms >= boot->armed_ms))
            return step;
    }
    return NULL;
}

void
phases_of_boot(const struct evidence_job *job,
               const struct evidence_boot *boot, struct phase_boot *out)
{
    const int64_t moments[PHASE_COUNT] = {
        [PHASE_NONE] = boot->power_ms,
        [PHASE_POWER] = boot->powered_ms,
        [PHASE_FIRMWARE] = boot->script_ms,
        [PHASE_FETCH] = boot->fetched_ms,
        [PHASE_BOOT] = boot->up_ms,
        [PHASE_CONFIRM] = -1,
    };
    int64_t last, end;

    *out = (struct phase_boot){ .boot = boot };
    out->step = step_of_boot(job, boot);
    end = out->step == NULL ? -1 : out->step->finished_ms;
    last = boot->power_ms >= 0 ? boot->power_ms : boot->armed_ms;
    for (int i = PHASE_POWER; i < PHASE_COUNT; i++) {
        struct phase *phase = &out->phases[out->count];
        bool complete = moments[i] >= 0;
        int64_t until = complete ? moments[i] : end;

        if (i == PHASE_CONFIRM)
            complete = end >= 0;
        if (until < 0)
            break;
        if (until < last)               /* a moment that came out of order */
            until = last;
        *phase = (struct phase){ (enum phase_kind)i, last, until, complete };
        out->count++;
        last = until;
        if (!complete)
            break;
    }
}

static void
span_add(int64_t moment, int64_t *start, int64_t *end)
{
    if (moment < 0)
        return;
    if (*start < 0 || moment < *start)
        *start = moment;
    if (moment > *end)
        *end = moment;
}

bool
phases_span(const struct evidence_job *job, int64_t *start_out,
            int64_t *end_out)
{
    int64_t start = -1, end = -1;

    span_add(job->started_ms, &start, &end);
    span_add(job->finished_ms, &start, &end);
    for (size_t i = 0; i < job->step_count; i++) {
        span_add(job->steps[i].started_ms, &start, &end);
        span_add(job->steps[i].finished_ms, &start, &end);
    }
    if (start < 0 || end <= start)
        return false;
    *start_out = start;
    *end_out = end;
    return true;
}
