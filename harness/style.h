/* harness/style.h - the one style sheet, which each page carries within. */
#ifndef HARNESS_STYLE_H
#define HARNESS_STYLE_H

struct buf;

void style_add(struct buf *out);

#endif
