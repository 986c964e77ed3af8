/* bisector/lab_private.h - between the parts of lab.h. */
#ifndef BISECTOR_LAB_PRIVATE_H
#define BISECTOR_LAB_PRIVATE_H

#include <jansson.h>
#include "bisector/lab.h"
#include "bisector/search.h"
#include "harness/attr.h"

/* So often a test is tried that teaches nothing. */
#define LAB_TRIES 3
/* Who tests for us; others (a vendor's machine) take and end their runs by
 * themselves. */
#define LAB_ORACLE "lab"
#define LAB_ORACLE_SHARED "shared"
#define LAB_ORACLE_BRANCH "branch"

void lab_say(const struct lab *lab, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* {"TREE": COMMIT} of a test, with the trees that do not vary; the arena's. */
MUST_CHECK bool lab_at(struct lab *lab, const struct search_test *test,
                       const char **out, struct fault *why);
/* Whether 'at' is one of this search: all else as in the flight. */
MUST_CHECK bool lab_test_of(struct lab *lab, const char *at,
                            struct search_test *test_out, bool *is_out,
                            struct fault *why);

/* Builds and flies the runs that are chosen and that nobody flies yet. */
MUST_CHECK bool lab_fly(struct lab *lab, struct fault *why);
/* Judges those whose flight has ended. */
MUST_CHECK bool lab_take(struct lab *lab, bool *taken_out,
                         struct fault *why);

/* When the search has said its word: asks for more runs about the
 * surroundings, or writes down the answer. '*over_out' then. */
MUST_CHECK bool lab_conclude(struct lab *lab, bool *over_out,
                             struct fault *why);

/* The first line of the journal of such a start; 'arena' owns it. */
MUST_CHECK bool lab_start_setup(struct db *db, const struct lab_start *start,
                                struct arena *arena, const char **out,
                                struct fault *why);

/* The mail to the people of a commit: one a commit and branch, however many
 * tests it broke. In a transaction. */
struct bisection_end;
MUST_CHECK bool lab_notice(struct lab *lab, const struct bisection_end *end,
                           struct fault *why);

#endif
