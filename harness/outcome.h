/* harness/outcome.h - the words for how a test went, and how they combine.
 *
 * OUTCOME_NONE is no verdict and never reads as a pass; a word that is not
 * known parses to it. OUTCOME_REUSED is a step's only: it was not run, another
 * job of the flight had done it on the same boot, and stands for it. */
#ifndef HARNESS_OUTCOME_H
#define HARNESS_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

enum outcome {
    OUTCOME_NONE = 0,
    OUTCOME_QUEUED, OUTCOME_PREPARING, OUTCOME_RUNNING,
    OUTCOME_PASS, OUTCOME_FAIL, OUTCOME_BROKEN, OUTCOME_BLOCKED,
    OUTCOME_SKIP, OUTCOME_STARVED, OUTCOME_TRUNCATED, OUTCOME_ABORTED,
    OUTCOME_MISSING, OUTCOME_REUSED,
    OUTCOME_COUNT
};

/* Whose fault a non-pass is. */
enum lane {
    LANE_NONE = 0, LANE_PRODUCT, LANE_TEST, LANE_HOST, LANE_HARNESS,
    LANE_UNKNOWN,
    LANE_COUNT
};

/* The word in the database; "none" for the zeros and anything outside. */
const char *outcome_name(enum outcome outcome);
enum outcome outcome_parse(const char *word);   /* NULL: none */
const char *lane_name(enum lane lane);
enum lane lane_parse(const char *word);         /* NULL: none */

/* It will not change any more. */
bool outcome_is_final(enum outcome outcome);
/* Nothing speaks against it: pass, skip, reused. Not that anything passed. */
bool outcome_is_good(enum outcome outcome);

/* What parts that went so amount to. In this order, the first that occurs:
 *   not final       running (queued when nothing has started)
 *   fail            fail
 *   aborted         aborted
 *   broken, missing, none, or no parts at all
 *                   broken
 *   truncated, blocked, starved
 *                   the same
 *   pass            pass: then there is nothing but pass, skip and reused
 *   skip, reused    skip: nothing was tested, which is no pass */
enum outcome outcome_combine(const enum outcome *parts, size_t count);

#endif
