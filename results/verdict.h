/* results/verdict.h - what a flight's evidence amounts to, in words.
 *
 * It judges what was recorded and believes no status alone: a job that says
 * pass while a step of it does not, or an expected case of it is missing, is
 * broken here. */
#ifndef RESULTS_VERDICT_H
#define RESULTS_VERDICT_H

#include <stddef.h>
#include "results/evidence.h"

struct arena;

/* Something that was to be tested and was not. */
struct verdict_gap {
    enum outcome kind;          /* skip, missing, blocked, starved, ... */
    const char *job;
    const char *what;           /* testids, ", " between; "": the whole job */
    const char *why;            /* "" when nobody said */
    size_t count;               /* of testids, also those past the named */
};

/* A job that failed, broke, or was stopped. */
struct verdict_trouble {
    const struct evidence_job *job;
    const struct evidence_step *step;   /* the first that tells; NULL */
    enum outcome status;        /* as judged */
    enum lane lane;
    const char *reason;         /* never empty */
    struct evidence_pointer pointer;
};

struct verdict {
    enum outcome outcome;
    const char *headline;       /* "flight 1: pass" */
    const char *summary;        /* one or two sentences */
    const char *tested;         /* "bookworm (Xen 4.17.5; amd64, arm64)" */
    enum outcome *job_status;   /* as judged, in the order of the jobs */
    size_t jobs[OUTCOME_COUNT], steps[OUTCOME_COUNT], cases[OUTCOME_COUNT];
    size_t step_count, case_count;
    const struct verdict_gap *gaps;
    size_t gap_count;
    const struct verdict_trouble *troubles;     /* the gravest first */
    size_t trouble_count;
};

/* 'arena' owns all that 'out' points to; so does the evidence. */
void verdict_of(const struct evidence *evidence, struct arena *arena,
                struct verdict *out);

/* A job as judged; '*why_out' is set ("" when it is as recorded). */
enum outcome verdict_job(const struct evidence_job *job, struct arena *arena,
                         const char **why_out);

#endif
