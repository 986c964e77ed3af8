/* harness/turn_db.h - programs that read a lot take turns and are nice, so that
 * those who write find a processor. */
#ifndef HARNESS_TURN_DB_H
#define HARNESS_TURN_DB_H

#include <stdbool.h>
#include "harness/attr.h"

struct db;
struct fault;

#define TURN_LIMIT_MS 10000

/* Half of this machine's processors, at least one. */
int turn_count(void);
/* Waits, at most 'limit_ms', until fewer than 'turns' sessions have a turn,
 * and takes one, which ends with the session. On the limit *got_out is false:
 * whoever reads then reads without a turn, for that is a courtesy and no
 * right. */
MUST_CHECK bool turn_db_wait(struct db *db, int turns, int limit_ms,
                             bool *got_out, struct fault *why);
/* db_open() for who reads a lot: from now on this process goes after others,
 * and so does its server process in the private cluster; the session has no
 * parallel workers, and waits for a turn, at most TURN_LIMIT_MS. */
MUST_CHECK bool turn_db_open(const char *program, struct db **db_out,
                             struct fault *why);

#endif
