/* results/report.h - a flight's report, for people and for machines.
 *
 * A report is a function of the evidence and of the log files below 'root':
 * the same again gives the same bytes. */
#ifndef RESULTS_REPORT_H
#define RESULTS_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"

struct arena;
struct buf;
struct db;
struct causes;
struct changes;
struct decide_input;
struct decide_request;
struct decision;
struct evidence;
struct pattern_code;
struct fault;
struct report_age;
struct verdict;

/* What the gate made of it. */
struct report_gate {
    const char *answer;         /* "held: 2 failed, 1 missing; 3 waived" */
    const char *words;          /* all of ruling_text(); "": look there */
};

/* What a report is made from. */
struct report {
    const struct evidence *evidence;
    const struct verdict *verdict;
    /* What is known beyond the flight itself; each may be NULL. */
    const struct decide_input *asked;   /* of the verdict */
    const struct decision *decision;    /* with 'asked' */
    const struct causes *causes;
    const struct report_age *age;
    const struct changes *changes;      /* since the last good flight */
    const struct report_gate *gate;
};

enum report_links {
    REPORT_LINKS_NONE = 0,
    REPORT_LINKS_FILES,         /* to the log files */
    REPORT_LINKS_WEB            /* to assay-web's /log/... */
};

struct report_options {
    const char *root;           /* ASSAY_HOME, to read logs from; NULL: none */
    enum report_links links;
    const char *base;           /* FILES: stands before a path below root */
    const char *url;            /* of assay-web for others, without a slash at
                                 * the end ("http://lab:8077"); NULL: none */
    struct pattern_code *patterns;      /* of signs in logs; NULL: none */
    const char *origin;         /* KCIDB: this lab, [a-z0-9_]+; NULL: assay */
};

/* Appends the report. A log that cannot be read is said in its place. */
void report_text(const struct report *report,
                 const struct report_options *options, struct buf *out);
/* One page that needs nothing else. */
void report_html(const struct report *report,
                 const struct report_options *options, struct buf *out);
/* All of the evidence and the verdict; the caller owns it. */
MUST_CHECK json_t *report_json(const struct report *report);

/* JUnit XML as Jenkins' xUnit plug-in and Ant's report define it: a test suite
 * a job, a test case a step and a case of a step. What is not known to be good
 * is an error, never a pass. */
void report_junit(const struct report *report,
                  const struct report_options *options, struct buf *out);
/* TAP version 14: a job is a subtest, a step with cases is one in it. */
void report_tap(const struct report *report, struct buf *out);
/* A submission by version 5 of KCIDB's schema; the caller owns it. */
MUST_CHECK json_t *report_kcidb(const struct report *report,
                                const struct report_options *options);

/* Reads and judges 'flight', with all that is known around it; 'request' as of
 * verdict_read(). The arena owns what 'out' points to. */
MUST_CHECK bool report_read(struct db *db, int64_t flight,
                            const struct decide_request *request,
                            struct arena *arena, struct report *out,
                            struct fault *why);
/* Reads and judges 'flight', and writes the page to
 * ASSAY_HOME/flights/N/report.html. '*path_out' is the arena's. */
MUST_CHECK bool report_publish(struct db *db, int64_t flight,
                               struct arena *arena, const char **path_out,
                               struct fault *why);

#endif
