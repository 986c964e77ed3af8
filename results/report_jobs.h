/* results/report_jobs.h - the part of the page that shows what each job did
 * and where its time went. */
#ifndef RESULTS_REPORT_JOBS_H
#define RESULTS_REPORT_JOBS_H

struct arena;
struct buf;
struct evidence;
struct excerpt_line;
struct report_options;
struct verdict;

void report_jobs(const struct evidence *evidence,
                 const struct verdict *verdict,
                 const struct report_options *options, struct arena *arena,
                 struct buf *out);

/* The name of a file below ASSAY_HOME, as a link when there can be one. */
void report_file_link(const struct report_options *options, const char *path,
                      struct buf *out);
/* The same, at the line 'mark' of it when there is one: "FILE:LINE". */
void report_line_link(const struct report_options *options, const char *path,
                      const struct excerpt_line *mark, struct buf *out);

#endif
