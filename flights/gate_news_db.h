/* flights/gate_news_db.h - what was held against the runs of a branch. */
#ifndef FLIGHTS_GATE_NEWS_DB_H
#define FLIGHTS_GATE_NEWS_DB_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;
struct gate_run;

/* The causes of earlier runs of the branch since '*good_out', the last one
 * that was pushed with nothing against it (0: none). NULL-ended, in the
 * arena. */
MUST_CHECK bool gate_news_db_told(struct db *db, const struct gate_run *run,
                                  struct arena *arena, int64_t *good_out,
                                  const char *const **out,
                                  struct fault *why);
/* Those of a run. */
MUST_CHECK bool gate_news_db_causes(struct db *db, int64_t run,
                                    struct arena *arena,
                                    const char *const **out,
                                    struct fault *why);
MUST_CHECK bool gate_news_db_add(struct db *db, int64_t run,
                                 const char *cause, struct fault *why);

#endif
