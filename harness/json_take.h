/* harness/json_take.h - takes apart JSON objects that outsiders wrote, by a
 * table of their members: what is missing, unknown, of the wrong type or out of
 * range is refused with its name. */
#ifndef HARNESS_JSON_TAKE_H
#define HARNESS_JSON_TAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"

struct fault;

/* In brackets the type of the member of the C struct. */
enum json_type {
    JSON_TAKE_END = 0,          /* ends a table */
    JSON_TAKE_TEXT,             /* const char *, borrowed, may be empty */
    JSON_TAKE_NAME,             /* const char *, borrowed, not empty */
    JSON_TAKE_INT,              /* int64_t in [min, max] */
    JSON_TAKE_REAL,             /* double, finite */
    JSON_TAKE_FLAG,             /* bool */
    JSON_TAKE_LIST,             /* const json_t *, an array, borrowed */
    JSON_TAKE_MAP,              /* const json_t *, an object, borrowed */
};

struct json_member {
    const char *key;
    enum json_type type;
    bool optional;              /* then 'out' keeps what it has */
    size_t offset;              /* of the member in the struct */
    int64_t min, max;           /* INT */
};

/* Fills 'out' from 'value', which must be an object with no other members
 * than those of the table. FAULT_DATA; the caller adds where. */
MUST_CHECK bool json_take(const json_t *value,
                          const struct json_member *members, void *out,
                          struct fault *why);

#endif
