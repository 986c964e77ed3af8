/* harness/step_result.h - all that is recorded of one step that was run. */
#ifndef HARNESS_STEP_RESULT_H
#define HARNESS_STEP_RESULT_H

#include <stdint.h>
#include "harness/attr.h"
#include "harness/step_verdict.h"

struct json_t;

/* The JSON values are never NULL:
 *   cases     [{"id","status","note"}], missing ones included
 *   metrics   [{"name","value","unit","better"}]
 *   sets      {"NAME": "VALUE"}
 *   attached  [{"name","kind","sha256","bytes"}]
 *   evidence  {"file","line","text"} of the log's last line or of what
 *             decided, "byte" where that line begins, "pattern" of a console,
 *             "leftover", "log_dropped_bytes", "attach_failed" */
struct step_result {
    struct step_verdict verdict;
    int exit_code;              /* -1: it did not exit */
    int exit_signal;            /* 0: no signal killed it */
    int64_t elapsed_ms;
    int64_t log_bytes;          /* in the file */
    int64_t log_dropped_bytes;  /* beyond the limit, or the disk was full */
    char log_sha256[65];        /* "" when there is no log */
    char *progress;             /* the last "N/M text", or NULL */
    struct json_t *cases, *metrics, *sets, *attached, *evidence;
};

void step_result_init(struct step_result *result);
void step_result_fini(struct step_result *result);
/* 'to' is initialised or zero; 'from' is as after step_result_init() then. */
void step_result_move(struct step_result *to, struct step_result *from);

#endif
