/* harness/outbox.h - writes to the database in order, kept over its loss.
 *
 * One connection, owned here. A write that fails because the connection broke
 * or the server cannot now stays first in line; the connection is opened again
 * with jitter until 'limit_ms' has passed since the trouble began. Then, or
 * when the server refuses a write for good, the outbox is lost: nothing is
 * written any more. Each write may be repeated, and must bear it. */
#ifndef HARNESS_OUTBOX_H
#define HARNESS_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "harness/attr.h"

struct clock;
struct db;
struct fault;
struct outbox;

typedef bool outbox_write_fn(struct db *db, void *arg, struct fault *why);
typedef void outbox_free_fn(void *arg);

enum outbox_open { OUTBOX_OPEN_NONE = 0, OUTBOX_OPENED,
                   OUTBOX_OPEN_RETRY, OUTBOX_OPEN_GONE };

/* From the loop, or from inside outbox_add() and outbox_settle(). */
struct outbox_ops {
    /* Opens a connection that is as good as the old one; 'why' unless OPENED.
     * Blocks. */
    enum outbox_open (*open)(void *owner, struct db **db_out,
                             struct fault *why);
    void (*settled)(void *owner);
    /* Once. */
    void (*lost)(void *owner, const struct fault *why);
    void (*notified)(void *owner, const char *payload);
};

/* Takes 'db', which already listens. 'ops' is borrowed. */
MUST_CHECK struct outbox *outbox_new(uv_loop_t *loop, struct clock *clock,
                                     struct db *db, int64_t limit_ms,
                                     const struct outbox_ops *ops,
                                     void *owner);
/* Drops what is not written. The handles close in the loop. */
void outbox_free(struct outbox *outbox);        /* ignores NULL */

/* 'free_arg' (or NULL) is called when 'arg' is done with. */
void outbox_add(struct outbox *outbox, outbox_write_fn *write, void *arg,
                outbox_free_fn *free_arg);
/* Calls 'settled' once, when all that was added is written. */
void outbox_settle(struct outbox *outbox);
/* The connection, which the caller owns now; NULL when there is none. The
 * outbox is lost after it, without a word. */
MUST_CHECK struct db *outbox_take_db(struct outbox *outbox);
/* The connection for a read of the moment; NULL while there is none. After a
 * failure of it call outbox_check(). */
struct db *outbox_db(struct outbox *outbox);
/* Looks whether the connection still lives. */
void outbox_check(struct outbox *outbox);

#endif
