/* results/evidence_db.h - reads evidence from the database; writes nothing. */
#ifndef RESULTS_EVIDENCE_DB_H
#define RESULTS_EVIDENCE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "results/evidence.h"

struct arena;
struct db;
struct fault;

/* One flight, whole, as of one moment. FAULT_NOT_FOUND when there is none.
 * 'arena' owns all that 'out' points to. */
MUST_CHECK bool evidence_read(struct db *db, int64_t flight,
                              struct arena *arena, struct evidence *out,
                              struct fault *why);

/* The same without steps, boots and what belongs to them, but with what
 * firmware said. */
MUST_CHECK bool evidence_read_frame(struct db *db, int64_t flight,
                                    struct arena *arena,
                                    struct evidence *out, struct fault *why);

#endif
