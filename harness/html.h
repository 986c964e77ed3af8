/* harness/html.h - the pieces that pages and the report are made of.
 *
 * Nothing here is trusted: every text goes through html_text() or html_pre(),
 * and each page forbids scripts and anything from elsewhere. */
#ifndef HARNESS_HTML_H
#define HARNESS_HTML_H

#include <stdint.h>
#include "harness/outcome.h"

struct buf;

/* The policy that each page carries, and that a server sends with it. */
#define HTML_POLICY "default-src 'none'; style-src 'unsafe-inline'; " \
    "form-action 'none'; base-uri 'none'"

/* Up to and including <body>; the matching end. 'title' is outside text. */
void html_begin(struct buf *out, const char *title);
void html_end(struct buf *out);

/* One line of outside text (cut past 2,000 bytes), safe in content and in a
 * quoted attribute. */
void html_text(struct buf *out, const char *text);
/* The same in a new cell of a table; 'class' may be NULL. */
void html_cell(struct buf *out, const char *class, const char *text);
/* Lines that harness/plain.h made. */
void html_pre(struct buf *out, const char *plain);
/* A path as part of a quoted URL: all but [A-Za-z0-9._~/+-] as %XX. */
void html_path(struct buf *out, const char *path);

void html_duration(struct buf *out, int64_t ms);        /* "1.2 s" */
void html_time(struct buf *out, int64_t wall_ms);       /* "-" when < 0 */
void html_bytes(struct buf *out, int64_t bytes);        /* "22.1 MB" */
/* Class name of an outcome's colour: pass, fail, broken, skip, wait, none. */
const char *html_class(enum outcome outcome);
/* One character that says it without colour. */
const char *html_symbol(enum outcome outcome);
/* The word, in its colour. */
void html_chip(struct buf *out, enum outcome outcome);

#endif
