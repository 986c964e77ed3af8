/* bisector/lab_text.h - a bisection in the lab as text and JSON. */
#ifndef BISECTOR_LAB_TEXT_H
#define BISECTOR_LAB_TEXT_H

#include <stdbool.h>
#include <jansson.h>
#include "harness/attr.h"

struct buf;
struct fault;
struct lab;

/* What it is about, how far it is or what it found, and its runs. */
MUST_CHECK bool lab_text(struct lab *lab, struct buf *out, struct fault *why);
MUST_CHECK bool lab_json(struct lab *lab, json_t **out, struct fault *why);

/* The row alone, a line or an object of a list. */
struct bisection;
json_t *lab_row_json(const struct bisection *it);

#endif
