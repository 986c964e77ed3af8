/* harness/notice_send.h - hands what was noticed to a sendmail program.
 *
 * At most once for each notice and address. That a mail is about to be handed
 * over is written down first, and how it went after; whoever dies in between
 * leaves a mail of which nobody can know. It is marked "unsure", said, and not
 * sent again unless a person asks: we would rather lose a mail, visibly, than
 * have a blame sent twice. All else that goes wrong is tried again. */
#ifndef HARNESS_NOTICE_SEND_H
#define HARNESS_NOTICE_SEND_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct buf;
struct db;
struct fault;
struct message;
struct notice_row;
struct notice_rules;

struct notice_counts {
    int routed;                 /* notices that the rules saw */
    int sent, deferred, failed, unsure;     /* mails, of this run */
    bool busy;                  /* another sender is at work: nothing done */
};

/* Sends what is due, with 'now' also what waits for a later attempt; begins
 * no mail after 'limit_ms', nor when we are asked to stop. What went wrong with
 * a mail is logged and counted; a fault is what keeps from sending at all. */
MUST_CHECK bool notice_send(struct db *db, const struct notice_rules *rules,
                            bool now, int64_t limit_ms,
                            struct notice_counts *out, struct fault *why);

/* The pieces --------------------------------------------------------------- */

/* The mail of a notice, in the arena. */
void notice_message(const struct notice_rules *rules,
                    const struct notice_row *row, struct arena *arena,
                    struct message *out);

enum notice_end {
    NOTICE_END_NONE = 0,
    NOTICE_SENT,
    NOTICE_DEFERRED,            /* not taken: it may be later */
    NOTICE_REFUSED,             /* not taken, and never will be */
    NOTICE_UNSURE
};
/* Runs the sendmail program for one recipient. 'why' unless it was sent. No
 * signal that asks us to stop ends it. */
MUST_CHECK enum notice_end notice_hand_over(const struct notice_rules *rules,
                                            const char *address,
                                            const struct buf *text,
                                            struct fault *why);

#endif
