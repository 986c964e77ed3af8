/* harness/log.h - the log sink: one line a record on standard error.
 *
 *   2026-11-23T05:16:48.123Z assay-job info flight=1 host=lab-x86-1: text
 *
 * Outside bytes are escaped here. The fields are process-wide context: a
 * process works for one flight and job, or passes them a record at a time. */
#ifndef HARNESS_LOG_H
#define HARNESS_LOG_H

#include "harness/attr.h"

struct fault;

enum log_level { LOG_LEVEL_ERROR = 0, LOG_LEVEL_WARN, LOG_LEVEL_INFO,
                 LOG_LEVEL_DEBUG };

/* NULL means absent. Strings are borrowed for the call. */
struct log_fields {
    const char *flight, *job, *step, *host;
};

/* 'program' is borrowed for ever. Level from ASSAY_LOG (error warn info
 * debug), default info; JSON lines when ASSAY_LOG_FORMAT=json. */
void log_init(const char *program);
/* Copies; applies to each later record that does not say otherwise. */
void log_set_context(const struct log_fields *fields);

void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_with(enum log_level level, const struct log_fields *fields,
              const char *fmt, ...) PRINTF_LIKE(3, 4);
void log_fault(enum log_level level, const struct fault *why,
               const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
