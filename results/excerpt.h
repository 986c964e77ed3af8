/* results/excerpt.h - the ten lines of a log that matter for a failure. */
#ifndef RESULTS_EXCERPT_H
#define RESULTS_EXCERPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct fault;
struct pattern;
struct pattern_code;
struct pattern_code;

#define EXCERPT_LINES 10

struct excerpt_line {
    int64_t number;             /* 1-based; 0 when it is not known */
    int64_t byte;               /* where it begins in the file, or the data */
    const char *text;           /* plain (harness/plain.h) */
    bool marked;                /* the line that says it */
};

struct excerpt {
    struct excerpt_line lines[EXCERPT_LINES];
    int count;
    /* What the marked line is a sign of ("hypervisor panic"); "" when no line
     * says anything and these are the last ones. */
    const char *sign;
    int weight;                 /* of the sign; 0 without one */
};

/* The marked line; NULL when there is none. */
const struct excerpt_line *excerpt_mark(const struct excerpt *excerpt);

/* Signs from here on say what happened; weaker ones occur in good runs too. */
#define EXCERPT_STRONG 50

/* Around line 'want' when it is > 0 and the log has it; else around the
 * line with the strongest sign of trouble, else the last lines. Of a long log
 * only the first and the last megabytes are searched. The signs are those of
 * 'code'; with NULL there are none. */
MUST_CHECK bool excerpt_read(struct pattern_code *code, int fd,
                             int64_t bytes, int64_t want,
                             struct arena *arena, struct excerpt *out,
                             struct fault *why);
/* The same of bytes in memory, whose first line has the number 'first'. */
void excerpt_data(struct pattern_code *code, const char *data, size_t bytes,
                  int64_t first, int64_t want, struct arena *arena,
                  struct excerpt *out);
/* The strongest sign in 'data', and where its line begins; NULL: none. Of two
 * equally strong ones (EXCERPT_STRONG) the first. */
const struct pattern *excerpt_sign(struct pattern_code *code,
                                   const char *data, size_t bytes,
                                   size_t *at_out);

#endif
