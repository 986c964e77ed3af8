/* results/report_parts.h - what the text and the page both need. */
#ifndef RESULTS_REPORT_PARTS_H
#define RESULTS_REPORT_PARTS_H

#include "results/excerpt.h"
#include "results/verdict.h"

struct arena;
struct report_options;

/* The lines that matter for a trouble, and the file below ASSAY_HOME that
 * they stand in: a strong sign on a console while the step ran, else what the
 * evidence points to, else the step's log. count 0 when nothing can be read;
 * 'note' then says why, else it is "". */
struct report_lines {
    struct excerpt excerpt;     /* 'byte' -1: not known */
    const char *file, *note;
};
void report_lines_of(const struct verdict_trouble *trouble,
                     const struct report_options *options,
                     struct arena *arena, struct report_lines *out);

/* Where in its file the line is that says it, for editors and pagers:
 * ":12 (byte 345)"; "" when it is not known. */
const char *report_place_text(const struct excerpt *excerpt,
                              struct arena *arena);

/* Path below ASSAY_HOME of a file in the artefact store. */
const char *report_artefact_path(const char *sha256, struct arena *arena);

/* "lab-x86-1", "src_host lab-x86-1, dst_host lab-x86-2"; "" without hosts. */
const char *report_hosts_text(const struct evidence_job *job,
                              struct arena *arena);

/* How the step's program ended: "exit 1", "signal 9", "". */
const char *report_end_text(const struct evidence_step *step,
                            struct arena *arena);

/* What went wrong with the job at 'index', NULL if nothing did. */
const struct verdict_trouble *report_trouble_of(const struct evidence *evidence,
                                                const struct verdict *verdict,
                                                size_t index);

/* Time from start to end, -1 when it did not start or has not ended. */
int64_t report_job_ms(const struct evidence_job *job);
int64_t report_step_ms(const struct evidence_step *step);

/* The testids of a recipe's jobs in the order that they run in: columns of
 * the grid. 'recipe' NULL: of all. */
const char *const *report_testids(const struct evidence *evidence,
                                  const char *recipe, struct arena *arena,
                                  size_t *count_out);

#endif
