/* results/signature.h - what a failure says, without what differs from one
 * time to the next: two failures with one signature have one cause.
 *
 * No I/O. Of a crash the signature is the line that says it, the reason below,
 * and the names in the call trace; of anything else the line alone, and the
 * test that said it. */
#ifndef RESULTS_SIGNATURE_H
#define RESULTS_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct buf;
struct pattern;

#define SIGNATURE_BYTES 17              /* with the NUL */

struct signature {
    char id[SIGNATURE_BYTES];           /* 16 hexadecimal digits */
    char *title;                        /* one line, for people */
    char *body;                         /* what 'id' is the hash of */
};

/* A line: time stamps, addresses, numbers, versions, ids and what is in
 * 'names' (NULL-ended, of hosts; or NULL) become '#', runs of blanks one. */
void signature_line(const char *line, size_t bytes, const char *const *names,
                    struct buf *out);

/* Of the crash whose line begins at 'at' in 'data': a piece of the console or
 * log around it. */
void signature_of_crash(const struct pattern *pattern, const char *data,
                        size_t bytes, size_t at, const char *const *names,
                        struct signature *out);
/* Of a line that is no crash; 'pattern' may be NULL. The role of 'testid'
 * ("boot/src") does not count. */
void signature_of_line(const struct pattern *pattern, const char *line,
                       const char *testid, const char *const *names,
                       struct signature *out);
void signature_fini(struct signature *signature);

#endif
