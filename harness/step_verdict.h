/* harness/step_verdict.h - from what was seen of a step to its outcome, lane
 * and reason; and from the outcomes of steps to that of the job.
 *
 * Two tables, read from the top: the first row whose condition holds decides.
 * "pass" is the last row of each, so that it needs the absence of all else. */
#ifndef HARNESS_STEP_VERDICT_H
#define HARNESS_STEP_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/outcome.h"

#define STEP_EXIT_PASS 0
#define STEP_EXIT_FAIL 1
#define STEP_EXIT_BROKEN 75
#define STEP_EXIT_SKIP 77

#define STEP_REASON_BYTES 400

/* How the step's first process ended, and who ended it. */
enum step_end {
    STEP_END_NONE = 0,          /* not known: broken */
    STEP_END_UNSTARTED,         /* the program could not be executed */
    STEP_END_EXIT,
    STEP_END_SIGNAL,
    STEP_END_DEADLINE,          /* we stopped it: out of time */
    STEP_END_ABORT,             /* we stopped it: the job was aborted */
    STEP_END_CONSOLE,           /* we stopped it: what a console said */
};

/* Everything that the verdict depends on; texts are borrowed, NULL = none. */
struct step_facts {
    enum step_end end;
    int code;                   /* exit status, or signal number */
    const char *end_text;       /* why unstarted; why aborted */
    int64_t deadline_ms;
    const char *console_text;   /* the fatal line of a host's console */
    enum lane console_lane;     /* and whose fault it is */
    const char *disk_text;      /* log or records were lost: the disk */
    const char *record_text;    /* the first line that is no record */
    const char *open_text;      /* who kept descriptor 3 open at the end */
    const char *attach_text;    /* the first attachment that failed */
    int failed_count, missing_count;
    const char *first_failed;   /* "ID: text" of a failed case */
    const char *first_missing;
    enum lane blame;            /* LANE_NONE: blamed nobody */
    const char *blame_text;
    const char *last_line;      /* of the log */
    bool fail_is_broken;        /* the recipe's "iffail: broken" */
};

struct step_verdict {
    enum outcome status;
    enum lane lane;             /* LANE_NONE for pass and skip */
    char reason[STEP_REASON_BYTES];     /* one line, "" for a pass */
};

void step_verdict_make(const struct step_facts *facts,
                       struct step_verdict *verdict_out);

/* One step of a job, for the verdict on the whole. */
struct step_part {
    const char *testid;
    bool finally;
    struct step_verdict verdict;        /* status NONE: it never ended */
};
/* The steps of the recipe's body decide; the final ones count only when the
 * body has nothing but pass and skip. Returns the part that decided, NULL for
 * none or a pass. */
const struct step_part *step_verdict_job(const struct step_part *parts,
                                         size_t count,
                                         struct step_verdict *verdict_out);

#endif
