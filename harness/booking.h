/* harness/booking.h - when a job that is open should start and end, as the
 * plan in force says: for people and for programs. */
#ifndef HARNESS_BOOKING_H
#define HARNESS_BOOKING_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"

struct buf;

struct booking {
    bool known;                 /* else nothing is */
    bool runs;                  /* it has started */
    int64_t now_ms;             /* of the server, when it was read */
    int64_t start_ms, end_ms;
    int64_t start_sd_ms, end_sd_ms;
};

/* Eight of ten ends, say, come between 'low' and 'high'; not before now. */
void booking_range(const struct booking *booking, int64_t at_ms,
                   int64_t sd_ms, int64_t *low_out, int64_t *high_out);
/* "starts 14:20 to 14:44, ends 14:50 to 15:10 UTC"; nothing when nothing is
 * known. */
void booking_words(const struct booking *booking, struct buf *out);
/* NULL when nothing is known. */
json_t *booking_json(const struct booking *booking);

#endif
