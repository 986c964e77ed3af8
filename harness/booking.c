/* harness/booking.c - see booking.h. */
#include <config.h>

#include "harness/booking.h"

#include <string.h>

#include "harness/buf.h"
#include "harness/json.h"
#include "harness/plan_text.h"

void
booking_range(const struct booking *booking, int64_t at_ms, int64_t sd_ms,
              int64_t *low_out, int64_t *high_out)
{
    int64_t by = (int64_t)(1.2816 * (double)sd_ms);     /* of a normal one */

    *low_out = at_ms - by > booking->now_ms ? at_ms - by : booking->now_ms;
    *high_out = at_ms + by > *low_out ? at_ms + by : *low_out;
}

static void
add_range(const struct booking *booking, const char *verb, int64_t at_ms,
          int64_t sd_ms, struct buf *out)
{
    int64_t low, high;
    char from[24], to[24];

    booking_range(booking, at_ms, sd_ms, &low, &high);
    plan_text_time(low, booking->now_ms, from);
    plan_text_time(high, booking->now_ms, to);
    buf_addf(out, "%s %s", verb, from);
    if (strcmp(from, to) != 0)
        buf_addf(out, " to %s", to);
}

void
booking_words(const struct booking *booking, struct buf *out)
{
    if (!booking->known)
        return;
    if (!booking->runs) {
        add_range(booking, "starts", booking->start_ms, booking->start_sd_ms,
                  out);
        buf_adds(out, ", ");
    }
    add_range(booking, "ends", booking->end_ms, booking->end_sd_ms, out);
    buf_adds(out, " UTC");
}

static void
put_range(json_t *object, const struct booking *booking, const char *what,
          int64_t at_ms, int64_t sd_ms)
{
    json_t *range = json_object();
    int64_t low, high;

    booking_range(booking, at_ms, sd_ms, &low, &high);
    json_put_int(range, "at_ms", at_ms);
    json_put_int(range, "low_ms", low);
    json_put_int(range, "high_ms", high);
    json_object_set_new(object, what, range);
}

json_t *
booking_json(const struct booking *booking)
{
    json_t *object;

    if (!booking->known)
        return NULL;
    object = json_object();
    if (!booking->runs)
        put_range(object, booking, "start", booking->start_ms,
                  booking->start_sd_ms);
    put_range(object, booking, "end", booking->end_ms, booking->end_sd_ms);
    return object;
}
