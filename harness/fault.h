/* harness/fault.h - why a call failed: a kind for machines, text for people.
 *
 * A struct fault lives on the caller's stack and is written only on failure.
 * Callees state the fact, callers add context, main and the loop print. */
#ifndef HARNESS_FAULT_H
#define HARNESS_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct buf;

enum fault_kind {
    FAULT_NONE = 0,
    FAULT_USAGE,                /* the command line: exit 2 */
    FAULT_CONFIG,               /* a file the operator wrote: exit 2 */
    FAULT_NOT_FOUND,            /* a named thing does not exist: exit 2 */
    FAULT_CONFLICT,             /* true, but not now (owned, exists): exit 1 */
    FAULT_SYSTEM,               /* this machine: errno, disk, exec: exit 75 */
    FAULT_PEER,                 /* the other side misbehaves: exit 75 */
    FAULT_TIMEOUT,              /* deadline passed: exit 75 */
    FAULT_LOST,                 /* database connection or ownership: exit 75 */
    FAULT_DATA,                 /* stored data is not what it must be: exit 1 */
    FAULT_CANCELLED,            /* asked to stop: exit 130 */
    FAULT_KIND_COUNT
};

struct fault {
    enum fault_kind kind;
    char text[600];             /* lower case, no full stop */
    char detail[1200];          /* output of the failed tool, may be empty */
    char hint[400];             /* what to do, may be empty */
};

#define FAULT_INIT { .kind = FAULT_NONE }

/* Each returns false, so that "return fault_set(...)" reads well.
 * Control characters in the message are escaped; over-long text is cut
 * with "..." and never overruns. */
bool fault_set(struct fault *why, enum fault_kind kind, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* As fault_set(), with ": strerror(errno)" added. */
bool fault_errno(struct fault *why, enum fault_kind kind, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* Puts "text: " before what is there. */
bool fault_context(struct fault *why, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool fault_detail(struct fault *why, const char *data, size_t bytes);
bool fault_hint(struct fault *why, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* "assay: text", then detail lines, then "hint: ...", to stderr. */
void fault_print(const struct fault *why);
const char *fault_kind_name(enum fault_kind kind);
int fault_exit_status(const struct fault *why);

#endif
