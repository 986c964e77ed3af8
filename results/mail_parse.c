/* results/mail_parse.c - the results in a message.
 *
 * An archive may have dropped the headers, decoded the body, or added parts:
 * the results are looked for in each part that is text, and if there is no such
 * part, in the bytes as they are. */
#include <config.h>

#include "results/mail.h"

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/message.h"
#include "results/records.h"
#include "results/records_private.h"

bool
mail_parse(const char *name, const void *data, size_t bytes,
           struct arena *arena, struct evidence *out, struct fault *why)
{
    struct buf text = BUF_INIT;
    bool found = false;
    bool ok = message_find(data, bytes, RECORDS_BEGIN, &text, &found, why);

    ok = ok && records_parse(name, found ? buf_text(&text) : data,
                             found ? text.len : bytes, arena, out, why);
    buf_free(&text);
    return ok;
}
