/* flights/operator.h - who is at the keyboard, for records. */
#ifndef FLIGHTS_OPERATOR_H
#define FLIGHTS_OPERATOR_H

#include <stdbool.h>
#include "harness/attr.h"

struct arena;
struct fault;

/* "ann", or "ann (as root)" through sudo; in the arena. It is a note for
 * people, and proves nothing. */
MUST_CHECK bool operator_name(struct arena *arena, const char **name_out,
                              struct fault *why);

#endif
