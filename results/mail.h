/* results/mail.h - a flight's report as a mail for people, which a program can
 * read back. assay-report(5) describes it. */
#ifndef RESULTS_MAIL_H
#define RESULTS_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct arena;
struct buf;
struct evidence;
struct fault;
struct message;
struct report;
struct report_options;

struct mail_options {
    const char *from;           /* "Name <address>"; NULL: assay@localhost */
    const char *to;             /* the same, "," between; NULL: none */
    bool pushed;                /* the tested revision was published */
};

/* "[xen-unstable test] 12: regressions - FAIL", OSSTest's style. */
void mail_subject(const struct report *report, bool pushed, struct buf *out);
/* What a person reads: verdict, coverage, causes, age and people in the first
 * screen, then each failure, gap and job. Valid UTF-8, no line is longer than
 * a mail may have, none begins in its first column with outside text. */
void mail_text(const struct report *report,
               const struct report_options *options, struct buf *out);
/* What goes into the message, in 'arena'. FAULT_USAGE when an address of the
 * options is none. */
MUST_CHECK bool mail_compose(const struct report *report,
                             const struct report_options *options,
                             const struct mail_options *mail,
                             struct arena *arena, struct message *out,
                             struct fault *why);
/* The whole message, lines ending with "\n" as a sendmail program wants them.
 * Blocks. */
MUST_CHECK bool mail_build(const struct report *report,
                           const struct report_options *options,
                           const struct mail_options *mail, struct buf *out,
                           struct fault *why);

/* The results in a message, or in what is left of one in an archive; 'name' is
 * for faults. FAULT_DATA as records_parse() (results/records.h). Blocks. */
MUST_CHECK bool mail_parse(const char *name, const void *data, size_t bytes,
                           struct arena *arena, struct evidence *out,
                           struct fault *why);

#endif
