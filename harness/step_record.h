/* harness/step_record.h - what a step says on descriptor 3, one record a line.
 *
 *   case ID pass|fail|skip [TEXT]
 *   metric NAME VALUE UNIT higher|lower
 *   set NAME VALUE
 *   attach PATH [KIND]
 *   progress N/M [TEXT]
 *   blame host|harness|test|product TEXT
 *
 * The bytes are hostile. The first thing that is not a record ends the
 * reading: it is kept as the fault (with the number of its line), what
 * follows is ignored, and the step cannot pass any more. No I/O. */
#ifndef HARNESS_STEP_RECORD_H
#define HARNESS_STEP_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/buf.h"
#include "harness/fault.h"

#define STEP_RECORD_LINE_MAX 4096       /* bytes, without the newline */
#define STEP_RECORD_NAME_MAX 200
#define STEP_RECORD_COUNT_MAX 100000    /* records of one step */

enum step_verb {
    STEP_VERB_NONE = 0, STEP_VERB_CASE, STEP_VERB_METRIC, STEP_VERB_SET,
    STEP_VERB_ATTACH, STEP_VERB_PROGRESS, STEP_VERB_BLAME, STEP_VERB_COUNT
};
const char *step_verb_name(enum step_verb verb);

/* A substep's result. NONE is no verdict; MISSING never comes from a step. */
enum step_case_status {
    STEP_CASE_NONE = 0, STEP_CASE_PASS, STEP_CASE_FAIL, STEP_CASE_SKIP,
    STEP_CASE_MISSING
};
const char *step_case_status_name(enum step_case_status status);

/* One record; texts are borrowed for the call. 'name' is the case's id, the
 * name of the metric or runvar, or the path; 'text' is never NULL. */
struct step_record {
    enum step_verb verb;
    int64_t line;               /* 1-based */
    const char *name;
    const char *text;           /* rest: text, value, kind */
    enum step_case_status status;
    double value;
    const char *unit;
    bool higher;                /* higher is better */
    int64_t done, total;        /* progress */
    const char *lane;           /* blame */
};

/* Called for each good record, inside step_records_feed(). False with 'why'
 * (without the line number) refuses it, as if it had been malformed. */
typedef bool step_record_fn(void *owner, const struct step_record *record,
                            struct fault *why);

struct step_records {
    step_record_fn *each;
    void *owner;
    struct buf line;            /* what came since the last newline */
    int64_t line_number;
    int64_t count;
    bool broken;
    struct fault fault;         /* valid when broken: "line N: what" */
    struct json_t *cases;       /* set of the ids seen: hostile in number */
};

void step_records_init(struct step_records *records, step_record_fn *each,
                       void *owner);
void step_records_fini(struct step_records *records);

/* Takes the next bytes, in pieces of any size. */
void step_records_feed(struct step_records *records, const void *data,
                       size_t bytes);
/* The pipe has ended; a last line without newline is no record. */
void step_records_end(struct step_records *records);

/* True if 'id' was reported. */
bool step_records_has_case(const struct step_records *records,
                           const char *id);

/* Names that may stand in records: case ids and metric names (also with
 * ':', '/', '@', '=', ','), and names of runvars. */
bool step_case_id_is_valid(const char *id);
bool step_runvar_name_is_valid(const char *name);

#endif
