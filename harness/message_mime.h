/* harness/message_mime.h - the bytes of a mail, by GMime. For assay-mail only
 * (and tests): see message.h. */
#ifndef HARNESS_MESSAGE_MIME_H
#define HARNESS_MESSAGE_MIME_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct buf;
struct message;

/* As message_make(). A header whose name is none is left out. */
void message_mime_build(const struct message *message, struct buf *out);
/* As message_find(). False: there is no such part. */
MUST_CHECK bool message_mime_find(const void *data, size_t bytes,
                                  const char *mark, struct buf *out);

#endif
