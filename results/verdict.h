/* results/verdict.h - what a flight's evidence amounts to, in words.
 *
 * It judges what was recorded and believes no status alone: a job that says
 * pass while a step of it does not, or an expected case of it is missing, is
 * broken here. Compared with a history, it also says whether the version may
 * replace its baseline (results/decide.h). results/verdict_db.h reads all. */
#ifndef RESULTS_VERDICT_H
#define RESULTS_VERDICT_H

#include <stddef.h>
#include "results/coverage.h"
#include "results/decide.h"
#include "results/evidence.h"

struct arena;
struct perf;

/* A job that failed, broke, or was stopped. */
struct verdict_trouble {
    const struct evidence_job *job;
    const struct evidence_step *step;   /* the first that tells; NULL */
    enum outcome status;        /* as judged */
    enum lane lane;
    const char *reason;         /* never empty */
    struct evidence_pointer pointer;
};

/* What a flight is compared with. */
struct verdict_basis {
    struct decide_input input;
    struct coverage_baseline covered;   /* flight 0: there is none */
};

/* More of a failure of the decision; texts may be "". */
struct verdict_fact {
    const char *reason, *log_path, *signature;
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
    const struct verdict_trouble *troubles;     /* the gravest first */
    size_t trouble_count;
    struct coverage coverage;
    const struct verdict_basis *basis;  /* NULL: compared with nothing, then
                                         * there is no decision */
    struct decision decision;
    const struct verdict_fact *facts;   /* of each failure of the decision;
                                         * NULL: not read */
    /* What it measured, against the flights before it; worse ones are in the
     * decision too. NULL: not read. */
    const struct perf *perfs;
    size_t perf_count;
    const char *baseline;       /* "flight 12, xen 89abcdef"; "": there is
                                 * none */
};

/* 'basis' may be NULL. 'arena' owns all that 'out' points to; so do the
 * evidence and the basis. */
void verdict_of(const struct evidence *evidence,
                const struct verdict_basis *basis, struct arena *arena,
                struct verdict *out);

/* A job as judged; '*why_out' is set ("" when it is as recorded). */
enum outcome verdict_job(const struct evidence_job *job, struct arena *arena,
                         const char **why_out);

#endif
