/* harness/pattern_scan.h - finds the library's patterns in streams of bytes
 * and in lines, all patterns at once, by libhs. */
#ifndef HARNESS_PATTERN_SCAN_H
#define HARNESS_PATTERN_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct fault;
struct pattern;
struct pattern_code;            /* compiled, for any number of scans */
struct pattern_scan;            /* one stream */
struct pattern_set;

/* FAULT_CONFIG names the file and the pattern that libhs does not take. 'set'
 * is borrowed for the code's life. */
MUST_CHECK struct pattern_code *pattern_code_new(
    const struct pattern_set *set, struct fault *why);
/* pattern_set_load() and the above; the code owns the set. */
MUST_CHECK struct pattern_code *pattern_code_load(struct fault *why);
/* For those who can do without: logs what is wrong and returns NULL. */
MUST_CHECK struct pattern_code *pattern_code_try(void);
void pattern_code_free(struct pattern_code *code);      /* ignores NULL */
const struct pattern_set *pattern_code_set(const struct pattern_code *code);

/* The meaning of one line: the heaviest pattern that matches; NULL when none
 * does, or when one does that calls it noise. */
const struct pattern *pattern_code_line(struct pattern_code *code,
                                        const char *line, size_t bytes);
/* Does this very pattern match the line? For samples. */
bool pattern_code_matches(struct pattern_code *code,
                          const struct pattern *pattern, const char *line,
                          size_t bytes);

/* A line with a meaning. 'line' has no end of line, is cut to
 * PATTERN_LINE_MAX bytes, and is valid until return. 'offset' is that of its
 * first byte in the stream. */
#define PATTERN_LINE_MAX 1024
typedef void pattern_found_fn(void *owner, const struct pattern *pattern,
                              int64_t offset, const char *line, size_t bytes);

/* 'code' is borrowed; it must not be used by another thread meanwhile. */
MUST_CHECK struct pattern_scan *pattern_scan_new(struct pattern_code *code,
                                                 pattern_found_fn *found,
                                                 void *owner);
void pattern_scan_free(struct pattern_scan *scan);      /* ignores NULL */
/* The next bytes; 'found' is called for each line of meaning that ends in
 * them. */
void pattern_scan_feed(struct pattern_scan *scan, const char *data,
                       size_t bytes);
/* Takes the line that has not ended as if it had: for the end of the data, and
 * for a stream that has fallen silent. */
void pattern_scan_flush(struct pattern_scan *scan);

#endif
