/* harness/plain.h - outside bytes (consoles, guests, logs) as harmless text.
 *
 * What comes out is valid UTF-8 on one line: no control characters, no
 * terminal sequences, nothing that turns the direction of writing. */
#ifndef HARNESS_PLAIN_H
#define HARNESS_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct buf;

/* Appends one line of 'bytes' without its line end. Terminal sequences are
 * dropped whole, a tab becomes a space, all else that is not text becomes
 * \xNN or \uNNNN. Past 'max' bytes of output it is cut with "...". */
void plain_add(struct buf *out, const void *data, size_t bytes, size_t max);
/* A character ('span' bytes) that is text and yet lies about it: it changes
 * the order in which what follows is shown, or is not shown at all. */
bool plain_is_deceptive(const void *data, size_t span);
/* A line of a text report, and its newline: words of 'text' (cut past 'max'
 * bytes), broken at blanks before column 78, all lines but the first indented;
 * 'column' says what stands in that one already. */
void plain_wrap(struct buf *out, const char *text, size_t max, int column,
                int indent);
/* A cell of a table: as plain_add() has it, filled with blanks up to 'width'
 * columns of bytes, and one more; the end of such a line is without them. */
void plain_cell(struct buf *out, const char *text, size_t max, size_t width);
void plain_end(struct buf *out);

#endif
