/* bisector/journal.h - the state of a search: a file to which each result is
 * added and synced. One JSON object a line: first the setup, then
 *   {"run": {"TREE": COMMIT, ...}, "result": "good|bad|cannot-tell", ...}
 * {"run": ..., "value": NUMBER} for a measurement that decides nothing yet,
 * and {"scratch": DIR} for worktrees that a killed process leaves behind. A
 * last line that was cut off by a crash is dropped: its run is made again. */
#ifndef BISECTOR_JOURNAL_H
#define BISECTOR_JOURNAL_H

#include <stdbool.h>
#include <jansson.h>
#include "bisector/search.h"
#include "harness/attr.h"

struct fault;
struct graph;
struct samples;

struct journal {
    char *path;
    int fd, lock;
    json_t *setup;              /* its first line */
    json_t *lines;              /* the others, as they were when opened */
};
#define JOURNAL_INIT { .path = NULL, .fd = -1, .lock = -1 }

/* Opens for adding, and for nobody else (FAULT_CONFLICT). If missing or empty
 * it is begun with 'setup'; if that is NULL it must exist. An old one's setup
 * is in journal->setup. */
MUST_CHECK bool journal_open(struct journal *journal, const char *path,
                             const json_t *setup, struct fault *why);
/* Reads only; takes no lock. */
MUST_CHECK bool journal_read(struct journal *journal, const char *path,
                             struct fault *why);
void journal_close(struct journal *journal);

/* Line 'i' of journal->lines, understood. */
struct journal_run {
    bool is_run;                /* else it is about something else */
    struct search_test at;
    enum search_result result;  /* SEARCH_RESULT_NONE for a value */
    double value;               /* NAN: none */
};
MUST_CHECK bool journal_run(const struct journal *journal,
                            const struct graph *graph, size_t i,
                            struct journal_run *out, struct fault *why);

/* Gives the results of the lines to 'search', and the values to 'samples'
 * (NULL: there must be none). */
MUST_CHECK bool journal_replay(const struct journal *journal,
                               const struct graph *graph,
                               struct search *search, struct samples *samples,
                               struct fault *why);
/* Adds a result; on return it is on the disk. Steals 'more' (or NULL), whose
 * members go into the same line. */
MUST_CHECK bool journal_result(struct journal *journal,
                               const struct graph *graph,
                               const struct search_test *test,
                               enum search_result result, json_t *more,
                               struct fault *why);
MUST_CHECK bool journal_value(struct journal *journal,
                              const struct graph *graph,
                              const struct search_test *test, double value,
                              json_t *more, struct fault *why);
MUST_CHECK bool journal_line(struct journal *journal, const json_t *line,
                             struct fault *why);

#endif
