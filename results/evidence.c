/* results/evidence.c - look-ups in evidence that has been read. */
#include <config.h>

#include "results/evidence.h"

#include "harness/attr.h"

int64_t
evidence_byte(const struct evidence_pointer *pointer)
{
    return pointer->byte > 0 || pointer->line == 1 ? pointer->byte : -1;
}

const char *
evidence_pair_get(const struct evidence_pair *pairs, size_t count,
                  const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pairs[i].name, name) == 0)
            return pairs[i].value;
    }
    return NULL;
}

bool
evidence_is_unrun(const struct evidence_step *step)
{
    /* One that an abort stopped has a log; one that it never let start, not. */
    return step->status == OUTCOME_SKIP || step->status == OUTCOME_BLOCKED
        || step->status == OUTCOME_STARVED || step->status == OUTCOME_MISSING
        || step->status == OUTCOME_QUEUED
        || (step->status == OUTCOME_ABORTED && step->log_path[0] == '\0');
}

bool
evidence_is_chore(const struct evidence_step *step)
{
    return strcmp(step->program, "host-power-off") == 0;
}

const struct evidence_step *
evidence_first_bad(const struct evidence_job *job)
{
    for (size_t i = 0; i < job->step_count; i++) {
        if (!outcome_is_good(job->steps[i].status))
            return &job->steps[i];
    }
    return NULL;
}

const struct evidence_build *
evidence_build_of(const struct evidence *evidence,
                  const struct evidence_job *job)
{
    for (size_t i = 0; i < evidence->build_count; i++) {
        const struct evidence_build *build = &evidence->builds[i];

        if (build->candidate == job->candidate
            && strcmp(build->arch, job->arch) == 0)
            return build;
    }
    return NULL;
}
