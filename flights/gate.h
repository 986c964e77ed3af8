/* flights/gate.h - one run of a branch, from its input to its output.
 *
 * A run is a row (flights/gate_db.h). gate_advance() does the one thing that
 * comes next and writes down that it did: whoever is killed in between, at
 * whatever point, is followed by somebody who goes on from the row, and what
 * is done twice then does no harm. The push is last, and sets the output from
 * exactly the revision that it had to exactly the one that was tested. */
#ifndef FLIGHTS_GATE_H
#define FLIGHTS_GATE_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct branch;
struct clock;
struct db;
struct fault;
struct gate_run;
struct policy_lever;
struct ruling;
struct ruling_input;

/* A line for people who wait: what was just done. */
typedef void gate_say_fn(void *owner, const char *branch, const char *text);

struct gate {
    struct db *db;              /* borrowed; may be another one each time */
    struct clock *clock;
    const char *author;
    const char *sign_key;       /* fingerprint (results/seal.h), or NULL */
    gate_say_fn *say;           /* or NULL */
    void *owner;
};

enum gate_next {
    GATE_NEXT_NONE = 0,
    GATE_GO_ON,                 /* call again */
    GATE_WAIT,                  /* call again when the flight has ended */
    GATE_OVER                   /* the run is */
};

/* The open run of the branch, or a new one: what its input has now, if that is
 * new and the baseline was tested, or else the baseline. A version that was
 * held is judged again, without being tested again, if a lever was moved since
 * or 'again' is given. '*run_out' is 0, and '*text_out' says why, when there
 * is nothing to do. 'text_out' is in the arena. */
MUST_CHECK bool gate_begin(struct gate *gate, const char *branch, bool again,
                           struct arena *arena, int64_t *run_out,
                           const char **text_out, struct fault *why);

/* The next step of a run. '*flight_out' is for GATE_WAIT. FAULT_CONFLICT when
 * another process does it; FAULT_PEER and its like leave the run as it is, to
 * be tried again. */
MUST_CHECK bool gate_advance(struct gate *gate, int64_t run,
                             enum gate_next *next_out, int64_t *flight_out,
                             struct fault *why);

/* The pieces --------------------------------------------------------------- */

enum gate_stage { GATE_STAGE_SMOKE = 0, GATE_STAGE_FULL };

/* Rules on the flight of a stage, which has ended. Nothing is written. */
MUST_CHECK bool gate_judge(struct gate *gate, const struct branch *branch,
                           const struct gate_run *run, enum gate_stage stage,
                           struct arena *arena, struct ruling_input *input,
                           struct ruling *ruling, struct fault *why);
/* The same of any flight, without a branch's file, levers and policy: against
 * the last good flight of its branch. FAULT_CONFLICT when it names no
 * version. */
MUST_CHECK bool gate_flight_input(struct db *db, struct clock *clock,
                                  int64_t flight, struct arena *arena,
                                  struct ruling_input *out,
                                  struct fault *why);
/* The active levers of a branch, with the tags of its repository looked up. */
MUST_CHECK bool gate_levers(struct gate *gate, const struct branch *branch,
                            struct arena *arena, struct policy_lever **out,
                            size_t *count_out, struct fault *why);
/* The branch's policy and allow files, tried: so that they are known to be
 * good before a day of testing. */
MUST_CHECK bool gate_check_files(const struct branch *branch,
                                 struct fault *why);
/* Where the objects of a repository are kept; in the arena. */
MUST_CHECK bool gate_repository(const char *url, struct arena *arena,
                                const char **path_out, struct fault *why);

#endif
