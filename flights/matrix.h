/* flights/matrix.h - the cells of a matrix, and {key} in texts. Pure. */
#ifndef FLIGHTS_MATRIX_H
#define FLIGHTS_MATRIX_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct arena;

struct matrix_axis {
    const char *key;
    const char *const *values;
    size_t count;
};

struct matrix_pair {
    const char *key, *value;
};

/* Number of cells: 1 without axes, 0 when an axis is empty; more than 'max'
 * reads as max + 1. */
size_t matrix_size(const struct matrix_axis *axes, size_t axis_count,
                   size_t max);

/* Cell 'index' (the last axis moves fastest): one pair an axis. */
void matrix_cell(const struct matrix_axis *axes, size_t axis_count,
                 size_t index, struct matrix_pair *pairs_out);

/* A rule is "key=value key=value": all must hold for the cell. False with
 * '*bad_out' (in the arena) when it is malformed or names a key without
 * axis. */
MUST_CHECK bool matrix_excludes(struct arena *arena, const char *rule,
                                const struct matrix_pair *pairs,
                                size_t pair_count, bool *excludes_out,
                                const char **bad_out);

/* 'text' with each {key} replaced and "{{" as a brace, in the arena. False
 * with the unknown key, or the text after an open brace, in '*bad_out'. */
MUST_CHECK bool matrix_replace(struct arena *arena, const char *text,
                               const struct matrix_pair *pairs,
                               size_t pair_count, const char **out,
                               const char **bad_out);

#endif
