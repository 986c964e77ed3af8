/* flights/gate_news.h - what a run of the gate has to tell: that a branch which
 * passed fails, that it fails for another reason, that it passes again.
 *
 * A cause is the signature of a failure that is held against the revision, or
 * the name of the cell that has none. Each is told once, until the branch has
 * recovered: all runs since the last one that was pushed with nothing against
 * it are remembered. What the lab did is no cause. The notice is the flight's
 * report as a mail, with what the gate says to it, and who or which line of
 * which file allowed what; it is written down with the decision or the push
 * itself. */
#ifndef FLIGHTS_GATE_NEWS_H
#define FLIGHTS_GATE_NEWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;
struct gate_run;
struct notice;
struct ruling;
struct ruling_input;

struct gate_news {
    const char *const *causes;  /* of this run, NULL-ended */
    const struct notice *notice;        /* NULL: it is no news */
};

/* Before the decision is written down. In 'arena'. A report that cannot be made
 * does not keep the gate from deciding, nor people from hearing of it. */
MUST_CHECK bool gate_news_decided(struct db *db, const struct gate_run *run,
                                  const struct ruling_input *input,
                                  const struct ruling *ruling,
                                  struct arena *arena, struct gate_news *out,
                                  struct fault *why);
/* Before a push is written down. */
MUST_CHECK bool gate_news_pushed(struct db *db, const struct gate_run *run,
                                 const struct ruling_input *input,
                                 const struct ruling *ruling,
                                 struct arena *arena, struct gate_news *out,
                                 struct fault *why);

/* In the transaction that writes down what it is about. */
MUST_CHECK bool gate_news_add(struct db *db, int64_t run,
                              const struct gate_news *news,
                              struct fault *why);

#endif
