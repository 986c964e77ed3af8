/* harness/replay_db.h - what happened in the lab, as a replay wants it. */
#ifndef HARNESS_REPLAY_DB_H
#define HARNESS_REPLAY_DB_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;
struct replay_past;

/* The jobs of flights that were made in [from, to), and all that is needed to
 * run them again. In 'arena'. */
MUST_CHECK bool replay_db_load(struct db *db, int64_t from_ms, int64_t to_ms,
                               struct arena *arena, struct replay_past *out,
                               struct fault *why);

#endif
