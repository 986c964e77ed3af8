/* harness/pattern.h - the library of patterns: what lines of consoles and logs
 * mean. The data is in results/patterns/NAME.yaml; assay-patterns(5) documents
 * it. Matching is pattern_scan.h's. */
#ifndef HARNESS_PATTERN_H
#define HARNESS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"
#include "harness/outcome.h"

struct fault;
struct pattern_set;

enum pattern_kind {
    PATTERN_NONE = 0,
    PATTERN_FATAL,              /* whatever ran there is at its end */
    PATTERN_ERROR,              /* something went wrong */
    PATTERN_NOISE,              /* looks bad, and is printed in good runs */
    PATTERN_START, PATTERN_END, /* a part of the system comes up, goes down */
};
const char *pattern_kind_name(enum pattern_kind kind);

struct pattern {
    const char *name;           /* unique: "xen-panic" */
    const char *regex;          /* libhs's; ^ and $ are borders of lines */
    const char *sign;           /* "hypervisor panic" */
    const char *component;      /* xen linux qemu firmware installer network
                                 * harness */
    const char *file;           /* that it was read from */
    enum pattern_kind kind;
    enum lane lane;             /* LANE_NONE for noise, start and end */
    int weight;                 /* the strongest sign of a log has the most */
    const char *const *matches; /* lines that it must match, NULL-ended */
    const char *const *misses;  /* and must not */
};

/* The shipped files and those of the site (ASSAY_HOME/patterns/NAME.yaml). A
 * site's file stands in for the shipped one of its name, an empty one for
 * nothing; a site's pattern for one of its name in another file. Every error
 * is told: FAULT_CONFIG, "file:line: what". */
MUST_CHECK bool pattern_set_load(struct pattern_set **set_out,
                                 struct fault *why);
/* As above with other directories; 'site' may be NULL or missing. */
MUST_CHECK bool pattern_set_load_from(const char *shipped, const char *site,
                                      struct pattern_set **set_out,
                                      struct fault *why);
void pattern_set_free(struct pattern_set *set);         /* ignores NULL */

size_t pattern_count(const struct pattern_set *set);
const struct pattern *pattern_at(const struct pattern_set *set, size_t i);
/* NULL when there is none of that name. */
const struct pattern *pattern_find(const struct pattern_set *set,
                                   const char *name);

#endif
