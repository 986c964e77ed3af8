/* results/history.h - flights as lines of JSON, see assay-history(5): reading
 * with every check that needs no database, and writing. No SQL.
 *
 * A flight in memory is one JSON object: its record, with "jobs", a list of
 * theirs, each with "steps", a list of theirs. Two equal flights are written
 * as the same bytes. */
#ifndef RESULTS_HISTORY_H
#define RESULTS_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <jansson.h>
#include "harness/attr.h"

struct buf;
struct fault;

#define HISTORY_FORMAT 2         /* written; all from 1 on are read */
#define HISTORY_LINE_MAX (64 << 20)     /* bytes */

/* Called for each flight that is whole and sound; 'line' is that of its
 * record. It may take a reference. False with 'why' ends the reading; the
 * reader adds name and line. */
typedef bool history_flight_fn(void *owner, json_t *flight, int64_t line,
                               struct fault *why);

/* A reader that is fed line by line; 'name' is borrowed. */
struct history_reader {
    const char *name;           /* for messages */
    history_flight_fn *each;
    void *owner;
    int64_t line;               /* of the last line fed */
    bool begun;                 /* the first line was there */
    json_t *flight, *job;       /* being read */
    int64_t flight_line, job_count, step_count;
};

void history_reader_init(struct history_reader *reader, const char *name,
                         history_flight_fn *each, void *owner);
void history_reader_fini(struct history_reader *reader);
/* Takes a line without its newline. FAULT_CONFIG, "name:line: what is wrong";
 * then only history_reader_fini() makes sense. */
MUST_CHECK bool history_feed(struct history_reader *reader, const char *line,
                             size_t bytes, struct fault *why);
/* The input ended: false when that is in the middle of something. */
MUST_CHECK bool history_end(struct history_reader *reader,
                            struct fault *why);

/* All lines of 'from' through a reader; FAULT_CANCELLED when asked to stop. */
MUST_CHECK bool history_read(FILE *from, const char *name,
                             history_flight_fn *each, void *owner,
                             struct fault *why);

/* The first line of a file; the lines of a flight. */
void history_write_begin(struct buf *out);
void history_write(const json_t *flight, struct buf *out);
/* Checks a flight in memory as if it had been read, and drops what is empty.
 * FAULT_DATA. */
MUST_CHECK bool history_check(json_t *flight, struct fault *why);

#endif
