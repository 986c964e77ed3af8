/* results/style.h - the one style sheet, which each page carries within. */
#ifndef RESULTS_STYLE_H
#define RESULTS_STYLE_H

struct buf;

void style_add(struct buf *out);

#endif
